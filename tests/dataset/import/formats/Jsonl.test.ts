import fc from "fast-check";
import { assert, describe, it } from "vitest";
import type { Attempt } from "../../../../src/domain/Attempt.ts";
import type { Task, Tests } from "../../../../src/domain/Task.ts";
import * as JsonLines from "../../../../src/dataset/Jsonl.ts";
import { jsonl } from "../../../../src/dataset/import/formats/Jsonl.ts";
import { context, converted } from "./support.ts";

const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as null);
const text = fc.string({ unit: "grapheme" });
const meta = fc.dictionary(fc.string(), json);

const tests: fc.Arbitrary<Tests> = fc.oneof(
  fc.record(
    {
      kind: fc.constant("call" as const),
      cases: fc.array(fc.record({ args: fc.array(json), expected: json }), { minLength: 1 }),
      visible: fc.nat(3),
      comparison: fc.constantFrom("apps" as const, { kind: "evalplus" as const, atol: 1e-6 }),
      values: fc.constant("python" as const),
      counts: fc.boolean(),
    },
    { requiredKeys: ["kind", "cases", "visible"] },
  ),
  fc.record({ kind: fc.constant("assert" as const), setup: text, asserts: fc.array(text, { minLength: 1 }) }),
  fc.record({
    kind: fc.constant("stdio" as const),
    cases: fc.array(fc.record({ input: text, output: text }), { minLength: 1 }),
    comparison: fc.constantFrom("exact", "tokens", "apps", "apps-strict"),
    visible: fc.nat(3),
  }),
);

const task: fc.Arbitrary<Task> = fc.record(
  {
    id: fc.string({ minLength: 1 }),
    source: text,
    split: fc.constantFrom("train", "validation", "test"),
    language: fc.constantFrom("python", "javascript", "cpp"),
    statement: text,
    entryPoint: fc.string({ minLength: 1 }),
    tests,
    reference: text,
    limits: fc.record({
      cpuSeconds: fc.double({ min: 0.1, max: 100, noNaN: true }),
      wallSeconds: fc.double({ min: 0.1, max: 100, noNaN: true }),
      memoryBytes: fc.nat(),
      outputBytes: fc.nat(),
    }),
    meta,
  },
  { requiredKeys: ["id", "source", "split", "language", "statement", "entryPoint", "tests"] },
);

const attempt: fc.Arbitrary<Attempt> = fc.record(
  {
    taskId: fc.string({ minLength: 1 }),
    program: text,
    origin: text,
    outcome: fc.constantFrom("Passed", "WrongAnswer", "Malformed"),
    testsPassed: fc.nat(),
    testsTotal: fc.nat(),
    labelSource: fc.constantFrom("dataset", "sandbox"),
    reasoning: text,
    cpuSeconds: fc.double({ min: 0, max: 100, noNaN: true }),
    memoryBytes: fc.nat(),
    failingTests: fc.array(fc.nat()),
    meta,
  },
  { requiredKeys: ["taskId", "program", "origin"] },
);

const read = (values: ReadonlyArray<unknown>) => converted(jsonl, values, context("tasks.jsonl"));

describe("Drydock's own lines", () => {
  it("come back as they were written", () => {
    fc.assert(
      fc.property(
        fc.array(task, { maxLength: 4 }),
        fc.array(attempt, { maxLength: 4 }),
        (tasks, attempts) => {
          const lines = JsonLines.format([...tasks, ...attempts])
            .split("\n")
            .slice(0, -1);
          const found = read(lines.map((line) => JSON.parse(line) as unknown));
          assert.deepStrictEqual(found, { tasks, attempts, flaws: [], leftOut: {} });
        },
      ),
    );
  });

  it("come back from tables, where what has no fixed shape is text", () => {
    const asText = (record: object) =>
      Object.fromEntries(
        Object.entries(record).map(([name, value]) => [
          name,
          ["tests", "limits", "meta", "datasetLabel"].includes(name)
            ? JSON.stringify(value)
            : (value as unknown),
        ]),
      );
    fc.assert(
      fc.property(task, attempt, (one, tried) => {
        assert.deepStrictEqual(read([asText(one), asText(tried)]), {
          tasks: [one],
          attempts: [tried],
          flaws: [],
          leftOut: {},
        });
      }),
    );
  });

  it("are refused with the field that is wrong", () => {
    const flaws = read([
      { taskId: "a", program: "x" },
      { taskId: "a", program: "x", origin: "m", outcome: "Failed" },
      { id: "a", source: "s", split: "dev", language: "python", statement: "", entryPoint: "f", tests: {} },
      { id: "a" },
    ]).flaws;
    assert.deepStrictEqual(
      flaws.map(({ kind, reason }) => [kind, /"([\w.]+)"/.exec(reason)?.[1]]),
      [
        ["missing field", "origin"],
        ["wrong type", "outcome"],
        ["wrong type", "split"],
        ["missing field", "source"],
      ],
    );
  });
});
