/** Operations on lists of numbers: those that keep some of them (ListFilters.ts) and all others. */
import * as ListFilters from "./ListFilters.ts";
import { define, type Operation, range } from "./Operation.ts";

const plain = define("list", "list");
const threshold = define("list", "list", range(1, 6));
const amount = define("list", "list", range(2, 9));
const count = define("list", "list", range(2, 3));
const divisor = define("list", "list", range(2, 5));

const total = (xs: ReadonlyArray<number>) => xs.reduce((p, c) => p + c, 0);

const maps: ReadonlyArray<Operation> = [
  amount({
    id: "add",
    role: "map",
    tier: "easy",
    say: ["add {k} to each", "raise each by {k}"],
    right: ["{e}.map((x) => x + {k})", (xs, k) => xs.map((x) => x + k)],
    wrong: [["{e}.map((x) => x * {k})", (xs, k) => xs.map((x) => x * k)]],
  }),
  amount({
    id: "subtract",
    role: "map",
    tier: "easy",
    say: ["subtract {k} from each", ["lower each by {k}", "medium"]],
    right: ["{e}.map((x) => x - {k})", (xs, k) => xs.map((x) => x - k)],
    wrong: [["{e}.map((x) => {k} - x)", (xs, k) => xs.map((x) => k - x)]],
  }),
  amount({
    id: "minusFrom",
    role: "map",
    tier: "hard",
    say: ["subtract each from {k}", "turn each x into {k} less x"],
    right: ["{e}.map((x) => {k} - x)", (xs, k) => xs.map((x) => k - x)],
    wrong: [["{e}.map((x) => x - {k})", (xs, k) => xs.map((x) => x - k)]],
  }),
  amount({
    id: "times",
    role: "map",
    tier: "easy",
    say: ["multiply each by {k}", "scale each by {k}"],
    right: ["{e}.map((x) => x * {k})", (xs, k) => xs.map((x) => x * k)],
    wrong: [["{e}.map((x) => x + {k})", (xs, k) => xs.map((x) => x + k)]],
  }),
  plain({
    id: "square",
    role: "map",
    tier: "medium",
    say: ["square each", "multiply each by itself"],
    right: ["{e}.map((x) => x * x)", (xs) => xs.map((x) => x * x)],
    wrong: [["{e}.map((x) => x * 2)", (xs) => xs.map((x) => x * 2)]],
  }),
  plain({
    id: "half",
    role: "map",
    tier: "tough",
    say: ["halve each rounding down", "take half of each rounded down"],
    right: ["{e}.map((x) => Math.floor(x / 2))", (xs) => xs.map((x) => Math.floor(x / 2))],
    wrong: [
      ["{e}.map((x) => Math.round(x / 2))", (xs) => xs.map((x) => Math.round(x / 2))],
      ["{e}.map((x) => x / 2)", (xs) => xs.map((x) => x / 2)],
    ],
  }),
  plain({
    id: "abs",
    role: "map",
    tier: "easy",
    say: ["take absolute values", "drop the signs"],
    right: ["{e}.map((x) => Math.abs(x))", (xs) => xs.map((x) => Math.abs(x))],
    wrong: [["{e}.map((x) => 0 - x)", (xs) => xs.map((x) => 0 - x)]],
  }),
  plain({
    id: "negate",
    role: "map",
    tier: "medium",
    say: ["negate each", "flip the signs"],
    right: ["{e}.map((x) => 0 - x)", (xs) => xs.map((x) => 0 - x)],
    wrong: [["{e}.map((x) => Math.abs(x))", (xs) => xs.map((x) => Math.abs(x))]],
  }),
  threshold({
    id: "cap",
    role: "map",
    tier: "hard",
    say: ["cap each at {k}", "lower those over {k} to {k}"],
    right: ["{e}.map((x) => Math.min(x, {k}))", (xs, k) => xs.map((x) => Math.min(x, k))],
    wrong: [["{e}.map((x) => Math.max(x, {k}))", (xs, k) => xs.map((x) => Math.max(x, k))]],
  }),
  threshold({
    id: "lift",
    role: "map",
    tier: "hard",
    say: ["raise those under {k} to {k}", "make each at least {k}"],
    right: ["{e}.map((x) => Math.max(x, {k}))", (xs, k) => xs.map((x) => Math.max(x, k))],
    wrong: [
      ["{e}.map((x) => Math.min(x, {k}))", (xs, k) => xs.map((x) => Math.min(x, k))],
      ["{e}.filter((x) => x >= {k})", (xs, k) => xs.filter((x) => x >= k)],
    ],
  }),
  divisor({
    id: "modulo",
    role: "map",
    tier: "hard",
    say: ["reduce each modulo {k}", "take each modulo {k}"],
    right: ["{e}.map((x) => ((x % {k}) + {k}) % {k})", (xs, k) => xs.map((x) => ((x % k) + k) % k)],
    wrong: [["{e}.map((x) => x % {k})", (xs, k) => xs.map((x) => x % k)]],
  }),
  plain({
    id: "addPlace",
    role: "map",
    tier: "hard",
    say: ["add to each its place from 1", "add 1 to the first, 2 to the next and so on"],
    right: ["{e}.map((x, i) => x + i + 1)", (xs) => xs.map((x, i) => x + i + 1)],
    wrong: [["{e}.map((x, i) => x + i)", (xs) => xs.map((x, i) => x + i)]],
  }),
  plain({
    id: "addIndex",
    role: "map",
    tier: "medium",
    say: ["add to each its place from 0", "add its index to each"],
    right: ["{e}.map((x, i) => x + i)", (xs) => xs.map((x, i) => x + i)],
    wrong: [["{e}.map((x, i) => x + i + 1)", (xs) => xs.map((x, i) => x + i + 1)]],
  }),
  plain({
    id: "steps",
    role: "map",
    tier: "hard",
    say: ["subtract from each the one before", "take differences to the one before"],
    right: ["{e}.map((x, i, a) => x - (a[i - 1] ?? 0))", (xs) => xs.map((x, i, a) => x - (a[i - 1] ?? 0))],
    wrong: [
      ["{e}.map((x, i, a) => x - (a[i + 1] ?? 0))", (xs) => xs.map((x, i, a) => x - (a[i + 1] ?? 0))],
      ["{e}.map((x, i, a) => x - a[0])", (xs) => xs.map((x, _, a) => x - (a[0] ?? 0))],
    ],
  }),
  plain({
    id: "running",
    role: "map",
    tier: "tough",
    say: ["take running sums", "add to each all before it"],
    right: ["{e}.map(((t) => (x) => (t += x))(0))", (xs) => xs.map((_, i, a) => total(a.slice(0, i + 1)))],
    wrong: [
      ["{e}.map((x, i, a) => x + (a[i - 1] ?? 0))", (xs) => xs.map((x, i, a) => x + (a[i - 1] ?? 0))],
      ["{e}.map(((t) => (x) => (t += x))(1))", (xs) => xs.map((_, i, a) => 1 + total(a.slice(0, i + 1)))],
    ],
  }),
  plain({
    id: "lessMin",
    role: "map",
    tier: "tough",
    say: ["subtract the smallest from each", "shift so that the smallest is 0"],
    right: ["{e}.map((x, i, a) => x - Math.min(...a))", (xs) => xs.map((x, _, a) => x - Math.min(...a))],
    wrong: [["{e}.map((x, i, a) => x - Math.max(...a))", (xs) => xs.map((x, _, a) => x - Math.max(...a))]],
  }),
  plain({
    id: "twice",
    role: "map",
    tier: "medium",
    say: ["repeat each number twice", "write each twice in a row"],
    right: ["{e}.flatMap((x) => [x, x])", (xs) => xs.flatMap((x) => [x, x])],
    wrong: [["{e}.map((x) => x * 2)", (xs) => xs.map((x) => x * 2)]],
  }),
];

