import { assert, describe, it } from "vitest";
import * as Labels from "../../src/dataset/Labels.ts";
import type { Outcome } from "../../src/domain/Verdict.ts";
import * as Random from "../../src/random/Random.ts";

interface Line {
  readonly taskId: string;
  readonly outcome?: Outcome;
}

const lines = (random: Random.Random): ReadonlyArray<Line> =>
  random.shuffle(
    Array.from({ length: 1 + random.int(12) }, (_, task) =>
      Array.from({ length: 1 + random.int(5) }, (): Line => {
        const taskId = `t${task}`;
        if (random.chance(0.2)) return { taskId };
        return { taskId, outcome: random.chance(0.4) ? "Passed" : "WrongAnswer" };
      }),
    ).flat(),
  );

const labelled = (list: ReadonlyArray<Line>) => list.filter(({ outcome }) => outcome !== undefined);

describe("Labels.take", () => {
  for (let seed = 1; seed <= 40; seed++) {
    it(`gives the asked number, by whole problems, more of them for a larger cap (seed ${seed})`, () => {
      const random = Random.make(seed);
      const all = lines(random);
      const shuffle = random.chance(0.5);
      const total = labelled(all).length;
      let smaller: ReadonlyArray<Line> = [];
      for (let labels = 0; labels <= total + 1; labels++) {
        const taken = Labels.take(all, { labels, shuffle });
        assert.deepStrictEqual(
          taken,
          all.filter((line) => taken.includes(line)),
          "in the order of the attempts",
        );
        assert.lengthOf(labelled(taken), Math.min(labels, total));
        assert.lengthOf(
          taken.filter((line) => line.outcome === undefined),
          all.length - total,
        );
        const count = (list: ReadonlyArray<Line>, id: string) =>
          labelled(list).filter(({ taskId }) => taskId === id).length;
        const ids = [...new Set(labelled(taken).map(({ taskId }) => taskId))];
        const cut = ids.filter((id) => count(taken, id) < count(all, id));
        assert.isAtMost(cut.length, 1, "at most one problem is not whole");
        assert.isTrue(smaller.every((line) => taken.includes(line)));
        smaller = taken;
      }
      assert.strictEqual(Labels.take(all, { shuffle }), all);
    });
  }
});
