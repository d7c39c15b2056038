/** `drydock watch` as a process: a run of the past, one that is going on, and what is not there. */
import { type ChildProcess, spawn } from "node:child_process";
import * as Path from "node:path";
import { createInterface } from "node:readline";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Queue from "effect/Queue";
import { ProgressServer } from "../../src/progress/ProgressServer.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "../progress/Fixture.ts";
import * as StoreFixture from "../store/Fixture.ts";

const bin = Path.resolve(import.meta.dirname, "../../bin/drydock.mjs");

const start = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const lines = yield* Queue.unbounded<string>();
    const ended = yield* Queue.unbounded<{ readonly code: number | null; readonly stderr: string }>();
    yield* Effect.acquireRelease(
      Effect.sync((): ChildProcess => {
        const child = spawn(process.execPath, [bin, "watch", ...args], { stdio: ["ignore", "pipe", "pipe"] });
        let stderr = "";
        child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
        createInterface({ input: child.stdout }).on("line", (line) => Queue.offerUnsafe(lines, line));
        child.on("close", (code) => Queue.offerUnsafe(ended, { code, stderr }));
        return child;
      }),
      (child) => Effect.sync(() => void child.kill("SIGKILL")),
    );
    return {
      line: Queue.take(lines),
      ended: Queue.take(ended),
      /** What it printed that was not read yet. */
      rest: Queue.clear(lines),
    };
  });

describe("drydock watch", () => {
  it.live("shows a run of the past, whole or from a number", () =>
    Effect.gen(function* () {
      const directory = yield* StoreFixture.temporary;
      const head = yield* Effect.provide(
        Effect.andThen(
          Fixture.play(),
          Effect.flatMap(RunStore, (store) => store.head),
        ),
        Fixture.served(directory),
      );
      const whole = yield* start(directory);
      const part = yield* start(directory, "--from", String(head - 3), "--json");
      const beyond = yield* start(directory, "--from", String(head + 1));
      assert.deepStrictEqual(yield* whole.ended, { code: 0, stderr: "" });
      const lines = yield* whole.rest;
      assert.match(lines[0] ?? "", /^ +1 {2}\d\d:\d\d:\d\d {2}run .* started: base → anchor/);
      assert.match(lines.at(-1) ?? "", /finished in 2 min 3 s$/);
      assert.isTrue(lines.some((line) => /base: pass@1 31\.0 % \(26\.0 % – 37\.0 %\)/.test(line)));
      assert.deepStrictEqual(yield* part.ended, { code: 0, stderr: "" });
      assert.deepStrictEqual(
        (yield* part.rest).map((line) => (JSON.parse(line) as { seq: number }).seq),
        [head - 2, head - 1, head],
      );
      const refused = yield* beyond.ended;
      assert.strictEqual(refused.code, 1);
      assert.match(refused.stderr, /beyond the last event of this run, \d+\n {2}What to do:/);
    }),
  );

  it.live("follows a run by its address and by its directory until it ends", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const store = yield* RunStore;
        const { url } = yield* ProgressServer;
        yield* store.append(StoreFixture.started({ verifications: 1, generated: 1 }));
        const byAddress = yield* start(url.replace("http", "ws"));
        const byDirectory = yield* start(store.directory);
        for (const watching of [byAddress, byDirectory]) assert.match(yield* watching.line, /started/);
        yield* store.append({ _tag: "RunPaused" });
        for (const watching of [byAddress, byDirectory]) assert.match(yield* watching.line, /paused$/);
        yield* store.append({ _tag: "RunStopped", reason: "stopped by terminal" });
        for (const watching of [byAddress, byDirectory]) {
          assert.match(yield* watching.line, /stopped by terminal/);
          assert.deepStrictEqual(yield* watching.ended, { code: 0, stderr: "" });
        }
      }),
    ),
  );

  it.live("says when a run was cut short, and when there is none", () =>
    Effect.gen(function* () {
      const directory = yield* StoreFixture.temporary;
      yield* Effect.provide(
        Effect.flatMap(RunStore, (store) =>
          store.append(StoreFixture.started({ verifications: 1, generated: 1 })),
        ),
        Fixture.served(directory),
      );
      const cut = yield* start(directory);
      const none = yield* start("no-such-run", "--root", directory);
      const ended = yield* cut.ended;
      assert.strictEqual(ended.code, 0);
      assert.match(ended.stderr, /cut short. To go on: npx drydock resume/);
      const absent = yield* none.ended;
      assert.strictEqual(absent.code, 1);
      assert.match(absent.stderr, /there is no run "no-such-run"/);
    }),
  );
});
