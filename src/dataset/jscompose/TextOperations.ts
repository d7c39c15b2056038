/** Operations on text, on lists of words and on whole numbers. */
import { define, type Operation, range } from "./Operation.ts";

const text = define("text", "text");
const textCount = define("text", "text", range(2, 4));
const letter = define("text", "text", ["a", "e", "o", "t", "s"]);
const words = define("words", "words");
const wordLength = define("words", "words", range(2, 4));
const wordCount = define("words", "words", range(2, 3));

const reversed = (s: string) => s.split("").reverse().join("");

const texts: ReadonlyArray<Operation> = [
  text({
    id: "upper",
    role: "map",
    tier: "easy",
    say: ["write in upper case", "make it capitals"],
    right: ["{e}.toUpperCase()", (s) => s.toUpperCase()],
    wrong: [["{e}.toLowerCase()", (s) => s.toLowerCase()]],
  }),
  text({
    id: "reverseText",
    role: "order",
    tier: "medium",
    say: ["reverse the letters", "spell it backwards"],
    right: ['{e}.split("").reverse().join("")', reversed],
    wrong: [['{e}.split(" ").reverse().join(" ")', (s) => s.split(" ").reverse().join(" ")]],
  }),
  text({
    id: "noVowels",
    role: "filter",
    tier: "tough",
    say: ["remove the vowels", "drop every a, e, i, o and u"],
    right: ['{e}.replace(/[aeiou]/g, "")', (s) => s.replace(/[aeiou]/g, "")],
    wrong: [['{e}.replace(/[aeiou]/, "")', (s) => s.replace(/[aeiou]/, "")]],
  }),
  letter({
    id: "star",
    role: "map",
    tier: "medium",
    say: ['replace each "{k}" by "*"', 'put "*" for every "{k}"'],
    right: ['{e}.replaceAll("{k}", "*")', (s, k) => s.replaceAll(k, "*")],
    wrong: [['{e}.replace("{k}", "*")', (s, k) => s.replace(k, "*")]],
  }),
  textCount({
    id: "firstLetters",
    role: "cut",
    tier: "easy",
    say: ["take the first {k} letters", "keep {k} letters"],
    right: ["{e}.slice(0, {k})", (s, k) => s.slice(0, k)],
    wrong: [["{e}.slice(0, {k-1})", (s, k) => s.slice(0, k - 1)]],
  }),
  textCount({
    id: "lastLetters",
    role: "cut",
    tier: "tough",
    say: ["take the last {k} letters", "keep {k} letters from the end"],
    right: ["{e}.slice(-{k})", (s, k) => s.slice(-k)],
    wrong: [["{e}.slice({k})", (s, k) => s.slice(k)]],
  }),
  textCount({
    id: "dropLetters",
    role: "cut",
    tier: "medium",
    say: ["drop the first {k} letters", "skip {k} letters"],
    right: ["{e}.slice({k})", (s, k) => s.slice(k)],
    wrong: [["{e}.slice({k-1})", (s, k) => s.slice(k - 1)]],
  }),
  text({
    id: "double",
    role: "map",
    tier: "easy",
    say: ["repeat the text twice", "write the text twice"],
    right: ["{e}.repeat(2)", (s) => s.repeat(2)],
    wrong: [["{e}.repeat(3)", (s) => s.repeat(3)]],
  }),
  text({
    id: "padLeft",
    role: "map",
    tier: "hard",
    say: ["pad with dots on the left to 9", "right-align in 9 with dots"],
    right: ['{e}.padStart(9, ".")', (s) => s.padStart(9, ".")],
    wrong: [['{e}.padEnd(9, ".")', (s) => s.padEnd(9, ".")]],
  }),
  define("text", "number", ["a", "e", "o", "t", "s"])({
    id: "countLetter",
    role: "end",
    tier: "hard",
    say: ['count each "{k}"', 'say how often "{k}" occurs'],
    right: ['{e}.split("{k}").length - 1', (s, k) => s.split(k).length - 1],
    wrong: [['{e}.split("{k}").length', (s, k) => s.split(k).length]],
  }),
  define(
    "text",
    "number",
  )({
    id: "length",
    role: "end",
    tier: "easy",
    say: ["give its length", "count the letters"],
    right: ["{e}.length", (s) => s.length],
    wrong: [["{e}.length - 1", (s) => s.length - 1]],
  }),
  define(
    "text",
    "words",
  )({
    id: "split",
    role: "convert",
    tier: "easy",
    say: ["split into words", "take its words"],
    right: ['{e}.split(" ")', (s) => s.split(" ")],
    wrong: [['{e}.split("")', (s) => s.split("")]],
  }),
];

