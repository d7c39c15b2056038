/** What every stage of a run shares: the configuration, the tasks by split, and how a task becomes a prompt. */
import type { PromptTemplate, RunConfig } from "../config/RunConfig.ts";
import type { Episode } from "../domain/Episode.ts";
import type { Task } from "../domain/Task.ts";

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
  /** Key of the verdict cache. */
  readonly cacheKey: (task: Task, program: string) => string;
}

/** What changes from stage to stage and is saved with every checkpoint. */
export interface Carried {
  /** Decoding tilt chosen so far; 0 is the policy itself. */
  readonly tilt: number;
  readonly policyVersion: number;
  /** Rounds of updates that each online stage made, by label: what its control repeats. */
  readonly onlineRounds: Readonly<Record<string, number>>;
  /** Checkpoint from which each online stage started, by label: where its control starts. */
  readonly onlineStart: Readonly<Record<string, string>>;
  /** Best validation pass@1 and its checkpoint, within the running online stage. */
  readonly best: { readonly passAt1: number; readonly checkpoint: string } | null;
}

export const initialCarried: Carried = {
  tilt: 0,
  policyVersion: 0,
  onlineRounds: {},
  onlineStart: {},
  best: null,
};
