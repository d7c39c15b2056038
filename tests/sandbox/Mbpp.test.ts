/**
 * The sandbox against programs whose verdict is known: MBPP's references pass, EvalPlus's labels of two models'
 * programs are agreed with. A sample by default; DRYDOCK_FULL=1 takes all 974 tasks and all labels.
 */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as Imported from "./support/Imported.ts";
import * as WithDocker from "./support/WithDocker.ts";

const everything = process.env["DRYDOCK_FULL"] === "1";
const every = everything ? 1 : 12;

/** Tasks whose tests need what only the program defines; they cannot be judged apart from it. */
const UNJUDGEABLE = ["mbpp/367", "mbpp/596", "mbpp/601", "mbpp/927"];

const full = await Imported.load("mbpp", ["mbpp", "mbpp.jsonl"]);
const SANITIZED = ["mbpp-sanitized", "mbpp", "sanitized-mbpp.json"];
const sanitized = await Imported.load("mbpp-sanitized", ["mbpp", "sanitized-mbpp.json"]);

describe.skipIf(WithDocker.skip || full.tasks.length === 0)("MBPP", () => {
  const generous = { cpuSeconds: 5, wallSeconds: 40 };
  layer(SandboxDocker.layer(Languages.python, { limits: generous }), {
    timeout: 300_000,
    excludeTestServices: true,
  })("Docker", (it) => {
    it.effect(
      "references pass",
      () =>
        Effect.gen(function* () {
          const sandbox = yield* Sandbox;
          for (const problems of [sanitized, full].map(Imported.problems)) {
            const chosen = problems.filter(({ task }, i) => i % every === 0 || UNJUDGEABLE.includes(task.id));
            const outcomes = yield* Effect.forEach(
              chosen,
              ({ task, reference }) =>
                sandbox.verify(task, reference).pipe(
                  Effect.map((verdict) => [task.id, verdict.outcome] as const),
                  Effect.catchTag("SandboxFault", () => Effect.succeed([task.id, "SandboxFault"] as const)),
                ),
              { concurrency: sandbox.parallelism },
            );
            for (const [id, outcome] of outcomes) {
              assert.strictEqual(outcome, UNJUDGEABLE.includes(id) ? "SandboxFault" : "Passed", id);
            }
            const passes = outcomes.filter(([, outcome]) => outcome === "Passed").length;
            console.log(`MBPP references: ${passes} of ${outcomes.length} pass`);
          }
        }),
      600_000,
    );

    it.effect(
      "labels are agreed with",
      () =>
        Effect.gen(function* () {
          const sandbox = yield* Sandbox;
          const tasks = new Map(sanitized.tasks.map((task) => [task.id, task]));
          for (const model of ["Meta-Llama-3-8B", "Meta-Llama-3-8B-Instruct"]) {
            const labelled = yield* Effect.promise(() =>
              Imported.load("evalplus-results", ["labelled", `mbpp-${model}.json`], { tasks: SANITIZED }),
            );
            const rows = labelled.attempts
              .filter((_, i) => i % every === 0)
              .map(({ taskId, program, outcome }) => ({ taskId, program, passes: outcome === "Passed" }));
            const agreed = yield* Effect.forEach(
              rows,
              ({ taskId, program, passes }) =>
                sandbox.verify(tasks.get(taskId) ?? assert.fail(taskId), program).pipe(
                  Effect.map((verdict) => passes === (verdict.outcome === "Passed") || verdict.outcome),
                  Effect.catchTag("SandboxFault", (fault) => Effect.succeed(fault.reason)),
                  Effect.tap((result) =>
                    Effect.sync(() => {
                      if (result !== true) console.log(`${taskId} is labelled ${passes}: ${result}`);
                    }),
                  ),
                ),
              { concurrency: sandbox.parallelism },
            );
            const agree = agreed.filter((result) => result === true).length;
            console.log(`EvalPlus labels of ${model}: ${agree} of ${rows.length} agreed with`);
            assert.isAtLeast(agree, rows.length * 0.97);
          }
        }),
      600_000,
    );
  });
});
