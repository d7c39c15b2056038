/** Problems and programs in a strategy's order, or in that of several together. Pure. */
import type { Random } from "../../random/Random.ts";
import { type Key, type Name, type Problem, type Program, type Settings, strategies } from "./Strategy.ts";

export interface Part {
  readonly strategy: Name;
  readonly weight: number;
}

/** Higher first, number by number. */
const compare = (a: Key, b: Key): number => {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at === -1 ? 0 : b[at] - a[at];
};

/** Place of each key among all, from 0 (best) to 1; equal keys share the middle of theirs. */
const places = (keys: ReadonlyArray<Key>): ReadonlyArray<number> => {
  const order = keys.map((_, i) => i).sort((a, b) => compare(keys[a], keys[b]));
  const found = Array<number>(keys.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && compare(keys[order[from]], keys[order[to + 1]]) === 0) to++;
    for (let i = from; i <= to; i++) found[order[i]] = (from + to) / 2 / Math.max(1, order.length - 1);
    from = to + 1;
  }
  return found;
};

/** By one strategy's keys, or by the weighted sum of the places that several give. Ties in random order. */
const ordered = <A>(
  items: ReadonlyArray<A>,
  parts: ReadonlyArray<Part>,
  random: Random,
  keyOf: (part: Name, item: A) => Key,
): ReadonlyArray<A> => {
  const shuffled = random.shuffle(items);
  const keys = parts.map(({ strategy }) => shuffled.map((item) => keyOf(strategy, item)));
  const [only] = keys;
  if (only === undefined) return shuffled;
  const ranks =
    keys.length === 1
      ? only
      : (() => {
          const each = keys.map(places);
          return shuffled.map((_, i) => [
            -parts.reduce((sum, { weight }, part) => sum + weight * each[part][i], 0),
          ]);
        })();
  return shuffled
    .map((item, i) => ({ item, key: ranks[i] }))
    .sort((a, b) => compare(a.key, b.key))
    .map(({ item }) => item);
};

export const problems = (
  items: ReadonlyArray<Problem>,
  parts: ReadonlyArray<Part>,
  settings: Settings,
  random: Random,
): ReadonlyArray<Problem> =>
  ordered(items, parts, random.split("problems"), (name, item) =>
    strategies[name].problem(item, settings, random.split(name)),
  );

export const programs = (
  items: ReadonlyArray<Program>,
  parts: ReadonlyArray<Part>,
  settings: Settings,
  random: Random,
): ReadonlyArray<Program> =>
  ordered(items, parts, random.split("programs"), (name, item) =>
    strategies[name].program(item, settings, random.split(name)),
  );

export const needsScores = (parts: ReadonlyArray<Part>): boolean =>
  parts.some(({ strategy }) => strategies[strategy].scores);

/** The parts to follow: those that lean on the critic are left out where it was not found to be worth it. */
export const followed = (
  parts: ReadonlyArray<Part>,
  criticEarned: boolean,
  fallback: Name,
): ReadonlyArray<Part> => {
  const kept = parts.filter(({ strategy }) => criticEarned || !strategies[strategy].critic);
  return kept.length > 0 ? kept : [{ strategy: fallback, weight: 1 }];
};
