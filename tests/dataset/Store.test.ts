/** The Arrow form of a dataset: what is written is read back, and nothing that is half-done is taken for whole. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Attempt } from "../../src/domain/Attempt.ts";
import type { Task } from "../../src/domain/Task.ts";
import * as Dataset from "../../src/dataset/Dataset.ts";
import * as DatasetReader from "../../src/dataset/DatasetReader.ts";
import * as DatasetWriter from "../../src/dataset/DatasetWriter.ts";

const head = { name: "small", version: "1", source: "a test", licence: "CC0-1.0", made: [] };

const task = (id: string): Task => ({
  id,
  source: "test",
  split: "train",
  language: "python",
  statement: "\ufeffAdd one to ñ, 𝒏.\r\n",
  entryPoint: "f",
  tests: { kind: "assert", setup: "", asserts: ["assert f(1) == 2"] },
  meta: { difficulty: "easy" },
});

const withDirectory = <A, E>(body: (directory: string) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "drydock-store-"))),
    body,
    (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true })),
  );

describe("a dataset in Arrow segments", () => {
  it.effect("is read back as it was written", () =>
    withDirectory(
      Effect.fnUntraced(function* (parent) {
        const directory = path.join(parent, "small");
        const attempts: ReadonlyArray<Attempt> = [
          { taskId: "a", program: "", origin: "x" },
          {
            taskId: "b",
            program: "def f(n):\n  return n",
            origin: "y",
            outcome: "WrongAnswer",
            testsPassed: 0,
            testsTotal: 1,
            labelSource: "sandbox",
            datasetLabel: { outcome: "Passed" },
            cpuSeconds: 0.25,
            memoryBytes: 5e9,
            failingTests: [0],
            reasoning: "none",
            meta: { status: [1, null] },
          },
        ];
        yield* Effect.scoped(
          Effect.gen(function* () {
            const writer = yield* DatasetWriter.make(directory, { resume: false, overwrite: false });
            yield* writer.task(task("a"));
            yield* writer.task(task("b"));
            for (const attempt of attempts) yield* writer.attempt(attempt);
            yield* writer.finish(head);
          }),
        );
        assert.deepStrictEqual(fs.readdirSync(parent), ["small"]);
        assert.deepStrictEqual(fs.readdirSync(directory).sort(), ["attempts", "dataset.json", "tasks"]);
        const loaded = yield* Dataset.load(directory);
        assert.deepStrictEqual(loaded.tasks, [task("a"), task("b")]);
        assert.deepStrictEqual(loaded.attempts, attempts);
        yield* Effect.scoped(
          Effect.gen(function* () {
            const reader = yield* DatasetReader.open(directory);
            assert.deepStrictEqual(reader.attempts.at(1), attempts[1]);
            assert.throws(() => reader.attempts.at(2), RangeError);
          }),
        );
      }),
    ),
  );
});
