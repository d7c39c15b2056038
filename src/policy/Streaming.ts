/** Generation as a stream of tokens: what a request asks for, and what comes back while it runs. */

export interface StreamRequest {
  /** Text, or token ids that are taken as they are. */
  readonly prompt: string | ReadonlyArray<number>;
  /** False where the prompt's text holds its own control tokens (a rendered chat template). Default true. */
  readonly addSpecial?: boolean;
  /** One sample for each seed; all share the prompt's prefill. */
  readonly seeds: ReadonlyArray<number>;
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly maxNewTokens: number;
  readonly stop: ReadonlyArray<string>;
  /** logits' = log pi + beta (minQ - V); 0 is the policy itself. */
  readonly tilt: number;
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
