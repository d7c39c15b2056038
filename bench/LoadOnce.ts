/** One opening in a process of its own, for bench/load.ts: prints seconds from the directory to the first token. */
import * as Effect from "effect/Effect";
import * as Engine from "../src/compute/Engine.ts";
import * as Binding from "../src/tensor/native/Binding.ts";
import * as Executors from "../src/tensor/Executor.ts";

const [model, dtype, threads, prompt] = process.argv.slice(2) as [string, "f32" | "bf16", string, string];
Binding.setThreads(Number(threads));
const executor = await Executors.load(Executors.nativeBackend());
const start = performance.now();
const seconds = () => (performance.now() - start) / 1000;
const engine = await Effect.runPromise(
  Engine.open(
    {
      policy: { path: model, init: "weights" },
      backend: "native",
      seed: 1,
      trainable: { kind: "heads" },
      heads: false,
      frozenType: dtype === "bf16" ? "bfloat16" : "float32",
      trainings: [],
      maxTrainTokens: 256,
      generation: { batch: 1, maxPromptTokens: 128, maxNewTokens: 128 },
    },
    { executor, threads: Number(threads) },
  ),
);
const opened = seconds();
const steps = engine.generate({
  items: [{ prompt, seed: 1 }],
  temperature: 0,
  maxNewTokens: 1,
  stop: [],
  tilt: 0,
});
while (steps.next().done !== true);
console.log(JSON.stringify({ opened, first: seconds(), whole: process.uptime() }));
process.exit(0);
