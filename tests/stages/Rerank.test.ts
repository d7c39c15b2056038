import { assert, describe, it } from "vitest";
import * as Judges from "../../src/stages/Judges.ts";
import * as Rerank from "../../src/stages/Rerank.ts";

const sample = (taskId: string, passed: boolean, score: number): Judges.Scored => ({ taskId, passed, score });

describe("reranking", () => {
  it("takes the best-scored sample of each task; ties share", () => {
    const samples = [
      sample("a", true, 2),
      sample("a", false, 1),
      sample("b", false, 3),
      sample("b", true, 1),
      sample("c", true, 5),
      sample("c", false, 5),
    ];
    assert.approximately(Rerank.bestOf(samples), (1 + 0 + 0.5) / 3, 1e-12);
    assert.strictEqual(Rerank.bestOf([]), 0);
  });

  it("has an AUROC within tasks that ignores tasks without both outcomes", () => {
    const samples = [
      sample("a", true, 3),
      sample("a", true, 1),
      sample("a", false, 2),
      sample("a", false, 0),
      sample("b", true, 0),
      sample("c", false, 9),
    ];
    // Pairs of task a: 3 > 2, 3 > 0, 1 < 2, 1 > 0.
    assert.strictEqual(Rerank.auroc(samples), 0.75);
    assert.strictEqual(Rerank.auroc([sample("a", true, 1), sample("a", false, 1)]), 0.5);
    assert.isNull(Rerank.auroc([sample("b", true, 1)]));
  });

  it("does not change when a judge's scores are rescaled", () => {
    const samples = [
      sample("a", true, -1),
      sample("a", false, -7),
      sample("a", false, -2),
      sample("b", true, -3),
    ];
    const scaled = samples.map((s) => ({ ...s, score: 10 * s.score + 4 }));
    assert.deepEqual(Judges.ranks(scaled), Judges.ranks(samples));
    assert.strictEqual(Rerank.auroc(scaled), Rerank.auroc(samples));
  });
});
