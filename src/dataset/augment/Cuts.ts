/**
 * Cuts: what a program is worth without its end, or without its beginning.
 *
 * A body of several statements is cut between two of them, a chain of calls (`xs.filter(…).map(…)`) between two links.
 * What is left is a program that parses, and is run like any other: its share of passed tests is its partial credit.
 */
import type { SyntaxNode } from "@lezer/common";
import type { Language } from "../../domain/Task.ts";
import type { Random } from "../../random/Random.ts";
import * as Syntax from "../../syntax/Syntax.ts";

export interface Cut {
  readonly kind: "prefix" | "suffix";
  readonly program: string;
}

const bodies = new Set(["Block", "CompoundStatement", "Body"]);
const members = new Set(["MemberExpression", "FieldExpression"]);

const statementsOf = (node: SyntaxNode): ReadonlyArray<SyntaxNode> => {
  const found: Array<SyntaxNode> = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== "{" && child.name !== "}" && child.name !== ":" && !child.name.includes("Comment")) {
      found.push(child);
    }
  }
  return found;
};

/** The calls of a chain from its first to its last, each the node that ends with it. */
const chainOf = (node: SyntaxNode): ReadonlyArray<SyntaxNode> => {
  const callee = node.firstChild;
  if (node.name !== "CallExpression" || callee === null || !members.has(callee.name)) return [];
  const receiver = callee.firstChild;
  return receiver === null ? [node] : [...chainOf(receiver), node];
};

/** Every cut of a program that parses. */
const all = (language: Language, source: string): ReadonlyArray<Cut> => {
  const { tree, error } = Syntax.parse(language, source);
  if (error !== null) return [];
  const found: Array<Cut> = [];
  const without = (kind: Cut["kind"], from: number, to: number): void => {
    if (to > from) found.push({ kind, program: source.slice(0, from) + source.slice(to) });
  };
  const visit = (node: SyntaxNode, inChain: boolean): void => {
    if (bodies.has(node.name)) {
      const statements = statementsOf(node);
      const [first, last] = [statements[0], statements.at(-1)];
      for (const [i, statement] of statements.entries()) {
        const next = statements[i + 1];
        if (next === undefined || first === undefined || last === undefined) continue;
        without("prefix", statement.to, last.to);
        without("suffix", first.from, next.from);
      }
    }
    const chain = inChain ? [] : chainOf(node);
    const root = chain[0]?.firstChild?.firstChild;
    const last = chain.at(-1);
    if (chain.length > 1 && root !== undefined && root !== null && last !== undefined) {
      for (const link of chain.slice(0, -1)) {
        without("prefix", link.to, last.to);
        without("suffix", root.to, link.to);
      }
    }
    for (let child = node.firstChild; child !== null; child = child.nextSibling) {
      visit(child, chain.length > 0 || (inChain && members.has(node.name)));
    }
  };
  visit(tree.topNode, false);
  return found;
};

/** Up to `count` distinct cuts that parse. */
export const cuts = (
  language: Language,
  source: string,
  random: Random,
  count: number,
): ReadonlyArray<Cut> => {
  const seen = new Set([source]);
  const found: Array<Cut> = [];
  for (const cut of random.shuffle(all(language, source))) {
    if (found.length >= count) break;
    if (seen.has(cut.program) || Syntax.parse(language, cut.program).error !== null) continue;
    seen.add(cut.program);
    found.push(cut);
  }
  return found;
};
