/**
 * HumanEvalPack's JavaScript: right solutions pass and buggy ones fail, in both engines. A sample by default; all with
 * DRYDOCK_FULL=1.
 */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import type { Limits } from "../../src/domain/Task.ts";
import type { SandboxUnavailable } from "../../src/domain/Verdict.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as Imported from "./support/Imported.ts";
import * as WithDocker from "./support/WithDocker.ts";

const pack = Imported.problems(await Imported.load("humanevalpack", ["humanevalpack", "js.jsonl"]));
const full = process.env["DRYDOCK_FULL"] === "1";
const limits: Limits = {
  cpuSeconds: 5,
  wallSeconds: 60,
  memoryBytes: 64 * 1024 * 1024,
  outputBytes: 64 * 1024,
};

/** The reference loads the package js-md5, and a sandbox has no packages. */
const UNSOLVABLE = new Set(["JavaScript/162"]);

const suite = (name: string, sandbox: Layer.Layer<Sandbox, SandboxUnavailable>, step: number): void =>
  layer(sandbox, { timeout: 300_000, excludeTestServices: true })(`HumanEvalPack in ${name}`, (it) => {
    it.effect(
      "right solutions pass, buggy ones fail",
      () =>
        Effect.gen(function* () {
          const { verify } = yield* Sandbox;
          const problems = pack.filter((_, index) => full || index % step === 0);
          const failures = yield* Effect.forEach(
            problems,
            ({ task: unlimited, reference, buggy = "" }) =>
              Effect.gen(function* () {
                const task = { ...unlimited, limits };
                const right = yield* verify(task, reference);
                const wrong = yield* verify(task, buggy);
                const held =
                  (right.outcome === "Passed") !== UNSOLVABLE.has(task.id) && wrong.outcome !== "Passed";
                return held ? [] : [{ task: task.id, right, wrong }];
              }),
            { concurrency: 2 },
          );
          assert.deepStrictEqual(failures.flat(), []);
        }),
      { timeout: 1_200_000 },
    );
  });

describe.skipIf(pack.length === 0)("with its data", () => {
  suite("QuickJS", SandboxQuickJs.layer(), 4);
  describe.skipIf(WithDocker.skip)("in Docker", () => {
    suite("Node", SandboxDocker.layer(Languages.node), 40);
  });
});
