/** Python's own functions on text, for the judges that were written with them. Linear in the text, which is untrusted. */

/** What `str.isspace` holds for. */
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACES = new RegExp(`[${SPACE}]+`);
const IS_SPACE = new RegExp(`[${SPACE}]`);

/** `str.strip()`. */
export const strip = (text: string): string => {
  let [from, to] = [0, text.length];
  while (from < to && IS_SPACE.test(text.charAt(from))) from += 1;
  while (to > from && IS_SPACE.test(text.charAt(to - 1))) to -= 1;
  return text.slice(from, to);
};

/** `str.split()`. */
export const words = (text: string): ReadonlyArray<string> =>
  text.split(SPACES).filter((word) => word !== "");

const ENDS_LINE = "\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029";
const LINE_END = new RegExp(`\\r\\n|[${ENDS_LINE}]`);

/** `str.splitlines()`. */
export const lines = (text: string): ReadonlyArray<string> => {
  const parts = text.split(LINE_END);
  return parts.at(-1) === "" ? parts.slice(0, -1) : parts;
};

const DIGITS = "\\d(?:_?\\d)*";
const FLOAT = new RegExp(`^[+-]?(?:${DIGITS}(?:\\.(?:${DIGITS})?)?|\\.${DIGITS})(?:e[+-]?${DIGITS})?$`, "i");

/** `float(text)`, of ASCII digits; undefined where it raises ValueError. */
export const float = (text: string): number | undefined => {
  const bare = strip(text);
  if (FLOAT.test(bare)) return Number(bare.replaceAll("_", ""));
  const special = /^([+-]?)(?:(inf|infinity)|nan)$/i.exec(bare);
  if (special === null) return undefined;
  if (special[2] === undefined) return Number.NaN;
  return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
};

/** `round(value, 3)`: the nearest, of a tie the even one. */
export const round3 = (value: number): number => {
  // A binary fraction lies half-way between two thousandths only as an odd number of sixteenths.
  const sixteenths = value * 16;
  if (!Number.isInteger(sixteenths) || sixteenths % 2 === 0 || !Number.isSafeInteger(sixteenths)) {
    return Number.isFinite(value) ? Number(value.toFixed(3)) : value;
  }
  const below = Math.floor(value * 1000);
  return (below % 2 === 0 ? below : below + 1) / 1000;
};

/**
 * A text for `decimal.Decimal(text)` that is the same for equal numbers; undefined where it raises InvalidOperation, and
 * for NaN, which equals nothing.
 */
export const decimal = (text: string): string | undefined => {
  const infinity = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinity !== null) return `${infinity[1] === "-" ? "-" : ""}inf`;
  const parts = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e([+-]?\d{1,15}))?$/i.exec(text.replaceAll("_", ""));
  if (parts === null) return undefined;
  const [, sign, whole = "", afterWhole = "", alone = "", exponent = "0"] = parts;
  const fraction = afterWhole + alone;
  const digits = `${whole}${fraction}`;
  const [from, to] = [digits.search(/[^0]/), lastOf(digits)];
  if (from === -1) return "0";
  const power = Number(exponent) - fraction.length + (digits.length - to);
  return `${sign === "-" ? "-" : ""}${digits.slice(from, to)}e${power}`;
};

/** Behind the last digit that is no zero. */
const lastOf = (digits: string): number => {
  let to = digits.length;
  while (to > 0 && digits.charAt(to - 1) === "0") to -= 1;
  return to;
};

/** `int(text)` of ASCII digits; undefined where it raises ValueError. */
export const int = (text: string): bigint | undefined => {
  const bare = strip(text);
  if (!/^[+-]?\d(?:_?\d)*$/.test(bare) || bare.length > 4300) return undefined;
  const value = BigInt(bare.replaceAll("_", "").replace(/^[+-]/, ""));
  return bare.startsWith("-") ? -value : value;
};
