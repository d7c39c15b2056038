/** Arbitrary tasks and attempts, and directories to put them in. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as Effect from "effect/Effect";
import type * as Schema from "effect/Schema";
import fc from "fast-check";
import type { Attempt } from "../../src/domain/Attempt.ts";
import type { Task } from "../../src/domain/Task.ts";
import type { DatasetError } from "../../src/dataset/DatasetError.ts";
import * as Jsonl from "../../src/dataset/Jsonl.ts";
import * as DatasetWriter from "../../src/dataset/DatasetWriter.ts";
import type { Manifest } from "../../src/dataset/Manifest.ts";

export const head = { name: "small", version: "1", source: "a test", licence: "CC0-1.0", made: [] };

/** Any text but half surrogate pairs; a byte order mark at its start now and then. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("", "\ufeff", "\ufeffx\r\n", "\0", "ñ".repeat(5000)),
);
/** Of the few texts that a small dataset repeats. */
const word = fc.constantFrom("", "a", "ñ", "\ufeffb");
const count = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const json = fc.jsonValue().map((value): Schema.Json => JSON.parse(JSON.stringify(value)) as Schema.Json);
const meta = fc.dictionary(
  fc.string({ unit: "binary" }).filter((key) => key !== "__proto__"),
  json.filter((value) => !JSON.stringify(value).includes("__proto__")),
  { noNullPrototype: true },
);

/** What JSON makes of a record: -0 is 0. */
const plain = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A;

const tests: fc.Arbitrary<Task["tests"]> = fc.oneof(
  fc.record({
    kind: fc.constant("assert" as const),
    setup: text,
    asserts: fc.array(text, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant("call" as const),
    cases: fc.array(fc.record({ args: fc.array(json), expected: json }), {
      minLength: 1,
      maxLength: 3,
    }),
    visible: fc.constantFrom(0, 1),
  }),
  fc.record({
    kind: fc.constant("stdio" as const),
    cases: fc.array(fc.record({ input: text, output: text }), { minLength: 1, maxLength: 3 }),
    comparison: fc.constantFrom("exact" as const, "tokens" as const),
    visible: fc.constantFrom(0, 1),
  }),
);

const task = (id: string): fc.Arbitrary<Task> =>
  fc
    .record(
      {
        id: fc.constant(id),
        source: word,
        split: fc.constantFrom("train" as const, "validation" as const, "test" as const),
        language: fc.constantFrom("python" as const, "cpp" as const),
        statement: text,
        entryPoint: text.filter((name) => name !== ""),
        reference: text,
        tests,
        limits: fc.record({
          cpuSeconds: fc.double({ noNaN: true, min: 0, max: 100 }),
          wallSeconds: fc.constant(2),
          memoryBytes: count,
          outputBytes: count,
        }),
        meta,
      },
      { requiredKeys: ["id", "source", "split", "language", "statement", "entryPoint", "tests"] },
    )
    .map(plain);

const attempt = (ids: ReadonlyArray<string>): fc.Arbitrary<Attempt> =>
  fc
    .record(
      {
        taskId: fc.constantFrom(...ids),
        program: text,
        origin: word,
        outcome: fc.constantFrom("Passed" as const, "WrongAnswer" as const),
        testsPassed: count,
        testsTotal: count,
        labelSource: fc.constantFrom("dataset" as const, "sandbox" as const),
        datasetLabel: fc.record(
          { outcome: fc.constantFrom("Passed" as const, "TimedOut" as const), testsPassed: count },
          { requiredKeys: ["outcome"] },
        ),
        cpuSeconds: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }),
        memoryBytes: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        failingTests: fc.array(count, { maxLength: 4 }),
        reasoning: text,
        meta,
      },
      { requiredKeys: ["taskId", "program", "origin"] },
    )
    .map(plain);

export interface Records {
  readonly tasks: ReadonlyArray<Task>;
  readonly attempts: ReadonlyArray<Attempt>;
}

export const records: fc.Arbitrary<Records> = fc
  .uniqueArray(fc.string({ unit: "binary", minLength: 1 }), { minLength: 1, maxLength: 6 })
  .chain((ids) =>
    fc.record({
      tasks: fc.tuple(...ids.map(task)),
      attempts: fc.array(attempt(ids), { maxLength: 12 }),
    }),
  );

/** Records that fill several segments of 3. */
export const sample = (): Records => {
  const found = fc
    .sample(records, { seed: 7, numRuns: 20 })
    .find(({ tasks, attempts }) => tasks.length >= 4 && attempts.length >= 6);
  if (found === undefined) throw new Error("no sample is large enough");
  return found;
};

/** As an importer would: the tasks, then the attempts, a commit after every `every` records. */
export const write = (
  directory: string,
  { tasks, attempts }: Records,
  {
    every = 0,
    resume = false,
    ...options
  }: Partial<DatasetWriter.Options> & { readonly every?: number } = {},
): Effect.Effect<Manifest, DatasetError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const writer = yield* DatasetWriter.make(directory, { overwrite: false, ...options, resume });
      const all = [...tasks, ...attempts];
      const from = typeof writer.resumed === "number" ? writer.resumed : 0;
      for (let i = from; i < all.length; i++) {
        const record = all[i];
        yield* "taskId" in record ? writer.attempt(record) : writer.task(record);
        if (every > 0 && (i + 1) % every === 0) yield* writer.commit(i + 1);
      }
      return yield* writer.finish(head);
    }),
  );

/** A fresh directory, removed afterwards. */
export const withDirectory = <A, E>(body: (directory: string) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "drydock-store-"))),
    body,
    (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true })),
  );

/** The hash of every file below a directory by its path, but for a journal that its writer had no time to remove. */
export const files = (directory: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    fs
      .readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [path.relative(directory, file), Jsonl.sha256(fs.readFileSync(file))] as const)
      .filter(([file]) => !file.startsWith("journal")),
  );
