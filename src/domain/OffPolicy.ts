/**
 * What a policy's pass rate would be, from programs that another policy wrote: pure functions of log-probs and verdicts.
 *
 * A whole program y is one action in the context of its task x, with reward r in {0, 1}. The programs were drawn
 * from mu(y|x); asked for is the value of pi, mean_x E_{y ~ pi}[r]. With w = pi(y|x) / mu(y|x), <.> the mean over
 * tasks of the mean over a task's programs, and Qhat(x, y) a prediction of r with E_{y ~ pi} Qhat = V(x):
 *
 *     direct               mean_x V(x)
 *     importance           <w r>                                  self-normalised: <w r> / <w>
 *     doubly robust        mean_x V(x) + <w (r - Qhat)>           self-normalised: mean_x V(x) + <w (r - Qhat)> / <w>
 *
 * The doubly robust estimate is unbiased where the ratios are the true ones (no clip, not self-normalised) whatever
 * V and Qhat are, and where Qhat is right whatever the ratios are. Qhat comes from the critic by steps,
 *
 *     Qhat(x, y) = V(x) + sum_t [ Q(s_t, a_t) - E_{a ~ pi} Q(s_t, a) ]
 *
 * whose mean under pi is V(x) for any Q: nothing has to be sampled for it. With the true Q (gamma 1, deterministic
 * transitions) the sum telescopes and Qhat(x, y) = r.
 *
 * Sources: Dudik, Langford, Li 2011 (arXiv 1103.4601) equation 1; Jiang and Li 2016 (arXiv 1511.03722); the
 * self-normalised form is the weighted doubly robust estimator of Thomas and Brunskill 2016 (arXiv 1604.00923) for
 * episodes of one step; clipped weights: Ionides 2008, "Truncated importance sampling"; effective sample size: Kong 1992.
 */
import { mean } from "./Numbers.ts";
import { percentiles95 } from "./PassAtK.ts";

/** A judged program of the log. */
export interface Logged {
  readonly reward: number;
  /** pi(y|x) / mu(y|x). */
  readonly weight: number;
  /** Qhat(x, y); null where the task's value is. */
  readonly predicted: number | null;
}

export interface LoggedTask {
  /** V(x); null without a critic: then there is no direct and no doubly robust estimate. */
  readonly value: number | null;
  readonly programs: ReadonlyArray<Logged>;
}

export interface Estimates {
  readonly direct: number | null;
  readonly importance: number | null;
  readonly doublyRobust: number | null;
}

/** The ratio of two log-probs of a program, at most `clip`. */
export const ratio = (logPi: number, logMu: number, clip = Number.POSITIVE_INFINITY): number =>
  Math.min(Math.exp(logPi - logMu), clip);

/** (sum w)^2 / sum w^2: how many programs drawn from pi itself the log is worth. 0 for no weight at all. */
export const effectiveSampleSize = (weights: ReadonlyArray<number>): number => {
  // Scaled by the largest, so that the squares neither overflow nor vanish.
  const largest = weights.reduce((a, b) => Math.max(a, b), 0);
  if (largest === 0) return 0;
  const scaled = weights.map((w) => w / largest);
  return scaled.reduce((a, b) => a + b, 0) ** 2 / scaled.reduce((a, b) => a + b * b, 0);
};

/** What the estimates need of a task with programs: V, and the means over its programs. */
const momentsOf = ({ value, programs }: LoggedTask) => ({
  value,
  weight: mean(programs.map(({ weight }) => weight)),
  reward: mean(programs.map(({ weight, reward }) => weight * reward)),
  residual: mean(programs.map(({ weight, reward, predicted }) => weight * (reward - (predicted ?? 0)))),
});
type Moments = ReturnType<typeof momentsOf>;

const meanValue = (tasks: ReadonlyArray<{ readonly value: number | null }>): number | null =>
  tasks.length === 0 || tasks.some((t) => t.value === null) ? null : mean(tasks.map((t) => t.value ?? 0));

const fromMoments = (judged: ReadonlyArray<Moments>, selfNormalised: boolean): Omit<Estimates, "direct"> => {
  const weight = selfNormalised ? mean(judged.map((t) => t.weight)) : 1;
  // Without any weight no program of the log could have come from the policy.
  if (judged.length === 0 || !(weight > 0)) return { importance: null, doublyRobust: null };
  const value = meanValue(judged);
  return {
    importance: mean(judged.map((t) => t.reward)) / weight,
    doublyRobust: value === null ? null : value + mean(judged.map((t) => t.residual)) / weight,
  };
};

/** The estimates: the direct one over all tasks, the others over those that have a program. */
export const estimate = (
  tasks: ReadonlyArray<LoggedTask>,
  { selfNormalised }: { readonly selfNormalised: boolean },
): Estimates => ({
  direct: meanValue(tasks),
  ...fromMoments(judgedOf(tasks), selfNormalised),
});

const judgedOf = (tasks: ReadonlyArray<LoggedTask>): ReadonlyArray<Moments> =>
  tasks.filter(({ programs }) => programs.length > 0).map(momentsOf);

export type Interval = readonly [number, number];

/**
 * Percentile bootstrap intervals (95 %) of the estimates, resampling tasks with their programs. Resamples in which an
 * estimate has no value are left out.
 * @param uniform draws in [0, 1); seeded by the caller
 */
export const intervals = (
  tasks: ReadonlyArray<LoggedTask>,
  options: { readonly selfNormalised: boolean },
  uniform: () => number,
  resamples = 2000,
): { readonly [K in keyof Estimates]: Interval | null } => {
  const judged = judgedOf(tasks);
  const again = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> =>
    items.map(() => items[Math.floor(uniform() * items.length)]);
  const drawn = Array.from(
    { length: resamples },
    (): Estimates => ({
      direct: meanValue(again(tasks)),
      ...fromMoments(again(judged), options.selfNormalised),
    }),
  );
  const of = (key: keyof Estimates): Interval | null => {
    const values = drawn.map((estimates) => estimates[key]).filter((value) => value !== null);
    return values.length === 0 ? null : percentiles95(Float64Array.from(values));
  };
  return { direct: of("direct"), importance: of("importance"), doublyRobust: of("doublyRobust") };
};
