/** What the benchmarks of generation share: options, an open policy, and the peer (bench/peers/decode.py). */
import * as Fs from "node:fs";
import * as Path from "node:path";
import { parseArgs } from "node:util";
import * as Effect from "effect/Effect";
import * as Generation from "../src/model/generation/Generation.ts";
import * as Policy from "../src/model/directory/Policy.ts";
import type * as Sampling from "../src/model/generation/Sampling.ts";
import * as Transformer from "../src/model/Transformer.ts";
import * as Binding from "../src/tensor/native/Binding.ts";
import * as Executors from "../src/tensor/Executor.ts";
import { Graph } from "../src/tensor/Graph.ts";

export interface Options {
  readonly model: string;
  readonly dtype: "f32" | "bf16";
  readonly batch: number;
  readonly threads: number;
  readonly rounds: number;
  readonly maxNew: number;
  readonly peer: boolean;
  /** How the peer generates; see bench/peers/decode.py. */
  readonly variant: string;
}

export const options = (
  args: ReadonlyArray<string>,
  defaults: { readonly batch: number; readonly maxNew: number },
): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: "string", default: "policies/smollm2-135m" },
      dtype: { type: "string", default: "f32" },
      batch: { type: "string", default: String(defaults.batch) },
      threads: { type: "string", default: "2" },
      rounds: { type: "string", default: "5" },
      maxNew: { type: "string", default: String(defaults.maxNew) },
      "no-peer": { type: "boolean", default: false },
      variant: { type: "string", default: "" },
    },
  });
  if (values.dtype !== "f32" && values.dtype !== "bf16") {
    throw new Error(`--dtype is f32 or bf16, found ${values.dtype}`);
  }
  if (!Fs.existsSync(Path.join(values.model, "model.safetensors"))) {
    throw new Error(
      `There is no policy in ${values.model}: import SmolLM2-135M there by "drydock policy import".`,
    );
  }
  return {
    model: values.model,
    dtype: values.dtype,
    batch: Number(values.batch),
    threads: Number(values.threads),
    rounds: Number(values.rounds),
    maxNew: Number(values.maxNew),
    peer: !values["no-peer"],
    variant: values.variant,
  };
};

/** A generator of the policy's, and its tokenizer. */
export const open = async (
  { model: directory, dtype, batch, threads, maxNew }: Options,
  maxPrompt: number,
  modes: ReadonlyArray<Sampling.Mode>,
) => {
  Binding.setThreads(threads);
  const policy = await Effect.runPromise(Policy.read(directory));
  const { weights } = policy;
  if (weights === null) throw new Error(`${directory} holds no weights.`);
  const model = Transformer.frozen(policy.config, dtype === "bf16" ? "bfloat16" : "float32");
  const g = new Graph();
  const programs = Generation.record(g, model, {
    name: "generate",
    batch,
    maxPrompt,
    maxNew,
    heads: null,
    modes,
  });
  const executor = await Executors.load(Executors.nativeBackend());
  const session = executor.open(
    g,
    Transformer.initial(model, (name) => weights.read(name), 1),
  );
  return {
    generator: new Generation.Generator(session, programs),
    tokenizer: policy.tokenizer,
    session,
    programs,
  };
};

export const peerArguments = ({ model, dtype, threads, variant }: Options): ReadonlyArray<string> => [
  "--model",
  model,
  "--dtype",
  dtype,
  "--threads",
  String(threads),
  ...(variant === "" ? [] : ["--variant", variant]),
];
