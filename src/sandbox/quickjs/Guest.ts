/**
 * The few lines of our own JavaScript that run inside a program's runtime, before the program does.
 *
 * They fix what is not deterministic (Math.random, Date), give a silent `console`, and return `invoke` and
 * `describe`, which the host holds as handles and the program cannot reach. `describe(error)` is one line about a
 * thrown value. `invoke(f, args, maxLength)` applies f to JSON arguments and
 * writes its answer as the JSON text of a `JsAnswer`. It captures every intrinsic it uses before the program
 * can replace one, touches no prototype that the program could patch, reads each property once through its
 * descriptor (so a getter is not plain data, and is never called), and bounds depth and size, so that cyclic,
 * sparse, boxed, proxied or `toJSON`-bearing values give themselves away or give only their own data.
 */

/** Version of this text; part of the sandbox's identity. */
export const GUEST_VERSION = "guest-1";

/** How deep an answer may nest. */
export const MAX_DEPTH = 64;

/** How many values an answer may hold in all. */
export const MAX_NODES = 100_000;

/** 2000-01-01T00:00:00Z: what `new Date()` and `Date.now()` say to every program. */
const FIXED_TIME = 946_684_800_000;

/** Evaluates to `{ invoke, describe }`. */
export const GUEST_SOURCE = `(() => {
  "use strict";
  const { apply, construct, ownKeys, getPrototypeOf, getOwnPropertyDescriptor } = Reflect;
  const { isArray } = Array;
  const { hasOwn, defineProperty } = Object;
  const { parse, stringify } = JSON;
  const ObjectPrototype = Object.prototype, ArrayPrototype = Array.prototype;
  const TooLarge = {};

  let state = 0x9e3779b9;
  const fix = (object, key, value) =>
    defineProperty(object, key, { value, writable: true, enumerable: false, configurable: true });
  fix(Math, "random", function random() {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math_imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math_imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  });
  const Math_imul = Math.imul;
  const RealDate = Date;
  function FixedDate(...args) {
    if (new.target === undefined) return new RealDate(${FIXED_TIME}).toString();
    return construct(RealDate, args.length === 0 ? [${FIXED_TIME}] : args, new.target);
  }
  FixedDate.prototype = RealDate.prototype;
  fix(RealDate.prototype, "constructor", FixedDate);
  fix(FixedDate, "now", () => ${FIXED_TIME});
  fix(FixedDate, "parse", RealDate.parse);
  fix(FixedDate, "UTC", RealDate.UTC);
  fix(globalThis, "Date", FixedDate);
  const silent = () => undefined;
  fix(globalThis, "console", { log: silent, info: silent, warn: silent, error: silent, debug: silent, table: silent });

  const opaque = (name) => '{"x":"' + name + '"}';
  const write = (value, depth, budget) => {
    if (--budget.left < 0) throw TooLarge;
    switch (typeof value) {
      case "boolean": return value ? "true" : "false";
      case "string": return stringify(value);
      case "number":
        if (value !== value) return '{"n":"NaN"}';
        if (value === Infinity) return '{"n":"Infinity"}';
        if (value === -Infinity) return '{"n":"-Infinity"}';
        if (value === 0 && 1 / value < 0) return '{"n":"-0"}';
        return "" + value;
      case "object": break;
      default: return opaque(typeof value);
    }
    if (value === null) return "null";
    if (depth >= ${MAX_DEPTH}) return opaque("too deep");
    const prototype = getPrototypeOf(value);
    if (isArray(value)) {
      if (prototype !== ArrayPrototype) return opaque("array with another prototype");
      const described = getOwnPropertyDescriptor(value, "length");
      if (described === undefined || !hasOwn(described, "value")) return opaque("array without length");
      const length = described.value;
      if (typeof length !== "number" || !(length <= budget.left)) throw TooLarge;
      if (ownKeys(value).length !== length + 1) return opaque("sparse or extended array");
      let text = "[";
      for (let i = 0; i < length; i++) {
        const element = getOwnPropertyDescriptor(value, "" + i);
        if (element === undefined) return opaque("sparse array");
        if (!hasOwn(element, "value")) return opaque("getter");
        if (i > 0) text += ",";
        text += write(element.value, depth + 1, budget);
      }
      return text + "]";
    }
    if (prototype !== ObjectPrototype && prototype !== null) return opaque("instance");
    const keys = ownKeys(value);
    const count = keys.length;
    if (!(count <= budget.left)) throw TooLarge;
    let text = '{"o":[';
    for (let i = 0; i < count; i++) {
      const key = keys[i];
      if (typeof key !== "string") return opaque("symbol key");
      const entry = getOwnPropertyDescriptor(value, key);
      if (entry === undefined || !hasOwn(entry, "value")) return opaque("getter");
      if (!entry.enumerable) return opaque("hidden property");
      if (i > 0) text += ",";
      text += "[" + stringify(key) + "," + write(entry.value, depth + 1, budget) + "]";
    }
    return text + "]}";
  };

  const find = (error, key) => {
    for (let o = error, i = 0; i < 8 && typeof o === "object" && o !== null; o = getPrototypeOf(o), i++) {
      const found = getOwnPropertyDescriptor(o, key);
      if (found !== undefined) return hasOwn(found, "value") && typeof found.value === "string" ? found.value : "";
    }
    return "";
  };
  const slice = String.prototype.slice;
  const describe = (error) => {
    if (typeof error !== "object" || error === null) return apply(slice, write(error, 0, { left: 1 }), [0, 200]);
    return apply(slice, (find(error, "name") || "thrown object") + ": " + find(error, "message"), [0, 200]);
  };

  const invoke = (target, args, maxLength) => {
    const value = apply(target, undefined, parse(args));
    try {
      const text = write(value, 0, { __proto__: null, left: ${MAX_NODES} });
      return text.length <= maxLength ? text : 1;
    } catch (error) {
      if (error === TooLarge) return 1;
      throw error;
    }
  };
  return { __proto__: null, invoke, describe };
})()`;