const wordLists: ReadonlyArray<Operation> = [
  words({
    id: "sortWords",
    role: "order",
    tier: "easy",
    say: ["sort the words", "put the words in order"],
    right: ["{e}.sort()", (ws) => ws.toSorted()],
    wrong: [["{e}.sort().reverse()", (ws) => ws.toSorted().reverse()]],
  }),
  words({
    id: "sortByLength",
    role: "order",
    tier: "tough",
    say: ["sort the words by length", "put short words first"],
    right: ["{e}.sort((a, b) => a.length - b.length)", (ws) => ws.toSorted((a, b) => a.length - b.length)],
    wrong: [
      ["{e}.sort()", (ws) => ws.toSorted()],
      ["{e}.sort((a, b) => b.length - a.length)", (ws) => ws.toSorted((a, b) => b.length - a.length)],
    ],
  }),
  words({
    id: "reverseWords",
    role: "order",
    tier: "easy",
    say: ["reverse the word order", "put the last word first"],
    right: ["{e}.reverse()", (ws) => ws.toReversed()],
    wrong: [["{e}.sort().reverse()", (ws) => ws.toSorted().reverse()]],
  }),
  words({
    id: "flipWords",
    role: "map",
    tier: "hard",
    say: ["spell each word backwards", "reverse each word"],
    right: ['{e}.map((w) => w.split("").reverse().join(""))', (ws) => ws.map(reversed)],
    wrong: [["{e}.reverse()", (ws) => ws.toReversed()]],
  }),
  words({
    id: "initials",
    role: "map",
    tier: "medium",
    say: ["take the first letter of each", "take initials"],
    right: ["{e}.map((w) => w.slice(0, 1))", (ws) => ws.map((w) => w.slice(0, 1))],
    wrong: [["{e}.slice(0, 1)", (ws) => ws.slice(0, 1)]],
  }),
  words({
    id: "finals",
    role: "map",
    tier: "tough",
    say: ["take the last letter of each", "take final letters"],
    right: ["{e}.map((w) => w.slice(-1))", (ws) => ws.map((w) => w.slice(-1))],
    wrong: [
      ["{e}.map((w) => w.slice(1))", (ws) => ws.map((w) => w.slice(1))],
      ["{e}.slice(-1)", (ws) => ws.slice(-1)],
    ],
  }),
  words({
    id: "capitalise",
    role: "map",
    tier: "hard",
    say: ["capitalise each word", "start each word with a capital"],
    right: [
      "{e}.map((w) => w.slice(0, 1).toUpperCase() + w.slice(1))",
      (ws) => ws.map((w) => w.slice(0, 1).toUpperCase() + w.slice(1)),
    ],
    wrong: [["{e}.map((w) => w.toUpperCase())", (ws) => ws.map((w) => w.toUpperCase())]],
  }),
  wordLength({
    id: "longer",
    role: "filter",
    tier: "easy",
    say: ["keep words longer than {k}", "keep words of over {k} letters"],
    right: ["{e}.filter((w) => w.length > {k})", (ws, k) => ws.filter((w) => w.length > k)],
    wrong: [["{e}.filter((w) => w.length >= {k})", (ws, k) => ws.filter((w) => w.length >= k)]],
  }),
  wordLength({
    id: "upTo",
    role: "filter",
    tier: "tough",
    say: ["keep words of at most {k}", "drop words longer than {k}"],
    right: ["{e}.filter((w) => w.length <= {k})", (ws, k) => ws.filter((w) => w.length <= k)],
    wrong: [["{e}.filter((w) => w.length < {k})", (ws, k) => ws.filter((w) => w.length < k)]],
  }),
  wordCount({
    id: "firstWords",
    role: "cut",
    tier: "easy",
    say: ["take the first {k} words", "keep {k} words"],
    right: ["{e}.slice(0, {k})", (ws, k) => ws.slice(0, k)],
    wrong: [["{e}.slice(0, {k-1})", (ws, k) => ws.slice(0, k - 1)]],
  }),
  define(
    "words",
    "list",
  )({
    id: "lengths",
    role: "convert",
    tier: "easy",
    say: ["take the word lengths", "give each word's length"],
    right: ["{e}.map((w) => w.length)", (ws) => ws.map((w) => w.length)],
    wrong: [["{e}.map((w) => w.length - 1)", (ws) => ws.map((w) => w.length - 1)]],
  }),
  define(
    "words",
    "text",
  )({
    id: "joinWords",
    role: "convert",
    tier: "medium",
    say: ["join with spaces", "make a text of them"],
    right: ['{e}.join(" ")', (ws) => ws.join(" ")],
    wrong: [['{e}.join("")', (ws) => ws.join("")]],
  }),
];

const numbers: ReadonlyArray<Operation> = [
  define(
    "number",
    "list",
  )({
    id: "digits",
    role: "convert",
    tier: "medium",
    say: ["take its digits", "list the digits"],
    right: ["[...String({e})].map(Number)", (n) => String(n).split("").map(Number)],
    wrong: [["[...String({e})]", (n) => String(n).split("")]],
  }),
  define(
    "number",
    "list",
  )({
    id: "upToN",
    role: "convert",
    tier: "medium",
    say: ["list 1 to n", "count from 1 to n"],
    right: [
      "Array.from({ length: {e} }, (_, i) => i + 1)",
      (n) => Array.from({ length: n }, (_, i) => i + 1),
    ],
    wrong: [["Array.from({ length: {e} }, (_, i) => i)", (n) => Array.from({ length: n }, (_, i) => i)]],
  }),
];

export const all: ReadonlyArray<Operation> = [...texts, ...wordLists, ...numbers];
