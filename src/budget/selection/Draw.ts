/**
 * Which of a round's programs are verified, and with what probability each could have been.
 *
 * Of `count` verifications a share goes to programs drawn uniformly from all of them, so that judges can be measured on
 * verdicts that no judge chose; the rest goes to the first of an order. A program's probability is taken over these
 * draws with the order given, so that weighting a verdict by 1 / probability corrects an estimate (Horvitz and
 * Thompson, 1952).
 */
import type { Random } from "../../random/Random.ts";

export interface Drawn<A> {
  readonly item: A;
  readonly chosen: boolean;
  /** Drawn uniformly, whatever the order says. */
  readonly atRandom: boolean;
  /** Of being chosen, in [0, 1]. */
  readonly probability: number;
}

const logChoose = (n: number, k: number): number => {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
};

/**
 * P(a set of `drawn` out of `others` holds more than `needed` of `better` marked ones): the tail of the hypergeometric
 * distribution.
 */
const moreThan = (needed: number, better: number, others: number, drawn: number): number => {
  if (needed < 0) return 1;
  const total = logChoose(others, drawn);
  let sum = 0;
  for (let x = needed + 1; x <= Math.min(better, drawn); x++) {
    if (drawn - x > others - better) continue;
    sum += Math.exp(logChoose(better, x) + logChoose(others - better, drawn - x) - total);
  }
  return Math.min(1, sum);
};

/** Probability that the item of `rank` (from 0) among `n` is chosen, with `atRandom` of `count` drawn uniformly. */
export const probability = (rank: number, n: number, count: number, atRandom: number): number => {
  if (count >= n) return 1;
  const byOrder = count - atRandom;
  // Not drawn, it is within the order's reach where enough of the better ones were drawn instead.
  const reached = rank < byOrder ? 1 : moreThan(rank - byOrder, rank, n - 1, atRandom);
  return atRandom / n + (1 - atRandom / n) * reached;
};

/**
 * Chooses `count` of the ordered items, or all of them; `share` of these at random, rounded up or down so that it is
 * kept on average. The same order and generator give the same choice.
 */
export const draw = <A>(
  ordered: ReadonlyArray<A>,
  { count, share, random }: { readonly count: number; readonly share: number; readonly random: Random },
): ReadonlyArray<Drawn<A>> => {
  const n = ordered.length;
  const take = Math.max(0, Math.min(count, n));
  const [down, rest] = [Math.floor(share * take), (share * take) % 1];
  const atRandom = down + (random.next() < rest ? 1 : 0);
  const drawn = new Set(random.shuffle(ordered.map((_, i) => i)).slice(0, atRandom));
  const byOrder = ordered.map((_, i) => i).filter((i) => !drawn.has(i));
  const chosen = new Set(byOrder.slice(0, take - atRandom));
  const of = (rank: number, some: number): number => (take === 0 ? 0 : probability(rank, n, take, some));
  return ordered.map((item, rank) => ({
    item,
    chosen: drawn.has(rank) || chosen.has(rank),
    atRandom: drawn.has(rank),
    probability: (1 - rest) * of(rank, down) + (rest === 0 ? 0 : rest * of(rank, down + 1)),
  }));
};
