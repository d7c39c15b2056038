/** What is told to be broken without a sandbox is a CompileError in it: real programs, cut off and mangled at random. */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Random from "../../src/random/Random.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as Broken from "../../src/syntax/Broken.ts";
import * as Imported from "./support/Imported.ts";
import * as WithDocker from "./support/WithDocker.ts";

const SEED = 3;
const PROGRAMS = 160;

const problems = Imported.problems(await Imported.load("mbpp", ["mbpp", "mbpp.jsonl"]));

/** Cut off, or with a character of its own put in, taken out or doubled. */
const mangled = (program: string, random: Random.Random): string => {
  const at = random.int(Math.max(1, program.length));
  const from = random.int(Math.max(1, program.length));
  switch (random.int(3)) {
    case 0:
      return program.slice(0, at);
    case 1:
      return program.slice(0, at) + program.slice(at + 1);
    default:
      return program.slice(0, at) + program.slice(from, from + 1) + program.slice(at);
  }
};

describe.skipIf(WithDocker.skip || problems.length === 0)("broken programs", () => {
  layer(SandboxDocker.layer(Languages.python), { timeout: 300_000, excludeTestServices: true })(
    "Docker",
    (it) => {
      it.effect(
        `none that is told to be broken compiles (seed ${SEED})`,
        () =>
          Effect.gen(function* () {
            const sandbox = yield* Sandbox;
            for (const { reference } of problems)
              assert.isNull(Broken.reason("python", reference), reference);
            const random = Random.make(SEED);
            const chosen = Array.from({ length: PROGRAMS }, () => {
              const { task, reference } = random.pick(problems);
              return { task, program: mangled(reference, random) };
            });
            const outcomes = yield* Effect.forEach(
              chosen,
              ({ task, program }) =>
                sandbox.verify(task, program).pipe(
                  Effect.map(({ outcome }): string => outcome),
                  Effect.catchTag("SandboxFault", () => Effect.succeed("SandboxFault")),
                ),
              { concurrency: sandbox.parallelism },
            );
            const told = chosen.map(({ program }) => Broken.reason("python", program));
            chosen.forEach(({ program }, i) => {
              if (told[i] !== null)
                assert.strictEqual(outcomes[i], "CompileError", `${told[i]}:\n${program}`);
            });
            const compileErrors = outcomes.filter((outcome) => outcome === "CompileError").length;
            const found = told.filter((reason) => reason !== null).length;
            assert.isAbove(found, 10);
            console.log(`told without a sandbox: ${found} of ${compileErrors} programs that do not compile`);
          }),
        300_000,
      );
    },
  );
});
