/**
 * The log of validation programs: what the policy that an online stage begins with wrote for the validation tasks, how
 * each was judged, and how probable it was. Other checkpoints are compared by it without another verification
 * (orchestrator/Ranking.ts).
 *
 * It is written when the guard measures before the first round: those programs are judged anyway.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { Compute, type Completion } from "../compute/Compute.ts";
import type { Task } from "../domain/Task.ts";
import { Outcome } from "../domain/Verdict.ts";
import { RunStore } from "../store/RunStore.ts";
import type { EvaluatedProgram } from "./Evaluate.ts";
import type { RunContext } from "./RunContext.ts";

/** A line of the log. */
export const LoggedProgram = Schema.Struct({
  taskId: Schema.String,
  sample: Schema.Int,
  program: Schema.String,
  /** Null where the sandbox failed. */
  outcome: Schema.NullOr(Outcome),
  /** As they were sampled, with what ended them. */
  tokens: Schema.Array(Schema.Int),
  /**
   * Log of the probability with which it was drawn, under the tilt; null where the temperature was not 1: the
   * log-probs that come with a program are those of temperature 1.
   */
  logProb: Schema.NullOr(Schema.Number),
  temperature: Schema.Number,
  tilt: Schema.Number,
});
export type LoggedProgram = typeof LoggedProgram.Type;

/** The log's name in the run directory. */
export const file = (index: number, label: string): string =>
  `validation/${String(index).padStart(2, "0")}-${label}.jsonl`;

const decode = Schema.decodeUnknownSync(LoggedProgram);

/** Reads a log's text. Throws on a line that is none of it. */
export const parse = (text: string): ReadonlyArray<LoggedProgram> =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => decode(JSON.parse(line)));

export interface Measured {
  readonly tasks: ReadonlyArray<Task>;
  readonly programs: ReadonlyArray<EvaluatedProgram>;
  /** One for each program. */
  readonly completions: ReadonlyArray<Completion>;
  readonly temperature: number;
  readonly tilt: number;
}

/** Writes the log of what was measured with the policy as it is now. */
export const write = Effect.fn("ValidationLog.write")(function* (
  context: RunContext,
  name: string,
  { tasks, programs, completions, temperature, tilt }: Measured,
) {
  const store = yield* RunStore;
  const compute = yield* Compute;
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const own = completions.map(({ logProbs }) => logProbs.reduce((a, b) => a + b, 0));
  // The log-probs that come with a program are the untilted policy's.
  const tilted =
    tilt === 0 || temperature !== 1
      ? null
      : yield* compute.score(
          programs.map(({ taskId, program }, i) => {
            const task = byId.get(taskId);
            const prompt = task === undefined ? "" : context.prompt(task);
            return { prompt, program, tokens: completions[i].tokens, tilt };
          }),
        );
  const lines = programs.map(({ taskId, sample, program, outcome }, i): LoggedProgram => {
    const logProb = tilted === null ? own[i] : (tilted[i]?.logProb ?? null);
    const { tokens } = completions[i];
    return {
      taskId,
      sample,
      program,
      outcome,
      tokens,
      logProb: temperature === 1 ? logProb : null,
      temperature,
      tilt,
    };
  });
  yield* store.writeFile(name, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
});
