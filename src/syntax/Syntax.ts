/**
 * Programs as syntax trees, for Python, JavaScript and C++.
 *
 * Lezer's grammars read any text: what does not parse is in the tree as an error node, nothing throws, and the time
 * is linear in the length (deep nesting is cut by the parser). Programs are looked at, never evaluated.
 */
import { Tree } from "@lezer/common";
import { parser as cpp } from "@lezer/cpp";
import { parser as javascript } from "@lezer/javascript";
import type { LRParser } from "@lezer/lr";
import { parser as python } from "@lezer/python";
import type { Language } from "../domain/Task.ts";

/** Where something is: offset in UTF-16 units, line and column from 1. */
export interface Place {
  readonly at: number;
  readonly line: number;
  readonly column: number;
}

export interface Parsed {
  readonly tree: Tree;
  /** The first place where the text stops being the language, null where all of it parses. */
  readonly error: Place | null;
}

const parsers: Readonly<Record<Language, LRParser>> = { python, javascript, cpp };

const placeOf = (source: string, at: number): Place => {
  let line = 1;
  let start = 0;
  for (let next = source.indexOf("\n"); next >= 0 && next < at; next = source.indexOf("\n", next + 1)) {
    line++;
    start = next + 1;
  }
  return { at, line, column: at - start + 1 };
};

/** A regular expression with its end; the grammar of JavaScript takes one without, up to the end of the line. */
const closed = /^\/(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*$/u;

/** C++ may spell operators as words, which the grammar does not know; its offsets must stay. */
const spelled = /\b(?:and|or|not)\b/g;
const signs: Readonly<Record<string, string>> = { and: "&& ", or: "||", not: "!  " };

/** Python's floats without digits after the point, which the grammar does not know: "1." is read as "10". */
const bareFloat = /(?<![\w.])(\d[\d_]*)\.(?![\w.])/g;

const readable: Readonly<Record<Language, (source: string) => string>> = {
  python: (source) => source.replace(bareFloat, (_, digits: string) => `${digits}0`),
  javascript: (source) => source,
  cpp: (source) => source.replace(spelled, (word) => signs[word] ?? word),
};

const treeOf = (language: Language, source: string): Tree => {
  const text = readable[language](source);
  try {
    return parsers[language].parse(text);
  } catch (error) {
    // Lezer recurses over small deep trees: thousands of brackets in a row can need more stack than there is.
    if (error instanceof RangeError) return Tree.empty;
    throw error;
  }
};

/** The tree of a program, whatever the text. */
export const parse = (language: Language, source: string): Parsed => {
  const tree = treeOf(language, source);
  if (tree.length === 0 && source.length > 0) return { tree, error: placeOf(source, 0) };
  let first = -1;
  tree.iterate({
    enter: (node) => {
      if (
        first < 0 &&
        (node.type.isError || (node.name === "RegExp" && !closed.test(source.slice(node.from, node.to))))
      ) {
        first = node.from;
      }
      return first < 0;
    },
  });
  return { tree, error: first < 0 ? null : placeOf(source, first) };
};
