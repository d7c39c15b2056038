/** The helper's thread: waits for a share of a product, computes it, and never returns to its event loop. */
import { parentPort, workerData } from "node:worker_threads";
import * as Tfjs from "./Tfjs.ts";
import { ASKED, DONE, SIZES, STATE } from "./WasmHelper.ts";
import * as WasmMemory from "./WasmMemory.ts";

const { control, data } = workerData as { readonly control: Int32Array; readonly data: Float32Array };
const tf = await Tfjs.start("wasm");
const memory = WasmMemory.make(tf);
parentPort?.postMessage("ready");
for (;;) {
  for (;;) {
    const state = Atomics.load(control, STATE);
    if (state === ASKED) break;
    Atomics.wait(control, STATE, state);
  }
  const [count, m, k, n] = control.subarray(SIZES, SIZES + 4);
  const [left, right] = [count * m * k, count * k * n];
  tf.tidy(() => {
    const a = tf.tensor(data.subarray(0, left), [count, m, k]);
    const b = tf.tensor(data.subarray(left, left + right), [count, k, n]);
    data.set(memory.view(memory.products(a, b, [count, m, k, n], [count, m, n])), left + right);
  });
  Atomics.store(control, STATE, DONE);
  Atomics.notify(control, STATE);
}
