import * as Fs from "node:fs";
import * as Path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Stream from "effect/Stream";
import * as ConfigFile from "../../src/config/ConfigFile.ts";
import type { RunEvent } from "../../src/domain/RunEvent.ts";
import * as RunDirectory from "../../src/store/RunDirectory.ts";
import * as RunReader from "../../src/store/RunReader.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "./Fixture.ts";

const configIn = (output: string, name = "test") =>
  ConfigFile.fromValue("test", {
    name,
    output,
    policy: { path: "p" },
    dataset: { kind: "drydock", path: "d" },
    stages: [{ kind: "evaluate", label: "base" }],
  });

const append = (directory: string, ...events: ReadonlyArray<RunEvent>) =>
  Fixture.session(
    directory,
    Effect.flatMap(RunStore, (store) => store.append(...events)),
  );

describe("RunDirectory", () => {
  it.effect("makes a directory that says what it runs", () =>
    Effect.gen(function* () {
      const output = Path.join(yield* Fixture.temporary, "deep/runs");
      const config = yield* configIn(output);
      const { runId, directory } = yield* RunDirectory.create(config);
      assert.match(runId, /^19700101-000000-test-[a-z2-9]{4}$/);
      assert.strictEqual(directory, Path.join(output, runId));
      assert.deepStrictEqual(yield* RunDirectory.readConfig(directory), config);
      assert.include((yield* Effect.flip(RunDirectory.create(config, runId))).reason, "is there already");
      Fs.appendFileSync(Path.join(directory, "config.json"), "{");
      assert.include((yield* Effect.flip(RunDirectory.readConfig(directory))).message, "config.json");
    }).pipe(Effect.scoped),
  );

  it.effect("lists runs and finds one by id, beginning, end, path and `latest`", () =>
    Effect.gen(function* () {
      const output = yield* Fixture.temporary;
      assert.deepStrictEqual(yield* RunDirectory.list(Path.join(output, "none")), []);
      const config = yield* configIn(output);
      for (const id of ["20260101-a", "20260102-b", "20260103-c"]) {
        const { directory } = yield* RunDirectory.create(config, id);
        yield* append(directory, Fixture.started({ verifications: 1, generated: 1 }), { _tag: "RunPaused" });
      }
      yield* RunDirectory.create(config, "20260104-never-begun");
      Fs.writeFileSync(Path.join(output, "20260102-b/run.db"), "damaged ".repeat(200));
      const listed = yield* RunDirectory.list(output);
      assert.deepStrictEqual(
        listed.map(({ id, state, problem }) => [id, state?.status, problem?._tag]),
        [
          ["20260101-a", "paused", undefined],
          ["20260102-b", undefined, "StoreError"],
          ["20260103-c", "paused", undefined],
        ],
      );
      const c = Path.join(output, "20260103-c");
      for (const name of ["20260103-c", "20260103", "-c", "latest", c]) {
        assert.strictEqual(yield* RunDirectory.find(name, output), c, name);
      }
      assert.include(
        (yield* Effect.flip(RunDirectory.find("2026", output))).reason,
        "fits 3 runs: 20260101-a, ",
      );
      assert.include((yield* Effect.flip(RunDirectory.find("x", output))).reason, `there is no run "x" in`);
    }).pipe(Effect.scoped),
  );

  it.effect("says who runs a run", () =>
    Effect.gen(function* () {
      const directory = yield* Fixture.temporary;
      yield* Fixture.session(
        directory,
        Effect.gen(function* () {
          assert.deepInclude(yield* RunDirectory.holder(directory), { pid: process.pid, state: "alive" });
        }),
      );
      assert.strictEqual(yield* RunDirectory.holder(directory), null);
    }).pipe(Effect.scoped),
  );
});

describe("RunReader", () => {
  it.live("follows a run that is being written, without its lock", () =>
    Effect.gen(function* () {
      const directory = yield* Fixture.temporary;
      yield* Fixture.session(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          yield* store.append(Fixture.started({ verifications: 3, generated: 3 }));
          const reader = yield* RunReader.open(directory);
          assert.strictEqual(yield* reader.head, 1);
          const first = yield* Deferred.make<void>();
          const following = yield* reader.heads.pipe(
            Stream.tap(() => Deferred.succeed(first, undefined)),
            Stream.takeUntil((head) => head === 3),
            Stream.runCollect,
            Effect.forkChild,
          );
          yield* Deferred.await(first);
          yield* store.append({ _tag: "RunPaused" }, { _tag: "RunUnpaused" });
          const heads = yield* Fiber.join(following);
          assert.deepStrictEqual(heads, [1, 3]);
          assert.deepStrictEqual(yield* reader.state, yield* store.state);
          assert.deepStrictEqual(yield* reader.read(1, 10), yield* store.read(1, 10));
          yield* store.append({ _tag: "RunPaused" });
          assert.strictEqual((yield* reader.state).status, "paused");
          // A store serves where a reader does.
          const either: RunReader.RunReader = store;
          assert.strictEqual(yield* either.head, 4);
        }),
      );
    }).pipe(Effect.scoped),
  );

  it.effect("says where there is no run", () =>
    Effect.gen(function* () {
      const directory = yield* Fixture.temporary;
      assert.include((yield* Effect.flip(RunReader.open(directory))).reason, "there is no run database");
      assert.deepStrictEqual(Fs.readdirSync(directory), []);
    }).pipe(Effect.scoped),
  );
});
