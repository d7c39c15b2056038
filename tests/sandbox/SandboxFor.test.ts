import { assert, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { afterEach, beforeEach, describe } from "vitest";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as SandboxFor from "../../src/sandbox/SandboxFor.ts";
import { call } from "./support/Tasks.ts";

describe("SandboxFor", () => {
  const before = process.env["DOCKER_HOST"];
  beforeEach(() => {
    process.env["DOCKER_HOST"] = "unix:///nowhere/docker.sock";
  });
  afterEach(() => {
    if (before === undefined) delete process.env["DOCKER_HOST"];
    else process.env["DOCKER_HOST"] = before;
  });

  it.live("without Docker, Python fails with the remedy and JavaScript works", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      const error = yield* Effect.flip(sandbox.verify(call("python", [[[], 1]]), "def f(): return 1"));
      assert.strictEqual(error._tag, "SandboxUnavailable");
      assert.match(error._tag === "SandboxUnavailable" ? error.remedy : "", /start it/);
      const verdict = yield* sandbox.verify(call("javascript", [[[], 1]]), "const f = () => 1");
      assert.strictEqual(verdict.outcome, "Passed");
      assert.match(sandbox.identity, /^quickjs\/.* python\/unavailable$/);
    }).pipe(Effect.provide(SandboxFor.layer(["javascript", "python"], { slots: 1 }))),
  );

  it.live("opens only what it is asked for", () =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      const error = yield* Effect.flip(sandbox.verify(call("python", []), ""));
      assert.strictEqual(error._tag, "SandboxUnavailable");
      assert.strictEqual(sandbox.parallelism, 3);
    }).pipe(Effect.provide(SandboxFor.layer(["javascript"], { slots: 3 }))),
  );
});
