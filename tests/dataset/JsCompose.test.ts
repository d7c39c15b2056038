import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Task } from "../../src/domain/Task.ts";
import * as Contamination from "../../src/dataset/Contamination.ts";
import * as Jsonl from "../../src/dataset/Jsonl.ts";
import * as Generate from "../../src/dataset/jscompose/Generate.ts";
import type { Operation, Value } from "../../src/dataset/jscompose/Operation.ts";
import * as Operations from "../../src/dataset/jscompose/Operations.ts";
import * as Problems from "../../src/dataset/jscompose/Problems.ts";
import * as Random from "../../src/random/Random.ts";
import * as Relabel from "../../src/dataset/Relabel.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";

const small = {
  train: 120,
  validation: 30,
  test: 30,
  corpusProblems: 60,
  corpusAttemptsPerProblem: 2,
  labelledProblems: 50,
  attemptsPerProblem: 4,
};
const seed = 20_260;
const generated = Generate.generate(seed, small);
const text = (made: Generate.Generated) =>
  Jsonl.format([made.main.tasks, made.main.attempts, made.corpus.tasks, made.corpus.attempts].flat());

/** A task whose cases are what the trusted twin gives on some inputs, "undefined" cases left out. */
const twinTask = (operation: Operation, way: Operation["right"], k: number | string): Task => {
  const random = Random.make(`twin ${operation.id}`);
  const cases = [0, 1, 2, 3, 5, 6, 7, 8].flatMap((size) => {
    const input = Problems.input(random, operation.from, size);
    const output = Problems.evaluate([{ way, k }], input);
    return output === "error" ? [] : [{ args: [input as never], expected: JSON.parse(output) as never }];
  });
  return {
    id: operation.id,
    source: "test",
    split: "train",
    language: "javascript",
    statement: operation.id,
    entryPoint: "f",
    tests: { kind: "call", cases, visible: 0 },
  };
};

