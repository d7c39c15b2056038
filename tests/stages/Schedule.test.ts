import { assert, describe, it } from "vitest";
import { learningRateAt } from "../../src/stages/Schedule.ts";

describe("learning-rate schedules", () => {
  const cosine = { learningRate: 1, finalLearningRate: 0.1, warmupSteps: 4, kind: "cosine" } as const;

  it("warms up linearly to the peak", () => {
    assert.deepEqual(
      [0, 1, 2, 3].map((step) => learningRateAt(cosine, step, 104)),
      [0.25, 0.5, 0.75, 1],
    );
  });

  it("decays as a cosine to the final rate", () => {
    assert.strictEqual(learningRateAt(cosine, 4, 104), 1);
    assert.approximately(learningRateAt(cosine, 54, 104), 0.55, 1e-12);
    assert.approximately(learningRateAt(cosine, 104, 104), 0.1, 1e-12);
  });

  it("stays constant when told to", () => {
    const constant = { ...cosine, kind: "constant" } as const;
    assert.strictEqual(learningRateAt(constant, 90, 104), 1);
  });
});
