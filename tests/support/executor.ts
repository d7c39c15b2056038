/** The executor that tests run on: native TensorFlow where it is set up, else WebAssembly. */
import * as Executors from "../../src/tensor/Executor.ts";
import type { Executor } from "../../src/tensor/Session.ts";
import * as Tfjs from "../../src/tensor/Tfjs.ts";
import * as Requirements from "./Requirements.ts";

let loaded: Promise<Executor> | undefined;

export const testExecutor = (): Promise<Executor> =>
  (loaded ??= Requirements.native() ? Executors.load(Executors.nativeBackend()) : Tfjs.make("wasm"));
