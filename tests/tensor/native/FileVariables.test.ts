import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import * as MappedWeights from "../../../src/model/files/MappedWeights.ts";
import type { StoredType } from "../../../src/model/directory/Policy.ts";
import * as Safetensors from "../../../src/model/files/Safetensors.ts";
import * as WeightLayout from "../../../src/model/WeightLayout.ts";
import * as Random from "../../../src/random/Random.ts";
import * as Executor from "../../../src/tensor/Executor.ts";
import { Graph } from "../../../src/tensor/Graph.ts";
import * as Requirements from "../../support/Requirements.ts";

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "drydock-mapped-"));
afterAll(() => fs.rmSync(directory, { recursive: true }));

const variable = (
  name: string,
  parts: WeightLayout.Stored["parts"],
  columns: number,
  transposed: boolean,
  dtype: "float32" | "bfloat16" = "float32",
): WeightLayout.Stored => {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const shape = transposed ? [columns, rows] : [rows, columns];
  return { name, parts, columns, transposed, dtype, shape, copy: false };
};

// The first begin at multiples of 64 bytes, where TensorFlow does not copy a piece of the file; the others do not.
const shapes = { e: [40, 6], f: [32], odd: [7], a: [5, 6], b: [3, 6], wide: [1, 33] };
const variables = [
  variable("alone", [{ name: "e", rows: 40 }], 6, false),
  variable("turned", [{ name: "e", rows: 40 }], 6, true),
  variable(
    "stacked",
    [
      { name: "b", rows: 3 },
      { name: "a", rows: 5 },
    ],
    6,
    true,
  ),
  variable("row", [{ name: "wide", rows: 1 }], 33, true),
  variable("gain", [{ name: "odd", rows: 7 }], 1, false),
  variable("aligned", [{ name: "f", rows: 32 }], 1, true),
  variable("low", [{ name: "e", rows: 40 }], 6, false, "bfloat16"),
];

describe.skipIf(!Requirements.native())("variables in mapped files", () => {
  it.each<StoredType>(["F32", "F16", "BF16"])("equal what JavaScript reads and train: %s", async (dtype) => {
    const file = path.join(directory, `${dtype}.safetensors`);
    const random = Random.make("mapped");
    Safetensors.writeSync(
      file,
      Object.entries(shapes).map(([name, shape]) => ({
        name,
        shape,
        data: () => Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
      })),
      { dtype },
    );
    const source = Safetensors.openSync(file);
    const g = new Graph();
    for (const { name, shape, dtype: own } of variables) {
      const value = g.variable(name, shape, own);
      // Written in place: the mapped file's own memory could not be.
      if (own === "float32") {
        g.adam(name, g.add(value, 1), {
          learningRate: 0.1,
          beta1: 0.9,
          beta2: 0.99,
          epsilon: 1e-8,
          beta1Power: 0.9,
          beta2Power: 0.99,
        });
      }
    }
    g.program("step", { fetches: {} });
    const executor = await Executor.load("native");
    const read = (name: string) => {
      const own = variables.find((v) => v.name === name);
      return own === undefined ? undefined : WeightLayout.pack(own, source.read);
    };
    const plain = executor.open(g, read);
    const asked: Array<string> = [];
    const mapped = executor.open(
      g,
      (name) => {
        asked.push(name);
        return read(name);
      },
      MappedWeights.files(variables, source),
    );
    expect(asked).toEqual([]);
    const before = fs.readFileSync(file);
    for (let step = 0; step < 2; step++) {
      for (const { name } of variables) expect(mapped.getVariable(name)).toEqual(plain.getVariable(name));
      plain.run("step", {});
      mapped.run("step", {});
    }
    expect(fs.readFileSync(file)).toEqual(before);
    plain.dispose();
    mapped.dispose();
  });
});
