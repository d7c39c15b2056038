/** `drydock budget` as a process, on a run that no process runs. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { RunStore } from "../../src/store/RunStore.ts";
import * as StoreFixture from "../store/Fixture.ts";
import * as Drydock from "./Drydock.ts";

describe("drydock budget", () => {
  it.live("sets a limit of a stage, shows it beside the run's, and refuses a stage that is none", () =>
    Effect.gen(function* () {
      const directory = yield* StoreFixture.temporary;
      const limits = { verifications: 10, generated: 100, cpuSeconds: 90_000 };
      const begun = Effect.gen(function* () {
        yield* (yield* RunStore).append(StoreFixture.started(limits));
      });
      yield* StoreFixture.session(directory, begun);
      const run = (...args: ReadonlyArray<string>) =>
        Effect.promise(() => Drydock.run(["budget", directory, ...args]));
      const set = yield* run("--set", "cpuSeconds=60", "--stage", "second", "--json");
      assert.strictEqual(set.code, 0, set.stderr);
      const shown = JSON.parse(set.stdout) as { readonly stage: string; readonly rows: unknown };
      assert.strictEqual(shown.stage, "second");
      assert.deepStrictEqual(shown.rows, [
        {
          unit: "cpuSeconds",
          limit: 60,
          spent: 0,
          reserved: 0,
          left: 60,
          ratePerHour: null,
          secondsLeft: null,
        },
      ]);
      yield* StoreFixture.session(
        directory,
        Effect.gen(function* () {
          const { run: ofRun, stage } = yield* (yield* RunStore).accounts(1);
          assert.strictEqual(stage.cpuSeconds.limit, 60_000);
          assert.strictEqual(ofRun.cpuSeconds.limit, 90_000);
        }),
        "open",
      );
      const none = yield* run("--set", "cpuSeconds=60", "--stage", "third");
      assert.notStrictEqual(none.code, 0);
      assert.match(none.stderr, /no online stage "third"[\s\S]*use one of "online", "second"/);
    }).pipe(Effect.scoped),
  );
});
