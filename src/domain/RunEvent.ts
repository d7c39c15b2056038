/**
 * Run events: every fact of a run, in the order in which it was committed.
 *
 * The log is the truth: run state, budget and dashboards are folds over it (see RunState.ts).
 * An event is committed before anyone is told. Adding a field is fine; renaming one is a new version.
 */
import * as Schema from "effect/Schema";
import { Amounts, Prices, Unit } from "./Budget.ts";
import { Planned } from "./Planned.ts";
import { SandboxMetrics } from "./SandboxMetrics.ts";
import { Outcome } from "./Verdict.ts";

const Numbers = Schema.Record(Schema.String, Schema.Number);

const Judge = Schema.Struct({
  /** pass@1 of the sample that the judge scores best. */
  passAt1: Schema.Number,
  /** Within a task, mean over tasks with both outcomes; null where there is none. */
  auroc: Schema.NullOr(Schema.Number),
});

/** What choosing among the samples would give, by judge; see stages/Rerank.ts. */
export const Rerank = Schema.Struct({
  logProb: Judge,
  /** Null without value heads. */
  critic: Schema.NullOr(Judge),
  both: Schema.NullOr(Judge),
});
export type Rerank = typeof Rerank.Type;

/** Figures of the tasks of one level of difficulty; see `difficulty` in Task.ts. */
const Level = Schema.Struct({
  passAt1: Schema.Number,
  /** Null where fewer than 10 samples a task were drawn. */
  passAt10: Schema.NullOr(Schema.Number),
  tasks: Schema.Int,
});
export type Level = typeof Level.Type;

/** One evaluation's figures; the report's row. */
export const EvaluationResult = Schema.Struct({
  stage: Schema.String,
  temperature: Schema.Number,
  passAt1: Schema.Number,
  /** Null where fewer than 10 samples a task were drawn (greedy). */
  passAt10: Schema.NullOr(Schema.Number),
  tasks: Schema.Int,
  samplesPerTask: Schema.Int,
  /** 95 % bootstrap interval of pass@1 over tasks. */
  interval: Schema.Tuple([Schema.Number, Schema.Number]),
  tilt: Schema.Number,
  verifications: Schema.Int,
  cacheHits: Schema.Int,
  /** Cache hits that other runs' verdicts answered. */
  sharedHits: Schema.optionalKey(Schema.Int),
  /** By level of difficulty, where tasks have one. */
  byDifficulty: Schema.optionalKey(Schema.Record(Schema.String, Level)),
  /** Where it was asked for: best of the samples, by judge. */
  rerank: Schema.optionalKey(Rerank),
  /** Figures that monitors watch (Monitor.ts), of these programs; those of the value where it was asked for `rerank`. */
  figures: Schema.optionalKey(Numbers),
});
export type EvaluationResult = typeof EvaluationResult.Type;

/** Of an offline stage: the steps that it had made. */
const OfflineStep = Schema.optionalKey(Schema.Int);

/** A reservation: of one unit, of others beside it, and of which stage. */
const Reservation = {
  reservation: Schema.String,
  unit: Unit,
  amount: Schema.Int,
  also: Schema.optionalKey(Amounts),
  stage: Schema.optionalKey(Schema.Int),
};

/**
 * What answered a program without a sandbox run: a program with the same text, or one that is equal but for names and
 * spacing, judged before in the run or in its offline data; that it certainly does not compile; another run's verdict.
 */
export const Free = Schema.Literals(["repeat", "equal", "syntax", "shared"]);
export type Free = typeof Free.Type;

