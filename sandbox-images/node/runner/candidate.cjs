// C: runs the program, then answers calls of its entry point with plain data, one frame a call. The first frame says whether
// the program loaded: {"ready": true}, or {"stage": "compile"|"load", "e": error}; then {"r": value} or {"e": error}.
// The program owns this process and may forge any of it: all it can forge is its own answers, judged elsewhere.
const { closeSync } = require("node:fs");
const { createRequire } = require("node:module");
const { Script, runInThisContext } = require("node:vm");
const { FIRST_FD, readAll, receive, send } = require("./frames.cjs");
const { exit, guest, streams } = require("./world.cjs");

const [PROGRAM, CALLS, ANSWERS] = [FIRST_FD, FIRST_FD + 1, FIRST_FD + 2];

exports.run = (entry) => {
  const plain = guest("plain");
  const { parse, stringify } = JSON;
  const { apply } = Reflect;
  const describe = (error) => {
    try {
      return plain.describe(error);
    } catch {
      return "an exception that cannot be shown";
    }
  };
  const stop = (stage, e) => {
    send(ANSWERS, stringify({ stage, e }));
    exit(0);
  };
  const source = readAll(PROGRAM);
  closeSync(PROGRAM);
  streams();
  const module = { exports: {} };
  for (const [name, value] of Object.entries({
    require: createRequire("/tmp/solution.js"),
    module,
    exports: module.exports,
  })) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  let script;
  try {
    script = new Script(source, { filename: "solution.js" });
  } catch (error) {
    stop("compile", describe(error));
  }
  let target;
  try {
    script.runInThisContext();
    target = runInThisContext(`typeof ${entry} === "function" ? ${entry} : undefined`);
  } catch (error) {
    stop("load", describe(error));
  }
  if (typeof target !== "function") stop("load", `ReferenceError: no function named ${entry} is defined`);
  send(ANSWERS, '{"ready":true}');
  for (;;) {
    const call = receive(CALLS);
    if (call === null) exit(0);
    let answer;
    try {
      const value = apply(target, undefined, plain.read(parse(call).a));
      answer = `{"r":${plain.text(value) ?? '{"x":"too large"}'}}`;
    } catch (error) {
      answer = `{"e":${stringify(describe(error))}}`;
    }
    send(ANSWERS, answer);
  }
};
