/**
 * What slots must show before they are trusted: right programs pass, wrong ones fail, and a handful of attacks end as
 * they have to. Run at start for each rung of the isolation ladder until one holds.
 */
import * as Effect from "effect/Effect";
import { SandboxFault } from "../../domain/Verdict.ts";
import type { SandboxError } from "../Sandbox.ts";
import type { DockerLanguage } from "./Languages.ts";
import * as Judged from "./Judged.ts";

/** Fails with the first program that did not end as it must. */
export const run = Effect.fn("SelfTest.run")(function* (
  row: DockerLanguage,
  slots: Judged.Slots,
): Effect.fn.Return<void, SandboxError> {
  for (const { task, program, expected } of row.selfTest) {
    const judged = yield* Judged.judged(row, slots, task, program, task.limits ?? row.defaultLimits);
    const got = judged.kind === "verdict" ? judged.verdict.outcome : `a fault (${judged.reason})`;
    if (got === expected) continue;
    const detail = judged.kind === "verdict" ? (judged.verdict.detail ?? "") : "";
    return yield* new SandboxFault({
      reason: `self-test: ${JSON.stringify(program)} ended as ${got} instead of ${expected} ${detail}`,
    });
  }
});
