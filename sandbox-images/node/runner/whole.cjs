// The program as a whole (stdio tests): as `node solution.js` would run it.
const { closeSync } = require("node:fs");
const Module = require("node:module");
const { FIRST_FD, readAll, writeAll } = require("./frames.cjs");
const { exit, streams } = require("./world.cjs");

exports.run = () => {
  const source = readAll(FIRST_FD);
  closeSync(FIRST_FD);
  streams();
  // The last line names the error, as the verdict wants it.
  const fail = (error) => {
    let text = "an exception that cannot be shown";
    try {
      text = error instanceof Error ? `${error.stack}\n${error.name}: ${error.message}` : String(error);
    } catch {}
    writeAll(2, Buffer.from(`${text}\n`));
    exit(1);
  };
  process.on("uncaughtException", fail);
  const module = new Module("/tmp/solution.js", null);
  module.filename = "/tmp/solution.js";
  module.paths = [];
  process.mainModule = module;
  module._compile(source, module.filename);
};
