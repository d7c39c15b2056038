// What programs and tests find round them.
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { Writable } = require("node:stream");
const { runInThisContext } = require("node:vm");
const { writeAll } = require("./frames.cjs");

// A text of guest/, which QuickJS runs too.
exports.guest = (name) => runInThisContext(readFileSync(join(__dirname, "guest", `${name}.js`), "utf8"));

// Standard streams that write at once: Node's own ask pipes what the jail refuses, and an exit would cut them short.
exports.streams = () => {
  for (const [name, fd] of [
    ["stdout", 1],
    ["stderr", 2],
  ]) {
    const stream = new Writable({
      decodeStrings: true,
      write: (bytes, _encoding, done) => {
        writeAll(fd, bytes);
        done();
      },
    });
    Object.defineProperty(process, name, { configurable: true, value: Object.assign(stream, { fd }) });
  }
};

// Ends the process without running what a program left for its end.
exports.exit = process.reallyExit.bind(process);
