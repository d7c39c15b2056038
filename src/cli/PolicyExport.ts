/** `drydock policy export DIR` and `drydock policy merge BASE ADAPTER`: policies for other programs. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as GgufExport from "../model/gguf/GgufExport.ts";
import * as Peft from "../model/directory/Peft.ts";
import * as Policy from "../model/directory/Policy.ts";
import { PolicyError } from "../model/PolicyError.ts";
import { json, print } from "./Output.ts";
import * as PolicyFlags from "./PolicyFlags.ts";
import * as ProgressLine from "./ProgressLine.ts";

const dtype = PolicyFlags.dtype("f16 for gguf, else f32, which keeps every bit");
const force = PolicyFlags.force("Replace what an earlier export wrote there");
const maxShardSize = Flag.String("max-shard-size").pipe(
  Flag.withDescription("Weights larger than this are cut into several files: 500MB, 5GB, …"),
  Flag.withDefault("5GB"),
  Flag.filterMap(
    (text) => {
      const match = /^(\d+(?:\.\d+)?)([KMG])B$/i.exec(text);
      if (match === null) return Option.none();
      const unit = { K: 1e3, M: 1e6, G: 1e9 }[match[2].toUpperCase() as "K" | "M" | "G"];
      return Option.some(Number(match[1]) * unit);
    },
    () => "a size such as 500MB or 5GB",
  ),
);
const out = Flag.String("out").pipe(Flag.withDescription("File (gguf) or directory to write"));

const progress = () => {
  const line = ProgressLine.make();
  return (done: number, total: number): void => line.draw(`writing tensors ${done}/${total}`, done === total);
};

export const exportPolicy = Command.make(
  "export",
  {
    directory: Argument.String("directory").pipe(Argument.withDescription("A policy directory")),
    format: Flag.Literals("format", ["safetensors", "gguf", "peft"]).pipe(
      Flag.withDescription(
        "safetensors: a directory for transformers; gguf: a file for llama.cpp; peft: the adapter of a LoRA run",
      ),
    ),
    out,
    dtype,
    maxShardSize,
    pre: Flag.String("pre").pipe(
      Flag.withDescription("gguf: llama.cpp's name of the pre-tokenizer, where it is not found out"),
      Flag.optional,
    ),
    force,
    json,
  },
  Effect.fn(function* ({ directory, format, pre, ...options }) {
    const stored = PolicyFlags.withDtype(options.dtype);
    const policy = yield* Policy.read(directory);
    const folder = Path.join(directory, Peft.FOLDER);
    const adapter = Fs.existsSync(folder) ? yield* Peft.read(folder, policy.config) : null;
    switch (format) {
      case "safetensors": {
        const written = { ...Policy.rewritten(policy), ...(adapter === null ? {} : { adapter }) };
        yield* Policy.write(options.out, written, {
          ...stored,
          replace: options.force,
          maxShardBytes: options.maxShardSize,
          onProgress: progress(),
        });
        const summary = { format, path: options.out, dtype: stored.dtype ?? "F32" };
        return yield* print(
          options.json,
          summary,
          () => `Wrote ${options.out}: transformers loads it with from_pretrained.`,
        );
      }
      case "gguf": {
        const summary = yield* GgufExport.run(policy, options.out, {
          ...stored,
          ...(Option.isSome(pre) ? { pre: pre.value } : {}),
          replace: options.force,
          onProgress: progress(),
        });
        return yield* print(
          options.json,
          { format, ...summary },
          ({ bytes, preTokenizer: { name, reason } }) =>
            [
              `Wrote ${options.out}: ${(bytes / 1e6).toFixed(1)} MB for llama.cpp; pre-tokenizer "${name}" (${reason}).`,
              ...(policy.heads === null ? [] : ["The value heads have no place in GGUF and were left out."]),
            ].join("\n"),
        );
      }
      case "peft": {
        if (adapter === null) {
          return yield* new PolicyError({
            path: directory,
            reason: `there is no ${Peft.FOLDER}/ in this policy.`,
            remedy: "Only a policy that LoRA trained, or `policy merge` made, has one; export its weights.",
          });
        }
        yield* Peft.write(options.out, adapter, { ...stored, replace: options.force });
        const base = adapter.config["base_model_name_or_path"];
        const summary = { format, path: options.out, dtype: stored.dtype ?? "F32", base };
        return yield* print(
          options.json,
          summary,
          () => `Wrote ${options.out}: the adapter of ${adapter.matrices} matrices over ${String(base)}.`,
        );
      }
    }
  }),
).pipe(
  Command.withDescription("Write a policy for other programs: transformers, llama.cpp, PEFT"),
  Command.withExamples([
    {
      command: "drydock policy export runs/ID/policy --format gguf --out policy.gguf",
      description: "One file in F16 for llama.cpp",
    },
    {
      command: "drydock policy export runs/ID/policy --format safetensors --dtype bf16 --out exported",
      description: "A directory for transformers, half the size",
    },
    {
      command: "drydock policy export runs/ID/policy --format peft --out adapter",
      description: "What a LoRA run learned, without its base",
    },
  ]),
);

export const merge = Command.make(
  "merge",
  {
    base: Argument.String("base").pipe(
      Argument.withDescription("The policy directory that the adapter was trained on"),
    ),
    adapter: Argument.String("adapter").pipe(
      Argument.withDescription("An adapter directory of PEFT's layout"),
    ),
    out: Flag.String("out").pipe(Flag.withDescription("Policy directory to write")),
    dtype,
    maxShardSize,
    force,
    json,
  },
  Effect.fn(function* (options) {
    const base = yield* Policy.read(options.base);
    const { weights } = base;
    if (weights === null) return;
    const adapter = yield* Peft.read(options.adapter, base.config);
    const { heads: _, ...rest } = Policy.rewritten(base);
    const merged = adapter.merged(weights.read);
    yield* Policy.write(
      options.out,
      {
        ...rest,
        card: {
          ...base.card,
          name: Path.basename(Path.resolve(options.out)),
          provenance: `${base.card.name} with the adapter ${Path.basename(Path.resolve(options.adapter))} merged in; of the base: ${base.card.provenance}`,
          // The base's heads and figures are of other weights.
          tilt: 0,
          figures: {},
        },
        weights: (rest.weights ?? []).map((tensor) => ({ ...tensor, data: () => merged(tensor.name) })),
        adapter,
      },
      {
        ...PolicyFlags.withDtype(options.dtype),
        replace: options.force,
        maxShardBytes: options.maxShardSize,
        onProgress: progress(),
      },
    );
    yield* print(
      options.json,
      { path: options.out, matrices: adapter.matrices },
      () => `Wrote ${options.out}: ${options.base} with ${adapter.matrices} matrices changed.`,
    );
  }),
).pipe(
  Command.withDescription("Merge a LoRA adapter of PEFT's layout into a policy; value heads are left out"),
  Command.withExamples([
    {
      command: "drydock policy merge policies/smollm2-135m adapter --out policies/tuned",
      description: "A policy that runs without PEFT",
    },
  ]),
);
