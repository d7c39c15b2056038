import * as fs from "node:fs";
import * as path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Task } from "../../src/domain/Task.ts";
import * as Contamination from "../../src/dataset/Contamination.ts";
import * as MbppImport from "../../src/dataset/MbppImport.ts";
import * as MbppPrompt from "../../src/dataset/MbppPrompt.ts";

const data = path.resolve(import.meta.dirname, "../../../shared/data");
const present = fs.existsSync(data);
if (!present) console.log(`skipped: MBPP import tests, no folder ../shared/data beside the repository`);

const mbpp = path.join(data, "mbpp/mbpp.jsonl");
const models = ["Meta-Llama-3-8B-Instruct", "Meta-Llama-3-8B", "llama3_base_dpo", "llama3_instruct_dpo"];
const labelled = models.map((model) => path.join(data, `labelled/mbpp-${model}.json`));

describe.skipIf(!present)("MBPP import", () => {
  it.effect("has the standard splits, attempts at training tasks only, and three shots", () =>
    Effect.gen(function* () {
      const imported = yield* MbppImport.load({ mbpp, labelled });
      const count = (split: Task["split"]) => imported.tasks.filter((task) => task.split === split).length;
      // 374 training problems, three of which say the same as an evaluated one.
      assert.deepStrictEqual([count("train"), count("validation"), count("test")], [371, 90, 500]);
      assert.deepStrictEqual(imported.leftOut.repeatedTasks, ["mbpp/872", "mbpp/602", "mbpp/704"]);
      const origins = (origin: string) => imported.attempts.filter((attempt) => attempt.origin === origin);
      assert.strictEqual(origins("reference").length, 371);
      const fromModels = imported.attempts.length - 371;
      const { otherSplits, otherEntryPoint } = imported.leftOut;
      assert.strictEqual(fromModels + otherSplits + otherEntryPoint, 4 * 378);
      assert.isAbove(origins("Meta-Llama-3-8B").length, 80);
      assert.isAbove(imported.attempts.filter(({ outcome }) => outcome === "WrongAnswer").length, 100);
      const training = new Set(imported.tasks.flatMap((task) => (task.split === "train" ? [task.id] : [])));
      assert.isTrue(imported.attempts.every(({ taskId }) => training.has(taskId)));
      assert.isTrue(imported.attempts.every(({ program }) => !program.includes("\r")));
      assert.deepStrictEqual(
        imported.shots.map(({ id }) => id),
        ["mbpp/2", "mbpp/3", "mbpp/4"],
      );
      yield* Contamination.check(
        imported.tasks.filter(({ split }) => split === "train"),
        imported.tasks.filter(({ split }) => split !== "train"),
        // Of its published splits, six test problems are nearly among the training problems.
        "exact",
      );
      const prompt = MbppPrompt.render(imported.tasks[0], imported.shots);
      assert.strictEqual(prompt.split("[BEGIN]").length, 5);
      assert.strictEqual(prompt.split("[DONE]").length, 4);
      assert.isTrue(
        prompt.startsWith(
          "You are an expert Python programmer, and here is your task: Write a function to find the similar",
        ),
      );
      assert.isTrue(prompt.endsWith('assert remove_Occ("PHP","P") == "H"\n[BEGIN]\n'));
    }),
  );

  it.effect("takes wording and tests from the sanitized file", () =>
    Effect.gen(function* () {
      const imported = yield* MbppImport.load({
        mbpp,
        sanitized: path.join(data, "mbpp/sanitized-mbpp.json"),
        labelled: [],
        references: false,
      });
      assert.strictEqual(imported.attempts.length, 0);
      assert.strictEqual(
        imported.shots[0]?.statement,
        "Write a function to find the shared elements from the given two lists.",
      );
    }),
  );

  it.effect("says which file and line it cannot use", () =>
    Effect.gen(function* () {
      const wrong = yield* Effect.flip(MbppImport.load({ mbpp: labelled[0], labelled: [] }));
      assert.match(wrong.message, /mbpp-Meta-Llama-3-8B-Instruct\.json:1: .*task_id/);
      const humaneval = path.join(data, "labelled/humaneval-Meta-Llama-3-8B.json");
      const other = yield* Effect.flip(MbppImport.load({ mbpp, labelled: [humaneval] }));
      assert.match(other.message, /attempt at "HumanEval\/3".*expected "Mbpp\/NUMBER"/);
    }),
  );
});

const task = (id: string, statement: string): Task => ({
  id,
  source: "test",
  split: "train",
  language: "python",
  statement,
  entryPoint: "f",
  tests: { kind: "assert", setup: "", asserts: ["assert f() == 1"] },
});

describe("Contamination", () => {
  it.effect("refuses the same id and the same statement, and lets others be", () =>
    Effect.gen(function* () {
      const train = [task("a", "Add 1 to x."), task("b", "Sort the list.")];
      yield* Contamination.check(train, [task("c", "Add 2 to x.")]);
      const byId = yield* Effect.flip(Contamination.check(train, [task("a", "Anything")]));
      assert.match(byId.message, /train on 1 of the 1 tasks that it evaluates: a\. Evaluate another split/);
      const byStatement = yield* Effect.flip(Contamination.check(train, [task("d", "sort  THE list")]));
      assert.match(byStatement.message, /d \(its statement equals that of b\)/);
    }),
  );
});
