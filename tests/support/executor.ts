/** The executor that tests run on: native TensorFlow where it is set up, else plain tfjs. */
import * as NativeGraph from "../../src/tensor/NativeGraph.ts";
import * as Binding from "../../src/tensor/native/Binding.ts";
import type { Executor } from "../../src/tensor/Session.ts";

export const testExecutor = async (): Promise<Executor> => NativeGraph.make(Binding.load());
