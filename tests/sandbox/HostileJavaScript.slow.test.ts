/** Hostile JavaScript programs in both engines: each must end as it says, and leave the sandbox as good as new. */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import type { Limits, Task, Tests } from "../../src/domain/Task.ts";
import type { SandboxUnavailable } from "../../src/domain/Verdict.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import { type Hostile, programs } from "./hostile/javascript.ts";
import * as WithDocker from "./support/WithDocker.ts";

const MIB = 1024 * 1024;
const quickjs: Limits = {
  cpuSeconds: 0.3,
  wallSeconds: 3,
  memoryBytes: 32 * MIB,
  outputBytes: 64 * 1024,
};
// Node takes a tenth of a second of CPU time to start, and longer by the wall where the machine is busy.
const node: Limits = { cpuSeconds: 1, wallSeconds: 20, memoryBytes: 96 * MIB, outputBytes: 64 * 1024 };

const testsOf = ({ style, expected = 5 }: Pick<Hostile, "style" | "expected">): Tests => {
  if (style === "call") return { kind: "call", visible: 0, cases: [{ args: [2, 3], expected }] };
  if (style === "stdio") {
    return { kind: "stdio", visible: 0, comparison: "exact", cases: [{ input: "2 3\n", output: "5\n" }] };
  }
  const asserts = ["console.assert(f(2, 3) === 5)", "require('node:assert').strictEqual(f(2, 3), 5)"];
  return { kind: "assert", setup: "", asserts };
};

const task = (tests: Tests, limits: Limits): Task => ({
  id: "test/hostile",
  source: "test",
  split: "test",
  language: "javascript",
  statement: "",
  entryPoint: "f",
  tests,
  limits,
});

const honest = "const f = (a, b) => [a, b].map((x) => x).reduce((x, y) => x + y)";

const suite = (
  engine: "quickjs" | "node",
  sandbox: Layer.Layer<Sandbox, SandboxUnavailable>,
  limits: Limits,
  hastySeconds: number,
): void =>
  layer(sandbox, { timeout: 300_000, excludeTestServices: true })(`hostile JavaScript, ${engine}`, (it) => {
    const mine = programs.filter(({ engines }) => engines.includes(engine));
    it.effect.each(mine.map((hostile) => [`${hostile.aim}: ${hostile.name}`, hostile] as const))(
      "%s",
      ([, hostile]) =>
        Effect.gen(function* () {
          const { verify } = yield* Sandbox;
          const within = hostile.hasty === true ? { ...limits, wallSeconds: hastySeconds } : limits;
          // Twice, where the first could have left something for the second.
          for (let time = 0; time < (hostile.aim === "persist" ? 2 : 1); time++) {
            const verdict = yield* verify(task(testsOf(hostile), within), hostile.program);
            assert.include(hostile.outcomes, verdict.outcome, JSON.stringify(verdict));
          }
          const next = yield* verify(task(testsOf({ style: "call" }), limits), honest);
          assert.strictEqual(next.outcome, "Passed", JSON.stringify(next));
        }),
      { timeout: 120_000 },
    );
  });

suite("quickjs", SandboxQuickJs.layer(), quickjs, 0.5);
describe.skipIf(WithDocker.skip)("in Docker", () => {
  suite("node", SandboxDocker.layer(Languages.node), node, 5);
});
