/** Adapters in PEFT's layout: names, shapes and values; merged again they give what Lora.merged gives. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Lora from "../../src/model/Lora.ts";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Peft from "../../src/model/directory/Peft.ts";
import * as Safetensors from "../../src/model/files/Safetensors.ts";
import * as TinyLlama from "./TinyLlama.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

const { config } = TinyPolicy;
const lora: Lora.Lora = { rank: 3, alpha: 7, targets: ["q", "v", "down"], dropout: 0.1 };
const parameters = Lora.parameters(config, lora);
const variable = (name: string): Float32Array => {
  const number = parameters.findIndex((p) => p.name === name);
  const count = (parameters[number]?.shape ?? []).reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: count }, (_, i) => TinyLlama.value(500 + number, i, false));
};
const adapter = Peft.adapter(config, lora, "policies/base", variable);

const withDirectory = <E>(body: (directory: string) => Effect.Effect<void, E>) =>
  Effect.promise(() => TinyPolicy.withDirectory((directory) => Effect.runPromise(body(directory))));

/** Writes the adapter, damages it, and gives the message of the refusal. */
const refusal = (damage: (directory: string) => void, message: RegExp) =>
  withDirectory((parent) =>
    Effect.gen(function* () {
      const directory = Path.join(parent, "adapter");
      yield* Peft.write(directory, adapter);
      damage(directory);
      assert.match((yield* Effect.flip(Peft.read(directory, config))).message, message);
    }),
  );

const edit = (change: Readonly<Record<string, unknown>>) => (directory: string) => {
  const file = Path.join(directory, Peft.CONFIG);
  const json = JSON.parse(Fs.readFileSync(file, "utf8")) as object;
  Fs.writeFileSync(file, JSON.stringify({ ...json, ...change }));
};

const rewrite =
  (change: (tensor: Peft.Adapter["tensors"][number]) => ReadonlyArray<Peft.Adapter["tensors"][number]>) =>
  (directory: string) =>
    Safetensors.writeSync(Path.join(directory, Peft.WEIGHTS), adapter.tensors.flatMap(change));

