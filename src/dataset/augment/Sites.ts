/**
 * Where a program can be mutated: every single change of a few kinds, each as one edit of the text.
 *
 * The kinds are those of mutation testing (DeMillo, Lipton and Sayward 1978), as few as make mistakes that people and
 * models make: an operator, a constant, a boundary, a condition, a call, an index that is off by one.
 */
import type { SyntaxNode, Tree } from "@lezer/common";
import type { Language } from "../../domain/Task.ts";

export const kinds = ["operator", "constant", "boundary", "condition", "call", "off-by-one"] as const;
export type Kind = (typeof kinds)[number];

/** One change: `text` in place of the characters from `from` to `to`. */
export interface Site {
  readonly kind: Kind;
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

const BOUNDARIES: Readonly<Record<string, string>> = { "<": "<=", "<=": "<", ">": ">=", ">=": ">" };

/** What else an operator may become; those that stand alone before an operand are dropped. */
const OPERATORS: Readonly<Record<string, ReadonlyArray<string>>> = {
  "+": ["-"],
  "-": ["+"],
  "*": ["+"],
  "/": ["*"],
  "//": ["*", "/"],
  "%": ["*", "/"],
  "**": ["*"],
  "++": ["--"],
  "--": ["++"],
  "+=": ["-="],
  "-=": ["+="],
  "*=": ["+="],
  "/=": ["*="],
  "//=": ["*="],
  "%=": ["*="],
  "<": [">"],
  "<=": [">="],
  ">": ["<"],
  ">=": ["<="],
  "==": ["!="],
  "!=": ["=="],
  "===": ["!=="],
  "!==": ["==="],
  "&&": ["||"],
  "||": ["&&"],
  and: ["or"],
  or: ["and"],
  "&": ["|"],
  "|": ["&"],
  "^": ["&"],
  "<<": [">>"],
  ">>": ["<<"],
};

/** Names that are taken for each other. */
const CONFUSED: Readonly<Record<Language, ReadonlyArray<readonly [string, string]>>> = {
  javascript: [
    ["min", "max"],
    ["floor", "ceil"],
    ["toUpperCase", "toLowerCase"],
    ["some", "every"],
    ["indexOf", "lastIndexOf"],
    ["push", "unshift"],
    ["pop", "shift"],
    ["startsWith", "endsWith"],
    ["trimStart", "trimEnd"],
    ["padStart", "padEnd"],
    ["find", "findLast"],
    ["slice", "splice"],
    ["map", "filter"],
  ],
  python: [
    ["min", "max"],
    ["any", "all"],
    ["upper", "lower"],
    ["isupper", "islower"],
    ["isdigit", "isalpha"],
    ["startswith", "endswith"],
    ["lstrip", "rstrip"],
    ["find", "rfind"],
    ["index", "rindex"],
    ["ljust", "rjust"],
    ["floor", "ceil"],
    ["union", "intersection"],
    ["keys", "values"],
    ["append", "extend"],
    ["sum", "len"],
    ["sorted", "reversed"],
  ],
  cpp: [
    ["min", "max"],
    ["floor", "ceil"],
    ["front", "back"],
    ["begin", "rbegin"],
    ["isupper", "islower"],
    ["toupper", "tolower"],
    ["push_back", "push_front"],
    ["lower_bound", "upper_bound"],
    ["min_element", "max_element"],
    ["find_first_of", "find_last_of"],
  ],
};

const operatorNodes = new Set(["ArithOp", "CompareOp", "LogicOp", "BitOp", "UpdateOp", "and", "or"]);
/** What an operator between two operands, or of an update, stands in. */
const operations = new Set([
  "BinaryExpression",
  "AssignmentExpression",
  "PostfixExpression",
  "UpdateExpression",
  "UpdateStatement",
]);
const callNodes = new Set(["CallExpression"]);
const argumentNodes = new Set(["ArgList", "ArgumentList"]);
const receiverNodes = new Set(["MemberExpression", "FieldExpression"]);
const subscriptNodes = new Set(["MemberExpression", "SubscriptExpression"]);
/** What needs no parentheses wherever it is put. */
const atoms = new Set([
  "VariableName",
  "Identifier",
  "Number",
  "String",
  "CallExpression",
  "MemberExpression",
  "FieldExpression",
  "SubscriptExpression",
  "ArrayExpression",
  "ParenthesizedExpression",
]);
/** Calls whose numbers are positions. */
const positional = new Set(["range", "slice", "substring", "substr", "splice", "at", "resize", "charAt"]);

const children = (node: SyntaxNode): ReadonlyArray<SyntaxNode> => {
  const found: Array<SyntaxNode> = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) found.push(child);
  return found;
};

/** Arguments of a call, or null where one is more than an expression (a name, a spread). */
const argumentsOf = (list: SyntaxNode): ReadonlyArray<SyntaxNode> | null => {
  const inner = children(list).filter(({ name }) => name !== "(" && name !== ")" && name !== ",");
  return inner.some(({ name }) => ["AssignOp", "Spread", "for", "*", "**", "ArithOp"].includes(name))
    ? null
    : inner;
};

