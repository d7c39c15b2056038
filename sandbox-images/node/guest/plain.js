// Plain data between JavaScript runtimes that do not trust each other. An expression: evaluates to
// { text, read, describe, show }; run in a program's runtime before the program, and in a checker's.
//
// `text(value, budget)` is the JSON text of a value (tags: src/sandbox/judge/JsAnswer.ts). It captured every intrinsic
// that it uses, touches no prototype that a program could patch, reads each property once through its descriptor (a
// getter is not plain data and is never called), and bounds depth and size: cyclic, sparse, boxed, proxied and toJSON-bearing
// values give themselves away or give only their own data. `read(json)` is its strict inverse.
(() => {
  "use strict";
  const { apply, ownKeys, getPrototypeOf, getOwnPropertyDescriptor } = Reflect;
  const { isArray } = Array;
  const { hasOwn, defineProperty } = Object;
  const { stringify } = JSON;
  const BigInt_ = BigInt;
  const { toString: bigintText } = BigInt.prototype;
  const { slice } = String.prototype;
  const { prototype: ObjectPrototype } = Object;
  const { prototype: ArrayPrototype } = Array;
  const ProxyOf = Proxy;
  const Failure = TypeError;
  const MAX_DEPTH = 64;
  const MAX_NODES = 100_000;
  const TooLarge = { __proto__: null };

  const write = (value, depth, budget) => {
    if (--budget.left < 0) throw TooLarge;
    const opaque = (name) => {
      budget.opaque = name;
      return `{"x":"${name}"}`;
    };
    switch (typeof value) {
      case "boolean":
        return value ? "true" : "false";
      case "string":
        return stringify(value);
      case "number":
        if (value !== value) return '{"n":"NaN"}';
        if (value === Infinity) return '{"n":"Infinity"}';
        if (value === -Infinity) return '{"n":"-Infinity"}';
        if (value === 0 && 1 / value < 0) return '{"n":"-0"}';
        return `${value}`;
      case "undefined":
        return '{"n":"undefined"}';
      case "bigint":
        return `{"i":"${apply(bigintText, value, [])}"}`;
      case "object":
        break;
      default:
        return opaque(typeof value);
    }
    if (value === null) return "null";
    if (depth >= MAX_DEPTH) return opaque("too deep");
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
        const element = getOwnPropertyDescriptor(value, `${i}`);
        if (element === undefined) return opaque("sparse array");
        if (!hasOwn(element, "value")) return opaque("getter");
        if (i > 0) text += ",";
        text += write(element.value, depth + 1, budget);
      }
      return `${text}]`;
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
      text += `[${stringify(key)},${write(entry.value, depth + 1, budget)}]`;
    }
    return `${text}]}`;
  };

  // The text, or undefined where the value is too large; `seen.opaque` names what was no plain data.
  const text = (value, seen) => {
    const budget = { __proto__: null, left: MAX_NODES, opaque: "" };
    try {
      return write(value, 0, budget);
    } catch (error) {
      if (error === TooLarge) return undefined;
      throw error;
    } finally {
      if (seen !== undefined) seen.opaque = budget.opaque;
    }
  };

  const bad = (what) => {
    throw new Failure(`not plain data: ${what}`);
  };
  // Whatever is done with it, it says what it is: no test can take it for a right answer.
  const opaqueValue = (name) => {
    const refuse = () => {
      throw new Failure(`the answer is no plain data (${name})`);
    };
    return new ProxyOf({}, new ProxyOf({}, { get: () => refuse }));
  };
  const put = (object, key, value) =>
    defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  const named = { __proto__: null, NaN, Infinity, "-Infinity": -Infinity, "-0": -0, undefined };
  const read = (json, depth = 0) => {
    if (json === null || typeof json !== "object") return json;
    if (depth > MAX_DEPTH + 1) bad("too deep");
    if (isArray(json)) {
      const list = [];
      for (let i = 0; i < json.length; i++) {
        const element = json[i];
        list[i] = element === null || typeof element !== "object" ? element : read(element, depth + 1);
      }
      return list;
    }
    const tags = ownKeys(json);
    const [tag] = tags;
    const body = json[tag];
    if (tags.length !== 1) bad("tags");
    if (tag === "o" && isArray(body)) {
      const object = {};
      for (let i = 0; i < body.length; i++) {
        const entry = body[i];
        if (!isArray(entry) || entry.length !== 2 || typeof entry[0] !== "string") bad("entry");
        const key = entry[0];
        if (key === "__proto__") put(object, key, read(entry[1], depth + 1));
        else object[key] = read(entry[1], depth + 1);
      }
      return object;
    }
    if (typeof body !== "string") bad("tag");
    if (tag === "n" && body in named) return named[body];
    if (tag === "i") return BigInt_(body);
    if (tag === "x") return opaqueValue(apply(slice, body, [0, 40]));
    return bad("unknown tag");
  };

  const find = (error, key) => {
    for (let o = error, i = 0; i < 8 && typeof o === "object" && o !== null; o = getPrototypeOf(o), i++) {
      const found = getOwnPropertyDescriptor(o, key);
      if (found !== undefined) {
        return hasOwn(found, "value") && typeof found.value === "string" ? found.value : "";
      }
    }
    return "";
  };
  // One line about a thrown value.
  const describe = (error) => {
    if (typeof error !== "object" || error === null) {
      return apply(slice, write(error, 0, { __proto__: null, left: 1 }), [0, 200]);
    }
    return apply(slice, `${find(error, "name") || "thrown object"}: ${find(error, "message")}`, [0, 200]);
  };

  // A value as console.log might print it, a few levels deep; runs nothing of the program's, but for proxies' traps.
  const show = (value, depth = 0) => {
    if (typeof value === "string") return depth === 0 ? value : stringify(value);
    if (typeof value === "bigint") return `${apply(bigintText, value, [])}n`;
    if (value === null || typeof value === "number" || typeof value === "boolean") return `${value}`;
    if (typeof value !== "object") return typeof value;
    if (depth > 3) return "...";
    const array = isArray(value);
    const keys = ownKeys(value);
    let line = "";
    for (let i = 0; i < keys.length && line.length < 2048; i++) {
      const entry = getOwnPropertyDescriptor(value, keys[i]);
      if (typeof keys[i] !== "string" || entry === undefined || !entry.enumerable) continue;
      const shown = hasOwn(entry, "value") ? show(entry.value, depth + 1) : "[Getter]";
      line += `${line === "" ? "" : ", "}${array ? "" : `${keys[i]}: `}${shown}`;
    }
    return array ? `[${line}]` : `{${line}}`;
  };

  return { __proto__: null, text, read, describe, show };
})();
