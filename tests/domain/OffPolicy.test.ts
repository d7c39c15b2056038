/**
 * The estimators on a world that is small enough to enumerate: programs of two tokens out of three, for two tasks,
 * under tabular policies. mu's probabilities are sixteenths, so a log that holds every program as often as mu
 * writes it in sixteen tries has the estimator's expectation as its value: no sampling noise, exact equalities.
 */
import { assert, describe, it } from "vitest";
import * as OffPolicy from "../../src/domain/OffPolicy.ts";
import * as Random from "../../src/random/Random.ts";

const SEED = 11;
const random = Random.make(SEED);
const TOKENS = [0, 1, 2];
const QUARTERS = [1, 2, 1];

interface Policy {
  /** Probabilities of the first token, and of the second after each first. */
  readonly first: ReadonlyArray<number>;
  readonly second: ReadonlyArray<ReadonlyArray<number>>;
}

const softmax = (): ReadonlyArray<number> => {
  const e = TOKENS.map(() => Math.exp(random.normal()));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((x) => x / sum);
};
const policy = (): Policy => ({ first: softmax(), second: TOKENS.map(softmax) });
const mu: Policy = {
  first: QUARTERS.map((n) => n / 4),
  second: TOKENS.map((a) => TOKENS.map((b) => (QUARTERS[(a + b) % 3] ?? 0) / 4)),
};

const tasks = ["x", "y"].map(() => ({
  pi: policy(),
  /** r of each program; random, and never all equal. */
  reward: TOKENS.map((a) => TOKENS.map((b) => (a === b || random.chance(0.3) ? 1 : 0))),
}));
type Task = (typeof tasks)[number];

const probability = (p: Policy, a: number, b: number): number => (p.first[a] ?? 0) * (p.second[a]?.[b] ?? 0);
const sum = (f: (a: number, b: number) => number): number =>
  TOKENS.reduce((s, a) => s + TOKENS.reduce((t, b) => t + f(a, b), 0), 0);
const rewardOf = (task: Task, a: number, b: number): number => task.reward[a]?.[b] ?? 0;
const passRate = (task: Task): number => sum((a, b) => probability(task.pi, a, b) * rewardOf(task, a, b));
const truth = (passRate(tasks[0]) + passRate(tasks[1])) / 2;

/** Q after the first token and after both, and V of the task. */
interface Critic {
  readonly value: number;
  readonly first: ReadonlyArray<number>;
  readonly second: ReadonlyArray<ReadonlyArray<number>>;
}
const trueCritic = (task: Task): Critic => ({
  value: passRate(task),
  first: TOKENS.map((a) =>
    TOKENS.reduce((s, b) => s + (task.pi.second[a]?.[b] ?? 0) * rewardOf(task, a, b), 0),
  ),
  second: task.reward,
});
const wrongCritic = (): Critic => ({
  value: random.next(),
  first: TOKENS.map(random.next),
  second: TOKENS.map(() => TOKENS.map(random.next)),
});

const expected = (p: ReadonlyArray<number>, q: ReadonlyArray<number>): number =>
  p.reduce((s, x, i) => s + x * (q[i] ?? 0), 0);

/** V + sum_t (Q - E_pi Q), as the scorer adds it up. */
const predicted = ({ pi }: Task, critic: Critic, a: number, b: number): number =>
  critic.value +
  (critic.first[a] ?? 0) -
  expected(pi.first, critic.first) +
  (critic.second[a]?.[b] ?? 0) -
  expected(pi.second[a] ?? [], critic.second[a] ?? []);

/** Every program as often as mu writes it in 16 tries. */
const log = (
  critic: (task: Task) => Critic | null,
  weight: (task: Task, a: number, b: number) => number = (task, a, b) =>
    OffPolicy.ratio(Math.log(probability(task.pi, a, b)), Math.log(probability(mu, a, b))),
): ReadonlyArray<OffPolicy.LoggedTask> =>
  tasks.map((task) => {
    const judge = critic(task);
    const programs = TOKENS.flatMap((a) =>
      TOKENS.flatMap((b) =>
        Array.from({ length: Math.round(16 * probability(mu, a, b)) }, () => ({
          reward: rewardOf(task, a, b),
          weight: weight(task, a, b),
          predicted: judge === null ? null : predicted(task, judge, a, b),
        })),
      ),
    );
    assert.lengthOf(programs, 16);
    return { value: judge?.value ?? null, programs };
  });

const plain = { selfNormalised: false };
const normalised = { selfNormalised: true };
const near = (x: number | null, y: number) => assert.approximately(x ?? Number.NaN, y, 1e-12, `seed ${SEED}`);

