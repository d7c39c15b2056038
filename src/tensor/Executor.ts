/** From the name of a backend to its executor. */
import * as Os from "node:os";
import { isMainThread } from "node:worker_threads";
import * as NativeGraph from "./NativeGraph.ts";
import * as Binding from "./native/Binding.ts";
import type { Executor } from "./Session.ts";
import * as Tfjs from "./Tfjs.ts";

export type Backend = "native-gpu" | "native" | "wasm";

export interface LoadOptions {
  /**
   * Threads inside one native op; part of what exact resume depends on. TensorFlow reads it once per process:
   * a worker can only confirm what the main thread set (Binding.setThreads) before the worker started.
   * WebAssembly: 1 by default, 2 for a second thread, which changes no bit.
   */
  readonly threads?: number;
}

/** What benchmarks and parity tests run on: the CPU, or with DRYDOCK_BACKEND=gpu the GPU. */
export const nativeBackend = (): "native" | "native-gpu" =>
  process.env["DRYDOCK_BACKEND"] === "gpu" ? "native-gpu" : "native";

/** The build of TensorFlow that a native backend loads. */
export const flavourOf = (backend: "native" | "native-gpu"): "cpu" | "gpu" =>
  backend === "native-gpu" ? "gpu" : "cpu";

/** Threads that WebAssembly takes of those asked for (default: the cores): one, or two for large products. */
export const wasmThreads = (asked = Os.availableParallelism()): number => Math.min(2, asked);

/**
 * Loads a backend's executor.
 * @throws Error with what to do when the backend is not installed or cannot have that many threads.
 */
export const load = async (backend: Backend, options: LoadOptions = {}): Promise<Executor> => {
  if (backend === "wasm") return Tfjs.make("wasm", options.threads);
  const { threads } = options;
  if (threads !== undefined) {
    if (isMainThread) Binding.setThreads(threads);
    else if (threads !== Binding.threads()) {
      throw new Error(
        `This worker runs TensorFlow with ${Binding.threads()} threads, not ${threads}: set the threads before the worker starts.`,
      );
    }
  }
  const binding = Binding.load(flavourOf(backend));
  if (backend === "native-gpu" && !binding.usesGpu) {
    throw new Error(
      "TensorFlow finds no usable GPU: check the driver (nvidia-smi), or use --backend native.",
    );
  }
  return NativeGraph.make(binding);
};
