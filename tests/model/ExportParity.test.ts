/**
 * Exported policies as the programs see them that they are for: transformers loads a directory with from_pretrained, PEFT
 * an adapter, the gguf package and transformers a GGUF; ids and logits are ours. exports.py is their side.
 */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as GgufExport from "../../src/model/gguf/GgufExport.ts";
import * as GgufImport from "../../src/model/gguf/GgufImport.ts";
import * as Lora from "../../src/model/Lora.ts";
import * as Peft from "../../src/model/directory/Peft.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import * as Python from "../support/Python.ts";
import { distance, open } from "./Support.ts";
import * as TinyFamilies from "./TinyFamilies.ts";
import * as TinyLlama from "./TinyLlama.ts";

interface PolicyAnswer {
  readonly class: string;
  readonly dtype: string;
  readonly logits: TinyLlama.Packed;
  readonly ids: ReadonlyArray<ReadonlyArray<number>>;
  readonly begun: ReadonlyArray<ReadonlyArray<number>>;
  readonly eos: number | ReadonlyArray<number>;
}
interface AdapterAnswer {
  readonly logits: TinyLlama.Packed;
  readonly targets: ReadonlyArray<string>;
  readonly rank: number;
  readonly alpha: number;
}
interface GgufAnswer {
  readonly architecture: string;
  readonly pre: string;
  readonly tokens: number;
  readonly types: ReadonlyArray<string>;
  readonly tensors: Readonly<Record<string, TinyLlama.Packed>>;
  readonly logits: TinyLlama.Packed;
}

const TEXTS = [
  "const f = (xs) => xs.map((x) => x + 1);\n",
  "def add(a, b):\n    return a + b",
  "naïve 🙂 12345",
  "  two spaces",
];
const DTYPES = ["F32", "F16", "BF16"] as const;
const TORCH = { F32: "torch.float32", F16: "torch.float16", BF16: "torch.bfloat16" };
const lora: Lora.Lora = { rank: 2, alpha: 4, targets: ["q", "k", "v", "up", "down"] };

/** Our logits of every position. */
const logits = (
  { config }: Policy.PolicyFiles,
  read: (name: string) => Float32Array,
  ids: ReadonlyArray<number>,
): Float32Array => {
  const model = Transformer.frozen(config, "float32");
  const g = new Graph();
  const hidden = Transformer.forward(g, model, g.feed("ids", [1, ids.length], "int32"));
  g.program("logits", { fetches: { logits: Transformer.logits(g, model, hidden) } });
  const session = open(g, model, { read });
  const out = session.run("logits", { ids: Int32Array.from(ids) })["logits"] as Float32Array;
  session.dispose();
  return Float32Array.from(out);
};

const reader = ({ weights, directory }: Policy.PolicyFiles): ((name: string) => Float32Array) => {
  if (weights === null) throw new Error(`no weights in ${directory}`);
  return weights.read;
};

/** Ids of every kind, longer than the scaled context of the Llama 3 case. */
const idsFor = (vocabulary: number): ReadonlyArray<number> =>
  Array.from({ length: 48 }, (_, i) => (i * 37 + 11) % Math.min(vocabulary, 400));

