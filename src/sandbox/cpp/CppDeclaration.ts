/**
 * The declaration at the end of C++ assert-style tests' `setup`: includes, helpers, and last the function that the tests
 * call, up to its brace or semicolon, as the prompts of HumanEvalPack are.
 */

export interface Declaration {
  /** `#include` lines. */
  readonly includes: ReadonlyArray<string>;
  /** `using namespace` lines. */
  readonly usings: ReadonlyArray<string>;
  /** Helpers and the function's head, without includes, comments, and the final brace or semicolon. */
  readonly head: string;
  readonly name: string;
  /** Names of the parameters. */
  readonly parameters: ReadonlyArray<string>;
}

const COMMENT_OR_LITERAL = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
const INCLUDE = /^[ \t]*#[ \t]*include\b.*$/gm;
const USING = /^[ \t]*using\s+namespace\s+[\w:]+\s*;/gm;

const withoutComments = (source: string): string =>
  source.replaceAll(COMMENT_OR_LITERAL, (found) => (found.startsWith("/") ? " " : found));

/** Undefined where the text does not end with a function's head, or a parameter has no name. */
export const parse = (setup: string): Declaration | undefined => {
  const source = withoutComments(setup).trimEnd();
  if (!/[{;]$/.test(source)) return undefined;
  const head = source.slice(0, -1).replaceAll(INCLUDE, "").trim();
  // Of the same length, with nothing in texts that could be taken for brackets and commas.
  const shape = head.replaceAll(COMMENT_OR_LITERAL, (literal) => "0".repeat(literal.length));
  const open = openingBracket(shape);
  const name = /(\w+)\s*$/.exec(shape.slice(0, Math.max(open, 0)))?.[1];
  if (name === undefined) return undefined;
  const parameters = topLevel(shape.slice(open + 1, -1)).map(parameterName);
  if (!parameters.every((parameter) => parameter !== undefined)) return undefined;
  return {
    includes: (source.match(INCLUDE) ?? []).map((line) => line.trim()),
    usings: source.match(USING) ?? [],
    head,
    name,
    parameters,
  };
};

/** Where the bracket opens that the text's last character closes; -1 where it closes none. */
const openingBracket = (text: string): number => {
  if (!text.endsWith(")")) return -1;
  let depth = 0;
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === ")") depth += 1;
    if (text[at] === "(" && --depth === 0) return at;
  }
  return -1;
};

/** What stands between the commas that are in no brackets of any kind. */
const topLevel = (list: string): ReadonlyArray<string> => {
  const parts = [""];
  let depth = 0;
  for (const character of list) {
    if ("(<[{".includes(character)) depth += 1;
    if (")>]}".includes(character)) depth -= 1;
    if (character === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts.length === 1 && parts[0]?.trim() === "" ? [] : parts;
};

/** The last word before a default value; a parameter that is one word alone is a type without a name. */
const parameterName = (parameter: string): string | undefined =>
  /[\s&*>](\w+)$/.exec(parameter.replace(/=.*$/s, "").trim())?.[1];
