/**
 * Ranks checkpoints without a verification: each scores the programs of a log that another policy wrote and that were
 * judged once (stages/ValidationLog.ts); domain/OffPolicy.ts makes estimates of that.
 *
 * The policy of a checkpoint is the one that decodes, at temperature 1 under the checkpoint's tilt.
 */
import * as Effect from "effect/Effect";
import { Compute, type ProgramScore } from "../compute/Compute.ts";
import * as OffPolicy from "../domain/OffPolicy.ts";
import * as RankAgreement from "../domain/RankAgreement.ts";
import { reward } from "../domain/Reward.ts";
import * as Random from "../random/Random.ts";
import type { LoggedProgram } from "../stages/ValidationLog.ts";
import type { Contender } from "./Contenders.ts";

export interface Estimate {
  readonly estimate: number;
  /** 95 %, over tasks. */
  readonly interval: OffPolicy.Interval;
}

export interface Row {
  readonly checkpoint: string;
  readonly also: ReadonlyArray<string>;
  readonly where: string;
  readonly tilt: number;
  /** Mean V of the prompts; null without a trained critic. */
  readonly direct: Estimate | null;
  readonly doublyRobust: Estimate | null;
  readonly importance: Estimate | null;
  /** 1 where the log covers what this policy writes; far below, most of that is not in the log. */
  readonly meanWeight: number | null;
  /** Of the log's programs, how many it is worth for this policy. */
  readonly effectiveSampleSize: number | null;
  /** Mean log-prob of the log's passing programs, in nats a program. */
  readonly passLogProb: number | null;
  readonly measured: number | null;
  /** It wrote the log: its importance estimate is its own measurement again. */
  readonly wroteLog: boolean;
}

/** The estimates that rows are ranked by. */
export type Judge = "direct" | "doublyRobust" | "importance" | "passLogProb";

export interface Spec {
  readonly contenders: ReadonlyArray<Contender>;
  readonly seed: number;
  /** Validation tasks' prompts by task id. */
  readonly prompts: ReadonlyMap<string, string>;
  /** Prompts that are longer were left out of the run. */
  readonly maxPromptTokens: number;
  /** The judged programs; empty: there are values of the prompts only. */
  readonly log: ReadonlyArray<LoggedProgram>;
  /** Checkpoint that wrote the log. */
  readonly writer: string | null;
  /** Largest importance weight. */
  readonly clip: number;
  /** Divide by the mean weight, over all tasks. */
  readonly selfNormalised: boolean;
  readonly onProgress: (done: number) => Effect.Effect<void>;
}

/** Programs of a task to score: the judged ones; where there are none, an empty one, for the value of the prompt. */
const itemsOf = (prompts: Spec["prompts"], log: Spec["log"]) => {
  const judged = log.flatMap(({ taskId, program, tokens, logProb, outcome }) => {
    const prompt = prompts.get(taskId);
    return prompt === undefined || outcome === null
      ? []
      : [{ taskId, prompt, program, tokens, judged: { logProb, reward: reward(outcome) } }];
  });
  const logged = new Set(judged.map(({ taskId }) => taskId));
  const others = [...prompts].filter(([taskId]) => !logged.has(taskId));
  return [...judged, ...others.map(([taskId, prompt]) => ({ taskId, prompt, program: "", judged: null }))];
};
type Item = ReturnType<typeof itemsOf>[number];
interface Scored {
  readonly item: Item;
  readonly score: ProgramScore;
}

/** The log as an estimator takes it: by task, with the contender's weights and predictions. */
const asLogged = (
  scored: ReadonlyArray<Scored>,
  { critic }: Contender,
  clip: number,
): ReadonlyArray<OffPolicy.LoggedTask> => {
  const tasks = new Map<string, { value: number | null; programs: Array<OffPolicy.Logged> }>();
  for (const { item, score } of scored) {
    const value = critic ? score.value : null;
    const task = tasks.get(item.taskId) ?? { value, programs: [] };
    tasks.set(item.taskId, task);
    if (item.judged === null || item.judged.logProb === null) continue;
    task.programs.push({
      reward: item.judged.reward,
      weight: OffPolicy.ratio(score.logProb, item.judged.logProb, clip),
      predicted: value === null || score.gain === null ? null : value + score.gain,
    });
  }
  return [...tasks.values()];
};

const rowOf = (spec: Spec, contender: Contender, scored: ReadonlyArray<Scored>): Row => {
  const { id, also, where, tilt, measured } = contender;
  const tasks = asLogged(scored, contender, spec.clip);
  const found = OffPolicy.estimate(tasks, spec);
  const uniform = Random.make(spec.seed).split("select").next;
  const interval = OffPolicy.intervals(tasks, spec, uniform);
  const of = (key: keyof OffPolicy.Estimates): Estimate | null => {
    const [estimate, within] = [found[key], interval[key]];
    return estimate === null || within === null ? null : { estimate, interval: within };
  };
  const weights = tasks.flatMap(({ programs }) => programs.map(({ weight }) => weight));
  const passes = scored.filter(({ item }) => item.judged?.reward === 1);
  return {
    checkpoint: id,
    also,
    where,
    tilt,
    direct: of("direct"),
    doublyRobust: of("doublyRobust"),
    importance: of("importance"),
    meanWeight: weights.length === 0 ? null : weights.reduce((a, b) => a + b, 0) / weights.length,
    effectiveSampleSize: weights.length === 0 ? null : OffPolicy.effectiveSampleSize(weights),
    passLogProb:
      passes.length === 0 ? null : passes.reduce((sum, { score }) => sum + score.logProb, 0) / passes.length,
    measured,
    wroteLog: spec.writer !== null && [id, ...also].includes(spec.writer),
  };
};

/** A row for each contender, in their order. The compute service is open, and left with the last one's weights. */
export const rank = Effect.fn("Ranking.rank")(function* (spec: Spec) {
  const compute = yield* Compute;
  const lengths = yield* compute.countTokens([...spec.prompts.values()]);
  const fitting = new Map([...spec.prompts].filter((_, i) => lengths[i] <= spec.maxPromptTokens));
  const items = itemsOf(fitting, spec.log);
  const rows: Array<Row> = [];
  for (const contender of spec.contenders) {
    yield* spec.onProgress(rows.length);
    yield* compute.restore(contender.directory);
    const scores = yield* compute.score(items.map((item) => ({ ...item, tilt: contender.tilt })));
    const scored = items.flatMap((item, i) => {
      const score = scores[i];
      return score === null ? [] : [{ item, score }];
    });
    rows.push(rowOf(spec, contender, scored));
  }
  return rows;
});

/** A row's figure by a judge; higher is better. */
export const figure = (row: Row, judge: Judge): number | null =>
  judge === "passLogProb" ? row.passLogProb : (row[judge]?.estimate ?? null);

/**
 * How each judge's order agrees with the measured one, over the checkpoints that were measured and that the judge has
 * a figure for, without the one that wrote the log: what it would be compared with is what it was made of.
 */
export const agreement = (rows: ReadonlyArray<Row>): Readonly<Record<Judge, RankAgreement.Agreement>> => {
  const of = (judge: Judge): RankAgreement.Agreement =>
    RankAgreement.agreement(
      rows.flatMap((row) => {
        const estimate = figure(row, judge);
        return row.wroteLog || row.measured === null || estimate === null
          ? []
          : [{ estimate, measured: row.measured }];
      }),
    );
  return {
    direct: of("direct"),
    doublyRobust: of("doublyRobust"),
    importance: of("importance"),
    passLogProb: of("passLogProb"),
  };
};
