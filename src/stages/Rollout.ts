/**
 * Rollouts: programs for given tasks, written by the current policy or by whom `write` names.
 *
 * A sample's seed depends on the run's seed, a purpose, the task and the sample's number, never on its
 * place in a batch, so that a resumed run writes the same programs.
 */
import * as Effect from "effect/Effect";
import type { Completion, GenerateRequest } from "../compute/Compute.ts";
import type { PromptTemplate } from "../config/RunConfig.ts";
import type { Task } from "../domain/Task.ts";
import * as Random from "../random/Random.ts";
import type { RunContext } from "./RunContext.ts";
import { SafePoint } from "./SafePoint.ts";

export interface RolloutItem {
  readonly task: Task;
  /** Which sample of this task for this purpose, from 0. */
  readonly sample: number;
}

export interface RolloutOptions {
  /** Names the stream of noise, e.g. "online/1/round/3". */
  readonly purpose: string;
  /** 0 is greedy. */
  readonly temperature: number;
  readonly tilt: number;
  /** Prompt template; default: the run's. */
  readonly prompt?: PromptTemplate;
  /** Called after each chunk with the number of programs written so far. */
  readonly onProgress?: (done: number) => Effect.Effect<void>;
}

/** A 31-bit seed for one sample. */
export const sampleSeed = (runSeed: number, purpose: string, taskId: string, sample: number): number =>
  Random.make(`${runSeed}/${purpose}/${taskId}/${sample}`).int(2 ** 31);

/** One completion an item, in the order of the items. Passes a safe point between chunks. */
export const rollout = Effect.fn("Rollout.rollout")(function* <E>(
  context: RunContext,
  items: ReadonlyArray<RolloutItem>,
  options: RolloutOptions,
  write: (request: GenerateRequest) => Effect.Effect<ReadonlyArray<Completion>, E>,
) {
  const safePoint = yield* SafePoint;
  const { config } = context;
  const { generationBatch, maxNewTokens } = config.compute;
  const out: Array<Completion> = [];
  for (let start = 0; start < items.length; start += generationBatch) {
    yield* safePoint.pass;
    const chunk = items.slice(start, start + generationBatch);
    const completions = yield* write({
      items: chunk.map(({ task, sample }) => ({
        prompt: context.prompt(task, options.prompt),
        seed: sampleSeed(config.seed, options.purpose, task.id, sample),
      })),
      temperature: options.temperature,
      maxNewTokens,
      stop: config.policy.stop,
      tilt: options.tilt,
    });
    out.push(...completions);
    if (options.onProgress !== undefined) yield* options.onProgress(out.length);
  }
  return out;
});
