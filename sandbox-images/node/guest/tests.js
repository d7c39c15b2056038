// Runs assert-style tests: an expression, (plain, entry, ask) => { begin, end, require, console, proxy }. It is in a runtime with
// the tests, and never in the program's: `proxy` stands for the entry point, writes its arguments as plain
// data and hands them to `ask`, which answers {"r": value}, {"e": "Name: message"}, or nothing where the program has gone.
//
// `end(threw, error)` says how a test ended: undefined where it held, else { outcome, detail }; outcomes beyond the domain's
// are "Gone" and "BadTest" (the test failed by itself: a fault of the dataset, never the program's).
(plain, entry, ask) => {
  "use strict";
  const errors = { __proto__: null, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
  const raised = new WeakSet();
  const opaqueArgument = {};
  let calls = 0;
  let callsBefore = 0;
  let checks = 0;
  let failed;
  let last = "";
  let stop;

  class AssertionError extends Error {
    name = "AssertionError";
    code = "ERR_ASSERTION";
  }
  const fail = (text, given) => {
    if (given instanceof Error) throw given;
    throw new AssertionError(given === undefined ? text : String(given));
  };

  const proxy = (...args) => {
    if (stop !== undefined) throw stop;
    const seen = { opaque: "" };
    const text = plain.text(args, seen);
    if (text === undefined || seen.opaque !== "") {
      stop = { outcome: "BadTest", detail: `an argument is not plain data (${seen.opaque || "too large"})` };
      throw opaqueArgument;
    }
    calls += 1;
    last = `${entry}(${args.map((arg) => plain.show(arg, 1)).join(", ")})`.slice(0, 90);
    const reply = ask(text);
    if (reply === "") {
      stop = { outcome: "Gone", detail: "ended before it answered" };
      throw stop;
    }
    let message;
    let value;
    try {
      const parsed = JSON.parse(reply);
      const [tag] = Object.keys(parsed);
      if (Object.keys(parsed).length !== 1) throw new TypeError("neither answer nor error");
      if (tag === "e" && typeof parsed.e === "string") message = parsed.e.slice(0, 200);
      else if (tag === "r") value = plain.read(parsed.r);
      else throw new TypeError("neither answer nor error");
    } catch (error) {
      stop = { outcome: "Malformed", detail: String(error).slice(0, 100) };
      throw stop;
    }
    if (message !== undefined) {
      const [, name = "Error", rest = message] = /^(\w+): (.*)$/s.exec(message) ?? [];
      const error = new (errors[name] ?? Error)(rest);
      error.name = name;
      raised.add(error);
      throw error;
    }
    last += ` gave ${reply.slice(5, 65)}`;
    return value;
  };

  const isObject = (value) => typeof value === "object" && value !== null;
  const same = (a, b, strict) => {
    if (!isObject(a) || !isObject(b)) {
      // biome-ignore lint/suspicious/noDoubleEquals: what the legacy comparison is
      return strict ? Object.is(a, b) : a == b || (a !== a && b !== b);
    }
    if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    if (a instanceof Date || b instanceof Date) return a instanceof Date && b instanceof Date && +a === +b;
    if (a instanceof Set || a instanceof Map || b instanceof Set || b instanceof Map) {
      return a.constructor === b.constructor && a.size === b.size && same([...a], [...b], strict);
    }
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length || a.length !== b.length) return false;
    return keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key], strict));
  };
  const check = (held, text, given) => {
    checks += 1;
    if (!held) fail(text, given);
  };
  const matches = (error, expected) => {
    if (expected === undefined || typeof expected === "string") return true;
    if (expected instanceof RegExp) return expected.test(String(error));
    if (typeof expected !== "function") {
      return Object.keys(expected).every((key) =>
        expected[key] instanceof RegExp ? expected[key].test(error[key]) : same(error[key], expected[key], true),
      );
    }
    if (expected.prototype !== undefined && error instanceof expected) return true;
    return !(expected === Error || expected.prototype instanceof Error) && expected.call({}, error) === true;
  };
  const thrown = (block) => {
    try {
      block();
    } catch (error) {
      if (error === stop || error === opaqueArgument) throw error;
      return { error };
    }
    return undefined;
  };
  const assert = (value, message) => check(value, "not truthy", message);
  Object.assign(assert, {
    AssertionError,
    ok: assert,
    fail: (message) => check(false, "failed", message),
    // biome-ignore lint/suspicious/noDoubleEquals: what the legacy comparison is
    equal: (a, b, message) => check(a == b || (a !== a && b !== b), "not equal", message),
    // biome-ignore lint/suspicious/noDoubleEquals: what the legacy comparison is
    notEqual: (a, b, message) => check(a != b, "equal", message),
    strictEqual: (a, b, message) => check(Object.is(a, b), "not strictly equal", message),
    notStrictEqual: (a, b, message) => check(!Object.is(a, b), "strictly equal", message),
    deepEqual: (a, b, message) => check(same(a, b, false), "not deeply equal", message),
    notDeepEqual: (a, b, message) => check(!same(a, b, false), "deeply equal", message),
    deepStrictEqual: (a, b, message) => check(same(a, b, true), "not deeply equal", message),
    notDeepStrictEqual: (a, b, message) => check(!same(a, b, true), "deeply equal", message),
    match: (text, pattern, message) => check(pattern.test(text), "no match", message),
    doesNotMatch: (text, pattern, message) => check(!pattern.test(text), "a match", message),
    throws: (block, expected, message) => {
      const caught = thrown(block);
      check(caught !== undefined && matches(caught.error, expected), "threw nothing such", message);
    },
    doesNotThrow: (block, message) => check(thrown(block) === undefined, "threw", message),
  });
  const strict = Object.assign((value, message) => assert(value, message), assert, {
    equal: assert.strictEqual,
    notEqual: assert.notStrictEqual,
    deepEqual: assert.deepStrictEqual,
    notDeepEqual: assert.notDeepStrictEqual,
  });
  assert.strict = strict.strict = strict;
  const modules = {
    __proto__: null,
    assert,
    "node:assert": assert,
    "assert/strict": strict,
    "node:assert/strict": strict,
  };

  const silent = () => undefined;
  const console = { __proto__: null };
  for (const name of ["log", "info", "warn", "error", "debug", "table", "dir", "trace", "group", "groupEnd"]) {
    console[name] = silent;
  }
  // Node's prints and goes on; here a test that fails has failed, whatever catches what is thrown.
  console.assert = (held, ...message) => {
    checks += 1;
    if (held) return;
    failed ??= `console.assert ${checks}${message.length > 0 ? ` (${plain.show(message[0])})` : ""}`;
    throw new AssertionError(failed);
  };

  return {
    __proto__: null,
    proxy,
    console,
    require: (name) => {
      const found = modules[name];
      if (found === undefined) throw new ReferenceError(`tests cannot load the module ${name}`);
      return found;
    },
    // Asynchronous tests would end after everything here has: refused rather than passed unseen.
    begin: (source) => {
      checks = 0;
      callsBefore = calls;
      failed = undefined;
      stop = /\basync\s*(function|\(|\w+\s*=>)|\bawait\b|\bnew Promise\b|\bPromise\s*\.|\b(setTimeout|setInterval|setImmediate|queueMicrotask)\s*\(/.test(source)
        ? { outcome: "BadTest", detail: "asynchronous tests are not supported" }
        : undefined;
    },
    // Of the setup nothing is asked but that it does not fail.
    end: (threw, error, setup) => {
      if (stop !== undefined) return stop;
      if (!threw && !setup && failed === undefined && checks === 0 && calls === callsBefore) {
        return { outcome: "BadTest", detail: `checks nothing and does not call ${entry}` };
      }
      // An answer is what may make a test fail; without one it is the test's own doing.
      const wrong = (detail) =>
        calls > 0
          ? { outcome: "WrongAnswer", detail: `${detail}; ${last}`.slice(0, 200) }
          : { outcome: "BadTest", detail: `${detail}, before any call of ${entry}`.slice(0, 200) };
      if (failed !== undefined) return wrong(failed);
      if (!threw) return undefined;
      const text = plain.describe(error);
      if (isObject(error) && raised.has(error)) return { outcome: "RuntimeError", detail: text };
      // Never made by an answer: the test counts on something that the program would have had to define.
      if (error instanceof ReferenceError) return { outcome: "BadTest", detail: text };
      return wrong(text);
    },
  };
};
