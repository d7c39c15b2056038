// K: runs assert-style tests (guest/tests.js). It holds the tests; the program is in another process and is reached by calls only.
// One frame is the verdict: {"outcome", "passed", "detail", "first"?, "failed"?}, as checker.py's.
const { Script } = require("node:vm");
const { FIRST_FD, readAll, receive, send } = require("./frames.cjs");
const { exit, guest } = require("./world.cjs");

const [TESTS, CALLS, ANSWERS, VERDICT] = [FIRST_FD, FIRST_FD + 1, FIRST_FD + 2, FIRST_FD + 3];

const SETUP = "setup.js";

exports.run = () => {
  const verdict = check(JSON.parse(readAll(TESTS)));
  send(VERDICT, JSON.stringify({ ...verdict, detail: verdict.detail.slice(0, 200) }));
  exit(0);
};

const check = ({ setup, asserts, entry, counts }) => {
  const none = (outcome, detail) => ({ passed: 0, outcome, detail });
  const hello = receive(ANSWERS);
  if (hello === null) return none("Gone", "ended while loading");
  const loaded = object(hello);
  if (loaded === undefined) return none("Malformed", "no hello");
  if (loaded.ready !== true) {
    return none(loaded.stage === "compile" ? "CompileError" : "RuntimeError", String(loaded.e));
  }
  const ask = (text) => {
    try {
      send(CALLS, `{"a":${text}}`);
    } catch {
      return "";
    }
    const reply = receive(ANSWERS);
    return reply === null ? "" : reply || "no frame";
  };
  const tests = guest("tests")(guest("plain"), entry, ask);
  const world = { console: tests.console, require: tests.require, [entry]: tests.proxy };
  for (const [name, value] of Object.entries(world)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  const judged = (source, filename) => {
    let script;
    try {
      script = new Script(source, { filename });
    } catch (error) {
      return { outcome: "BadTest", detail: String(error) };
    }
    tests.begin(source);
    try {
      script.runInThisContext();
    } catch (error) {
      return tests.end(true, error, filename === SETUP);
    }
    return tests.end(false, undefined, filename === SETUP);
  };
  const failing = judged(setup, SETUP);
  if (failing !== undefined) return none(failing.outcome, failing.detail);
  let passed = 0;
  let first;
  const failed = [];
  for (const [index, source] of asserts.entries()) {
    // Each in a block of its own: their constants may share names.
    const failure = judged(`{\n${source}\n}`, "test.js");
    if (failure === undefined) passed += 1;
    else {
      failed.push(index);
      first ??= { first: index, failed, ...failure };
    }
    const over = failure !== undefined && !["WrongAnswer", "RuntimeError"].includes(failure.outcome);
    if (over) return { passed, first: first.first, failed, ...(failure.outcome === "BadTest" ? failure : first) };
    if (failure !== undefined && !counts) break;
  }
  return first === undefined ? { passed, outcome: "Passed", detail: "" } : { passed, ...first };
};

const object = (text) => {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
};