describe("Peft", () => {
  it.effect("names, shapes and values are PEFT's", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = Path.join(parent, "adapter");
        yield* Peft.write(directory, adapter);
        const json = JSON.parse(Fs.readFileSync(Path.join(directory, Peft.CONFIG), "utf8")) as unknown;
        assert.deepInclude(json, {
          peft_type: "LORA",
          task_type: "CAUSAL_LM",
          base_model_name_or_path: "policies/base",
          r: 3,
          lora_alpha: 7,
          lora_dropout: 0.1,
          target_modules: ["q_proj", "v_proj", "down_proj"],
        });
        const source = yield* Safetensors.open(Path.join(directory, Peft.WEIGHTS));
        assert.equal(source.tensors.size, 2 * 3 * config.num_hidden_layers);
        const q = "base_model.model.model.layers.1.self_attn.q_proj";
        assert.deepEqual(source.tensors.get(`${q}.lora_A.weight`)?.shape, [3, 32]);
        assert.deepEqual(source.tensors.get(`${q}.lora_B.weight`)?.shape, [32, 3]);
        assert.isTrue(source.tensors.has("base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"));
        const own = variable("lora.model.layers.1.self_attn.q_proj.A");
        const theirs = source.read(`${q}.lora_A.weight`);
        for (let i = 0; i < 32; i++) {
          for (let r = 0; r < 3; r++) assert.equal(theirs[r * 32 + i], own[i * 3 + r]);
        }
      }),
    ),
  );

  it.effect("merged into the base it is what Lora.merged gives, bit for bit", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = Path.join(parent, "adapter");
        yield* Peft.write(directory, adapter);
        const read = yield* Peft.read(directory, config);
        assert.equal(read.matrices, 3 * config.num_hidden_layers);
        const base = TinyLlama.weights(config);
        const merged = read.merged(base);
        const expected = Lora.merged(config, lora, base, variable);
        let changed = 0;
        for (const { name } of ModelConfig.tensorShapes(config)) {
          assert.deepEqual(merged(name), expected(name), name);
          const unchanged = base(name);
          if (merged(name).some((x, i) => x !== unchanged[i])) changed += 1;
        }
        assert.equal(changed, 6);
        // W + alpha / r B A, element by element.
        const name = Lora.matrixName(1, "v");
        const [a, b] = ["A", "B"].map((side) => variable(`lora.model.layers.1.self_attn.v_proj.${side}`));
        const out = config.num_key_value_heads * config.head_dim;
        for (const [o, i] of [
          [0, 0],
          [3, 17],
          [out - 1, 31],
        ] as const) {
          let sum = 0;
          for (let r = 0; r < 3; r++) sum += (a?.[i * 3 + r] ?? 0) * (b?.[r * out + o] ?? 0);
          assert.closeTo(merged(name)[o * 32 + i] ?? 0, (base(name)[o * 32 + i] ?? 0) + (7 / 3) * sum, 1e-6);
        }
      }),
    ),
  );

  it.effect("takes the scale of use_rslora, and a rank of its own for a module", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = Path.join(parent, "adapter");
        yield* Peft.write(directory, adapter);
        edit({ use_rslora: true, rank_pattern: { v_proj: 1 } })(directory);
        // The first of the three ranks alone.
        rewrite((tensor) => {
          if (!tensor.name.includes("v_proj")) return [tensor];
          const isA = tensor.name.includes("lora_A");
          const [rows = 0, columns = 0] = tensor.shape;
          return [
            {
              name: tensor.name,
              shape: isA ? [1, columns] : [rows, 1],
              data: () => tensor.data().filter((_, i) => (isA ? i < columns : i % columns === 0)),
            },
          ];
        })(directory);
        const { merged } = yield* Peft.read(directory, config);
        const base = (name: string) => new Float32Array(TinyLlama.weights(config)(name).length);
        const [q, v] = (["q", "v"] as const).map((target) => {
          const found = merged(base)(Lora.matrixName(0, target))[0] ?? 0;
          const [a, b] = ["A", "B"].map((side) =>
            variable(`lora.model.layers.0.self_attn.${target}_proj.${side}`),
          );
          const out = target === "q" ? 32 : 16;
          const parts = [0, 1, 2].map((r) => (a?.[r] ?? 0) * (b?.[r * out] ?? 0));
          return { found, parts };
        });
        assert.closeTo(q?.found ?? 0, (7 / Math.sqrt(3)) * (q?.parts ?? []).reduce((x, y) => x + y, 0), 1e-6);
        assert.closeTo(v?.found ?? 0, 7 * (v?.parts[0] ?? 0), 1e-6);
      }),
    ),
  );

  it.effect("refuses what it cannot merge, with what was found", () =>
    Effect.gen(function* () {
      yield* refusal((d) => Fs.rmSync(Path.join(d, Peft.WEIGHTS)), /no adapter_model\.safetensors/);
      yield* refusal((d) => Fs.rmSync(Path.join(d, Peft.CONFIG)), /no adapter_config\.json/);
      yield* refusal(edit({ peft_type: "IA3" }), /not an adapter that can be merged: .*LORA/);
      yield* refusal(edit({ use_dora: true }), /use_dora is true, which cannot be merged here/);
      yield* refusal(edit({ alpha_pattern: { q_proj: 4 } }), /alpha_pattern is {"q_proj":4}/);
      yield* refusal(edit({ lora_alpha: "8" }), /not an adapter that can be merged/);
      const q = "base_model.model.model.layers.0.self_attn.q_proj";
      yield* refusal(
        rewrite((t) => (t.name === `${q}.lora_B.weight` ? [] : [t])),
        /layers\.0\.self_attn\.q_proj has lora_A \[3, 32\] and lora_B missing, expected \[rank, 32\] and \[32, rank\]/,
      );
      yield* refusal(
        rewrite((t) => (t.name === `${q}.lora_A.weight` ? [{ ...t, shape: [32, 3] }] : [t])),
        /has lora_A \[32, 3\] and lora_B \[32, 3\]/,
      );
      yield* refusal(
        rewrite((t) => [{ ...t, name: t.name.replace("layers.1", "layers.7") }]),
        /layers\.7.* has no matrix in this model.*base policy that the adapter was trained on/,
      );
    }),
  );

  it.effect("replaces an adapter only when told to, and never another directory", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = Path.join(parent, "adapter");
        yield* Peft.write(directory, adapter);
        assert.match((yield* Effect.flip(Peft.write(directory, adapter))).message, /an adapter here already/);
        yield* Peft.write(directory, adapter, { replace: true, dtype: "BF16" });
        const other = Path.join(parent, "other");
        Fs.mkdirSync(other);
        Fs.writeFileSync(Path.join(other, "thesis.txt"), "years of work");
        assert.match(
          (yield* Effect.flip(Peft.write(other, adapter, { replace: true }))).message,
          /holds other files/,
        );
        assert.deepEqual(Fs.readdirSync(parent).sort(), ["adapter", "other"]);
      }),
    ),
  );
});
