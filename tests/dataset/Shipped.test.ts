import * as path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Contamination from "../../src/dataset/Contamination.ts";
import * as Dataset from "../../src/dataset/Dataset.ts";
import * as Jsonl from "../../src/dataset/Jsonl.ts";
import type * as Manifest from "../../src/dataset/Manifest.ts";
import * as Generate from "../../src/dataset/jscompose/Generate.ts";

const directory = path.resolve(import.meta.dirname, "../../datasets/js-compose");

/** Of data in JSON lines. */
const sha256 = (data: Manifest.Data) => ("sha256" in data ? data.sha256 : undefined);

describe("the shipped js-compose", () => {
  it.live("is what its seed and today's generator give", () =>
    Effect.gen(function* () {
      const { manifest, tasks, attempts } = yield* Dataset.load(directory);
      assert.deepStrictEqual(manifest.options, JSON.parse(JSON.stringify(Generate.defaults)));
      // The corpus comes after the rest, so that leaving it out changes nothing before it.
      const { main } = Generate.generate(manifest.seed ?? -1, { corpusProblems: 0 });
      assert.strictEqual(Jsonl.sha256(Jsonl.format(main.tasks)), sha256(manifest.files.tasks));
      const facts = (list: typeof attempts) =>
        list.map(({ taskId, program, outcome }) => [taskId, program, outcome]);
      assert.deepStrictEqual(facts(attempts), facts(main.attempts));
      const passing = attempts.filter(({ outcome }) => outcome === "Passed").length / attempts.length;
      assert.isBelow(passing, 0.36);
      yield* Contamination.check(
        tasks.filter(({ split }) => split === "train"),
        tasks.filter(({ split }) => split !== "train"),
      );
    }),
  );

  it.live("keeps its tasks and its attempts, first, where more labels are asked for", () =>
    Effect.gen(function* () {
      const { manifest, attempts } = yield* Dataset.load(directory);
      const make = (labelledProblems: number, attemptsPerProblem: number) =>
        Generate.generate(manifest.seed ?? -1, { corpusProblems: 0, labelledProblems, attemptsPerProblem })
          .main;
      const more = make(700, 5);
      assert.strictEqual(Jsonl.sha256(Jsonl.format(more.tasks)), sha256(manifest.files.tasks));
      assert.strictEqual(more.attempts.length, 3500);
      assert.strictEqual(new Set(more.attempts.map(({ taskId }) => taskId)).size, 700);
      const programs = (list: typeof attempts) => list.map(({ taskId, program }) => `${taskId} ${program}`);
      assert.deepStrictEqual(programs(more.attempts.slice(0, attempts.length)), programs(attempts));
      // Between two larger numbers too: what the smaller one gives is among what the larger one gives.
      const all = new Set(programs(more.attempts));
      assert.deepStrictEqual(
        programs(make(300, 3).attempts).filter((line) => !all.has(line)),
        [],
      );
      assert.throws(() => make(1701, 2), /1701 labelled problems asked for, but there are 1700/);
    }),
  );
});