export const RunEvent = Schema.Union([
  Schema.TaggedStruct("RunStarted", {
    runId: Schema.String,
    name: Schema.String,
    seed: Schema.Int,
    formatVersion: Schema.Int,
    backend: Schema.String,
    sandbox: Schema.String,
    /** Programs that its sandboxes run at once. */
    sandboxSlots: Schema.optionalKey(Schema.Int),
    stages: Schema.Array(
      Schema.Struct({
        kind: Schema.String,
        label: Schema.String,
        /** What the stage alone may spend; a unit that is absent has no limit of its own. */
        limits: Schema.optionalKey(Amounts),
      }),
    ),
    /** What the run may spend, in whole parts (Budget.ts); a unit that is absent has no limit. */
    limits: Amounts,
    prices: Schema.optionalKey(Prices),
    labelsOffline: Schema.Int,
    /** Version of the reward (domain/Reward.ts). */
    reward: Schema.optionalKey(Schema.String),
    /** Tasks and offline episodes that are longer than the configured numbers of tokens. */
    leftOut: Schema.optionalKey(Schema.Struct({ tasks: Schema.Int, episodes: Schema.Int })),
  }),
  /** What the run was planned to take, where a calibration of it was made on this machine before. */
  Schema.TaggedStruct("RunPlanned", { planned: Planned }),
  Schema.TaggedStruct("StageStarted", {
    index: Schema.Int,
    kind: Schema.String,
    label: Schema.String,
    /** Units of work of the stage and what one is ("step", "program", …). */
    total: Schema.Int,
    unit: Schema.String,
  }),
  Schema.TaggedStruct("StageProgress", { index: Schema.Int, done: Schema.Int, total: Schema.Int }),
  Schema.TaggedStruct("StageFinished", { index: Schema.Int, seconds: Schema.Number }),
  Schema.TaggedStruct("Metrics", {
    index: Schema.Int,
    training: Schema.String,
    step: Schema.Int,
    values: Numbers,
  }),
  Schema.TaggedStruct("ProgramsGenerated", {
    index: Schema.Int,
    round: Schema.Int,
    count: Schema.Int,
    unique: Schema.Int,
  }),
  /** Amounts are whole parts (Budget.ts). */
  Schema.TaggedStruct("BudgetReserved", { ...Reservation }),
  /** With what it came to; `released` is the rest, given back. */
  Schema.TaggedStruct("BudgetCommitted", { ...Reservation, released: Schema.optionalKey(Amounts) }),
  Schema.TaggedStruct("BudgetRefunded", { ...Reservation }),
  /** Null: there is no limit any more. `stage`: of that stage alone. */
  Schema.TaggedStruct("BudgetLimitChanged", {
    unit: Unit,
    limit: Schema.NullOr(Schema.Int),
    stage: Schema.optionalKey(Schema.Int),
  }),
  /** A stage goes to its end because this limit, its own or the run's, has no room for what it would do next. */
  Schema.TaggedStruct("BudgetExhausted", { index: Schema.Int, unit: Unit }),
  Schema.TaggedStruct("VerdictRecorded", {
    index: Schema.Int,
    round: Schema.Int,
    slot: Schema.Int,
    taskId: Schema.String,
    outcome: Outcome,
    testsPassed: Schema.Int,
    testsTotal: Schema.Int,
    /** Of one that was paid for: tests that were begun, where the sandbox told. */
    testsRun: Schema.optionalKey(Schema.Int),
    cached: Schema.Boolean,
    /** Of a cached one. */
    by: Schema.optionalKey(Free),
  }),
  /** The verdict cache that runs share was asked about a round's programs, once; the answers are the run's own now. */
  Schema.TaggedStruct("SharedVerdictsRead", {
    index: Schema.Int,
    round: Schema.Int,
    asked: Schema.Int,
    answered: Schema.Int,
  }),
  Schema.TaggedStruct("SandboxFaulted", {
    index: Schema.Int,
    round: Schema.Int,
    slot: Schema.Int,
    taskId: Schema.String,
    reason: Schema.String,
  }),
  /**
   * Best-of-n: AUROC of each judge within problems, on the verdicts of a round that no judge chose; `by` chose the
   * others. Null where no pass and failure of one problem were compared.
   */
  Schema.TaggedStruct("JudgesMeasured", {
    index: Schema.Int,
    round: Schema.Int,
    by: Schema.String,
    judges: Schema.Record(
      Schema.String,
      Schema.Struct({ auroc: Schema.NullOr(Schema.Number), pairs: Schema.Int }),
    ),
  }),
  /** Which programs a round's verifications went to, and how the judges did on those that were drawn at random. */
  Schema.TaggedStruct("ProgramsSelected", {
    index: Schema.Int,
    round: Schema.Int,
    /** The strategies that were followed. */
    by: Schema.Array(Schema.String),
    /** Programs that could have been chosen. */
    among: Schema.Int,
    chosen: Schema.Array(
      Schema.Struct({
        slot: Schema.Int,
        /** Of being chosen, over the random draw. */
        probability: Schema.Number,
        atRandom: Schema.Boolean,
      }),
    ),
    /** AUROC over the random share; null where no pass and failure were compared. Absent where nothing was scored. */
    judges: Schema.optionalKey(
      Schema.Record(Schema.String, Schema.Struct({ auroc: Schema.NullOr(Schema.Number), pairs: Schema.Int })),
    ),
    /** Mean squared error of the critic's predictions, corrected for the choice; null without a critic or verdicts. */
    brier: Schema.optionalKey(Schema.NullOr(Schema.Number)),
  }),
  Schema.TaggedStruct("RoundFinished", {
    index: Schema.Int,
    round: Schema.Int,
    verified: Schema.Int,
    cacheHits: Schema.Int,
    passed: Schema.Int,
    unverified: Schema.Int,
    solvedTasks: Schema.Int,
    /** Of `verified`, by what their verdicts changed; see stages/Changes.ts. */
    sameOutcome: Schema.optionalKey(Schema.Int),
    unusable: Schema.optionalKey(Schema.Int),
    unchanged: Schema.optionalKey(Schema.Int),
  }),
  /** How the sandboxes are doing since this process opened them, after a round, or (-1) after an evaluation. */
  Schema.TaggedStruct("SandboxMeasured", { index: Schema.Int, round: Schema.Int, metrics: SandboxMetrics }),
  /** At the end of a run: resident bytes of the process at the most, and bytes of the run directory. */
  Schema.TaggedStruct("ResourcesMeasured", { memory: Schema.Number, disk: Schema.Number }),
  /** The sandboxes failed so often that the run was paused; it goes on when it is told to. */
  Schema.TaggedStruct("SandboxTripped", {
    attempts: Schema.Int,
    faults: Schema.Int,
    reason: Schema.String,
    remedy: Schema.String,
  }),
  Schema.TaggedStruct("PolicyPublished", { version: Schema.Int, checkpoint: Schema.String }),
  Schema.TaggedStruct("TiltChosen", {
    beta: Schema.Number,
    tried: Schema.Array(Schema.Struct({ beta: Schema.Number, passAt1: Schema.Number })),
  }),
  Schema.TaggedStruct("ValidationMeasured", {
    index: Schema.Int,
    /** -1: before the first round. Offline: which time, from 0. */
    round: Schema.Int,
    step: OfflineStep,
    passAt1: Schema.Number,
    tasks: Schema.Int,
  }),
  /** Figures of the monitors, by name; see Monitor.ts. */
  Schema.TaggedStruct("MonitorsMeasured", {
    index: Schema.Int,
    /** As for ValidationMeasured. */
    round: Schema.Int,
    step: OfflineStep,
    values: Numbers,
  }),
  /** A monitor is past its limit. */
  Schema.TaggedStruct("AlarmRaised", {
    index: Schema.Int,
    round: Schema.Int,
    step: OfflineStep,
    monitor: Schema.String,
    value: Schema.Number,
    limit: Schema.Number,
    /** The value at the stage's start, where it is compared with that. */
    from: Schema.NullOr(Schema.Number),
    action: Schema.String,
  }),
  Schema.TaggedStruct("RolledBack", {
    index: Schema.Int,
    round: Schema.Int,
    step: OfflineStep,
    /** Validation pass@1 of the round, and of what is gone back to; null where there is no validation. */
    from: Schema.NullOr(Schema.Number),
    to: Schema.NullOr(Schema.Number),
    checkpoint: Schema.String,
  }),
  Schema.TaggedStruct("EvaluationFinished", { index: Schema.Int, result: EvaluationResult }),
  Schema.TaggedStruct("CheckpointSaved", { id: Schema.String, stage: Schema.Int, done: Schema.Int }),
  Schema.TaggedStruct("CommandReceived", { command: Schema.String, from: Schema.String }),
  /** A command that cannot be carried out, e.g. a limit below what is spent. The run goes on as it was. */
  Schema.TaggedStruct("CommandRefused", { command: Schema.String, reason: Schema.String }),
  Schema.TaggedStruct("RunPaused", {}),
  Schema.TaggedStruct("RunUnpaused", {}),
  /** A process took the run up again from a checkpoint. */
  Schema.TaggedStruct("RunResumed", { checkpoint: Schema.NullOr(Schema.String) }),
  Schema.TaggedStruct("RunStopped", { reason: Schema.String }),
  Schema.TaggedStruct("RunFailed", { reason: Schema.String, remedy: Schema.String }),
  Schema.TaggedStruct("RunFinished", { seconds: Schema.Number }),
]);
export type RunEvent = typeof RunEvent.Type;

/** An event as the log holds it: `seq` from 1 without gaps, `at` in milliseconds since 1970. */
export const LoggedEvent = Schema.Struct({ seq: Schema.Int, at: Schema.Number, event: RunEvent });
export type LoggedEvent = typeof LoggedEvent.Type;
