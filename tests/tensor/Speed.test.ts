import { describe, expect, it } from "vitest";
import * as Binding from "../../src/tensor/native/Binding.ts";
import * as Speed from "../../src/tensor/Speed.ts";
import * as Requirements from "../support/Requirements.ts";

describe.skipIf(!Requirements.native())("speed of this machine", () => {
  it("is measured in about a second, and leaves no tensor behind", () => {
    const binding = Binding.load();
    const before = binding.getNumOfTensors();
    const speed = Speed.measure(binding);
    for (const value of [speed.float32, speed.bfloat16, speed.bandwidth]) {
      expect(value).toBeGreaterThan(0.1);
      expect(value).toBeLessThan(1e6);
    }
    expect(binding.getNumOfTensors()).toBe(before);
  });
});
