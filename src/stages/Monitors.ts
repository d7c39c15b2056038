/**
 * What the monitors of a stage measure: the validation programs of the policy as it is, the critic on batches
 * that stay comparable, and an online stage's round itself. What each figure means, and when it is an alarm: domain/Monitor.ts.
 */
import * as Effect from "effect/Effect";
import { Compute, type Completion, type ProgramScore } from "../compute/Compute.ts";
import { type RunConfig, valueAlgorithms } from "../config/RunConfig.ts";
import * as Monitor from "../domain/Monitor.ts";
import { sum } from "../domain/Numbers.ts";
import { meanPassAtK, standardError, type TaskCount } from "../domain/PassAtK.ts";
import type { Outcome } from "../domain/Verdict.ts";
import * as Calibration from "./Calibration.ts";
import type { EvaluatedProgram } from "./Evaluate.ts";
import type { RunContext } from "./RunContext.ts";

/** Episodes of a probe. */
const PROBED = 128;

/** Outcomes of programs that are none. */
const INVALID: ReadonlySet<Outcome> = new Set(["CompileError", "Malformed"] as const);

const critical = [
  "td_offline",
  "q_minus_return_offline",
  "q_minus_return_online",
  "cql_diff",
  "bound_rate",
] as const;
const scored = ["kl", "ece", "brier", "value_auroc"] as const;

/** What is asked of a stage: its monitors, and the trainings that it steps, the critic to look at first. */
export interface Watched {
  readonly monitors: Monitor.Settings;
  readonly updates: ReadonlyArray<{ readonly training: string }>;
}

const watches = ({ monitors }: Pick<Watched, "monitors">, some: ReadonlyArray<Monitor.Name>): boolean =>
  some.some((name) => (monitors[name] ?? null) !== null);

/** Whether a run needs a reference policy to measure a KL from. */
export const needsReference = (config: RunConfig): boolean =>
  config.stages.some(
    (stage) =>
      (stage.kind === "online" || stage.kind === "offline") &&
      stage.validation !== null &&
      watches(stage, ["kl"]),
  );

/** Programs for the validation tasks, with what is known of each. */
export interface Written {
  readonly counts: ReadonlyArray<TaskCount>;
  readonly programs: ReadonlyArray<EvaluatedProgram>;
  readonly completions: ReadonlyArray<Completion>;
}

/** Figures of programs and of their tokens. */
export const ofPrograms = ({ counts, programs, completions }: Written): Monitor.Values => {
  const judged = programs.filter(({ outcome }) => outcome !== null);
  const valid = judged.filter(({ outcome }) => outcome !== null && !INVALID.has(outcome));
  const logProbs = completions.flatMap((completion) => completion.logProbs);
  return {
    pass_at_1: meanPassAtK(counts, 1) ?? 0,
    pass_at_1_error: standardError(counts),
    ...(judged.length === 0 ? {} : { syntax_valid: valid.length / judged.length }),
    entropy: -sum(logProbs) / logProbs.length,
    length: sum(completions.map(({ tokens }) => tokens.length)) / completions.length,
    duplicate_rate: 1 - new Set(programs.map(({ program }) => program)).size / programs.length,
  };
};

/** Figures of what the policy, its reference and V say of programs; `scores` one for each. */
export const ofScores = (
  programs: ReadonlyArray<EvaluatedProgram>,
  scores: ReadonlyArray<ProgramScore | null>,
): Monitor.Values => {
  const referred = scores.flatMap((score) =>
    score === null || score.referenceLogProb === null
      ? []
      : [{ ratio: score.logProb - score.referenceLogProb, tokens: score.tokens }],
  );
  const predictions = programs.flatMap(({ outcome }, i) => {
    const probability = scores[i]?.value ?? null;
    return outcome === null || probability === null ? [] : [{ probability, passed: outcome === "Passed" }];
  });
  const auroc = Calibration.auroc(predictions);
  return {
    ...(referred.length === 0
      ? {}
      : { kl: sum(referred.map(({ ratio }) => ratio)) / sum(referred.map(({ tokens }) => tokens)) }),
    ...(predictions.length === 0
      ? {}
      : { ece: Calibration.ece(predictions), brier: Calibration.brier(predictions) }),
    ...(auroc === null ? {} : { value_auroc: auroc }),
  };
};

/** Figures of the critic that the stage steps first. */
const ofCritic = Effect.fnUntraced(function* (context: RunContext, stage: Watched) {
  const compute = yield* Compute;
  const { trainings } = context.config;
  const critic = stage.updates.find(({ training }) => valueAlgorithms.has(trainings[training].algorithm));
  if (critic === undefined || !watches(stage, critical)) return {};
  const { training } = critic;
  const offline = yield* compute.probe({ training, part: "offline", count: PROBED });
  const online = yield* compute.probe({ training, part: "online", count: PROBED });
  return {
    td_offline: offline["td"],
    q_minus_return_offline: offline["q_minus_return"],
    q_minus_return_online: online["q_minus_return"],
    cql_diff: offline["cql_diff"],
    bound_rate: offline["bound_rate"],
  };
});

/**
 * Everything that the stage watches and that there is. `written`: null where the stage has no validation; `round`: the
 * round's own figures (RoundFigures.ts); none offline.
 */
export const measure = Effect.fn("Monitors.measure")(function* (
  context: RunContext,
  stage: Watched,
  written: Written | null,
  round: Readonly<Record<string, number>>,
) {
  const compute = yield* Compute;
  const found: Record<string, number | undefined> = {
    zero_variance: round["zero_variance"],
    ...(yield* ofCritic(context, stage)),
  };
  if (written !== null) {
    const { programs, completions } = written;
    Object.assign(found, ofPrograms(written));
    if (watches(stage, scored)) {
      const prompts = new Map(context.tasks.validation.map((task) => [task.id, context.prompt(task)]));
      const items = programs.map(({ taskId, program }, i) => {
        const { tokens } = completions[i];
        return { prompt: prompts.get(taskId) ?? "", program, tokens, reference: true };
      });
      Object.assign(found, ofScores(programs, yield* compute.score(items)));
    }
  }
  const values: Record<string, number> = {};
  for (const name of Monitor.names) {
    const value = found[name];
    if (value !== undefined && watches(stage, [name])) values[name] = value;
  }
  const error = found["pass_at_1_error"];
  return values["pass_at_1"] === undefined || error === undefined
    ? values
    : { ...values, pass_at_1_error: error };
});
