/** Tiny runs that go through, and tiny runs that are stopped and taken up again: the two must be equal. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import { assert } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { RunConfig } from "../../src/config/RunConfig.ts";
import * as Report from "../../src/orchestrator/Report.ts";
import { Commands } from "../../src/store/Commands.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as TinyRun from "./TinyRun.ts";

export type Change = Readonly<Record<string, unknown>>;

/** A run from its beginning to its end. */
export const whole = Effect.fn(function* (folder: string, change: Change = {}, sandbox = TinyRun.sandbox) {
  const config = yield* TinyRun.configure(folder, change);
  const { directory } = yield* TinyRun.create(config);
  return yield* Effect.gen(function* () {
    const report = yield* TinyRun.go(config);
    const store = yield* RunStore;
    return { directory, report, events: yield* Report.allEvents, state: yield* store.state };
  }).pipe(Effect.provide(TinyRun.services(directory, sandbox)));
});

/** Waits until so many events of a kind were committed. */
const seen = Effect.fn(function* (tag: string, count: number) {
  const store = yield* RunStore;
  yield* store.heads.pipe(
    Stream.mapEffect(() => Report.allEvents),
    Stream.filter((events) => events.filter(({ event }) => event._tag === tag).length >= count),
    Stream.take(1),
    Stream.runDrain,
  );
});

const resumed = (config: RunConfig, directory: string) =>
  Effect.gen(function* () {
    const report = yield* TinyRun.go(config);
    return { directory, report, events: yield* Report.allEvents };
  }).pipe(Effect.provide(TinyRun.services(directory)));

/** Runs until `stopAfter` events of a kind were committed, stops like Ctrl-C, and resumes to the end. */
export const interrupted = Effect.fn(function* (
  folder: string,
  tag: string,
  stopAfter: number,
  change: Change = {},
) {
  const config = yield* TinyRun.configure(folder, change);
  const { directory } = yield* TinyRun.create(config);
  const stopped = yield* Effect.gen(function* () {
    const commands = yield* Commands;
    yield* seen(tag, stopAfter).pipe(
      Effect.andThen(commands.submit({ command: { _tag: "Stop" }, from: "test" })),
      Effect.forkScoped,
    );
    return yield* Effect.flip(TinyRun.go(config));
  }).pipe(Effect.provide(TinyRun.services(directory)), Effect.scoped);
  assert.strictEqual(stopped._tag, "StopRequested");
  return yield* resumed(config, directory);
});

/** The same, but cut off in the middle of whatever it does then: no safe point, no last checkpoint. */
export const cutOff = Effect.fn(function* (
  folder: string,
  tag: string,
  stopAfter: number,
  change: Change = {},
) {
  const config = yield* TinyRun.configure(folder, change);
  const { directory } = yield* TinyRun.create(config);
  const finished = yield* Effect.raceFirst(
    TinyRun.go(config).pipe(Effect.as(true)),
    seen(tag, stopAfter).pipe(Effect.as(false)),
  ).pipe(Effect.provide(TinyRun.services(directory)));
  assert.isFalse(finished);
  return yield* resumed(config, directory);
});

/** The bytes of the weights that a run ended with. */
export const weights = (directory: string): Buffer =>
  Fs.readFileSync(Path.join(directory, "policy", "model.safetensors"));