const orders: ReadonlyArray<Operation> = [
  plain({
    id: "sortUp",
    role: "order",
    tier: "medium",
    say: ["sort ascending", "sort from small to large"],
    right: ["{e}.sort((a, b) => a - b)", (xs) => xs.toSorted((a, b) => a - b)],
    wrong: [["{e}.sort()", (xs) => xs.toSorted()]],
  }),
  plain({
    id: "sortDown",
    role: "order",
    tier: "tough",
    say: ["sort descending", "sort from large to small"],
    right: ["{e}.sort((a, b) => b - a)", (xs) => xs.toSorted((a, b) => b - a)],
    wrong: [
      ["{e}.sort().reverse()", (xs) => xs.toSorted().reverse()],
      ["{e}.sort((a, b) => a - b)", (xs) => xs.toSorted((a, b) => a - b)],
    ],
  }),
  plain({
    id: "reverse",
    role: "order",
    tier: "easy",
    say: ["reverse the list", "turn it round"],
    right: ["{e}.reverse()", (xs) => xs.toReversed()],
    wrong: [["{e}.sort((a, b) => b - a)", (xs) => xs.toSorted((a, b) => b - a)]],
  }),
  plain({
    id: "rotate",
    role: "order",
    tier: "tough",
    say: ["move the first to the end", "rotate left by one"],
    right: [
      "{e}.map((x, i, a) => a[(i + 1) % a.length])",
      (xs) => xs.map((_, i, a) => a[(i + 1) % a.length]),
    ],
    wrong: [
      ["{e}.map((x, i, a) => a.at(i - 1))", (xs) => xs.map((_, i, a) => a.at(i - 1) as number)],
      ["{e}.map((x, i, a) => a[i + 1] ?? 0)", (xs) => xs.map((_, i, a) => a[i + 1] ?? 0)],
    ],
  }),
  count({
    id: "takeFirst",
    role: "cut",
    tier: "easy",
    say: ["take the first {k}", "keep the first {k}"],
    right: ["{e}.slice(0, {k})", (xs, k) => xs.slice(0, k)],
    wrong: [["{e}.slice(0, {k-1})", (xs, k) => xs.slice(0, k - 1)]],
  }),
  count({
    id: "dropFirst",
    role: "cut",
    tier: "medium",
    say: ["drop the first {k}", "skip {k}"],
    right: ["{e}.slice({k})", (xs, k) => xs.slice(k)],
    wrong: [["{e}.slice({k-1})", (xs, k) => xs.slice(k - 1)]],
  }),
  count({
    id: "takeLast",
    role: "cut",
    tier: "medium",
    say: ["take the last {k}", "keep the last {k}"],
    right: ["{e}.slice(-{k})", (xs, k) => xs.slice(-k)],
    wrong: [["{e}.slice({k})", (xs, k) => xs.slice(k)]],
  }),
  count({
    id: "dropLast",
    role: "cut",
    tier: "tough",
    say: ["drop the last {k}", "leave out the last {k}"],
    right: ["{e}.slice(0, -{k})", (xs, k) => xs.slice(0, -k)],
    wrong: [
      ["{e}.slice(-{k})", (xs, k) => xs.slice(-k)],
      ["{e}.slice(0, {k})", (xs, k) => xs.slice(0, k)],
    ],
  }),
];

