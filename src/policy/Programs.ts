/** Sampling programs from a policy: prompts in, texts with their tokens and log-probs out. */
import type * as Generation from "../model/Generation.ts";
import * as Stop from "../model/Stop.ts";
import type { Text } from "./Text.ts";

export interface Request {
  readonly items: ReadonlyArray<{
    readonly prompt: string;
    /** The sample's own seed: its noise never depends on its place in a batch. */
    readonly seed: number;
  }>;
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly maxNewTokens: number;
  readonly stop: ReadonlyArray<string>;
  /** logits' = log pi + beta (minQ - V) over the candidate tokens; 0 reproduces the policy bit for bit. */
  readonly tilt: number;
}

export interface Program {
  /** The text before the first stop string or the end-of-sequence token. */
  readonly text: string;
  readonly tokens: ReadonlyArray<number>;
  /** log pi(token) of the untilted policy at temperature 1, one per token. */
  readonly logProbs: ReadonlyArray<number>;
  readonly finished: "stop" | "end" | "length";
}

/** Programs in the items' order; yields after each decoding step. @throws RangeError on a request that does not fit. */
export function* write(
  generator: Generation.Generator,
  text: Text,
  eos: number,
  request: Request,
): Generator<void, ReadonlyArray<Program>, void> {
  const items = request.items.map(({ prompt, seed }) => ({ promptIds: text.prompt(prompt), seed }));
  const steps = generator.steps(items, {
    temperature: request.temperature,
    ...(request.topK === undefined ? {} : { topK: request.topK }),
    ...(request.topP === undefined ? {} : { topP: request.topP }),
    tilt: request.tilt,
    maxNewTokens: request.maxNewTokens,
    eos,
    ...(request.stop.length === 0 ? {} : { stop: { strings: request.stop, decode: text.decode } }),
  });
  for (;;) {
    const step = steps.next();
    if (step.done === true) {
      return step.value.map((sample) => ({
        ...sample,
        text: Stop.cut(text.decode(sample.tokens), request.stop),
      }));
    }
    yield;
  }
}
