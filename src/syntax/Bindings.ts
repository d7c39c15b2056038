/**
 * The names that a program binds itself and that can be renamed, everywhere at once, without changing what it does:
 * variables, parameters and functions.
 *
 * The rule errs towards "no": a name is not renamed where any of its uses could mean something else. Not renamed are
 * names of the language and its library, imported and exported ones, classes and what is in them, keyword arguments,
 * names in preprocessor lines, and everything in a program that looks at its own names (`locals()`, `eval`).
 */
import type { SyntaxNode, SyntaxNodeRef, Tree } from "@lezer/common";
import type { Language } from "../domain/Task.ts";
import * as Builtins from "./Builtins.ts";
import * as Tokens from "./Tokens.ts";

interface Found {
  readonly bound: Set<string>;
  readonly barred: Set<string>;
}

/** A program that mentions one of these can see the names of its variables. */
const reflective: Readonly<Record<Language, ReadonlySet<string>>> = {
  python: new Set([
    "locals",
    "globals",
    "vars",
    "eval",
    "exec",
    "execfile",
    "dir",
    "compile",
    "__dict__",
    "__import__",
  ]),
  javascript: new Set(["eval", "Function", "with", "global", "globalThis", "window"]),
  cpp: new Set(),
};

type Visit = (
  node: SyntaxNodeRef,
  text: (node: SyntaxNode) => string,
  found: Found,
  scopes: ReadonlyArray<string>,
) => void;

function* children(node: SyntaxNode): Generator<SyntaxNode> {
  for (let child = node.firstChild; child !== null; child = child.nextSibling) yield child;
}

/** Names in a target of Python: `x`, `(x, [y, *z])`, but not `x.y` and `x[0]`. */
function* pythonTargets(node: SyntaxNode): Generator<SyntaxNode> {
  if (node.name === "VariableName") yield node;
  else if (/^(?:Tuple|Array|Parenthesized)Expression$/.test(node.name)) {
    for (const child of children(node)) yield* pythonTargets(child);
  }
}

const python: Visit = (ref, text, { bound, barred }, scopes) => {
  const node = ref.node;
  // Names bound in a class body are attributes.
  const bind = (target: SyntaxNode): void => {
    (scopes.at(-1) === "ClassDefinition" ? barred : bound).add(text(target));
  };
  switch (ref.name) {
    case "FunctionDefinition":
      for (const child of children(node)) if (child.name === "VariableName") bind(child);
      return;
    case "ClassDefinition":
      for (const child of children(node)) if (child.name === "VariableName") barred.add(text(child));
      return;
    case "ParamList":
      for (const child of children(node)) {
        // What follows "=" is a default. The parameters of a method are bound in it, not in its class.
        if (child.name === "VariableName" && child.prevSibling?.name !== "AssignOp") bound.add(text(child));
      }
      return;
    case "AssignStatement": {
      let targets: Array<SyntaxNode> = [];
      for (const child of children(node)) {
        if (child.name === "AssignOp" || child.name === "TypeDef") {
          for (const target of targets) for (const name of pythonTargets(target)) bind(name);
          targets = [];
        } else targets.push(child);
      }
      return;
    }
    case "UpdateStatement":
    case "NamedExpression":
      for (const child of children(node)) {
        if (child.name === "UpdateOp" || child.name === "AssignOp") return;
        for (const name of pythonTargets(child)) bind(name);
      }
      return;
    case "ForStatement":
    case "ComprehensionExpression":
    case "ArrayComprehensionExpression":
    case "DictionaryComprehensionExpression":
    case "SetComprehensionExpression":
    case "ArgList": {
      // A generator may stand in an argument list without brackets of its own.
      let inTargets = false;
      for (const child of children(node)) {
        if (child.name === "for") inTargets = true;
        else if (child.name === "in") inTargets = false;
        else if (inTargets) for (const name of pythonTargets(child)) bind(name);
        if (
          ref.name === "ArgList" &&
          child.name === "VariableName" &&
          child.nextSibling?.name === "AssignOp"
        ) {
          barred.add(text(child));
        }
      }
      return;
    }
    case "WithStatement":
    case "TryStatement":
      for (const child of children(node)) {
        if (child.name === "VariableName" && child.prevSibling?.name === "as") bind(child);
      }
      return;
    case "AsPattern":
    case "CapturePattern":
      if (node.lastChild?.name === "VariableName") bind(node.lastChild);
      return;
    case "KeywordPattern":
      if (node.firstChild !== null) barred.add(text(node.firstChild));
      return;
    case "TypeParam":
    case "TypeDefinition":
    case "ImportStatement":
      for (const child of children(node)) {
        if (child.name === "VariableName") barred.add(text(child));
        // `from m import *` may bind anything: nothing is safe.
        if (child.name === "*") barred.add("*");
      }
      return;
    case "FormatReplacement":
      // f"{x=}" prints the name.
      if (node.getChild("FormatSelfDoc") !== null) {
        node.cursor().iterate((inner) => {
          if (inner.name === "VariableName") barred.add(text(inner.node));
          return inner.to <= node.to;
        });
      }
      return;
    default:
  }
};

