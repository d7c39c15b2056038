/** Sampling programs from a policy: prompts in, texts with their tokens and log-probs out. */
import type * as Generation from "../model/generation/Generation.ts";
import * as Stop from "../model/generation/Stop.ts";
import type { Text } from "./Text.ts";

/** How samples are drawn. */
export interface Sampling {
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly maxNewTokens: number;
  readonly stop: ReadonlyArray<string>;
  /** logits' = log pi + beta (minQ - V) over the candidate tokens; 0 reproduces the policy bit for bit. */
  readonly tilt: number;
}

export interface Request extends Sampling {
  readonly items: ReadonlyArray<{
    readonly prompt: string;
    /** The sample's own seed: its noise never depends on its place in a batch. */
    readonly seed: number;
  }>;
  /** Score the programs while they are written, for reranking; needs value heads. Default false. */
  readonly scores?: boolean;
}

export interface Program {
  /** The text before the first stop string or the end-of-sequence token. */
  readonly text: string;
  readonly tokens: ReadonlyArray<number>;
  /** log pi(token) of the untilted policy at temperature 1, one per token. */
  readonly logProbs: ReadonlyArray<number>;
  readonly finished: "stop" | "end" | "length";
  /** Tokens that were written, where those are not `tokens`. */
  readonly generated?: number;
  /** Where the request asks for them: what `score` would give for these tokens, without another pass. */
  readonly scores?: {
    /** sum_t min(0, Q(s_t, a_t) - E_pi Q(s_t, .)). */
    readonly advantage: number;
    /** V at the prompt's last token: predicted pass probability. */
    readonly value: number;
  };
}

/** Settings of the generator for what is asked. `ends` are the tokens that end a sample. */
export const settings = (text: Text, ends: ReadonlyArray<number>, asked: Sampling): Generation.Settings => ({
  temperature: asked.temperature,
  ...(asked.topK === undefined ? {} : { topK: asked.topK }),
  ...(asked.topP === undefined ? {} : { topP: asked.topP }),
  tilt: asked.tilt,
  maxNewTokens: asked.maxNewTokens,
  ends,
  ...(asked.stop.length === 0 ? {} : { stop: { strings: asked.stop, decode: text.decode } }),
});

/** Programs in the items' order; yields after each decoding step. @throws RangeError on a request that does not fit. */
export function* write(
  generator: Generation.Generator,
  text: Text,
  ends: ReadonlyArray<number>,
  request: Request,
): Generator<void, ReadonlyArray<Program>, void> {
  const items = request.items.map(({ prompt, seed }) => ({ promptIds: text.prompt(prompt), seed }));
  const steps = generator.steps(items, {
    ...settings(text, ends, request),
    values: request.scores ?? false,
  });
  try {
    for (;;) {
      const step = steps.next();
      if (step.done === true) {
        return step.value.map((sample) => {
          const written = sample.finished === "end" ? sample.tokens.slice(0, -1) : sample.tokens;
          return { ...sample, text: Stop.cut(text.decode(written), request.stop) };
        });
      }
      yield;
    }
  } finally {
    // Given up by whoever asked: what runs and waits is given up too.
    steps.return([]);
  }
}
