/**
 * Products of 1024 x 1024 float32 matrices: native TensorFlow (ours) beside tfjs on WebAssembly (peer), in
 * GFLOP/s. It says whether the native backend on this machine is worth its set-up.
 */
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import * as Executors from "../src/tensor/Executor.ts";
import * as Binding from "../src/tensor/native/Binding.ts";

const size = 1024;
const flop = 2 * size ** 3;

const rate = (repeats: number, step: () => void): number => {
  step();
  const start = performance.now();
  for (let i = 0; i < repeats; i++) step();
  return (repeats * flop) / (performance.now() - start) / 1e6;
};

export default async () => {
  const values = Float32Array.from({ length: size * size }, (_, i) => (i % 17) - 8);
  const native = Binding.load(Executors.flavourOf(Executors.nativeBackend()));
  const id = native.createTensor([size, size], Binding.DType.float32, values);
  const ours = rate(30, () => {
    for (const out of native.executeOp("MatMul", [], [id, id], 1)) native.deleteTensor(out.id);
  });
  await tf.setBackend("wasm");
  const matrix = tf.tensor2d(values, [size, size]);
  const peer = rate(3, () => {
    tf.tidy(() => tf.matMul(matrix, matrix).dataSync());
  });
  return { ours, peer, unit: "GFLOP/s" };
};
