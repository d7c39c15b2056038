/**
 * What the main thread and the compute worker say to each other: requests with a number, answered in order
 * (streams as they end), the events of streams, and the cancellation of a request. All of it is plain data that structured cloning copies.
 */
import type { Episode } from "../domain/Episode.ts";
import type { StreamEvent, StreamRequest } from "../policy/Streaming.ts";
import type {
  Completion,
  ExportedPolicy,
  GenerateRequest,
  ModelInfo,
  OpenSpec,
  ProgramScore,
  ScoreItem,
  StepMetrics,
} from "./Compute.ts";

/** Each method's argument and result. */
export interface Methods {
  readonly open: { readonly input: OpenSpec; readonly output: ModelInfo };
  readonly addEpisodes: {
    readonly input: { readonly part: "offline" | "online"; readonly episodes: ReadonlyArray<Episode> };
    readonly output: { readonly added: number; readonly tooLong: number };
  };
  readonly trainStep: {
    readonly input: {
      readonly training: string;
      readonly learningRate: number;
      readonly offlineFraction: number;
      readonly ifEmpty?: "skip";
    };
    readonly output: StepMetrics;
  };
  readonly clearEpisodes: { readonly input: "offline" | "online"; readonly output: null };
  readonly setReference: { readonly input: null; readonly output: null };
  readonly probe: {
    readonly input: {
      readonly training: string;
      readonly part: "offline" | "online";
      readonly count: number;
    };
    readonly output: StepMetrics;
  };
  readonly generate: { readonly input: GenerateRequest; readonly output: ReadonlyArray<Completion> };
  /** Its answer comes when the last sample is finished; before it come its events. */
  readonly stream: { readonly input: StreamRequest; readonly output: null };
  readonly countTokens: { readonly input: ReadonlyArray<string>; readonly output: ReadonlyArray<number> };
  readonly score: {
    readonly input: ReadonlyArray<ScoreItem>;
    readonly output: ReadonlyArray<ProgramScore | null>;
  };
  readonly save: { readonly input: string; readonly output: null };
  readonly restore: { readonly input: string; readonly output: null };
  readonly exportPolicy: { readonly input: ExportedPolicy; readonly output: null };
  readonly stats: {
    readonly input: null;
    readonly output: { readonly tensors: number; readonly residentBytes: number };
  };
}
export type Method = keyof Methods;

/** One request of any method. */
export type Call = { [M in Method]: { readonly method: M; readonly input: Methods[M]["input"] } }[Method];

export type ToWorker =
  | { readonly kind: "call"; readonly id: number; readonly call: Call }
  /** The caller went away: the request is dropped where it waits, or stopped at its next slice. */
  | { readonly kind: "cancel"; readonly id: number };

export type FromWorker =
  /** What one decoding step gave to the streams that run. */
  | { readonly kind: "events"; readonly streams: ReadonlyArray<StreamEvents> }
  | { readonly kind: "done"; readonly id: number; readonly output: Methods[Method]["output"] }
  | { readonly kind: "failed"; readonly id: number; readonly reason: string; readonly remedy: string | null };

export interface StreamEvents {
  readonly id: number;
  readonly events: ReadonlyArray<StreamEvent>;
}