const javascript: Visit = (ref, text, { bound, barred }, scopes) => {
  if (ref.name === "VariableDefinition") {
    const scope = scopes.at(-1);
    (scope === "ImportDeclaration" || scope === "ExportDeclaration" ? barred : bound).add(text(ref.node));
  } else if (ref.name === "ClassDeclaration" || ref.name === "ClassExpression") {
    const name = ref.node.getChild("VariableDefinition");
    if (name !== null) barred.add(text(name));
  } else if (ref.name === "Property") {
    // { a } reads the variable a into the property a.
    const only = ref.node.firstChild;
    if (only !== null && only.name === "PropertyDefinition" && only.nextSibling === null)
      barred.add(text(only));
  } else if (ref.name === "PatternProperty") {
    const first = ref.node.firstChild;
    if (first?.name === "VariableDefinition" || first?.name === "VariableName") barred.add(text(first));
  } else if (ref.name === "ExportGroup") {
    for (const child of children(ref.node)) barred.add(text(child));
  }
};

const types = /Type|Specifier$|^(?:auto|const|volatile|static|register)$/;

/** The name in a declarator of C++: `x`, `*x`, `&x`, `x[3]`. */
const cppName = (node: SyntaxNode): SyntaxNode | undefined => {
  let at: SyntaxNode | null = node;
  while (at !== null && at.name !== "Identifier") {
    if (!/^(?:Init|Pointer|Reference|Array|Parenthesized|Function)Declarator$/.test(at.name))
      return undefined;
    const inner: SyntaxNode | null = at.firstChild;
    at = inner;
  }
  return at ?? undefined;
};

const declaresType =
  /^(?:Struct|Class|Union|Enum)Specifier$|^(?:TypeDefinition|AliasDeclaration)$|TypeParameterDeclaration$/;

const cpp: Visit = (ref, text, { bound, barred }, scopes) => {
  const node = ref.node;
  const bind = (declarator: SyntaxNode): void => {
    const name = cppName(declarator);
    // In a class without a type before it: a constructor.
    if (name !== undefined) {
      (scopes.at(-1) === "FieldDeclarationList" && declarator.name === "FunctionDeclarator"
        ? barred
        : bound
      ).add(text(name));
    }
  };
  switch (ref.name) {
    case "Declaration":
    case "FunctionDefinition":
    case "ParameterDeclaration":
    case "OptionalParameterDeclaration":
    case "ConditionDeclaration":
      for (const child of children(node)) {
        bind(child);
        // A default value may be a name, too.
        if (ref.name !== "Declaration" && cppName(child) !== undefined) return;
      }
      return;
    case "ForRangeLoop":
      for (const child of children(node)) {
        if (child.name === "(" || types.test(child.name)) continue;
        if (cppName(child) === undefined && child.name !== "StructuredBindingDeclarator") continue;
        bind(child);
        return;
      }
      return;
    case "StructuredBindingDeclarator":
      for (const child of children(node)) if (child.name === "Identifier") bound.add(text(child));
      return;
    case "FieldIdentifier":
      // Methods use the fields of their class without "this->".
      if (node.parent?.name !== "FieldExpression") barred.add(text(node));
      return;
    case "TypeIdentifier":
      if (declaresType.test(node.parent?.name ?? "")) barred.add(text(node));
      return;
    case "NamespaceIdentifier":
    case "StatementIdentifier":
    case "MacroName":
      barred.add(text(node));
      return;
    case "PreprocDirective":
      for (const match of text(node).matchAll(/[A-Za-z_]\w*/g)) barred.add(match[0]);
      return;
    default:
  }
};

const visits: Readonly<Record<Language, Visit>> = { python, javascript, cpp };

const scopeNodes = new Set([
  "FunctionDefinition",
  "ClassDefinition",
  "LambdaExpression",
  "ImportDeclaration",
  "ExportDeclaration",
  "Block",
  "FieldDeclarationList",
  "CompoundStatement",
]);

/** The names that can be renamed. `keep`: names that others call the program by, its entry point. */
export const own = (
  language: Language,
  tree: Tree,
  source: string,
  keep: ReadonlyArray<string> = [],
): ReadonlySet<string> => {
  const found: Found = { bound: new Set(), barred: new Set(keep) };
  const text = (node: SyntaxNode): string =>
    node.name === "PreprocDirective" ? source.slice(node.from, node.to) : Tokens.nameOf(source, node);
  const scopes: Array<string> = [];
  const visit = visits[language];
  let sees = false;
  tree.iterate({
    enter: (node) => {
      if (node.to - node.from <= 12 && reflective[language].has(source.slice(node.from, node.to)))
        sees = true;
      visit(node, text, found, scopes);
      if (scopeNodes.has(node.name)) scopes.push(node.name);
    },
    leave: (node) => {
      if (scopeNodes.has(node.name)) scopes.pop();
    },
  });
  if (sees || found.barred.has("*")) return new Set();
  return new Set([...found.bound].filter((name) => !found.barred.has(name) && !Builtins.has(language, name)));
};
