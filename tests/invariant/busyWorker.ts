/** Steps that hold their thread for 300 ms each, one after another: what a training step does to the compute worker. */
import { parentPort } from "node:worker_threads";

const STEP_MILLIS = 300;

const step = (): void => {
  const end = performance.now() + STEP_MILLIS;
  let sum = 0;
  while (performance.now() < end) sum += Math.sqrt(sum + 1);
  parentPort?.postMessage(STEP_MILLIS);
  setImmediate(step);
};
step();
