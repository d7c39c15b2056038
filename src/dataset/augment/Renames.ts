/**
 * The same program in other clothes: its own names renamed, its blanks set otherwise. New positives for a policy,
 * which say that names and spacing are not what is asked for.
 */
import type { Language, Task } from "../../domain/Task.ts";
import type { Random } from "../../random/Random.ts";
import * as Bindings from "../../syntax/Bindings.ts";
import * as Syntax from "../../syntax/Syntax.ts";

const LETTERS = "abcdefghijkmnpqrstuvwxyz".split("");
const WORDS = ["value", "item", "result", "current", "other", "part", "entry", "arg", "acc", "rest", "found"];

/** Names of a style in a seeded order, and then numbered: as many as it takes. */
const stock = (random: Random): ((taken: ReadonlySet<string>) => string) => {
  const style = random.shuffle(random.chance(0.5) ? LETTERS : WORDS);
  let number = 0;
  return (taken) => {
    for (;;) {
      const round = Math.floor(number / style.length);
      const name = `${style[number % style.length]}${round === 0 ? "" : round + 1}`;
      number += 1;
      if (!taken.has(name)) return name;
    }
  };
};

/** Names that a task's tests may say: they are not the program's own to change. */
export const kept = ({ entryPoint, tests }: Task): ReadonlyArray<string> => [
  entryPoint,
  ...(tests.kind === "assert"
    ? Array.from(`${tests.setup}\n${tests.asserts.join("\n")}`.matchAll(/[A-Za-z_]\w*/g), ([name]) => name)
    : []),
];

/** The program with all of its own names but `keep` renamed, or null where it has none, or does not parse. */
export const renamed = (
  language: Language,
  source: string,
  keep: ReadonlyArray<string>,
  random: Random,
): string | null => {
  const { tree, error } = Syntax.parse(language, source);
  if (error !== null) return null;
  const own = Bindings.own(language, tree, source, keep);
  const tokens = Syntax.tokensOf(language, tree, source);
  const taken = new Set(Array.from(source.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*/gu), ([name]) => name));
  const next = stock(random);
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
  const tokens = Syntax.tokensOf(language, tree, source).filter(({ from, to }) => to > from);
  let text = "";
  let at = 0;
  let before: Syntax.Token | undefined;
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
const isOpen = (gap: string, before: Syntax.Token, token: Syntax.Token): boolean =>
  /^[ \t]*$/.test(gap) &&
  token.glued !== true &&
  [before, token].every(({ kind }) => kind !== "comment" && kind !== "directive");

const blanks = (dense: boolean, gap: string, before: Syntax.Token, token: Syntax.Token): string => {
  // Python allows `]if`, but nobody writes it.
  if (dense && (before.kind === "keyword" || token.kind === "keyword")) return gap;
  if (dense) return grows(before.text.at(-1) ?? "", token.text[0] ?? "") ? " " : "";
  const binary = ({ kind, text }: Syntax.Token) => kind === "operator" && BINARY.test(text);
  return gap === "" && (binary(before) || binary(token) || before.text === ",") ? " " : gap;
};

const sameTokens = (language: Language, a: string, b: string): boolean => {
  const of = (source: string) => Syntax.tokens(language, source).map(({ kind, text }) => `${kind} ${text}`);
  const [left, right] = [of(a), of(b)];
  return left.length === right.length && left.every((token, i) => token === right[i]);
};

/** Up to `count` distinct versions of a program, renamed, reformatted or both. */
export const versions = (
  task: Task,
  source: string,
  random: Random,
  count: number,
): ReadonlyArray<{ readonly program: string; readonly how: string }> => {
  const keep = kept(task);
  const seen = new Set([source]);
  const found: Array<{ readonly program: string; readonly how: string }> = [];
  // Some draws repeat an earlier one; a program with little to change has few versions.
  for (let draw = 0; draw < 4 * count && found.length < count; draw++) {
    const own = random.split(draw);
    const name = draw % 3 === 2 ? null : renamed(task.language, source, keep, own);
    const shape = draw % 3 === 1 ? null : reformatted(task.language, name ?? source, own);
    const program = shape ?? name;
    if (program === null || seen.has(program)) continue;
    seen.add(program);
    const how = name === null ? "reformatted" : shape === null ? "renamed" : "renamed-reformatted";
    found.push({ program, how });
  }
  return found;
};
