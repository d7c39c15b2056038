import { assert, describe, it } from "vitest";
import type { Outcome } from "../../src/domain/Verdict.ts";
import * as RoundFigures from "../../src/stages/RoundFigures.ts";

const written = (taskId: string, program: string, outcome: Outcome | null) => ({
  taskId,
  program,
  cacheKey: `${taskId}/${program}`,
  outcome,
});

describe("figures of a round", () => {
  it("count repeats, lengths, and problems whose outcomes agree", () => {
    const figures = RoundFigures.of([
      written("a", "xx", "Passed"),
      written("a", "xx", "Passed"),
      written("a", "xxxx", null),
      written("b", "xx", "Passed"),
      written("b", "xxxx", "WrongAnswer"),
      written("c", "xx", "WrongAnswer"),
      written("c", "xxxx", "RuntimeError"),
      { ...written("d", "xxxx", "Passed"), cacheKey: "c/xxxx" },
    ]);
    assert.deepEqual(figures, {
      duplicate_rate: 1 / 8,
      shared_rate: 1 / 4,
      mean_length: 3,
      groups: 3,
      zero_variance: 2 / 3,
    });
  });

  it("have no share of groups where there are none", () => {
    assert.deepEqual(RoundFigures.of([written("a", "x", "Passed")]), {
      duplicate_rate: 0,
      shared_rate: 0,
      mean_length: 1,
      groups: 0,
    });
    assert.deepEqual(RoundFigures.of([]), {});
  });
});
