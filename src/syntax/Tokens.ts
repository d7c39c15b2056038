/** Programs as tokens, for Python, JavaScript and C++: all text but blanks is in one of them, also where it does not parse. */
import type { SyntaxNode, SyntaxNodeRef, Tree } from "@lezer/common";
import type { Language } from "../domain/Task.ts";
import * as Syntax from "./Syntax.ts";

export type TokenKind =
  /** A variable or function: what a binding in scope resolves. */
  | "name"
  /** A name that something else resolves: an attribute, a field, a type, a label. */
  | "property"
  | "keyword"
  | "number"
  /** A literal with its quotes; of one with interpolations, the pieces between its names. Also regular expressions. */
  | "string"
  | "operator"
  | "comment"
  /** A preprocessor line, its comments removed and its blanks made single. */
  | "directive"
  /** Python's: the end of a logical line, and where a block begins and ends. Their text is empty. */
  | "newline"
  | "indent"
  | "dedent";

export interface Token {
  readonly kind: TokenKind;
  /** As it is in the source; of a directive, tidied; "" of what is not written (an inserted ";" is ";"). */
  readonly text: string;
  readonly from: number;
  readonly to: number;
  /** Belongs to the same literal as the token before it: nothing may come between the two. */
  readonly glued?: true;
}

const spelledAt = (source: string, from: number): string | undefined =>
  /^(?:and|or|not)\b/.exec(source.slice(from, from + 4))?.[0];

const literals = new Set(["String", "RawString", "CharLiteral", "RegExp", "SystemLibString"]);
const interpolated = new Set(["FormatString", "TemplateString"]);
const comments = new Set(["Comment", "LineComment", "BlockComment", "Hashbang"]);
// C++ cannot tell `v(n)` with a value from a declaration of a function that takes a type n, and says TypeIdentifier.
const variables = new Set(["VariableName", "VariableDefinition", "Identifier", "TypeIdentifier"]);
const properties = new Set([
  "PropertyName",
  "PropertyDefinition",
  "PrivatePropertyName",
  "PrivatePropertyDefinition",
  "Label",
  "FieldIdentifier",
  "TypeName",
  "TypeDefinition",
  "NamespaceIdentifier",
  "StatementIdentifier",
  "LiteralSuffix",
  "MacroName",
]);

const wordLike = /^[\p{L}_$]/u;

const kindOf = (name: string, text: string): TokenKind => {
  if (variables.has(name)) return "name";
  if (properties.has(name)) return "property";
  if (name === "Number" || name === "BigInt") return "number";
  return wordLike.test(text) ? "keyword" : "operator";
};

/** What the grammars leave unnamed: operators for the most part; anything at all in text that does not parse. */
const unnamed =
  /[\p{L}_$][\p{L}\p{N}_$]*|\d[\p{L}\p{N}_.]*|>>>=|<=>|\.\.\.|->\*|<<=|>>=|>>>|\*\*=|\/\/=|===|!==|&&=|\|\|=|\?\?=|->|=>|::|:=|\+\+|--|&&|\|\||\?\?|\?\.|<<|>>|##|[-+*/%&|^=!<>@]=|\S/gu;

/** The text of a node of a name, which can have comments (and what does not parse) at its end, within. */
export const nameOf = (source: string, node: SyntaxNode): string =>
  source.slice(node.from, node.firstChild?.from ?? node.to).trimEnd();

const lastPart = (node: SyntaxNode): SyntaxNode | null => {
  let last = node.lastChild;
  while (last !== null && comments.has(last.name)) last = last.prevSibling;
  return last;
};

/** JavaScript's statements that end in a semicolon, written or inserted. */
const endsInSemicolon = new Set([
  "VariableDeclaration",
  "ExpressionStatement",
  "ReturnStatement",
  "ThrowStatement",
  "BreakStatement",
  "ContinueStatement",
  "DebuggerStatement",
  "DoStatement",
  "ImportDeclaration",
  "PropertyDeclaration",
]);
const declarations = new Set(["FunctionDeclaration", "ClassDeclaration", "VariableDeclaration"]);

const lacksSemicolon = (node: SyntaxNodeRef): boolean => {
  const exported = node.name === "ExportDeclaration";
  if (!exported && !endsInSemicolon.has(node.name)) return false;
  const last = lastPart(node.node)?.name ?? "";
  return last !== ";" && !(exported && declarations.has(last));
};

/** A preprocessor line without its comments, blanks outside quotes made single. */
const tidyDirective = (node: SyntaxNodeRef, source: string): string => {
  let text = "";
  let at = node.from;
  for (let child = node.node.firstChild; child !== null; child = child.nextSibling) {
    if (!comments.has(child.name)) continue;
    text += `${source.slice(at, child.from)} `;
    at = child.to;
  }
  text += source.slice(at, node.to);
  return text
    .replace(
      /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?:\\\r?\n|\s)+/g,
      (_, quoted: string | undefined) => quoted ?? " ",
    )
    .trim();
};

