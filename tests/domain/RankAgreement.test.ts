import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Schema from "effect/Schema";
import { assert, describe, it } from "vitest";
import * as RankAgreement from "../../src/domain/RankAgreement.ts";

const Cases = Schema.Array(
  Schema.Struct({
    estimates: Schema.Array(Schema.Number),
    measured: Schema.Array(Schema.Number),
    spearman: Schema.Number,
    kendall: Schema.Number,
  }),
);
const golden = Schema.decodeUnknownSync(Cases)(
  JSON.parse(Fs.readFileSync(Path.join(import.meta.dirname, "golden/ranks.json"), "utf8")),
);

const pairs = (estimates: ReadonlyArray<number>, measured: ReadonlyArray<number>) =>
  estimates.map((estimate, i) => ({ estimate, measured: measured[i] ?? Number.NaN }));

describe("rank agreement", () => {
  it("gives SciPy's Spearman and Kendall tau-b, ties included", () => {
    for (const { estimates, measured, spearman, kendall } of golden) {
      const all = pairs(estimates, measured);
      assert.approximately(RankAgreement.spearman(all) ?? Number.NaN, spearman, 1e-12);
      assert.approximately(RankAgreement.kendall(all) ?? Number.NaN, kendall, 1e-12);
    }
  });

  it("has no correlation where one side is all equal, or with nothing", () => {
    const equal = pairs([1, 2, 3], [5, 5, 5]);
    assert.isNull(RankAgreement.spearman(equal));
    assert.isNull(RankAgreement.kendall(equal));
    assert.deepEqual(RankAgreement.agreement([]), {
      count: 0,
      spearman: null,
      kendall: null,
      regretAt1: null,
    });
  });

  it("charges a choice what the best would have had more, ties by their mean", () => {
    assert.strictEqual(RankAgreement.regretAt1(pairs([1, 3, 2], [0.5, 0.25, 0.75])), 0.5);
    assert.strictEqual(RankAgreement.regretAt1(pairs([1, 2, 3], [0.25, 0.5, 0.75])), 0);
    assert.strictEqual(RankAgreement.regretAt1(pairs([3, 1, 3], [0.25, 0.5, 0.75])), 0.25);
  });
});
