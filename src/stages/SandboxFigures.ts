/** The sandboxes' metrics as an event of the run's log. */
import * as Effect from "effect/Effect";
import { Sandbox } from "../sandbox/Sandbox.ts";

/** `round`: that of an online stage; -1 after an evaluation. */
export const event = Effect.fnUntraced(function* (index: number, round: number) {
  const sandbox = yield* Sandbox;
  return { _tag: "SandboxMeasured", index, round, metrics: yield* sandbox.metrics } as const;
});
