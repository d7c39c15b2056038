/** The files of a policy directory, as they are written; Policy.ts says what they are. */
import * as fs from "node:fs";
import * as path from "node:path";
import { type Slices, writeJson } from "../files/Files.ts";
import * as GenerationConfig from "./GenerationConfig.ts";
import * as ModelConfig from "../ModelConfig.ts";
import * as Peft from "./Peft.ts";
import type { NewPolicy, StoredType, TensorToWrite, WriteOptions } from "./Policy.ts";
import * as Safetensors from "../files/Safetensors.ts";
import * as Shards from "../files/Shards.ts";

const TORCH_TYPES: Readonly<Record<StoredType, string>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/** Writes every file into an existing directory. */
export function* writing(directory: string, policy: NewPolicy, options: WriteOptions): Slices {
  const at = (name: string) => path.join(directory, name);
  const dtype = options.dtype ?? "F32";
  writeJson(at("config.json"), { ...ModelConfig.toJson(policy.config), torch_dtype: TORCH_TYPES[dtype] });
  writeJson(at("tokenizer.json"), policy.tokenizer.tokenizer);
  writeJson(at("tokenizer_config.json"), policy.tokenizer.config);
  writeJson(at(GenerationConfig.FILE), GenerationConfig.toJson(policy.config, policy.card, policy.endTokens));
  if (policy.adapter !== undefined) {
    fs.mkdirSync(at(Peft.FOLDER));
    yield* Peft.writing(at(Peft.FOLDER), policy.adapter, "F32");
  }
  if (policy.heads !== undefined) yield* Safetensors.writing(at("heads.safetensors"), policy.heads);
  if (policy.weights !== null) {
    const maxBytes = options.maxShardBytes ?? Shards.MAX_BYTES;
    yield* Shards.writing(directory, counted(policy.weights, options.onProgress), { dtype, maxBytes });
  }
  writeJson(at("policy.json"), policy.card);
}

/** The same tensors, calling `onProgress` as each is taken. */
const counted = (
  tensors: ReadonlyArray<TensorToWrite>,
  onProgress: WriteOptions["onProgress"],
): ReadonlyArray<TensorToWrite> => {
  let done = 0;
  return tensors.map((tensor) => ({
    ...tensor,
    data: () => {
      done += 1;
      onProgress?.(done, tensors.length);
      return tensor.data();
    },
  }));
};
