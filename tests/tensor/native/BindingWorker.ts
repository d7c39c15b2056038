/** Runs in a worker thread of Binding.test.ts: adds 1 + 2 + 3 in TensorFlow. */
import { parentPort } from "node:worker_threads";
import * as Binding from "../../../src/tensor/native/Binding.ts";

const binding = Binding.load();
const values = binding.createTensor([3], Binding.DType.float32, new Float32Array([1, 2, 3]));
const axis = binding.createTensor([], Binding.DType.int32, new Int32Array([0]));
const [sum] = binding.executeOp("Sum", [], [values, axis], 1);
const result = sum === undefined ? Number.NaN : binding.tensorDataSync(sum.id)[0];
for (const id of [values, axis, ...(sum === undefined ? [] : [sum.id])]) binding.deleteTensor(id);
parentPort?.postMessage({ sum: result, tensors: binding.getNumOfTensors(), threads: binding.threads });