const ends: ReadonlyArray<Operation> = [
  define(
    "list",
    "number",
  )({
    id: "sum",
    role: "end",
    tier: "easy",
    say: ["add them up", "give the sum"],
    right: ["{e}.reduce((p, c) => p + c, 0)", (xs) => total(xs)],
    wrong: [["{e}.reduce((p, c) => p + c)", (xs) => xs.reduce((p, c) => p + c)]],
  }),
  define(
    "list",
    "number",
  )({
    id: "last",
    role: "end",
    tier: "medium",
    say: ["give the last or 0", "return the last number or 0"],
    right: ["{e}.at(-1) ?? 0", (xs) => xs.at(-1) ?? 0],
    wrong: [
      ["{e}.at(0) ?? 0", (xs) => xs.at(0) ?? 0],
      ["{e}.at(-1)", (xs) => xs.at(-1) as number],
    ],
  }),
  define(
    "list",
    "number",
  )({
    id: "count",
    role: "end",
    tier: "easy",
    say: ["count them", "give how many are left"],
    right: ["{e}.length", (xs) => xs.length],
    wrong: [["{e}.length - 1", (xs) => xs.length - 1]],
  }),
  define(
    "list",
    "text",
  )({
    id: "dashes",
    role: "convert",
    tier: "easy",
    say: ["join with dashes", "write them with dashes between"],
    right: ['{e}.join("-")', (xs) => xs.join("-")],
    wrong: [["{e}.join()", (xs) => xs.join()]],
  }),
];

export const all: ReadonlyArray<Operation> = [...ListFilters.all, ...maps, ...orders, ...ends];
