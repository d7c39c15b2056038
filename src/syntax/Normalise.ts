/**
 * A normal form of programs: equal for programs that differ only in comments, docstrings, spacing and the names of
 * their own variables, parameters and functions; different for programs that differ in anything else.
 *
 * - Python's lines and blocks stay. Strings that are statements (docstrings) are dropped where another statement
 *   follows, unless the program reads `__doc__`.
 * - JavaScript's inserted semicolons are written out.
 * - C++'s preprocessor lines stay lines.
 * - Quotes, parentheses and the order of statements are not touched: those are differences.
 * - A program that does not parse is its own normal form, but for C++, where macros without semicolons do not parse:
 *   there comments and spacing go and names stay.
 */
import type { SyntaxNode, Tree } from "@lezer/common";
import type { Language } from "../domain/Task.ts";
import * as Bindings from "./Bindings.ts";
import * as Syntax from "./Syntax.ts";
import * as Tokens from "./Tokens.ts";

export interface Options {
  /** Names that are not changed though the program binds them: its entry point. */
  readonly keep?: ReadonlyArray<string>;
}

const plainString = (node: SyntaxNode): boolean => {
  if (node.name === "String") return true;
  if (node.name !== "ContinuedString") return false;
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== "String" && child.name !== "Comment") return false;
  }
  return true;
};

const nextStatement = (node: SyntaxNode): SyntaxNode | null => {
  let next = node.nextSibling;
  while (next !== null && next.name === "Comment") next = next.nextSibling;
  return next;
};

/** Where Python's strings as statements begin. */
const docstrings = (tree: Tree): ReadonlySet<number> => {
  const found = new Set<number>();
  tree.iterate({
    enter: (ref) => {
      if (ref.name !== "ExpressionStatement") return;
      const node = ref.node;
      const only = node.firstChild;
      if (only === null || !plainString(only) || only.nextSibling !== null) return;
      const parent = node.parent?.name;
      if ((parent === "Body" || parent === "Script") && nextStatement(node) !== null) found.add(node.from);
    },
  });
  return found;
};

/** The tokens that count, own names replaced by v0, v1, … in the order of their first use. */
const significant = (
  language: Language,
  source: string,
  { tree, error }: Syntax.Parsed,
  keep: ReadonlyArray<string>,
): ReadonlyArray<Tokens.Token> => {
  const tokens = Tokens.tokensOf(language, tree, source);
  const own = error === null ? Bindings.own(language, tree, source, keep) : new Set<string>();
  const dropped =
    language === "python" && error === null && !source.includes("__doc__")
      ? docstrings(tree)
      : new Set<number>();
  const taken = new Set(
    tokens
      .filter(({ kind, text }) => kind !== "string" && /^v\d+$/.test(text) && !own.has(text))
      .map(({ text }) => text),
  );
  const names = new Map<string, string>();
  let number = 0;
  const rename = (name: string): string => {
    const known = names.get(name);
    if (known !== undefined) return known;
    while (taken.has(`v${number}`)) number++;
    const fresh = `v${number++}`;
    names.set(name, fresh);
    return fresh;
  };
  const out: Array<Tokens.Token> = [];
  let dropping = false;
  for (const token of tokens) {
    if (token.kind === "comment") continue;
    if (dropping) {
      // The line end of a dropped statement goes with it, and blocks that end before the next one stay.
      if (token.kind === "newline") dropping = false;
      continue;
    }
    if (token.kind === "string" && dropped.has(token.from)) {
      dropping = true;
      continue;
    }
    out.push(token.kind === "name" && own.has(token.text) ? { ...token, text: rename(token.text) } : token);
  }
  return out;
};

/** One line a logical line (Python) or directive (C++), one blank between tokens. */
const write = (tokens: ReadonlyArray<Tokens.Token>): string => {
  const parts: Array<string> = [];
  let depth = 0;
  let atStart = true;
  const endLine = (): void => {
    if (!atStart) parts.push("\n");
    atStart = true;
  };
  for (const token of tokens) {
    if (token.kind === "newline") endLine();
    else if (token.kind === "indent") depth++;
    else if (token.kind === "dedent") depth--;
    else if (token.kind === "directive") {
      endLine();
      parts.push(token.text, "\n");
    } else {
      if (atStart) parts.push(" ".repeat(depth));
      else if (token.glued !== true) parts.push(" ");
      parts.push(token.text);
      atStart = false;
    }
  }
  endLine();
  return parts.join("");
};

/** The normal form of a program. Normalising it again changes nothing. Linear in its length; never throws. */
export const program = (language: Language, source: string, options: Options = {}): string => {
  const keep = options.keep ?? [];
  const form = (text: string, parsed: Syntax.Parsed): string =>
    write(significant(language, text, parsed, keep));
  // To Python a byte order mark is no blank but an error, which Lezer reads over.
  if (language === "python" && source.includes("\ufeff")) return source;
  const parsed = Syntax.parse(language, source);
  if (parsed.error === null) return form(source, parsed);
  if (language !== "cpp") return source;
  // How a broken text falls into tokens can depend on its blanks: only what reads back as itself is a normal form.
  const once = form(source, parsed);
  return form(once, Syntax.parse(language, once)) === once ? once : source;
};

/**
 * The tokens of a normal form, as text: for shingles and n-grams. Of a program that does not parse, its tokens
 * without comments. Python's line ends are left out; its blocks begin with "⇥" and end with "⇤".
 */
export const tokens = (language: Language, source: string, options: Options = {}): ReadonlyArray<string> =>
  significant(language, source, Syntax.parse(language, source), options.keep ?? []).flatMap(
    ({ kind, text }) =>
      kind === "newline" ? [] : kind === "indent" ? ["⇥"] : kind === "dedent" ? ["⇤"] : [text],
  );
