/** A compute worker that dies at its second request, in the middle of it. */
import { parentPort } from "node:worker_threads";
import { serve } from "../../src/compute/Serve.ts";

let calls = 0;
async function* start(): AsyncGenerator<void, { tensors: number; residentBytes: number }, void> {
  calls += 1;
  if (calls > 1) process.exit(3);
  yield;
  return { tensors: calls, residentBytes: 0 };
}
if (parentPort !== null) {
  const none = () => {
    throw new Error("This worker has no model.");
  };
  serve(parentPort, { start, stream: none, step: none });
}
