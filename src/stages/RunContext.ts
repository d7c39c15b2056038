/** What every stage of a run shares: the configuration, the tasks by split, and how a task becomes a prompt. */
import type { PromptTemplate, RunConfig } from "../config/RunConfig.ts";
import type { Episode } from "../domain/Episode.ts";
import type * as Monitor from "../domain/Monitor.ts";
import type { Task } from "../domain/Task.ts";
import type * as Judges from "./Judges.ts";
import type * as Pacing from "./Pacing.ts";
import type * as Updates from "./Updates.ts";

export interface RunContext {
  readonly config: RunConfig;
  readonly tasks: {
    readonly train: ReadonlyArray<Task>;
    readonly validation: ReadonlyArray<Task>;
    readonly test: ReadonlyArray<Task>;
  };
  /** The offline dataset as episodes, in a fixed order. */
  readonly offline: ReadonlyArray<Episode>;
  /** The prompt's text; `template` overrides the run's own. */
  readonly prompt: (task: Task, template?: PromptTemplate) => string;
  /** The text that an episode of a program has: the program and what ends it. */
  readonly completion: (program: string) => string;
  /** The same as an episode's texts: with the reasoning apart, where the run tells it apart. */
  readonly written: (task: Task, program: string) => Pick<Episode, "program" | "reasoning">;
  /** Key of the verdict cache: programs with the same one share a verdict. */
  readonly cacheKey: (task: Task, program: string) => string;
  /** Of the program's text as it is: what an episode is known by. */
  readonly episodeId: (task: Task, program: string) => string;
}

/** What changes from stage to stage and is saved with every checkpoint. */
export interface Carried {
  /** Decoding tilt chosen so far; 0 is the policy itself. */
  readonly tilt: number;
  readonly policyVersion: number;
  /** Updates that each online stage made, round by round, by label: what its control repeats. */
  readonly onlineUpdates: Readonly<Record<string, ReadonlyArray<Updates.Round>>>;
  /** Checkpoint from which each online stage started, by label: where its control starts. */
  readonly onlineStart: Readonly<Record<string, string>>;
  /**
   * What the running stage is rolled back to: the checkpoint with the best validation pass@1; the one that the stage
   * began with where there is no validation. Null until the stage has measured.
   */
  readonly best: { readonly passAt1: number | null; readonly checkpoint: string } | null;
  /** How well the judges of best-of-n did, within the running online stage. */
  readonly judges: Judges.Tallies;
  /** How well the policy's log-prob and the critic did on the random share of the running stage's verifications. */
  readonly selectionJudges: Judges.Tallies;
  /** How the running stage's verifications are paced; null before its first round. */
  readonly pace: Pacing.Pace | null;
  /** Factor of the running stage's learning rates. */
  readonly learningRateScale: number;
  /** Added to the share of offline data in online updates. */
  readonly offlineRaise: number;
  /** Figures of the monitors when they were first measured in the running stage; finite ones. */
  readonly monitorStart: Monitor.Values;
  /** An alarm ended the running stage. */
  readonly halted: boolean;
  /** Checkpoint that the running offline stage began with. */
  readonly offlineStart: string;
  /** Steps of the running offline stage after which the guard measured last. */
  readonly measuredAt: number;
}

/** What a stage that trains begins with. */
export const stageStart = {
  best: null,
  judges: {},
  selectionJudges: {},
  pace: null,
  learningRateScale: 1,
  offlineRaise: 0,
  monitorStart: {},
  halted: false,
  offlineStart: "start",
  measuredAt: 0,
} satisfies Partial<Carried>;

export const initialCarried: Carried = {
  tilt: 0,
  policyVersion: 0,
  onlineUpdates: {},
  onlineStart: {},
  ...stageStart,
};
