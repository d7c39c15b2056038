/**
 * Python's `==` and types, over tagged plain data (the tags are described in plain.py of the supervisor).
 *
 * Total: what is no plain data, and what holds NaN or an opaque value, equals nothing.
 */
import type * as Schema from "effect/Schema";

/** Of the types that plain data has; undefined for any other value. */
export type Type =
  | "NoneType"
  | "bool"
  | "int"
  | "float"
  | "complex"
  | "str"
  | "bytes"
  | "list"
  | "tuple"
  | "dict"
  | "set"
  | "frozenset"
  | "type";

const TAGS: Readonly<Record<string, Type>> = {
  i: "int",
  f: "float",
  c: "complex",
  b: "bytes",
  t: "tuple",
  d: "dict",
  s: "set",
  z: "frozenset",
  k: "type",
};

export const typeOf = (value: unknown): Type | undefined => {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "str";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "int" : undefined;
  if (Array.isArray(value)) return "list";
  const entry = only(value);
  return entry === undefined ? undefined : Object.hasOwn(TAGS, entry[0]) ? TAGS[entry[0]] : undefined;
};

/** A tagged value's tag and body. */
const only = (value: unknown): readonly [tag: string, body: unknown] | undefined => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  return entries.length === 1 ? entries[0] : undefined;
};

/** The items of a list or a tuple. */
export const items = (value: unknown): ReadonlyArray<unknown> | undefined => {
  const found = typeOf(value) === "tuple" ? only(value)?.[1] : value;
  return Array.isArray(found) ? found : undefined;
};

/** A list as a tuple has its items, else itself. */
export const asList = (value: unknown): unknown =>
  typeOf(value) === "tuple" ? (items(value) ?? value) : value;

/** Every tuple inside as a list. */
export const withLists = (value: unknown): unknown => {
  const list = items(value);
  if (list !== undefined) return list.map(withLists);
  const entries = pairs(value);
  return entries === undefined ? value : { d: entries.map(([key, item]) => [key, withLists(item)]) };
};

/** The pairs of a dict. */
export const pairs = (value: unknown): ReadonlyArray<readonly [unknown, unknown]> | undefined => {
  const found = typeOf(value) === "dict" ? only(value)?.[1] : undefined;
  return Array.isArray(found) && found.every((pair) => Array.isArray(pair) && pair.length === 2)
    ? (found as ReadonlyArray<readonly [unknown, unknown]>)
    : undefined;
};

/** Python's repr of a float; undefined where it is not one. */
const floatOf = (text: unknown): number | undefined => {
  if (typeof text !== "string") return undefined;
  if (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) return Number(text);
  return { inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY, nan: Number.NaN }[text];
};

export type Numeric =
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "complex"; readonly value: readonly [re: number, im: number] };

/** A bool, int, float or complex; a bool is an int as in Python. */
export const numeric = (value: unknown): Numeric | undefined => {
  if (typeof value === "boolean") return { kind: "int", value: value ? 1n : 0n };
  const body = only(value)?.[1];
  switch (typeOf(value)) {
    case "int": {
      if (typeof value === "number") return { kind: "int", value: BigInt(value) };
      if (typeof body !== "string" || !/^-?0x[0-9a-f]+$/.test(body)) return undefined;
      return { kind: "int", value: body.startsWith("-") ? -BigInt(body.slice(1)) : BigInt(body) };
    }
    case "float": {
      const float = floatOf(body);
      return float === undefined ? undefined : { kind: "float", value: float };
    }
    case "complex": {
      const [re, im] = Array.isArray(body) && body.length === 2 ? body.map(floatOf) : [];
      return re === undefined || im === undefined ? undefined : { kind: "complex", value: [re, im] };
    }
    default:
      return undefined;
  }
};

/** An int of any size. */
export const ofInt = (value: bigint): Schema.Json =>
  value > -(2n ** 53n) && value < 2n ** 53n
    ? Number(value)
    : { i: value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}` };

export const equals = (a: unknown, b: unknown): boolean => {
  const key = canonical(a);
  return key !== undefined && key === canonical(b);
};

/** A text that two values share where they are equal in Python; undefined for what equals nothing. */
const canonical = (value: unknown): string | undefined => {
  const number = numeric(value);
  if (number !== undefined) return canonicalNumber(number);
  const type = typeOf(value);
  const body = only(value)?.[1];
  switch (type) {
    case "NoneType":
      return "None";
    case "str":
      return JSON.stringify(value);
    case "bytes":
    case "type":
      return typeof body === "string" ? `${type} ${body}` : undefined;
    case "list":
    case "tuple":
      return joined(items(value), type, (texts) => texts);
    case "set":
    case "frozenset":
      // Equal items are one, as Python would read them; an honest answer has none.
      return joined(body, "set", (texts) => [...new Set(texts)].sort());
    case "dict":
      return canonicalDict(pairs(value));
    default:
      return undefined;
  }
};

/**
 * What `set` makes of a list, a tuple, a set, a dictionary's keys, a text's characters, or an iterator: a key for each
 * item. Undefined where that raises, and where an item is equal to nothing.
 */
export const asSet = (value: unknown): ReadonlySet<string> | undefined => {
  const body = only(value)?.[1];
  const parts: unknown =
    typeof value === "string"
      ? Array.from(value)
      : (items(value) ??
        pairs(value)?.map(([key]) => key) ??
        (["s", "z", "g"].includes(only(value)?.[0] ?? "") ? body : undefined));
  if (!Array.isArray(parts)) return undefined;
  const keys = new Set<string>();
  for (const part of parts) {
    const key = isHashable(part) ? canonical(part) : undefined;
    if (key === undefined) return undefined;
    keys.add(key);
  }
  return keys;
};

const isHashable = (value: unknown): boolean => {
  const type = typeOf(value);
  if (type === "tuple") return items(value)?.every(isHashable) === true;
  return type !== undefined && !["list", "dict", "set"].includes(type);
};

const joined = (
  parts: unknown,
  name: string,
  arrange: (texts: Array<string>) => Array<string>,
): string | undefined => {
  if (!Array.isArray(parts)) return undefined;
  const texts: Array<string> = [];
  for (const part of parts) {
    const text = canonical(part);
    if (text === undefined) return undefined;
    texts.push(text);
  }
  return `${name}(${arrange(texts).join(",")})`;
};

/** Of equal keys the last one's value counts. */
const canonicalDict = (
  entries: ReadonlyArray<readonly [unknown, unknown]> | undefined,
): string | undefined => {
  if (entries === undefined) return undefined;
  const texts = new Map<string, string>();
  for (const [key, item] of entries) {
    const [name, text] = [canonical(key), canonical(item)];
    if (name === undefined || text === undefined) return undefined;
    texts.set(name, text);
  }
  return `dict(${Array.from(texts, ([name, text]) => `${name}:${text}`)
    .sort()
    .join(",")})`;
};

const canonicalNumber = (number: Numeric): string | undefined => {
  // In a radix that is a power of 2: of millions of digits, decimal ones take seconds.
  if (number.kind === "int") return number.value.toString(16);
  if (number.kind === "float") return canonicalFloat(number.value);
  const [re, im] = number.value;
  const parts = [canonicalFloat(re), canonicalFloat(im)];
  if (parts.includes(undefined)) return undefined;
  return im === 0 ? parts[0] : `complex(${parts.join(",")})`;
};

/** Of a whole number, that of the equal int. */
const canonicalFloat = (value: number): string | undefined => {
  if (Number.isNaN(value)) return undefined;
  return Number.isInteger(value) ? BigInt(value).toString(16) : `${value}f`;
};
