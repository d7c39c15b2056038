/** Generation as a stream of tokens: what a request asks for, and what comes back while it runs. */
import type * as Generation from "../model/generation/Generation.ts";
import * as Stop from "../model/generation/Stop.ts";
import * as Programs from "./Programs.ts";
import type { Text } from "./Text.ts";

export interface StreamRequest extends Programs.Sampling {
  /** Text, or token ids that are taken as they are. */
  readonly prompt: string | ReadonlyArray<number>;
  /** False where the prompt's text holds its own control tokens (a rendered chat template). Default true. */
  readonly addSpecial?: boolean;
  /** One sample for each seed; all share the prompt's prefill. */
  readonly seeds: ReadonlyArray<number>;
  /** How many of the most probable tokens are reported with each token, 0 to 20. Default 0. */
  readonly topLogProbs?: number;
  /** Report V and Q of each token; needs value heads. Default false. */
  readonly values?: boolean;
}

export interface TokenProbability {
  readonly token: number;
  /** Bytes of one token need not be whole characters: those that are not become U+FFFD. */
  readonly text: string;
  readonly logProb: number;
}

export type StreamEvent =
  | { readonly kind: "started"; readonly promptTokens: number }
  | {
      readonly kind: "token";
      /** Index into `seeds`. */
      readonly sample: number;
      readonly token: number;
      /** The token's own text, as in TokenProbability. */
      readonly tokenText: string;
      /** What became certain with this token: whole characters, and nothing that may begin a stop string. Concatenated with `finished.text` it is the completion. */
      readonly text: string;
      /** log pi(token), untilted, at temperature 1. */
      readonly logProb: number;
      readonly top: ReadonlyArray<TokenProbability>;
      /** V of the state before the token, predicted pass probability; null where not asked for. */
      readonly value: number | null;
      /** min Q of the token in that state; null where not asked for. */
      readonly q: number | null;
    }
  | {
      readonly kind: "finished";
      readonly sample: number;
      /** What was held back and turned out to be part of the text. */
      readonly text: string;
      readonly reason: "stop" | "end" | "length";
      readonly newTokens: number;
    };

/**
 * Submits a request. `emit` is called with its events while the generator steps, first with "started" at once;
 * the request has ended when every sample is finished. @throws RangeError on a request that does not fit.
 */
export const start = (
  generator: Generation.Generator,
  text: Text,
  ends: ReadonlyArray<number>,
  request: StreamRequest,
  emit: (event: StreamEvent) => void,
): Generation.Submission => {
  const { prompt, seeds, addSpecial = true } = request;
  const encode = addSpecial ? text.prompt : text.raw;
  const promptIds = typeof prompt === "string" ? encode(prompt) : prompt;
  const samples = seeds.map(() => ({ certain: new Stop.Certain(request.stop), tokens: 0 }));
  const submission = generator.submit(
    seeds.map((seed) => ({ promptIds, seed })),
    {
      ...Programs.settings(text, ends, request),
      topLogProbs: request.topLogProbs ?? 0,
      values: request.values ?? false,
    },
    ({ item, token, logProb, top, values, finished }) => {
      const sample = samples[item];
      sample.tokens++;
      emit({
        kind: "token",
        sample: item,
        token,
        tokenText: text.decode([token]),
        text: finished === "end" ? "" : sample.certain.push(text.bytes(token)),
        logProb,
        top: top.map((one) => ({ ...one, text: text.decode([one.token]) })),
        value: values?.value ?? null,
        q: values?.q ?? null,
      });
      if (finished === null) return;
      const rest = sample.certain.end();
      emit({ kind: "finished", sample: item, text: rest, reason: finished, newTokens: sample.tokens });
    },
    { urgent: true },
  );
  emit({ kind: "started", promptTokens: promptIds.length });
  return submission;
};
