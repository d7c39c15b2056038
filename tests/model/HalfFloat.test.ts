import { describe, expect, it } from "vitest";
import * as HalfFloat from "../../src/model/files/HalfFloat.ts";

describe("HalfFloat", () => {
  it("keeps every half through float32 and back", () => {
    for (let h = 0; h < 65536; h++) {
      const value = HalfFloat.halfToFloat(h);
      if (Number.isNaN(value)) expect(HalfFloat.floatToHalf(value) & 0x7c00).toBe(0x7c00);
      else if (HalfFloat.floatToHalf(value) !== h) expect.fail(`half ${h} came back otherwise`);
    }
  });

  it("rounds to the nearest half, ties to even", () => {
    for (let h = 0; h < 0x7bff; h++) {
      const low = HalfFloat.halfToFloat(h);
      const high = HalfFloat.halfToFloat(h + 1);
      const middle = (low + high) / 2;
      const even = h % 2 === 0 ? h : h + 1;
      const quarter = low + (high - low) / 4;
      if (HalfFloat.floatToHalf(middle) !== even) expect.fail(`the tie above half ${h}`);
      if (HalfFloat.floatToHalf(quarter) !== h) expect.fail(`the quarter above half ${h}`);
      if (HalfFloat.floatToHalf(-middle) !== (even | 0x8000)) expect.fail(`the tie below half -${h}`);
    }
    expect(HalfFloat.floatToHalf(65519)).toBe(0x7bff);
    expect(HalfFloat.floatToHalf(65520)).toBe(0x7c00);
    expect(HalfFloat.floatToHalf(-1e9)).toBe(0xfc00);
    expect(HalfFloat.floatToHalf(2 ** -26)).toBe(0);
  });

  it("rounds to the nearest bfloat16, ties to even", () => {
    expect(HalfFloat.floatToBfloat(1)).toBe(0x3f80);
    expect(HalfFloat.floatToBfloat(1 + 2 ** -8)).toBe(0x3f80);
    expect(HalfFloat.floatToBfloat(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(HalfFloat.floatToBfloat(-2.5)).toBe(0xc020);
    expect(HalfFloat.floatToBfloat(Infinity)).toBe(0x7f80);
    expect(HalfFloat.floatToBfloat(NaN) & 0x7fff).toBeGreaterThan(0x7f80);
  });
});
