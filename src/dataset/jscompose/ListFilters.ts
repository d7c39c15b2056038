/** Operations that keep some numbers of a list. */
import { define, type Operation, range } from "./Operation.ts";

const plain = define("list", "list");
const threshold = define("list", "list", range(1, 6));
const divisor = define("list", "list", range(2, 5));

export const all: ReadonlyArray<Operation> = [
  threshold({
    id: "above",
    role: "filter",
    tier: "easy",
    say: ["keep numbers above {k}", "keep those greater than {k}", ["drop all up to {k}", "tough"]],
    right: ["{e}.filter((x) => x > {k})", (xs, k) => xs.filter((x) => x > k)],
    wrong: [["{e}.filter((x) => x >= {k})", (xs, k) => xs.filter((x) => x >= k)]],
  }),
  threshold({
    id: "below",
    role: "filter",
    tier: "easy",
    say: ["keep numbers below {k}", "keep those less than {k}", ["drop all from {k} up", "tough"]],
    right: ["{e}.filter((x) => x < {k})", (xs, k) => xs.filter((x) => x < k)],
    wrong: [["{e}.filter((x) => x <= {k})", (xs, k) => xs.filter((x) => x <= k)]],
  }),
  threshold({
    id: "atLeast",
    role: "filter",
    tier: "medium",
    say: ["keep numbers of at least {k}", ["drop those under {k}", "tough"]],
    right: ["{e}.filter((x) => x >= {k})", (xs, k) => xs.filter((x) => x >= k)],
    wrong: [["{e}.filter((x) => x > {k})", (xs, k) => xs.filter((x) => x > k)]],
  }),
  plain({
    id: "even",
    role: "filter",
    tier: "easy",
    say: ["keep the even numbers", "drop the odd numbers"],
    right: ["{e}.filter((x) => x % 2 === 0)", (xs) => xs.filter((x) => x % 2 === 0)],
    wrong: [["{e}.filter((x) => x % 2 !== 0)", (xs) => xs.filter((x) => x % 2 !== 0)]],
  }),
  plain({
    id: "odd",
    role: "filter",
    tier: "tough",
    say: ["keep the odd numbers", "drop the even numbers"],
    right: ["{e}.filter((x) => x % 2 !== 0)", (xs) => xs.filter((x) => x % 2 !== 0)],
    wrong: [
      ["{e}.filter((x) => x % 2 === 1)", (xs) => xs.filter((x) => x % 2 === 1)],
      ["{e}.filter((x) => x % 2 === 0)", (xs) => xs.filter((x) => x % 2 === 0)],
    ],
  }),
  divisor({
    id: "notMultiple",
    role: "filter",
    tier: "medium",
    say: ["drop multiples of {k}", "keep numbers not divisible by {k}"],
    right: ["{e}.filter((x) => x % {k} !== 0)", (xs, k) => xs.filter((x) => x % k !== 0)],
    wrong: [["{e}.filter((x) => x % {k} === 0)", (xs, k) => xs.filter((x) => x % k === 0)]],
  }),
  threshold({
    id: "without",
    role: "filter",
    tier: "easy",
    say: ["remove every {k}", "drop numbers equal to {k}"],
    right: ["{e}.filter((x) => x !== {k})", (xs, k) => xs.filter((x) => x !== k)],
    wrong: [["{e}.filter((x) => x === {k})", (xs, k) => xs.filter((x) => x === k)]],
  }),
  plain({
    id: "distinct",
    role: "filter",
    tier: "medium",
    say: ["remove duplicates", "keep the first of equal numbers"],
    right: [
      "{e}.filter((x, i, a) => a.indexOf(x) === i)",
      (xs) => xs.filter((x, i, a) => a.indexOf(x) === i),
    ],
    wrong: [["{e}.filter((x, i, a) => a[i - 1] !== x)", (xs) => xs.filter((x, i, a) => a[i - 1] !== x)]],
  }),
  plain({
    id: "distinctLast",
    role: "filter",
    tier: "hard",
    say: ["keep the last of equal numbers", "remove duplicates but the last"],
    right: [
      "{e}.filter((x, i, a) => a.lastIndexOf(x) === i)",
      (xs) => xs.filter((x, i, a) => a.lastIndexOf(x) === i),
    ],
    wrong: [
      ["{e}.filter((x, i, a) => a.indexOf(x) === i)", (xs) => xs.filter((x, i, a) => a.indexOf(x) === i)],
    ],
  }),
  plain({
    id: "runs",
    role: "filter",
    tier: "tough",
    say: ["collapse equal neighbours", "drop those equal to the one before"],
    right: ["{e}.filter((x, i, a) => a[i - 1] !== x)", (xs) => xs.filter((x, i, a) => a[i - 1] !== x)],
    wrong: [
      ["{e}.filter((x, i, a) => a.indexOf(x) === i)", (xs) => xs.filter((x, i, a) => a.indexOf(x) === i)],
      ["{e}.filter((x, i, a) => a[i - 1] === x)", (xs) => xs.filter((x, i, a) => a[i - 1] === x)],
    ],
  }),
  plain({
    id: "rises",
    role: "filter",
    tier: "hard",
    say: ["keep those larger than the one before", "keep those above their left neighbour"],
    right: [
      "{e}.filter((x, i, a) => x > a[i - 1])",
      (xs) => xs.filter((x, i, a) => x > (a[i - 1] ?? Number.NaN)),
    ],
    wrong: [
      ["{e}.filter((x, i, a) => x > a[i + 1])", (xs) => xs.filter((x, i, a) => x > (a[i + 1] ?? Number.NaN))],
      [
        "{e}.filter((x, i, a) => x >= a[i - 1])",
        (xs) => xs.filter((x, i, a) => x >= (a[i - 1] ?? Number.NaN)),
      ],
    ],
  }),
  plain({
    id: "repeated",
    role: "filter",
    tier: "hard",
    say: ["keep numbers that occur again", "keep those seen more than once"],
    right: [
      "{e}.filter((x, i, a) => a.indexOf(x) !== a.lastIndexOf(x))",
      (xs) => xs.filter((x, _, a) => a.indexOf(x) !== a.lastIndexOf(x)),
    ],
    wrong: [
      ["{e}.filter((x, i, a) => a.indexOf(x) !== i)", (xs) => xs.filter((x, i, a) => a.indexOf(x) !== i)],
    ],
  }),
  plain({
    id: "single",
    role: "filter",
    tier: "hard",
    say: ["keep numbers that occur once", "drop all that repeat"],
    right: [
      "{e}.filter((x, i, a) => a.indexOf(x) === a.lastIndexOf(x))",
      (xs) => xs.filter((x, _, a) => a.indexOf(x) === a.lastIndexOf(x)),
    ],
    wrong: [
      ["{e}.filter((x, i, a) => a.indexOf(x) === i)", (xs) => xs.filter((x, i, a) => a.indexOf(x) === i)],
    ],
  }),
  plain({
    id: "evenPlaces",
    role: "filter",
    tier: "medium",
    say: ["keep every other number", "keep every second from the first"],
    right: ["{e}.filter((x, i) => i % 2 === 0)", (xs) => xs.filter((_, i) => i % 2 === 0)],
    wrong: [["{e}.filter((x, i) => i % 2 === 1)", (xs) => xs.filter((_, i) => i % 2 === 1)]],
  }),
  plain({
    id: "oddPlaces",
    role: "filter",
    tier: "hard",
    say: ["keep every second number", "drop every other from the first"],
    right: ["{e}.filter((x, i) => i % 2 === 1)", (xs) => xs.filter((_, i) => i % 2 === 1)],
    wrong: [["{e}.filter((x, i) => i % 2 === 0)", (xs) => xs.filter((_, i) => i % 2 === 0)]],
  }),
  plain({
    id: "dropMax",
    role: "filter",
    tier: "medium",
    say: ["drop the largest", "remove the maximum"],
    right: [
      "{e}.filter((x, i, a) => x !== Math.max(...a))",
      (xs) => xs.filter((x, _, a) => x !== Math.max(...a)),
    ],
    wrong: [
      ["{e}.filter((x, i, a) => x !== Math.min(...a))", (xs) => xs.filter((x, _, a) => x !== Math.min(...a))],
    ],
  }),
];