describe(`js-compose, seed ${seed}`, () => {
  it("is the same text for the same seed, and another for another", () => {
    assert.strictEqual(text(Generate.generate(seed, small)), text(generated));
    assert.notStrictEqual(text(Generate.generate(seed + 1, small)), text(generated));
  });

  it("keeps the held-out problems when the training part or the student changes", () => {
    const other = Generate.generate(seed, { ...small, train: 40, labelledProblems: 10, ability: 0.1 });
    const held = (made: Generate.Generated) => made.main.tasks.filter(({ split }) => split !== "train");
    assert.deepStrictEqual(held(other), held(generated));
  });

  it("has the asked numbers, and no operation sequence in two parts", () => {
    const { main, corpus } = generated;
    const parts = [
      ...(["train", "validation", "test"] as const).map((split) =>
        main.tasks.filter((task) => task.split === split),
      ),
      corpus.tasks,
    ];
    assert.deepStrictEqual(
      parts.map((tasks) => tasks.length),
      [120, 30, 30, 60],
    );
    const owner = new Map<unknown, number>();
    parts.forEach((tasks, part) => {
      for (const { meta } of tasks) {
        const sequence = meta?.["operations"];
        assert.strictEqual(owner.get(sequence) ?? part, part, JSON.stringify(sequence));
        owner.set(sequence, part);
      }
    });
    assert.strictEqual(new Set(main.tasks.map(({ statement }) => statement)).size, main.tasks.length);
    assert.strictEqual(main.attempts.length, 200);
    assert.strictEqual(corpus.attempts.length, 120);
  });

  it.effect("trains on nothing that it evaluates", () => {
    const { tasks } = generated.main;
    const train = tasks.filter(({ split }) => split === "train");
    const held = tasks.filter(({ split }) => split !== "train");
    return Contamination.check([...train, ...generated.corpus.tasks], held);
  });

  it("has cases that every near miss fails where it differs at all often", () => {
    const random = Random.make(seed);
    const options = { ...Generate.defaults, weights: new Map<string, number>() };
    let made = 0;
    let nearMisses = 0;
    const survivors: Array<string> = [];
    while (made < 60) {
      const problem = Problems.propose(random, options);
      const told = problem && Problems.tell(random, problem, [], 8);
      if (problem === undefined || told === undefined) continue;
      made++;
      const kind = problem.steps[0].operation.from;
      const fresh = Array.from({ length: 60 }, () => Problems.input(random, kind, 4 + random.int(4)));
      const right = fresh.map((value) => Problems.evaluate(Problems.referencePlan(problem), value));
      const { omissions, others } = Problems.nearMisses(problem);
      for (const plan of [...omissions, ...others]) {
        const differing = fresh.filter((value, i) => Problems.evaluate(plan, value) !== right[i]).length;
        if (differing < 12) continue;
        nearMisses++;
        const passes = told.cases.every(
          ({ args, expected }) => Problems.evaluate(plan, args[0] as Value) === JSON.stringify(expected),
        );
        if (passes) survivors.push(`${Problems.statement(problem)} ${Problems.program(kind, plan)}`);
      }
    }
    assert.isAbove(nearMisses, 200);
    assert.deepStrictEqual(survivors, []);
  });

  it("has 8 to 10 cases a problem, and labels that fit its reference", () => {
    for (const task of generated.main.tasks) {
      if (task.tests.kind !== "call") throw new Error("call tests expected");
      assert.isAtLeast(task.tests.cases.length, 8);
      assert.isAtMost(task.tests.cases.length, 10);
      const distinct = new Set(task.tests.cases.map(({ expected }) => JSON.stringify(expected)));
      assert.isAtLeast(distinct.size, 2, task.statement);
    }
    const failing = generated.main.attempts.filter(({ outcome }) => outcome !== "Passed");
    assert.isAbove(failing.length, 80);
    const reference = new Map(generated.main.tasks.map((task) => [task.id, task.reference]));
    for (const { taskId, program, outcome } of generated.main.attempts) {
      if (program === reference.get(taskId)) assert.strictEqual(outcome, "Passed");
    }
  });

  it.live("agrees with QuickJS on every rendering, reference and label", () =>
    Effect.gen(function* () {
      const { verify } = yield* Sandbox;
      for (const operation of Operations.all) {
        const k = operation.constants[0] ?? 0;
        for (const way of [operation.right, ...operation.mistakes]) {
          const program = Problems.program(operation.from, [{ way, k }]);
          const verdict = yield* verify(twinTask(operation, way, k), program);
          assert.strictEqual(
            verdict.outcome,
            "Passed",
            `${operation.id}: ${program} ${verdict.detail ?? ""}`,
          );
        }
      }
      yield* Relabel.confirmReferences(generated.main.tasks, verify);
      const labelled = yield* Relabel.label(generated.main.tasks, generated.main.attempts, verify);
      const outcomes = (attempts: typeof labelled) => attempts.map(({ outcome }) => outcome === "Passed");
      assert.deepStrictEqual(outcomes(labelled), outcomes(generated.main.attempts));
      assert.isTrue(labelled.every(({ labelSource }) => labelSource === "sandbox"));
      const [task] = generated.main.tasks as [Task];
      const wrong = { ...task, reference: "function f() { return null; }" };
      const error = yield* Effect.flip(Relabel.confirmReferences([wrong], verify));
      assert.match(error.message, /the reference does not pass: WrongAnswer/);
    }).pipe(Effect.provide(SandboxQuickJs.layer({ workers: 1 }))),
  );
});

describe("operations", () => {
  it("have different ids, at least two phrases, and mistakes that differ from the right way", () => {
    assert.strictEqual(new Set(Operations.all.map(({ id }) => id)).size, Operations.all.length);
    const phrases = Operations.all.flatMap((operation) =>
      operation.phrases.map(({ text: phrase }) => `${operation.from} ${phrase}`),
    );
    assert.strictEqual(new Set(phrases).size, phrases.length, "a phrase means one thing");
    const random = Random.make(1);
    for (const operation of Operations.all) {
      assert.isAtLeast(operation.phrases.length, 2, operation.id);
      const inputs: Array<Value> = Array.from({ length: 60 }, (_, i) =>
        Problems.input(random, operation.from, i % 9),
      );
      const k = operation.constants[0] ?? 0;
      const outputs = (way: Operation["right"]) =>
        inputs.map((input) => Problems.evaluate([{ way, k }], input));
      for (const way of operation.mistakes) {
        assert.notDeepEqual(outputs(way), outputs(operation.right), `${operation.id}: ${way.code}`);
      }
    }
  });
});
