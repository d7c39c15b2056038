import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Attempt } from "../../src/domain/Attempt.ts";
import type { Task } from "../../src/domain/Task.ts";
import * as Dataset from "../../src/dataset/Dataset.ts";
import type { DatasetError } from "../../src/dataset/DatasetError.ts";

const task = (id: string): Task => ({
  id,
  source: "test",
  split: "train",
  language: "javascript",
  statement: "Add one.",
  entryPoint: "f",
  tests: { kind: "call", cases: [{ args: [1], expected: 2 }], visible: 1 },
});
const attempt = (taskId: string): Attempt => ({
  taskId,
  program: "function f(n) { return n + 1; }",
  origin: "test",
});

const head = { name: "small", version: "1", source: "a test", licence: "CC0-1.0" };

const withDirectory = <A, E>(body: (directory: string) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "drydock-dataset-"))),
    body,
    (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true })),
  );

/** Saves a good dataset, changes one file without telling the manifest's hash, loads. */
const spoiled = (file: string, change: (text: string) => string): Effect.Effect<DatasetError, unknown> =>
  withDirectory(
    Effect.fnUntraced(function* (directory) {
      yield* Dataset.save(directory, { tasks: [task("a"), task("b")], attempts: [attempt("a")] }, undefined, {
        ...head,
        gzip: false,
      });
      const at = path.join(directory, file);
      fs.writeFileSync(at, change(fs.readFileSync(at, "utf8")));
      return yield* Effect.flip(Dataset.load(directory));
    }),
  );

describe("Dataset", () => {
  for (const gzip of [false, true]) {
    it.effect(`loads what it saved, gzip ${gzip}`, () =>
      withDirectory(
        Effect.fnUntraced(function* (directory) {
          const main = {
            tasks: [task("a"), { ...task("b"), split: "test" as const }],
            attempts: [attempt("a")],
          };
          const corpus = { tasks: [task("c")], attempts: [attempt("c"), attempt("c")] };
          const manifest = yield* Dataset.save(directory, main, corpus, { ...head, gzip, seed: 3 });
          const loaded = yield* Dataset.load(directory);
          assert.deepStrictEqual(loaded, { manifest, ...main });
          const pretrain = yield* Dataset.load(directory, { part: "pretrain" });
          assert.deepStrictEqual(
            pretrain.tasks.map(({ id }) => id),
            ["c", "b"],
          );
          assert.deepStrictEqual(pretrain.attempts, corpus.attempts);
        }),
      ),
    );
  }

  it.effect("names file and line of what does not parse or decode", () =>
    Effect.gen(function* () {
      const syntax = yield* spoiled("tasks.jsonl", (text) => text.replace('"id":"b"', '"id":'));
      assert.match(syntax.message, /tasks\.jsonl:2: not valid JSON/);
      const shape = yield* spoiled("attempts.jsonl", (text) => text.replace('"program"', '"code"'));
      assert.match(shape.message, /attempts\.jsonl:1: .*program/);
    }),
  );

  it.effect("refuses tasks without tests, double ids, and attempts at unknown tasks", () =>
    Effect.gen(function* () {
      const bare = yield* spoiled("tasks.jsonl", (text) =>
        text.replace('[{"args":[1],"expected":2}],"visible":1', '[],"visible":0'),
      );
      assert.match(bare.message, /tasks\.jsonl:1: task "a" has no tests.*Add cases/);
      const double = yield* spoiled("tasks.jsonl", (text) => text.replace('"id":"b"', '"id":"a"'));
      assert.match(double.message, /tasks\.jsonl:2: task id "a" occurs twice, first in line 1/);
      const stray = yield* spoiled("attempts.jsonl", (text) => text.replace('"taskId":"a"', '"taskId":"z"'));
      assert.match(stray.message, /attempts\.jsonl:1: attempt at task "z", which is not in tasks\.jsonl/);
    }),
  );

  it.effect("refuses tests that cannot be run as they are", () =>
    Effect.gen(function* () {
      const visible = (more: string) => (text: string) => text.replace('"visible":1', more);
      const shown = yield* spoiled("tasks.jsonl", visible('"visible":2'));
      assert.match(shown.message, /tasks\.jsonl:1: task "a" shows 2 of its 1 test cases/);
      const foreign = yield* spoiled("tasks.jsonl", visible('"visible":1,"comparison":"apps"'));
      assert.match(foreign.message, /task "a" is JavaScript, but its tests ask for Python's/);
      const file = '"visible":1,"files":[{"path":"../x","content":""}]';
      const outside = yield* spoiled("tasks.jsonl", visible(file));
      assert.match(outside.message, /tasks\.jsonl:1: .*side file path "\.\.\/x": expected a relative path/);
    }),
  );

  it.effect("notices a file that is not the manifest's, a missing one, and a corpus that is not there", () =>
    Effect.gen(function* () {
      const changed = yield* spoiled("tasks.jsonl", (text) => text.replace("Add one.", "Add two."));
      assert.match(
        changed.message,
        /not the one that dataset\.json describes: SHA-256 [0-9a-f]{64}, expected/,
      );
      const newer = yield* spoiled("dataset.json", (text) =>
        text.replace('"formatVersion": 1', '"formatVersion": 9'),
      );
      assert.match(newer.message, /dataset\.json: .*formatVersion/);
      const missing = yield* Effect.flip(Dataset.load("/nonexistent/dataset"));
      assert.match(missing.message, /dataset\.json: no such file/);
      const cut = yield* withDirectory(
        Effect.fnUntraced(function* (directory) {
          const records = { tasks: [task("a")], attempts: [attempt("a")] };
          yield* Dataset.save(directory, records, undefined, { ...head, gzip: true });
          const none = yield* Effect.flip(Dataset.load(directory, { part: "pretrain" }));
          assert.match(none.message, /no corpus for pre-training/);
          const file = path.join(directory, "tasks.jsonl.gz");
          fs.writeFileSync(file, fs.readFileSync(file).subarray(0, 40));
          return yield* Effect.flip(Dataset.load(directory));
        }),
      );
      assert.match(cut.message, /tasks\.jsonl\.gz: not valid gzip data, or cut short/);
    }),
  );
});