/** Every site of a parsed program, in the order of the text. */
export const all = (language: Language, tree: Tree, source: string): ReadonlyArray<Site> => {
  const sites: Array<Site> = [];
  const text = ({ from, to }: SyntaxNode): string => source.slice(from, to);
  const add = (
    kind: Kind,
    { from, to }: { readonly from: number; readonly to: number },
    by: string,
  ): void => {
    if (source.slice(from, to) !== by) sites.push({ kind, from, to, text: by });
  };
  const whole = (node: SyntaxNode): string => (atoms.has(node.name) ? text(node) : `(${text(node)})`);
  const shifted = (node: SyntaxNode): void => {
    for (const by of ["+ 1", "- 1"]) add("off-by-one", node, `${whole(node)} ${by}`);
  };
  const negated = (node: SyntaxNode): void =>
    add("condition", node, language === "python" ? `not (${text(node)})` : `!(${text(node)})`);

  const operator = (node: SyntaxNode): void => {
    const what = text(node);
    const within = node.parent?.name ?? "";
    if (within === "UnaryExpression" && (what === "-" || what === "!")) add("operator", node, "");
    if (!operations.has(within)) return;
    const boundary = BOUNDARIES[what];
    if (boundary !== undefined) add("boundary", node, boundary);
    for (const by of OPERATORS[what] ?? []) {
      if (language !== "python" && by === "/" && what === "//") continue;
      add("operator", node, by);
    }
  };

  const isPosition = (node: SyntaxNode): boolean => {
    const { parent } = node;
    if (parent === null) return false;
    if (subscriptNodes.has(parent.name)) return node.prevSibling?.name === "[";
    if (!argumentNodes.has(parent.name)) return false;
    const callee = parent.prevSibling;
    const name = callee === null ? "" : text(callee.lastChild ?? callee);
    return positional.has(name);
  };

  const number = (node: SyntaxNode): void => {
    const value = text(node);
    if (!/^\d{1,15}$/.test(value)) return;
    const kind = isPosition(node) ? "off-by-one" : "constant";
    add(kind, node, String(Number(value) + 1));
    if (Number(value) > 0) add(kind, node, String(Number(value) - 1));
  };

  const string = (node: SyntaxNode): void => {
    // A docstring is no constant of the program.
    if (node.parent?.name === "ExpressionStatement") return;
    const match = /^(["'])(.*)\1$/s.exec(text(node));
    if (match === null || match[2].startsWith(match[1])) return;
    add("constant", node, match[2] === "" ? `${match[1]} ${match[1]}` : `${match[1]}${match[1]}`);
  };

  const truth = (node: SyntaxNode): void => {
    const other: Readonly<Record<string, string>> = {
      true: "false",
      false: "true",
      True: "False",
      False: "True",
    };
    const by = other[text(node)];
    if (by !== undefined) add("constant", node, by);
  };

  const call = (node: SyntaxNode): void => {
    const callee = node.firstChild;
    const list = node.lastChild;
    if (callee === null || list === null || !argumentNodes.has(list.name)) return;
    const given = argumentsOf(list);
    const receiver = receiverNodes.has(callee.name) ? callee.firstChild : null;
    const named = callee.lastChild ?? callee;
    const isName = named.to === callee.to && /^[A-Za-z_]\w*$/.test(text(named));
    // Dropped: what it is called on, or its only argument, is left.
    if (receiver !== null && callee.lastChild !== receiver && text(receiver) !== "Math") {
      add("call", node, text(receiver));
    } else if (given !== null && given.length === 1 && given[0] !== undefined) {
      add("call", node, whole(given[0]));
    }
    const [first, second] = given ?? [];
    if (given?.length === 2 && first !== undefined && second !== undefined && first.to <= second.from) {
      const between = source.slice(first.to, second.from);
      add("call", { from: first.from, to: second.to }, `${text(second)}${between}${text(first)}`);
    }
    if (isName) {
      for (const [a, b] of CONFUSED[language]) {
        if (text(named) === a) add("call", named, b);
        if (text(named) === b) add("call", named, a);
      }
      if (text(named) === "range") {
        const last = given?.at(-1);
        if (last !== undefined && last.name !== "Number") shifted(last);
      }
    }
  };

  const subscript = (node: SyntaxNode): void => {
    for (const child of children(node)) {
      const before = child.prevSibling?.name;
      const after = child.nextSibling?.name;
      if (before !== "[" && before !== ":") continue;
      if (after !== "]" && after !== ":") continue;
      if (child.name === "Number" || child.name === "String" || child.name === ":" || child.name === "]")
        continue;
      shifted(child);
    }
  };

  const conditional = (node: SyntaxNode): void => {
    for (const child of children(node)) {
      if (child.name === "ParenthesizedExpression" || child.name === "ConditionClause") {
        const inner = children(child).find(({ name }) => name !== "(" && name !== ")");
        if (inner !== undefined) negated(inner);
      } else if (child.prevSibling?.name === "if" || child.prevSibling?.name === "elif") {
        if (language === "python") negated(child);
      }
    }
  };

  const visit = (node: SyntaxNode): void => {
    const { name } = node;
    if (operatorNodes.has(name)) operator(node);
    else if (name === "Number") number(node);
    else if (name === "String") string(node);
    else if (name === "BooleanLiteral" || name === "Boolean" || name === "True" || name === "False")
      truth(node);
    else if (callNodes.has(name)) call(node);
    else if (name === "IfStatement" || name.endsWith("ComprehensionExpression")) conditional(node);
    else if (name === "ConditionalExpression") {
      const condition =
        language === "python" ? children(node).find((c) => c.prevSibling?.name === "if") : node.firstChild;
      if (condition !== null && condition !== undefined) negated(condition);
    }
    if (subscriptNodes.has(name)) subscript(node);
    for (const child of children(node)) visit(child);
  };
  visit(tree.topNode);
  return sites.sort((a, b) => a.from - b.from || a.to - b.to || (a.text < b.text ? -1 : 1));
};

/** The program with one change. */
export const apply = (source: string, { from, to, text }: Site): string =>
  `${source.slice(0, from)}${text}${source.slice(to)}`;
