/** Preparing the tensor backend before a run: native TensorFlow is downloaded or compiled where it is missing. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Backend } from "../compute/Compute.ts";
import * as Setup from "../tensor/native/Setup.ts";
import * as Screen from "./Screen.ts";

/** A forced backend that this machine cannot have. */
export class BackendUnavailable extends Schema.TaggedError<BackendUnavailable>()("BackendUnavailable", {
  reason: Schema.String,
  remedy: Schema.String,
}) {}

const remedyOf = (error: unknown): string | undefined =>
  error instanceof Error && "remedy" in error && typeof error.remedy === "string" ? error.remedy : undefined;

const ask = (backend: Backend, options: Setup.Options): Effect.Effect<Setup.Result, BackendUnavailable> =>
  Effect.tryPromise({
    try: () => Setup.ensureNative({ ...options, ...(backend === "auto" ? {} : { backend }) }),
    catch: (error) =>
      new BackendUnavailable({
        reason: `the tensor backend "${backend}" cannot be had here: ${error instanceof Error ? error.message : String(error)}`,
        remedy: `${remedyOf(error) ?? "run `npm run setup`"}; or take the best that works here by --backend auto`,
      }),
  });

const known = new Map<Backend, Setup.Result>();

/**
 * The backend that a run of this process gets, prepared if need be. The first call says in one line which, why, and
 * how to get a better one. What an earlier set-up failed at is not tried again: `npm run setup` does that.
 */
export const prepare = Effect.fn("Backend.prepare")(function* (backend: Backend) {
  const before = known.get(backend);
  if (before !== undefined) return before;
  const result = yield* ask(backend, { retry: false, log: Screen.say });
  known.set(backend, result);
  Screen.say(Setup.describe(result));
  return result;
});

/** The backend there is now; nothing is downloaded or compiled. */
export const look = ask("auto", { install: false });
