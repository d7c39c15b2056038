/** Two processes with one seed and one number of threads hold bitwise equal weights after 200 training steps. */
import { execFile } from "node:child_process";
import * as path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import * as Requirements from "../support/Requirements.ts";

const root = path.resolve(import.meta.dirname, "../..");

const train = async (backend: string, kind: string, steps: number): Promise<unknown> => {
  const script = path.join(import.meta.dirname, "trainedWeights.ts");
  const policy = path.join(root, "policies/js-compose");
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--no-warnings", "--import", "tsx", script, backend, kind, String(steps), policy],
    { cwd: root },
  );
  return JSON.parse(stdout);
};

const agree = async (backend: string, kind: string): Promise<void> => {
  const one = await train(backend, kind, 200);
  expect(one).toMatchObject({ ce: expect.any(Number), td: expect.any(Number) });
  expect(await train(backend, kind, 200)).toEqual(one);
  // The hash says something: a step fewer gives another.
  expect(await train(backend, kind, 199)).not.toMatchObject({ hash: (one as { hash: string }).hash });
};

describe.skipIf(!Requirements.native())("determinism of native TensorFlow", () => {
  it("all weights and heads, float32", () => agree("native", "full"), 900_000);
  it("adapters and heads on a frozen bfloat16 model", () => agree("native", "bfloat16"), 900_000);
});

describe("determinism of WebAssembly", () => {
  it("all weights and heads", () => agree("wasm", "full"), 900_000);
});
