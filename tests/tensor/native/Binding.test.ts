import { once } from "node:events";
import * as Path from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as Binding from "../../../src/tensor/native/Binding.ts";
import * as Requirements from "../../support/Requirements.ts";

const { DType } = Binding;

describe.skipIf(!Requirements.native())("the native binding", () => {
  let binding: Binding.Binding;
  let before: number;
  beforeEach(() => {
    binding = Binding.load();
    before = binding.getNumOfTensors();
  });
  afterEach(() => {
    expect(binding.getNumOfTensors()).toBe(before);
  });

  it.each([
    [DType.float32, new Float32Array([1.5, -2, 3, 4])],
    [DType.float64, new Float64Array([1 / 3, -2, 3, 4])],
    [DType.int32, new Int32Array([1, -2, 3, 4])],
    [DType.int64, new BigInt64Array([1n, -2n, 3n, 1n << 40n])],
    [DType.uint8, new Uint8Array([1, 2, 255, 0])],
    [DType.bool, new Uint8Array([1, 0, 1, 1])],
    [DType.bfloat16, new Uint16Array([0x3f80, 0xc000, 0x7f80, 0])],
    [DType.float16, new Uint16Array([0x3c00, 0xc000, 0x7c00, 0])],
  ])("gives back what it was given, dtype %i", (dtype, data) => {
    const id = binding.createTensor([2, 2], dtype, data);
    expect(binding.tensorDataSync(id, dtype)).toEqual(data);
    binding.deleteTensor(id);
  });

  it("runs an op with attributes", () => {
    const a = binding.createTensor([2, 3], DType.float32, new Float32Array([1, 2, 3, 4, 5, 6]));
    const [out] = binding.executeOp(
      "MatMul",
      [{ name: "transpose_b", type: Binding.AttrType.bool, value: true }],
      [a, a],
      1,
    );
    if (out === undefined) throw new Error("no output");
    expect(out.shape).toEqual([2, 2]);
    expect(out.dtype).toBe(DType.float32);
    expect([...binding.tensorDataSync(out.id)]).toEqual([14, 32, 32, 77]);
    binding.deleteTensor(out.id);
    binding.deleteTensor(a);
  });

  it("names the op that failed, and why", () => {
    const a = binding.createTensor([2, 3], DType.float32, new Float32Array(6));
    expect(() => binding.executeOp("MatMul", [], [a, a], 1)).toThrow(
      /op MatMul: .*Matrix size-incompatible/s,
    );
    expect(() => binding.executeOp("NoSuchOp", [], [a], 1)).toThrow(/NoSuchOp/);
    binding.deleteTensor(a);
  });

  it("says which directory holds no saved model", () => {
    expect(() => binding.loadSavedModel("/nowhere", "serve")).toThrow("/nowhere holds no saved_model.pb");
  });

  it("works in a worker thread, whose tensors are its own", async () => {
    const kept = binding.createTensor([1], DType.float32, new Float32Array([1]));
    const worker = new Worker(Path.resolve(import.meta.dirname, "../../../bin/boot.mjs"), {
      workerData: { entry: pathToFileURL(Path.join(import.meta.dirname, "BindingWorker.ts")).href },
    });
    const [message] = (await once(worker, "message")) as [unknown];
    expect(message).toEqual({ sum: 6, tensors: 0, threads: Binding.threads() });
    await worker.terminate();
    binding.deleteTensor(kept);
  });
});