describe("off-policy estimates", () => {
  it("predict a program's reward exactly with the true Q, and with any Q its mean under pi is V", () => {
    for (const task of tasks) {
      const wrong = wrongCritic();
      near(
        sum((a, b) => probability(task.pi, a, b) * predicted(task, wrong, a, b)),
        wrong.value,
      );
      const right = trueCritic(task);
      for (const a of TOKENS)
        for (const b of TOKENS) near(predicted(task, right, a, b), rewardOf(task, a, b));
    }
  });

  it("with the true ratios are unbiased, the doubly robust one whatever the critic says", () => {
    for (const critic of [trueCritic, wrongCritic, wrongCritic]) {
      for (const options of [plain, normalised]) {
        const { importance, doublyRobust } = OffPolicy.estimate(log(critic), options);
        near(importance, truth);
        near(doublyRobust, truth);
      }
    }
    assert.notEqual(OffPolicy.estimate(log(wrongCritic), plain).direct, truth);
  });

  it("with the true critic the doubly robust one is exact whatever the ratios, importance is not", () => {
    const wrong = log(trueCritic, (_, a, b) => 0.3 + a + 2 * b);
    for (const options of [plain, normalised]) {
      const { direct, importance, doublyRobust } = OffPolicy.estimate(wrong, options);
      near(direct, truth);
      near(doublyRobust, truth);
      assert.isAbove(Math.abs((importance ?? truth) - truth), 0.05);
    }
  });

  it("with neither right are not exact: the test above can fail", () => {
    const { doublyRobust } = OffPolicy.estimate(
      log(wrongCritic, (_, a, b) => 0.3 + a + 2 * b),
      normalised,
    );
    assert.isAbove(Math.abs((doublyRobust ?? truth) - truth), 0.01);
  });

  it("self-normalised do not change when every weight is scaled, and stay within the rewards", () => {
    const fixed = wrongCritic();
    const scaled = (factor: number) =>
      OffPolicy.estimate(
        log(
          () => fixed,
          (_, a, b) => factor * (0.1 + a * b),
        ),
        normalised,
      );
    const [one, many] = [scaled(1), scaled(1000)];
    near(many.importance, one.importance ?? Number.NaN);
    near(many.doublyRobust, one.doublyRobust ?? Number.NaN);
    assert.isAtMost(one.importance ?? 2, 1);
    assert.isAbove(
      OffPolicy.estimate(
        log(wrongCritic, () => 50),
        plain,
      ).importance ?? 0,
      1,
    );
  });

  it("without a critic leave out what needs one; without any weight only the critic's word is left", () => {
    const blind = OffPolicy.estimate(
      log(() => null),
      normalised,
    );
    near(blind.importance, truth);
    assert.isNull(blind.direct);
    assert.isNull(blind.doublyRobust);
    const none = OffPolicy.estimate(
      log(trueCritic, () => 0),
      normalised,
    );
    near(none.direct, truth);
    assert.isNull(none.importance);
    assert.isNull(none.doublyRobust);
    assert.deepEqual(OffPolicy.estimate([], normalised), {
      direct: null,
      importance: null,
      doublyRobust: null,
    });
  });

  it("count how many programs of its own a log is worth: all of mu's for mu, fewer the further pi is, more clipped", () => {
    assert.strictEqual(OffPolicy.effectiveSampleSize([2, 2, 2, 2]), 4);
    assert.approximately(OffPolicy.effectiveSampleSize([1, 0, 0]), 1, 1e-12);
    assert.strictEqual(OffPolicy.effectiveSampleSize([0, 0]), 0);
    assert.approximately(OffPolicy.effectiveSampleSize([1e-300, 1e-300]), 2, 1e-9);
    const logRatios = Array.from({ length: 50 }, () => 2 * random.normal());
    const size = (clip: number) =>
      OffPolicy.effectiveSampleSize(logRatios.map((l) => OffPolicy.ratio(l, 0, clip)));
    assert.isBelow(size(Number.POSITIVE_INFINITY), size(2));
    assert.isBelow(size(2), 50);
    assert.strictEqual(size(0), 0);
  });

  it("have intervals that are reproducible and as wide as the spread of the tasks makes them", () => {
    // One program a task, drawn from pi itself, of tasks whose pass rate is 0.3.
    const drawn = Array.from(
      { length: 400 },
      (): OffPolicy.LoggedTask => ({
        value: 0.3,
        programs: [{ reward: random.chance(0.3) ? 1 : 0, weight: 1, predicted: 0.3 }],
      }),
    );
    const intervals = () => OffPolicy.intervals(drawn, normalised, Random.make(SEED).next);
    assert.deepEqual(intervals(), intervals());
    const { direct, doublyRobust, importance } = intervals();
    near(direct?.[0] ?? null, 0.3);
    near(direct?.[1] ?? null, 0.3);
    const [low, high] = doublyRobust ?? [Number.NaN, Number.NaN];
    assert.approximately(high - low, 2 * 1.96 * Math.sqrt((0.3 * 0.7) / 400), 0.015, `seed ${SEED}`);
    near(importance?.[0] ?? null, low);
    const blind = drawn.map((task) => ({ ...task, value: null }));
    assert.isNull(OffPolicy.intervals(blind, normalised, Random.make(SEED).next).doublyRobust);
  });
});
