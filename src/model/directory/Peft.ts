/**
 * LoRA adapters as PEFT keeps them: adapter_config.json and adapter_model.safetensors.
 *
 * PEFT computes y = W x + scale B (A x) with A [rank, in] and B [out, rank], both transposed against Lora.ts's
 * variables; scale is lora_alpha / rank, or lora_alpha / sqrt(rank) with use_rslora.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as fs from "node:fs";
import * as path from "node:path";
import * as AtomicDirectory from "../files/AtomicDirectory.ts";
import { attempt, inSlices, readRecord, type Slices, writeJson } from "../files/Files.ts";
import * as Lora from "../Lora.ts";
import * as ModelConfig from "../ModelConfig.ts";
import type { StoredType, TensorToWrite } from "./Policy.ts";
import { PolicyError } from "../PolicyError.ts";
import * as Safetensors from "../files/Safetensors.ts";

export const CONFIG = "adapter_config.json";
export const WEIGHTS = "adapter_model.safetensors";
/** Where a policy that was trained by LoRA keeps its adapter, beside its merged weights. */
export const FOLDER = "adapter";

/** An adapter to write. */
export interface Adapter {
  /** The content of adapter_config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyArray<TensorToWrite>;
}

const tensorName = (module: string, side: "A" | "B"): string =>
  `base_model.model.${module}.lora_${side}.weight`;

/** The adapter of a model's variables; `base` is the directory or hub name of the policy that it was trained on. */
export const adapter = (
  c: ModelConfig.ModelConfig,
  lora: Lora.Lora,
  base: string,
  variable: (name: string) => Float32Array,
): Adapter => ({
  config: {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base,
    r: lora.rank,
    lora_alpha: lora.alpha,
    lora_dropout: lora.dropout ?? 0,
    target_modules: lora.targets.map((target) => `${target}_proj`),
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
    rank_pattern: {},
    alpha_pattern: {},
    use_dora: false,
    use_rslora: false,
  },
  tensors: Lora.parameters(c, lora).map(({ name, shape }) => {
    const side = name.endsWith(".A") ? "A" : "B";
    return {
      name: tensorName(name.slice("lora.".length, -".A".length), side),
      shape: [...shape].reverse(),
      data: () => Lora.transposed(variable(name), shape[0] ?? 0),
    };
  }),
});

/** Writes both files into an existing directory. */
export function* writing(directory: string, { config, tensors }: Adapter, dtype: StoredType): Slices {
  writeJson(path.join(directory, CONFIG), config);
  yield* Safetensors.writing(path.join(directory, WEIGHTS), tensors, { dtype });
}

/** Writes an adapter directory, whole or not at all; one that is there is replaced only where that is asked for. */
export const write = (
  directory: string,
  written: Adapter,
  options: { readonly dtype?: StoredType; readonly replace?: boolean } = {},
): Effect.Effect<void, PolicyError> =>
  Effect.gen(function* () {
    const target = path.resolve(directory);
    yield* attempt(directory, () => {
      AtomicDirectory.clearLeftovers(target);
      const isAdapter = fs.existsSync(path.join(target, CONFIG));
      if (AtomicDirectory.isOccupied(target) && !(options.replace === true && isAdapter)) {
        throw new PolicyError({
          path: directory,
          reason: isAdapter ? "there is an adapter here already." : "the directory holds other files.",
          remedy: isAdapter ? "Choose another name, or replace it with --force." : "Choose another name.",
        });
      }
    });
    yield* inSlices(directory, () =>
      AtomicDirectory.write(target, (temporary) => writing(temporary, written, options.dtype ?? "F32")),
    );
  });

/** What decides the scale; the rest is read from the tensors. */
const AdapterConfig = Schema.Struct({
  peft_type: Schema.Literal("LORA"),
  lora_alpha: Schema.Finite,
  use_rslora: Schema.optionalKey(Schema.Boolean),
});
const decode = Schema.decodeUnknownResult(AdapterConfig, { errors: "all" });

/** Options of PEFT under which an adapter is more than W + scale B A; modules with weights of their own show in the tensors. */
const OTHER_KINDS = [
  "use_dora",
  "use_qalora",
  "use_bdlora",
  "fan_in_fan_out",
  "lora_bias",
  "alpha_pattern",
  "alora_invocation_tokens",
  "layer_replication",
  "arrow_config",
  "kasa_config",
];

/** Whether an option is left at nothing: null, false, {} or []. */
const isOff = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  (typeof value === "object" && Object.keys(value).length === 0);

/** An adapter directory that was read and checked against a model. */
export interface Loaded extends Adapter {
  /** Its adapted matrices. */
  readonly matrices: number;
  /** A reader of Hugging Face matrices with the adapter merged in, over a reader of the base's. */
  readonly merged: (base: (name: string) => Float32Array) => (name: string) => Float32Array;
}

/** Reads an adapter directory for a model of this shape; the tensors are read later, one at a time. */
export const read = (directory: string, c: ModelConfig.ModelConfig): Effect.Effect<Loaded, PolicyError> =>
  Effect.gen(function* () {
    const configFile = path.join(directory, CONFIG);
    const file = path.join(directory, WEIGHTS);
    for (const needed of [configFile, file]) {
      if (fs.existsSync(needed)) continue;
      return yield* new PolicyError({
        path: directory,
        reason: `no ${path.basename(needed)} in this directory.`,
        remedy: "Give a directory that PEFT's save_pretrained or a LoRA run of Drydock wrote.",
      });
    }
    const config = yield* readRecord(configFile);
    const decoded = decode(config);
    if (decoded._tag === "Failure") {
      return yield* new PolicyError({
        path: configFile,
        reason: `not an adapter that can be merged: ${decoded.failure.message.replaceAll("\n", " ")}.`,
        remedy: "Give an adapter of PEFT's LoRA; merge others with PEFT itself (merge_and_unload).",
      });
    }
    const other = OTHER_KINDS.find((key) => !isOff(config[key]));
    if (other !== undefined) {
      return yield* new PolicyError({
        path: configFile,
        reason: `${other} is ${JSON.stringify(config[other])}, which cannot be merged here.`,
        remedy: "Plain LoRA is supported; merge others with PEFT itself (merge_and_unload).",
      });
    }
    const { lora_alpha: alpha, use_rslora: rootScale } = decoded.success;
    const source = yield* Safetensors.open(file);
    const refuse = (reason: string) =>
      new PolicyError({
        path: file,
        reason,
        remedy: "Give the base policy that the adapter was trained on.",
      });
    const sides = new Map<string, { readonly a: string; readonly b: string; readonly rank: number }>();
    const known = new Set<string>();
    for (const { name, shape } of ModelConfig.tensorShapes(c)) {
      if (shape.length !== 2) continue;
      const module = name.replace(/\.weight$/, "");
      const [a, b] = [tensorName(module, "A"), tensorName(module, "B")];
      const [aShape, bShape] = [source.tensors.get(a)?.shape, source.tensors.get(b)?.shape];
      if (aShape === undefined && bShape === undefined) continue;
      const rank = aShape?.[0] ?? 0;
      if (
        rank === 0 ||
        aShape?.join() !== [rank, shape[1]].join() ||
        bShape?.join() !== [shape[0], rank].join()
      ) {
        const found = (s: ReadonlyArray<number> | undefined) =>
          s === undefined ? "missing" : `[${s.join(", ")}]`;
        return yield* refuse(
          `${module} has lora_A ${found(aShape)} and lora_B ${found(bShape)}, expected [rank, ${shape[1]}] and [${shape[0]}, rank].`,
        );
      }
      known.add(a).add(b);
      sides.set(name, { a, b, rank });
    }
    const unknown = [...source.tensors.keys()].find((name) => !known.has(name));
    if (unknown !== undefined) {
      return yield* refuse(`tensor "${unknown}" has no matrix in this model that it could be added to.`);
    }
    return {
      config,
      tensors: [...source.tensors].map(([name, { shape }]) => ({
        name,
        shape,
        data: () => source.read(name),
      })),
      matrices: sides.size,
      merged: (base) => (name) => {
        const found = sides.get(name);
        if (found === undefined) return base(name);
        const { rank } = found;
        const scale = alpha / (rootScale === true ? Math.sqrt(rank) : rank);
        return Lora.plusProduct(base(name), source.read(found.a), source.read(found.b), rank, scale);
      },
    };
  });
