/**
 * HumanEvalPack's C++ problems: canonical solutions pass and buggy ones fail. A sample by default; DRYDOCK_FULL=1 takes
 * all 164, which is some 500 compilations.
 */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as Imported from "./support/Imported.ts";
import * as Problems from "./support/Problems.ts";
import * as WithDocker from "./support/WithDocker.ts";

/** In every sample: any values, helpers of the task's own, MD5, a C function's name, another name than the entry point's. */
const ALWAYS = ["CPP/22", "CPP/23", "CPP/32", "CPP/38", "CPP/121", "CPP/137", "CPP/162"];

const all = await Imported.load("humanevalpack", ["humanevalpack", "cpp.jsonl"]);
const problems = Imported.problems(all).filter(
  ({ task }, index) => index % Problems.stride(40) === 0 || ALWAYS.includes(task.id),
);

describe.skipIf(WithDocker.skip || problems.length === 0)("HumanEvalPack in C++", () => {
  const limits = { cpuSeconds: 4, wallSeconds: 60 };
  layer(SandboxDocker.layer(Languages.cpp, { limits }), { timeout: 900_000, excludeTestServices: true })(
    "",
    (it) => {
      it.effect(
        "canonical solutions pass, buggy ones fail",
        () =>
          Effect.gen(function* () {
            const sandbox = yield* Sandbox;
            const programs = problems.flatMap(({ task, reference, buggy = "" }) => [
              { task, program: reference, passes: true },
              { task, program: buggy, passes: false },
            ]);
            const ended = yield* Effect.forEach(
              programs,
              ({ task, program, passes }) =>
                sandbox.verify(task, program).pipe(
                  Effect.map(({ outcome, detail }) => ({ id: task.id, passes, outcome, detail })),
                  Effect.catchTag("SandboxFault", ({ reason }) =>
                    Effect.succeed({ id: task.id, passes, outcome: "SandboxFault", detail: reason }),
                  ),
                ),
              { concurrency: sandbox.parallelism },
            );
            const failing = ["WrongAnswer", "RuntimeError", "TimedOut", "OutOfMemory"];
            const odd = ended.filter(({ passes, outcome }) =>
              passes ? outcome !== "Passed" : !failing.includes(outcome),
            );
            console.log(
              `HumanEvalPack in C++: ${ended.length - odd.length} of ${ended.length} programs as they must`,
            );
            assert.deepStrictEqual(odd, []);
          }),
        7_200_000,
      );
    },
  );
});
