import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as NodeServices from "@effect/platform-node/NodeServices";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import * as Stdio from "effect/Stdio";
import { app } from "../../src/App.ts";
import type { Shown } from "../../src/cli/PlanView.ts";
import * as Presenter from "../../src/cli/Presenter.ts";

/** Nothing was ever measured for a run below it. */
const output = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-plan-"));
afterAll(() => Fs.rmSync(output, { recursive: true }));

/** What `drydock plan configs/default.json ARGS` prints. */
const plan = Effect.fn(function* (...args: ReadonlyArray<string>) {
  const lines: Array<string> = [];
  const console: Console.Console = {
    ...globalThis.console,
    log: (...parts) => void lines.push(parts.map(String).join(" ")),
  };
  yield* app.pipe(
    Effect.provideService(Console.Console, console),
    Effect.provide(
      Stdio.layerTest({
        args: Effect.succeed(["plan", "configs/default.json", "--no-calibrate", "--output", output, ...args]),
      }),
    ),
    Effect.provide([NodeServices.layer, Presenter.layer]),
  );
  return lines.join("\n");
});

describe("drydock plan", () => {
  it.effect("says what each part takes, and that it fits", () =>
    Effect.gen(function* () {
      const found: Shown = JSON.parse(yield* plan("--memory", "4", "--json"));
      assert.isTrue(found.fits);
      assert.isFalse(found.recompute);
      assert.deepStrictEqual(Object.keys(found.memory.trainings), ["sft", "cql"]);
      assert.isBelow(found.memory.peak, 2e9);
      assert.isNull(found.plan);
      for (const bytes of [found.memory.opening, found.memory.generation]) assert.isAbove(bytes, 3e8);
    }),
  );

  it.effect("says what to change where it does not fit", () =>
    Effect.gen(function* () {
      const text = yield* plan("--memory", "0.5");
      assert.match(text, /may take 500\.0 MB: the run does not fit/);
      assert.match(text, /LoRA on a bfloat16 base, microBatch 1/);
      assert.match(text, /Note: The run takes .* it will be refused/);
    }),
  );
});