describe.skipIf(!(await Python.has("torch", "transformers", "peft", "gguf")))("exports beside Python", () => {
  let parent = "";
  const policies = new Map<string, Policy.PolicyFiles>();
  const answers = new Map<string, unknown>();

  const names = [...TinyFamilies.names, "js-compose"];
  const sourceOf = (name: string): Effect.Effect<Policy.NewPolicy, unknown> =>
    name === "js-compose"
      ? Effect.map(Policy.read("policies/js-compose"), Policy.rewritten)
      : Effect.sync(() => TinyFamilies.policy(name as (typeof TinyFamilies.names)[number]));

  /** Variables of an adapter for a policy. */
  const variable = ({ config }: Policy.PolicyFiles) => {
    const parameters = Lora.parameters(config, lora);
    return (name: string): Float32Array => {
      const number = parameters.findIndex((p) => p.name === name);
      const count = (parameters[number]?.shape ?? []).reduce((a, b) => a * b, 1);
      return Float32Array.from({ length: count }, (_, i) => TinyLlama.value(700 + number, i, false));
    };
  };

  beforeAll(async () => {
    parent = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-exports-"));
    const at = (name: string) => Path.join(parent, name);
    const jobs: Array<Readonly<Record<string, unknown>> & { readonly name: string }> = [];
    const write = Effect.gen(function* () {
      for (const name of names) {
        const source = yield* sourceOf(name);
        const ids = idsFor(source.config.vocab_size);
        for (const dtype of DTYPES) {
          const path = at(`${name}-${dtype}`);
          // Small enough that most are in several files.
          yield* Policy.write(path, source, { dtype, maxShardBytes: 40_000 });
          const read = yield* Policy.read(path);
          policies.set(`${name}-${dtype}`, read);
          jobs.push({ name: `${name}-${dtype}`, kind: "policy", path, ids, texts: TEXTS });
        }
        const read = policies.get(`${name}-F32`);
        if (read === undefined) throw new Error(name);
        yield* Peft.write(
          at(`${name}-adapter`),
          Peft.adapter(read.config, lora, read.directory, variable(read)),
        );
        jobs.push({
          name: `${name}-adapter`,
          kind: "adapter",
          base: read.directory,
          path: at(`${name}-adapter`),
          saved: at(`${name}-saved`),
          ids,
        });
        yield* GgufExport.run(read, at(`${name}.gguf`), name === "js-compose" ? { pre: "gpt-2" } : {});
        jobs.push({ name: `${name}-gguf`, kind: "gguf", path: at(`${name}.gguf`), ids });
      }
    });
    await Effect.runPromise(write);
    Fs.writeFileSync(at("jobs.json"), JSON.stringify(jobs));
    const script = Path.join(import.meta.dirname, "exports.py");
    const found = (await Python.json(script, at("jobs.json"))) as ReadonlyArray<unknown>;
    jobs.forEach(({ name }, i) => answers.set(name, found[i]));
  }, 300_000);
  afterAll(() => Fs.rmSync(parent, { recursive: true, force: true }));

  const cases = names.flatMap((name) => DTYPES.map((dtype) => ({ name, dtype })));
  it.each(cases)("$name in $dtype: transformers' logits and ids are ours", ({ name, dtype }) => {
    const policy = policies.get(`${name}-${dtype}`) as Policy.PolicyFiles;
    const theirs = answers.get(`${name}-${dtype}`) as PolicyAnswer;
    expect(theirs.class).toBe(policy.config.architectures[0]);
    expect(theirs.dtype).toBe(TORCH[dtype]);
    const ours = logits(policy, reader(policy), idsFor(policy.config.vocab_size));
    expect(distance(ours, TinyLlama.unpacked(theirs.logits))).toBeLessThan(1e-4);
    const { tokenizer } = policy;
    expect(theirs.ids).toEqual(TEXTS.map((text) => [...tokenizer.encode(text)]));
    expect(theirs.begun).toEqual(TEXTS.map((text) => [...tokenizer.prefix, ...tokenizer.encode(text)]));
    expect(theirs.eos).toBe(tokenizer.eos);
  });

  it.each(
    names,
  )("%s: PEFT's logits are the merged model's, and what PEFT saves merges the same", async (name) => {
    const policy = policies.get(`${name}-F32`) as Policy.PolicyFiles;
    const theirs = answers.get(`${name}-adapter`) as AdapterAnswer;
    expect(theirs).toMatchObject({
      rank: 2,
      alpha: 4,
      targets: ["down_proj", "k_proj", "q_proj", "up_proj", "v_proj"],
    });
    const base = reader(policy);
    const merged = Lora.merged(policy.config, lora, base, variable(policy));
    const ids = idsFor(policy.config.vocab_size);
    const ours = logits(policy, merged, ids);
    expect(distance(ours, TinyLlama.unpacked(theirs.logits))).toBeLessThan(2e-4);
    expect(distance(ours, logits(policy, base, ids))).toBeGreaterThan(0.1);
    const saved = await Effect.runPromise(Peft.read(Path.join(parent, `${name}-saved`), policy.config));
    for (const { name: tensor } of policy.weights === null ? [] : (Policy.rewritten(policy).weights ?? [])) {
      expect(distance(saved.merged(base)(tensor), merged(tensor))).toBe(0);
    }
  });

  it.each(
    names,
  )("%s: the gguf package reads the same values, transformers gives our logits from them", (name) => {
    const policy = policies.get(`${name}-F32`) as Policy.PolicyFiles;
    // What F16 leaves of the weights, as the other export stored it; gains and biases are whole.
    const half = reader(policies.get(`${name}-F16`) as Policy.PolicyFiles);
    const whole = reader(policy);
    const read = (tensor: string): Float32Array => (/norm|bias/.test(tensor) ? whole(tensor) : half(tensor));
    const theirs = answers.get(`${name}-gguf`) as GgufAnswer;
    const { config: c } = policy;
    expect(theirs.architecture).toBe(c.model_type);
    expect(theirs.tokens).toBe(c.vocab_size);
    expect(theirs.types).toEqual(["F16", "F32"]);
    for (const { name: tensor } of Policy.rewritten(policy).weights ?? []) {
      const packed = theirs.tensors[GgufImport.ggufName(tensor)];
      const stored = TinyLlama.unpacked(packed ?? "");
      const heads = tensor.includes(".q_proj.") ? c.num_attention_heads : c.num_key_value_heads;
      const permuted = c.model_type === "llama" && /\.[qk]_proj\./.test(tensor);
      const found = permuted ? GgufImport.unpermute(stored, heads, c.head_dim) : stored;
      expect(distance(found, read(tensor))).toBe(0);
    }
    // transformers leaves the scaling of rotary embeddings in a GGUF alone.
    const plain = { ...policy, config: { ...c, rope_scaling: null } };
    const ours = logits(plain, read, idsFor(c.vocab_size));
    expect(distance(ours, TinyLlama.unpacked(theirs.logits))).toBeLessThan(1e-4);
  });
});
