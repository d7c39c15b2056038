/**
 * The JavaScript of our own that runs inside a QuickJS runtime, before a program or tests do.
 *
 * It fixes what is not deterministic (Math.random, Date), gives a `console`, and evaluates to functions that the host
 * holds as handles and the program cannot reach. How values cross is in sandbox-images/node/guest/plain.js and how
 * tests run in tests.js beside it: the Node image runs the same texts, so both engines judge alike.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { OUTPUT_CHARACTERS } from "../../domain/Verdict.ts";

/** 2000-01-01T00:00:00Z: what `new Date()` and `Date.now()` say to every program. */
const FIXED_TIME = 946_684_800_000;

const shared = (name: string): string =>
  readFileSync(new URL(`../../../sandbox-images/node/guest/${name}`, import.meta.url), "utf8").replace(
    /;\s*$/,
    "",
  );
const PLAIN = shared("plain.js");
const TESTS = shared("tests.js");

/** Gives `define(object, key, value)`; the same program, the same verdict. */
const FIXED = `
  const { apply, construct } = Reflect;
  const { imul } = Math;
  const { defineProperty } = Object;
  const define = (object, key, value) =>
    defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
  let state = 0x9e3779b9;
  define(Math, "random", function random() {
    state = (state + 0x6d2b79f5) | 0;
    let t = imul(state ^ (state >>> 15), 1 | state);
    t = (t + imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  });
  const RealDate = Date;
  function FixedDate(...args) {
    if (new.target === undefined) return new RealDate(${FIXED_TIME}).toString();
    return construct(RealDate, args.length === 0 ? [${FIXED_TIME}] : args, new.target);
  }
  FixedDate.prototype = RealDate.prototype;
  define(RealDate.prototype, "constructor", FixedDate);
  define(FixedDate, "now", () => ${FIXED_TIME});
  define(FixedDate, "parse", RealDate.parse);
  define(FixedDate, "UTC", RealDate.UTC);
  define(globalThis, "Date", FixedDate);`;

/**
 * In the program's runtime. `bind(f)` says which function is called; `invoke(args, maxLength)` applies it to the
 * arguments' JSON text and gives its answer's, or 1 where that is too large; `describe(error)` is one line about a
 * thrown value; `printed()` the beginning of what went to console.log and its like.
 */
export const PROGRAM_GUEST = `(() => {
  "use strict";${FIXED}
  const plain = ${PLAIN};
  const { parse } = JSON;
  const { slice } = String.prototype;
  let printed = "";
  const silent = () => undefined;
  const print = (...values) => {
    for (let i = 0; i < values.length && printed.length < ${OUTPUT_CHARACTERS}; i++) {
      printed += (i > 0 ? " " : "") + plain.show(values[i]);
    }
    if (printed.length < ${OUTPUT_CHARACTERS}) printed += "\\n";
  };
  define(globalThis, "console", {
    log: print, info: print, debug: print, table: print, dir: print, warn: silent, error: silent, trace: silent,
    assert: silent, group: silent, groupEnd: silent, time: silent, timeEnd: silent, count: silent,
  });
  let target;
  return {
    __proto__: null,
    bind: (f) => {
      target = f;
    },
    invoke: (args, maxLength) => {
      const text = plain.text(apply(target, undefined, plain.read(parse(args))));
      return text === undefined || text.length > maxLength ? 1 : text;
    },
    describe: plain.describe,
    printed: () => apply(slice, printed, [0, ${OUTPUT_CHARACTERS}]),
  };
})()`;

/** In the tests' runtime: tests.js as `connect(ask)`, `open(entry)`, `begin(source)` and `end(setup, threw, error)`, results as JSON text. */
export const TESTS_GUEST = `(() => {
  "use strict";${FIXED}
  const plain = ${PLAIN};
  const make = ${TESTS};
  let ask, tests;
  return {
    __proto__: null,
    describe: plain.describe,
    connect: (f) => {
      ask = f;
    },
    open: (entry) => {
      tests = make(plain, entry, ask);
      define(globalThis, "console", tests.console);
      define(globalThis, "require", tests.require);
      define(globalThis, entry, tests.proxy);
    },
    begin: (source) => tests.begin(source),
    end: (setup, threw, error) => JSON.stringify(tests.end(threw === 1, error, setup === 1) ?? null),
  };
})()`;

/** Version of these texts; part of the sandbox's identity. */
export const GUEST_VERSION = `guest-${createHash("sha256").update(PROGRAM_GUEST).update(TESTS_GUEST).digest("hex").slice(0, 8)}`;
