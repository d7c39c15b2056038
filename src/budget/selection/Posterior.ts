/**
 * What is known of a problem's pass rate: a Beta distribution over it.
 *
 * A verdict of policy version v counts decay^(now - v), since an older policy says less about the present one (MoPPS,
 * arXiv 2507.04632, with a discount a version in place of one a step). Verdicts of nobody's version, those of the
 * offline data, count `offline` each.
 */
import type { Random } from "../../random/Random.ts";

/** Beta(a, b) over the pass rate; a and b positive. */
export interface Beta {
  readonly a: number;
  readonly b: number;
}

export interface Observation {
  readonly passed: boolean;
  /** Version of the policy that wrote the program; null: another writer. */
  readonly policyVersion: number | null;
}

export interface Options {
  /** Beta(prior, prior) before anything is known. */
  readonly prior: number;
  /** Weight of a verdict for each policy version that was published since; 1: verdicts never age. */
  readonly decay: number;
  /** Weight of a verdict without a policy version. */
  readonly offline: number;
}

export const of = (
  observations: Iterable<Observation>,
  now: number,
  { prior, decay, offline }: Options,
): Beta => {
  let a = prior;
  let b = prior;
  for (const { passed, policyVersion } of observations) {
    const weight = policyVersion === null ? offline : decay ** Math.max(0, now - policyVersion);
    if (passed) a += weight;
    else b += weight;
  }
  return { a, b };
};

export const mean = ({ a, b }: Beta): number => a / (a + b);

/** Of the pass rate. */
export const variance = ({ a, b }: Beta): number => (a * b) / ((a + b) ** 2 * (a + b + 1));

/** Verdicts' weight beyond a prior of Beta(prior, prior). */
export const evidence = ({ a, b }: Beta, prior: number): number => a + b - 2 * prior;

/** Gamma(shape, 1): Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
const gamma = (shape: number, random: Random): number => {
  // Below 1: Gamma(shape + 1) U^(1 / shape).
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.next()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
};

/** A draw of the pass rate, in [0, 1]. */
export const sample = ({ a, b }: Beta, random: Random): number => {
  const x = gamma(a, random);
  const y = gamma(b, random);
  return x + y === 0 ? 0.5 : x / (x + y);
};
