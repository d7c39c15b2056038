/**
 * A second thread for WebAssembly's matrix products. tfjs's threaded build does not start in Node, so a worker with a
 * backend of its own takes a share of each large product: operands and result pass through shared memory, and both
 * sides wait by Atomics.
 */
import { Worker } from "node:worker_threads";

/** What a product's share is: `count` pairs [m, k] x [k, n], or one with `count` 1. */
export type Sizes = readonly [count: number, m: number, k: number, n: number];

/** Places in the shared control words: the state, then the sizes. */
export const STATE = 0;
export const SIZES = 1;
export const [IDLE, ASKED, DONE] = [0, 1, 2];

/** Numbers that pass at once, operands and result: 64 MB. Larger products are not shared. */
const CAPACITY = 16_777_216;
/** Multiplications below which handing over costs more than it saves. */
const WORTH_SHARING = 2_000_000;

const BOOT = new URL("../../bin/boot.mjs", import.meta.url);

export interface Helper {
  /** Whether a product of these sizes is worth sharing. */
  readonly takes: (sizes: Sizes) => boolean;
  /** Copies the operands of its share and starts on it. */
  readonly start: (a: Float32Array, b: Float32Array, sizes: Sizes) => void;
  /** Waits for the share and copies it out. */
  readonly finish: (out: Float32Array) => void;
}

/** Starts the thread, which ends with this one. */
export const open = async (): Promise<Helper> => {
  const control = new Int32Array(new SharedArrayBuffer(32));
  const data = new Float32Array(new SharedArrayBuffer(4 * CAPACITY));
  const entry = new URL("./WasmHelperWorker.ts", import.meta.url).href;
  const worker = new Worker(BOOT, { workerData: { entry, control, data } });
  await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  worker.unref();
  let result = 0;
  return {
    takes: ([count, m, k, n]) =>
      count * m * k * n >= WORTH_SHARING && count * (m * k + k * n + m * n) <= CAPACITY,
    start: (a, b, sizes) => {
      data.set(a);
      data.set(b, a.length);
      result = a.length + b.length;
      control.set(sizes, SIZES);
      Atomics.store(control, STATE, ASKED);
      Atomics.notify(control, STATE);
    },
    finish: (out) => {
      Atomics.wait(control, STATE, ASKED);
      Atomics.store(control, STATE, IDLE);
      out.set(data.subarray(result, result + out.length));
    },
  };
};
