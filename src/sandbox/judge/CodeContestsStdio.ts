/**
 * CodeContests' comparison of printed text: as many tokens, each the same in lower case, or both numbers that differ by
 * less than 1e-5.
 *
 * Source: google-deepmind/code_contests, execution/tester_sandboxer.cc, `OutputsMatch` with `SplitAndLowercase` and
 * `ValuesMatch`. As there, integers are compared as doubles too, and infinity in a text that is not the same differs
 * from itself. (There a crash after the right output passes; here no crash does.)
 */

export const matches = (printed: string, expected: string): boolean => {
  const [a, b] = [tokens(printed), tokens(expected)];
  if (a.length !== b.length) return false;
  if (a.every((token, index) => token === b[index])) return true;
  return a.every((token, index) => near(token, b[index] ?? ""));
};

/** In lower case as far as they are ASCII. */
const tokens = (text: string): ReadonlyArray<string> =>
  text
    .split(/[ \n\t\r\v]+/)
    .filter((token) => token !== "")
    .map((token) => token.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()));

const near = (a: string, b: string): boolean => {
  const [x, y] = [toDouble(a), toDouble(b)];
  return x === undefined || y === undefined ? a === b : Math.abs(x - y) < 1e-5;
};

/** absl::SimpleAtod of a token in lower case, around which it allows blanks (here only form feeds can be left). */
const toDouble = (token: string): number | undefined => {
  const bare = token.replace(/^\f+/, "").replace(/\f{1,32}$/, "");
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/.test(bare)) return Number(bare);
  const special = /^([+-]?)(?:(inf|infinity)|nan(?:\([0-9a-z_]*\))?)$/.exec(bare);
  if (special !== null) {
    if (special[2] === undefined) return Number.NaN;
    return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const parts = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/.exec(bare);
  const [, sign = "", whole = "", fraction = "", power = "0"] = parts ?? [];
  if (whole + fraction === "") return undefined;
  const value = Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (Number(power) - 4 * fraction.length);
  return sign === "-" ? -value : value;
};
