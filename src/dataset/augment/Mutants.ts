/** Mutants: a program with one small change, which most often makes it fail: near misses of what passes. */
import type { Language } from "../../domain/Task.ts";
import type { Random } from "../../random/Random.ts";
import * as Syntax from "../../syntax/Syntax.ts";
import * as Sites from "./Sites.ts";

export interface Mutant extends Sites.Site {
  readonly program: string;
}

/**
 * Up to `count` mutants of a program, each of them one edit away, distinct, and parsed without an error; as many kinds
 * as there are come first, so that a program full of numbers is not mutated in its numbers alone. None of a program
 * that does not parse itself.
 */
export const mutants = (
  language: Language,
  source: string,
  random: Random,
  count: number,
): ReadonlyArray<Mutant> => {
  const { tree, error } = Syntax.parse(language, source);
  if (error !== null) return [];
  const byKind = new Map<Sites.Kind, Array<Sites.Site>>();
  for (const site of random.shuffle(Sites.all(language, tree, source))) {
    byKind.set(site.kind, [...(byKind.get(site.kind) ?? []), site]);
  }
  const queues = random.shuffle([...byKind.values()]);
  const seen = new Set([source]);
  const found: Array<Mutant> = [];
  for (let turn = 0; found.length < count && queues.some(({ length }) => length > turn); turn++) {
    for (const queue of queues) {
      const site = queue[turn];
      if (site === undefined || found.length >= count) continue;
      const program = Sites.apply(source, site);
      if (seen.has(program)) continue;
      seen.add(program);
      if (Syntax.parse(language, program).error === null) found.push({ ...site, program });
    }
  }
  return found;
};
