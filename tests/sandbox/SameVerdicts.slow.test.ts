/**
 * The same programs get the same verdicts one at a time and 16 at once, with a training beside. Every twentieth problem of
 * HumanEvalPack by default, its right and its buggy solution; all with DRYDOCK_FULL=1.
 */
import { rmSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import * as Drydock from "../cli/Drydock.ts";
import * as Imported from "./support/Imported.ts";
import * as Problems from "./support/Problems.ts";
import * as WithDocker from "./support/WithDocker.ts";

// So much time by the wall that a busy machine does not decide; CPU time is what a verdict goes by.
const limits = { cpuSeconds: 5, wallSeconds: 120, memoryBytes: 384 * 1024 * 1024, outputBytes: 65_536 };

const pack = Imported.problems(await Imported.load("humanevalpack", ["humanevalpack", "python.jsonl"]));
const problems = pack.filter((_, index) => index % Problems.stride(20) === 0);
const programs = problems.flatMap(({ task, reference, buggy = "" }) =>
  [reference, buggy].map((program) => ({ task: { ...task, limits }, program })),
);

/** The shipped job in another process, from its first training step on, to the end of the scope. */
const training = Effect.acquireRelease(
  Effect.promise(async () => {
    const output = mkdtempSync(join(tmpdir(), "drydock-beside-"));
    const running = Drydock.start(["train", "configs/default.json", "--output", output]);
    await running.until(/offline sft/);
    return { running, output };
  }),
  ({ running, output }) =>
    Effect.promise(async () => {
      running.child.kill("SIGKILL");
      await running.ended;
      rmSync(output, { recursive: true, force: true });
    }),
);

const outcomes = Effect.fnUntraced(function* (slots: number) {
  const sandbox = yield* SandboxDocker.make(Languages.python, { slots });
  return yield* Effect.forEach(
    programs,
    ({ task, program }) =>
      Effect.map(sandbox.verify(task, program), ({ outcome }) => `${task.id} ${outcome}`),
    { concurrency: slots },
  );
}, Effect.scoped);

describe.skipIf(WithDocker.skip || programs.length === 0)("verdicts", () => {
  it.live(
    "do not depend on what runs beside",
    () =>
      Effect.gen(function* () {
        const { running } = yield* training;
        const alone = yield* outcomes(1);
        assert.deepStrictEqual(yield* outcomes(16), alone);
        assert.isNull(running.child.exitCode, "the training had ended");
        const passed = alone.filter((line) => line.endsWith(" Passed")).length;
        assert.strictEqual(passed, problems.length, "right solutions pass, buggy ones do not");
      }).pipe(Effect.scoped),
    600_000,
  );
});
