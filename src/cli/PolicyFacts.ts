/** What there is to say about a policy directory, for `policy list` and `policy inspect`. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Heads from "../model/Heads.ts";
import * as ModelConfig from "../model/ModelConfig.ts";
import type * as Policy from "../model/directory/Policy.ts";
import * as PolicyImport from "../model/directory/PolicyImport.ts";
import * as Room from "../model/files/Room.ts";

export interface Facts {
  readonly name: string;
  readonly directory: string;
  /** Hugging Face's class. */
  readonly architecture: string;
  readonly parameters: number;
  /** Tensors of the model by stored type; empty without weights. */
  readonly dtypes: Readonly<Record<string, number>>;
  readonly tensors: number;
  /** Of all files in the directory. */
  readonly bytes: number;
  readonly ropeScaling: ModelConfig.ModelConfig["rope_scaling"];
  readonly endTokens: ReadonlyArray<{ readonly id: number; readonly text: string | null }>;
  readonly chatTemplate: boolean;
  /** Null without value heads. */
  readonly heads: Heads.Shape | null;
  readonly tilt: number;
  /** Bytes of the weights in memory, held once; and of the keys and values of one sequence of full length. */
  readonly memory: { readonly float32: number; readonly bfloat16: number; readonly cache: number };
}

/** Bytes of the files below a directory. */
const bytesBelow = (directory: string): number => {
  let bytes = 0;
  for (const entry of Fs.readdirSync(directory, { withFileTypes: true })) {
    const path = Path.join(directory, entry.name);
    bytes += entry.isDirectory() ? bytesBelow(path) : Fs.statSync(path).size;
  }
  return bytes;
};

export const of = (policy: Policy.PolicyFiles): Facts => {
  const { card, config, weights, tokenizer } = policy;
  const dtypes = weights === null ? {} : PolicyImport.typesOf(weights);
  const { num_hidden_layers: layers, num_key_value_heads: heads, head_dim: width } = config;
  return {
    name: card.name,
    directory: policy.directory,
    architecture: config.architectures[0],
    parameters: ModelConfig.parameterCount(config),
    dtypes,
    tensors: weights?.tensors.size ?? 0,
    bytes: bytesBelow(policy.directory),
    ropeScaling: config.rope_scaling,
    endTokens: policy.endTokens.map((id) => ({ id, text: tokenizer.tokenText(id) ?? null })),
    chatTemplate: tokenizer.chatTemplate !== null,
    heads: policy.heads === null ? null : Heads.shapeOf(policy.heads.tensors.keys()),
    tilt: card.tilt,
    memory: {
      float32: Room.weights(config, "F32"),
      bfloat16: Room.weights(config, "BF16"),
      cache: 2 * 4 * layers * heads * width * config.max_position_embeddings,
    },
  };
};

/** 134515008 -> "134.5M". */
export const count = (parameters: number): string =>
  parameters < 1e9 ? `${(parameters / 1e6).toFixed(1)}M` : `${(parameters / 1e9).toFixed(2)}B`;

/** "F32", "BF16 (210), F32 (61)", "no weights". */
export const stored = ({ dtypes }: Facts): string => {
  const types = Object.entries(dtypes);
  if (types.length === 0) return "no weights";
  return types.length === 1
    ? types.map(([type]) => type).join()
    : types.map(([type, tensors]) => `${type} (${tensors})`).join(", ");
};
