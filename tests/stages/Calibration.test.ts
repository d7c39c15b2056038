import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import * as Calibration from "../../src/stages/Calibration.ts";

const of = (...pairs: ReadonlyArray<readonly [number, boolean]>) =>
  pairs.map(([probability, passed]) => ({ probability, passed }));

describe("Calibration", () => {
  it("scores predictions by hand", () => {
    const some = of([0.9, true], [0.95, false], [0.2, false], [0.25, true]);
    assert.closeTo(Calibration.brier(some), (0.01 + 0.9025 + 0.04 + 0.5625) / 4, 1e-12);
    // Bin 9: two predictions of 0.925, half pass. Bin 2: two of 0.225, half pass.
    assert.closeTo(Calibration.ece(some), (2 * 0.425 + 2 * 0.275) / 4, 1e-12);
    assert.closeTo(Calibration.auroc(some) ?? 0, 2 / 4, 1e-12);
    assert.strictEqual(Calibration.auroc(of([0.5, true], [0.5, false])), 0.5);
    assert.isNull(Calibration.auroc(of([0.5, true])));
    assert.strictEqual(Calibration.ece(of([1, true], [0, false])), 0);
  });

  it("ranks as counting all pairs does", () => {
    const prediction = fc.record({ probability: fc.integer({ min: 0, max: 6 }), passed: fc.boolean() });
    fc.assert(
      fc.property(fc.array(prediction), (all) => {
        const [passes, failures] = [all.filter((p) => p.passed), all.filter((p) => !p.passed)];
        const wins: ReadonlyArray<number> = passes.flatMap((p) =>
          failures.map((f) =>
            p.probability > f.probability ? 1 : p.probability === f.probability ? 0.5 : 0,
          ),
        );
        const expected = wins.length === 0 ? null : wins.reduce((a, b) => a + b, 0) / wins.length;
        const found = Calibration.auroc(all);
        if (expected === null || found === null) assert.strictEqual(found, expected);
        else assert.closeTo(found, expected, 1e-12);
      }),
    );
  });
});
