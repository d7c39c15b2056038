import * as Fs from "node:fs";
import { describe, expect, it } from "vitest";
import type * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Rotary from "../../src/model/Rotary.ts";
import { distance, tiny } from "./Support.ts";
import * as TinyLlama from "./TinyLlama.ts";

/** By golden/rotary.py. */
interface Golden {
  readonly cases: ReadonlyArray<
    Pick<ModelConfig.ModelConfig, "head_dim" | "rope_theta" | "rope_scaling"> & {
      readonly name: string;
      readonly positions: number;
      readonly frequencies: TinyLlama.Packed;
      /** Of the last position. */
      readonly cos: TinyLlama.Packed;
      readonly sin: TinyLlama.Packed;
    }
  >;
}

const golden = JSON.parse(Fs.readFileSync(new URL("golden/rotary.json", import.meta.url), "utf8")) as Golden;

describe.each(golden.cases)("rotary embeddings of $name", ({
  positions,
  frequencies,
  cos,
  sin,
  ...shape
}) => {
  const config = { ...tiny, ...shape };
  const width = config.head_dim;

  it("have transformers' frequencies, to the last bit of a power", () => {
    const expected = TinyLlama.unpacked(frequencies);
    const found = Rotary.frequencies(config);
    expect(found.length).toBe(expected.length);
    const errors = Array.from(found, (x, i) => Math.abs(x / expected[i] - 1));
    expect(Math.max(...errors)).toBeLessThan(2 ** -23);
  });

  it("have transformers' tables at the last position", () => {
    const tables = Rotary.tables(config, positions);
    const signed = TinyLlama.unpacked(sin).map((x, i) => (i < width / 2 ? -x : x));
    expect(distance(tables.cos.slice(-width), TinyLlama.unpacked(cos))).toBeLessThan(2e-6);
    expect(distance(tables.sin.slice(-width), signed)).toBeLessThan(2e-6);
  });
});
