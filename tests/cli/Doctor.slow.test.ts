/** `drydock doctor`: what it reads and measures. */
import * as Effect from "effect/Effect";
import { afterAll, assert, describe, it } from "vitest";
import type { Check } from "../../src/cli/Doctor.ts";
import * as Machine from "../../src/cli/Machine.ts";
import * as Drydock from "./Drydock.ts";

const place = Drydock.workplace();
afterAll(place.remove);

const x86 = `processor\t: 0
model name\t: AMD EPYC 9B45
flags\t\t: fpu sse2 fma avx2 avx512f avx512_bf16 hypervisor
processor\t: 1
model name\t: AMD EPYC 9B45
`;
const arm = `processor\t: 0
BogoMIPS\t: 2000.00
Features\t: fp asimd sve bf16
`;

describe("drydock doctor", () => {
  it("reads what a processor can do", () => {
    const amd = Machine.parseCpu(x86);
    assert.strictEqual(amd.model, "AMD EPYC 9B45");
    assert.deepEqual(amd.instructions, ["AVX2", "AVX-512", "AVX-512 bf16"]);
    assert.deepEqual(Machine.parseCpu(arm).instructions, ["NEON", "SVE", "bf16"]);
    assert.deepEqual(Machine.parseCpu("").instructions, []);
  });

  it("measures products on WebAssembly, where nothing else is", async () => {
    const rate = await Effect.runPromise(Machine.wasmProducts);
    assert.isAbove(rate, 0.1);
    assert.isBelow(rate, 10_000);
  });

  it("says what there is and how fast it is", async () => {
    const { code, stdout, stderr } = await Drydock.run(["doctor", "--json"], {
      env: { TF_NUM_INTRAOP_THREADS: "1" },
    });
    assert.strictEqual(code, 0, stderr);
    const checks: ReadonlyArray<Check> = JSON.parse(stdout);
    const named = (what: string): Check => checks.find((check) => check.what === what) ?? assert.fail(what);
    assert.isAbove(named("matrix products").figures?.["float32GigaflopPerSecond"] ?? 0, 0.1);
    assert.match(named("processor").found, /\d+ cores/);
    assert.include(["ok", "limited"], named("GPU").state);
    const { figures, remedy, found } = named("tensors");
    if (!found.startsWith("native TensorFlow (")) return;
    assert.isAbove(named("memory bandwidth").figures?.["gigabytesPerSecond"] ?? 0, 0.1);
    if ((figures?.["cores"] ?? 0) > 1) assert.match(remedy, /TF_NUM_INTRAOP_THREADS is 1: unset it/);
  }, 60_000);
});