/** Tokens in order without Python's structure; all text but blanks is in one of them. */
const flat = (language: Language, tree: Tree, source: string): Array<Token> => {
  const out: Array<Token> = [];
  let at = 0;
  /** Up to where an interpolated literal goes that we are in, 0 outside. */
  let literalEnd = 0;
  let literalStart = 0;

  const gap = (to: number): void => {
    if (to <= at) return;
    const text = source.slice(at, to);
    if (literalEnd > 0) {
      out.push(
        at === literalStart
          ? { kind: "string", text, from: at, to }
          : { kind: "string", text, from: at, to, glued: true },
      );
    } else if (/\S/.test(text)) {
      for (const match of text.matchAll(unnamed)) {
        // A backslash before a line end joins two lines: no token.
        if (match[0] === "\\" && /^[\r\n]/.test(text.slice(match.index + 1, match.index + 2))) continue;
        const from = at + match.index;
        const found = match[0];
        const kind = wordLike.test(found) ? "name" : /^\d/.test(found) ? "number" : "operator";
        out.push({ kind, text: found, from, to: from + found.length });
      }
    }
    at = to;
  };

  const whole = (node: SyntaxNodeRef, kind: TokenKind, text: string): false => {
    gap(node.from);
    out.push({ kind, text, from: node.from, to: node.to });
    at = node.to;
    return false;
  };

  tree.iterate({
    enter: (node) => {
      if (node.to === node.from) return false;
      const { name } = node;
      if (literalEnd > 0) {
        if (!variables.has(name)) return true;
        gap(node.from);
        const text = nameOf(source, node.node);
        at = node.from + text.length;
        out.push({ kind: "name", text, from: node.from, to: at, glued: true });
        return true;
      }
      if (literals.has(name)) return whole(node, "string", source.slice(node.from, node.to));
      if (comments.has(name)) return whole(node, "comment", source.slice(node.from, node.to));
      if (name === "PreprocDirective") return whole(node, "directive", tidyDirective(node, source));
      if (interpolated.has(name)) {
        gap(node.from);
        literalStart = node.from;
        literalEnd = node.to;
        return true;
      }
      if (variables.has(name) || properties.has(name)) {
        const text = nameOf(source, node.node);
        gap(node.from);
        at = node.from + text.length;
        out.push({ kind: kindOf(name, text), text, from: node.from, to: at });
        return true;
      }
      if (node.node.firstChild !== null || node.type.isError || node.type.isTop) return true;
      const word = language === "cpp" ? spelledAt(source, node.from) : undefined;
      if (word !== undefined) {
        gap(node.from);
        at = node.from + word.length;
        out.push({ kind: "operator", text: word, from: node.from, to: at });
        return false;
      }
      const text = source.slice(node.from, node.to);
      return whole(node, kindOf(name, text), text);
    },
    leave: (node) => {
      if (
        literalEnd > 0 &&
        node.from === literalStart &&
        node.to === literalEnd &&
        interpolated.has(node.name)
      ) {
        gap(literalEnd);
        literalEnd = 0;
      } else if (language === "javascript" && literalEnd === 0 && lacksSemicolon(node)) {
        gap(node.to);
        out.push({ kind: "operator", text: ";", from: node.to, to: node.to });
      }
    },
  });
  gap(source.length);
  return out;
};

const columnAt = (source: string, at: number): number => {
  let start = at;
  while (start > 0 && source[start - 1] !== "\n" && source[start - 1] !== "\r") start--;
  let column = 0;
  for (let i = start; i < at; i++) column = source[i] === "\t" ? column + 8 - (column % 8) : column + 1;
  return column;
};

/** Adds line ends and blocks, as Python's own tokenizer finds them. */
const withBlocks = (tokens: ReadonlyArray<Token>, source: string): Array<Token> => {
  const out: Array<Token> = [];
  const levels = [0];
  const mark = (kind: "newline" | "indent" | "dedent", at: number): void => {
    out.push({ kind, text: "", from: at, to: at });
  };
  let brackets = 0;
  let end = 0;
  let broken = true;
  let any = false;
  for (const token of tokens) {
    const between = source.slice(end, token.from).replace(/\\(?:\r\n|\r|\n)/g, " ");
    if (/[\r\n]/.test(between)) broken = true;
    end = token.to;
    if (token.kind === "comment") {
      out.push(token);
      continue;
    }
    if (broken && brackets === 0 && token.glued !== true) {
      if (any) mark("newline", token.from);
      const column = columnAt(source, token.from);
      while (column < (levels.at(-1) ?? 0)) {
        levels.pop();
        mark("dedent", token.from);
      }
      if (column > (levels.at(-1) ?? 0)) {
        levels.push(column);
        mark("indent", token.from);
      }
    }
    broken = false;
    any = true;
    if (token.kind === "operator") {
      if (token.text === "(" || token.text === "[" || token.text === "{") brackets++;
      else if (token.text === ")" || token.text === "]" || token.text === "}")
        brackets = Math.max(0, brackets - 1);
    }
    out.push(token);
  }
  if (any) mark("newline", source.length);
  for (; levels.length > 1; levels.pop()) mark("dedent", source.length);
  return out;
};

/**
 * The tokens of a tree's source, in order. All text but blanks is in one of them, also where it does not parse.
 * JavaScript has a ";" (of no width) where one is inserted, Python its line ends and blocks.
 */
export const tokensOf = (language: Language, tree: Tree, source: string): ReadonlyArray<Token> => {
  const tokens = flat(language, tree, source);
  return language === "python" ? withBlocks(tokens, source) : tokens;
};

/** The tokens of any text, read as a program. */
export const tokens = (language: Language, source: string): ReadonlyArray<Token> =>
  tokensOf(language, Syntax.parse(language, source).tree, source);
