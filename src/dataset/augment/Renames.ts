/**
 * The same program in other clothes: its own names renamed, its blanks set otherwise. New positives for a policy,
 * which say that names and spacing are not what is asked for.
 */
import type { Language, Task } from "../../domain/Task.ts";
import type { Random } from "../../random/Random.ts";
import * as Bindings from "../../syntax/Bindings.ts";
import * as Syntax from "../../syntax/Syntax.ts";
import * as Tokens from "../../syntax/Tokens.ts";

const LETTERS = "abcdefghijkmnpqrstuvwxyz".split("");
const WORDS = ["value", "item", "result", "current", "other", "part", "entry", "arg", "acc", "rest", "found"];

/** Names in a seeded order, those of `pool` first, and then numbered: as many as it takes. */
const stock = (random: Random, pool: ReadonlyArray<string>): ((taken: ReadonlySet<string>) => string) => {
  const names = [...random.shuffle(pool), ...random.shuffle(random.chance(0.5) ? LETTERS : WORDS)];
  let number = 0;
  return (taken) => {
    for (;;) {
      const round = Math.floor(number / names.length);
      const name = `${names[number % names.length]}${round === 0 ? "" : round + 1}`;
      number += 1;
      if (!taken.has(name)) return name;
    }
  };
};

/** The most frequent of the names that programs of a language give, at most 64. */
export const poolOf = (
  language: Language,
  programs: ReadonlyArray<{ readonly program: string; readonly keep: ReadonlyArray<string> }>,
): ReadonlyArray<string> => {
  const counts = new Map<string, number>();
  for (const { program, keep } of programs) {
    const { tree, error } = Syntax.parse(language, program);
    if (error !== null) continue;
    for (const name of Bindings.own(language, tree, program, keep)) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, 64)
    .map(([name]) => name);
};

/** Names that a task's tests may say: they are not the program's own to change. */
export const kept = ({ entryPoint, tests }: Task): ReadonlyArray<string> => [
  entryPoint,
  ...(tests.kind === "assert"
    ? Array.from(`${tests.setup}\n${tests.asserts.join("\n")}`.matchAll(/[A-Za-z_]\w*/g), ([name]) => name)
    : []),
];

/**
 * The program with all of its own names but `keep` renamed, to names of `pool` before others; null where it has none,
 * or does not parse.
 */
export const renamed = (
  language: Language,
  source: string,
  keep: ReadonlyArray<string>,
  random: Random,
  pool: ReadonlyArray<string> = [],
): string | null => {
  const { tree, error } = Syntax.parse(language, source);
  if (error !== null) return null;
  const own = Bindings.own(language, tree, source, keep);
  const tokens = Tokens.tokensOf(language, tree, source);
  const taken = new Set(Array.from(source.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*/gu), ([name]) => name));
  const next = stock(random, pool);
  const names = new Map<string, string>();
  let text = "";
  let at = 0;
  for (const token of tokens) {
    if (token.kind !== "name" || !own.has(token.text)) continue;
    let fresh = names.get(token.text);
    if (fresh === undefined) {
      fresh = next(taken);
      taken.add(fresh);
      names.set(token.text, fresh);
    }
    text += source.slice(at, token.from) + fresh;
    at = token.to;
  }
  if (names.size === 0) return null;
  text += source.slice(at);
  return Syntax.parse(language, text).error === null ? text : null;
};

/** Operators that stand between two operands and may have blanks round them. */
const BINARY = /^(?:[-+*/%]|\*\*|\/\/|[<>]=?|[!=]==?|=|[-+*/%]=|=>|&&|\|\||\?\?|->)$/;
const wordly = /[\p{L}\p{N}_$]/u;
/** Pairs of characters that would grow together to another token. */
const grows = (a: string, b: string): boolean =>
  (wordly.test(a) && wordly.test(b)) ||
  (/[-+*/%&|<>=!?.:^~@#"'`\\]/.test(a) && /[-+*/%&|<>=!?.:^~@#"'`\\]/.test(b)) ||
  (/\d/.test(a) && b === ".") ||
  (a === "." && /\d/.test(b));

/**
 * The program with other blanks within its lines: as few as there can be, or blanks round operators and after commas.
 * Line ends, indentation and whatever stands in strings and comments stay. Null where nothing changes.
 */
export const reformatted = (language: Language, source: string, random: Random): string | null => {
  const { tree, error } = Syntax.parse(language, source);
  if (error !== null) return null;
  const dense = random.chance(0.5);
  const tokens = Tokens.tokensOf(language, tree, source).filter(({ from, to }) => to > from);
  let text = "";
  let at = 0;
  let before: Tokens.Token | undefined;
  for (const token of tokens) {
    const gap = source.slice(at, token.from);
    text += before === undefined || !isOpen(gap, before, token) ? gap : blanks(dense, gap, before, token);
    text += source.slice(token.from, token.to);
    at = token.to;
    before = token;
  }
  text += source.slice(at);
  if (text === source) return null;
  return sameTokens(language, source, text) ? text : null;
};

/** Whether the blanks between two tokens are free: on one line, no part of a literal, a comment or a directive. */
const isOpen = (gap: string, before: Tokens.Token, token: Tokens.Token): boolean =>
  /^[ \t]*$/.test(gap) &&
  token.glued !== true &&
  [before, token].every(({ kind }) => kind !== "comment" && kind !== "directive");

const blanks = (dense: boolean, gap: string, before: Tokens.Token, token: Tokens.Token): string => {
  // Python allows `]if`, but nobody writes it.
  if (dense && (before.kind === "keyword" || token.kind === "keyword")) return gap;
  if (dense) return grows(before.text.at(-1) ?? "", token.text[0] ?? "") ? " " : "";
  const binary = ({ kind, text }: Tokens.Token) => kind === "operator" && BINARY.test(text);
  return gap === "" && (binary(before) || binary(token) || before.text === ",") ? " " : gap;
};

const sameTokens = (language: Language, a: string, b: string): boolean => {
  const of = (source: string) => Tokens.tokens(language, source).map(({ kind, text }) => `${kind} ${text}`);
  const [left, right] = [of(a), of(b)];
  return left.length === right.length && left.every((token, i) => token === right[i]);
};

/** Up to `count` distinct programs of as many draws as that may take: some repeat an earlier one. */
const distinct = (
  source: string,
  count: number,
  random: Random,
  draw: (random: Random) => string | null,
): ReadonlyArray<string> => {
  const found = new Set<string>();
  for (let i = 0; i < 4 * count && found.size < count; i++) {
    const program = draw(random.split(i));
    if (program !== null && program !== source) found.add(program);
  }
  return [...found];
};

/** Up to `count` programs that differ from `source` in their own names alone. */
export const renamings = (
  task: Task,
  source: string,
  random: Random,
  count: number,
  pool: ReadonlyArray<string> = [],
): ReadonlyArray<string> => {
  const keep = kept(task);
  return distinct(source, count, random, (own) => renamed(task.language, source, keep, own, pool));
};

/** Up to `count` programs, two at most, that differ from `source` in the blanks within its lines alone. */
export const reformattings = (
  task: Task,
  source: string,
  random: Random,
  count: number,
): ReadonlyArray<string> => distinct(source, count, random, (own) => reformatted(task.language, source, own));
