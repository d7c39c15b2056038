import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Safetensors from "../../src/model/files/Safetensors.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

const { config } = TinyPolicy;

const withDirectory = <A, E>(body: (directory: string) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-policy-"))),
    body,
    (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true })),
  );

const edit = (file: string, change: (json: Record<string, unknown>) => void): void => {
  const json = JSON.parse(Fs.readFileSync(file, "utf8")) as Record<string, unknown>;
  change(json);
  Fs.writeFileSync(file, JSON.stringify(json));
};

/** Writes the tiny policy, damages it, and gives the message of the refusal. */
const refusal = (damage: (directory: string) => void) =>
  withDirectory((parent) =>
    Effect.gen(function* () {
      const directory = Path.join(parent, "tiny");
      yield* Policy.write(directory, TinyPolicy.policy());
      damage(directory);
      return (yield* Effect.flip(Policy.read(directory))).message;
    }),
  );

describe("Policy", () => {
  it.effect("reads what it wrote", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = Path.join(parent, "deeper", "tiny");
        const heads = [{ name: "heads.v.weight", shape: [1, 2], data: () => Float32Array.of(3, 4) }];
        const card: Policy.PolicyCard = {
          ...Policy.defaultCard("tiny"),
          stop: ["\n\n"],
          tilt: 2.5,
          figures: { "pass@1": 0.25 },
          generation: { temperature: 0.7, topP: 0.9, maxNewTokens: 32 },
        };
        yield* Policy.write(directory, { ...TinyPolicy.policy(), card, heads });
        const policy = yield* Policy.read(directory);
        assert.deepEqual(policy.card, card);
        assert.deepEqual(policy.config, { ...config });
        for (const { name, shape, data } of TinyPolicy.weights()) {
          assert.deepEqual(policy.weights?.tensors.get(name)?.shape, shape);
          assert.deepEqual(policy.weights?.read(name), data());
        }
        assert.deepEqual([...(policy.heads?.read("heads.v.weight") ?? [])], [3, 4]);
        assert.deepEqual(Fs.readdirSync(Path.dirname(directory)), ["tiny"]);
        // A policy written from one that was read is the same, file by file.
        const again = Path.join(parent, "again");
        const { weights } = policy;
        yield* Policy.write(again, {
          config: policy.config,
          card: policy.card,
          tokenizer: policy.tokenizerFiles,
          weights: ModelConfig.tensorShapes(policy.config).map((t) => ({
            ...t,
            data: () => weights?.read(t.name) ?? new Float32Array(),
          })),
          heads,
        });
        for (const name of Fs.readdirSync(directory)) {
          assert.isTrue(
            Fs.readFileSync(Path.join(again, name)).equals(Fs.readFileSync(Path.join(directory, name))),
            name,
          );
        }
      }),
    ),
  );

  it.effect("reads a plain Hugging Face directory, and one without weights where that is asked for", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = Path.join(parent, "tiny");
        yield* Policy.write(directory, { ...TinyPolicy.policy(), weights: null });
        Fs.rmSync(Path.join(directory, "policy.json"));
        assert.match((yield* Effect.flip(Policy.read(directory))).message, /there are no weights/);
        const policy = yield* Policy.read(directory, { weights: "optional" });
        assert.isNull(policy.weights);
        assert.deepEqual(policy.card, Policy.defaultCard("tiny"));
      }),
    ),
  );

  it.effect("replaces a policy only when told to, and never another directory", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = Path.join(parent, "tiny");
        Fs.mkdirSync(directory);
        yield* Policy.write(directory, TinyPolicy.policy());
        const second = { ...TinyPolicy.policy(), card: Policy.defaultCard("second") };
        assert.match(
          (yield* Effect.flip(Policy.write(directory, second))).message,
          /there is a policy here already/,
        );
        yield* Policy.write(directory, second, { replace: true, dtype: "F16" });
        assert.equal((yield* Policy.read(directory)).card.name, "second");
        const other = Path.join(parent, "other");
        Fs.mkdirSync(other);
        Fs.writeFileSync(Path.join(other, "thesis.txt"), "years of work");
        const error = yield* Effect.flip(Policy.write(other, second, { replace: true }));
        assert.match(error.message, /holds other files/);
        assert.deepEqual(Fs.readdirSync(parent).sort(), ["other", "tiny"]);
      }),
    ),
  );

  it.effect("keeps the old policy and leaves nothing half-written when writing fails", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = Path.join(parent, "tiny");
        yield* Policy.write(directory, TinyPolicy.policy());
        let calls = 0;
        const weights = TinyPolicy.weights().map((t) => ({
          ...t,
          data: () => {
            calls += 1;
            if (calls === 4) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
            return t.data();
          },
        }));
        const policy = { ...TinyPolicy.policy(), weights, card: Policy.defaultCard("second") };
        const error = yield* Effect.flip(Policy.write(directory, policy, { replace: true }));
        assert.match(error.message, /disk is full/);
        assert.deepEqual(Fs.readdirSync(parent), ["tiny"]);
        assert.equal((yield* Policy.read(directory)).card.name, "tiny");
      }),
    ),
  );

  it.effect("clears away what a process that died left, and brings the old policy back", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = Path.join(parent, "tiny");
        const dead = 2 ** 22 + 1; // beyond the kernel's largest process id
        yield* Policy.write(directory, TinyPolicy.policy());
        Fs.renameSync(directory, Path.join(parent, `.tiny.partial-${dead}-old`));
        Fs.mkdirSync(Path.join(parent, `.tiny.partial-${dead}`));
        const error = yield* Effect.flip(Policy.write(directory, TinyPolicy.policy()));
        assert.match(error.message, /there is a policy here already/);
        assert.deepEqual(Fs.readdirSync(parent), ["tiny"]);
        yield* Policy.read(directory);
      }),
    ),
  );

  it.effect("refuses a tokenizer that is not the weights' own", () =>
    Effect.gen(function* () {
      const shrink = (directory: string) =>
        edit(Path.join(directory, "config.json"), (json) => {
          json["vocab_size"] = config.vocab_size - 40;
        });
      assert.match(
        yield* refusal(shrink),
        new RegExp(
          `disagree: tokenizer.json has ${config.vocab_size} tokens, .* is ${config.vocab_size - 40}`,
        ),
      );
      const otherEnd = (directory: string) => {
        for (const name of ["config.json", "generation_config.json"]) {
          edit(Path.join(directory, name), (json) => {
            json["eos_token_id"] = 17;
          });
        }
      };
      assert.match(
        yield* refusal(otherEnd),
        /disagree: the end-of-sequence token is \d+ in .*, 17 in config/,
      );
      const noEnd = (directory: string) =>
        edit(Path.join(directory, "tokenizer_config.json"), (json) => {
          delete json["eos_token"];
        });
      assert.match(yield* refusal(noEnd), /no end-of-sequence token/);
      const unknownEnd = (directory: string) =>
        edit(Path.join(directory, "tokenizer_config.json"), (json) => {
          json["eos_token"] = "<|nothing|>";
        });
      assert.match(yield* refusal(unknownEnd), /eos_token is "<\|nothing\|>", which is not a token/);
    }),
  );

  it.effect(
    "takes every end token that config.json and generation_config.json name, the tokenizer's first",
    () =>
      withDirectory((parent) =>
        Effect.gen(function* () {
          const directory = Path.join(parent, "tiny");
          yield* Policy.write(directory, TinyPolicy.policy());
          edit(Path.join(directory, "config.json"), (json) => {
            json["eos_token_id"] = [7, 9];
          });
          edit(Path.join(directory, "generation_config.json"), (json) => {
            json["eos_token_id"] = [9, config.eos_token_id];
          });
          const policy = yield* Policy.read(directory);
          assert.deepEqual(policy.endTokens, [config.eos_token_id, 7, 9]);
          assert.equal(policy.config.eos_token_id, config.eos_token_id);
          const again = Path.join(parent, "again");
          yield* Policy.write(again, {
            ...TinyPolicy.policy(),
            config: policy.config,
            endTokens: policy.endTokens,
          });
          assert.deepEqual((yield* Policy.read(again)).endTokens, policy.endTokens);
          edit(Path.join(directory, "generation_config.json"), (json) => {
            json["eos_token_id"] = [9, 100_000, config.eos_token_id];
          });
          assert.match((yield* Effect.flip(Policy.read(directory))).message, /end token 100000 is beyond/);
        }),
      ),
  );

  it.effect("takes decoding defaults from generation_config.json where there is no card", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = Path.join(parent, "tiny");
        yield* Policy.write(directory, TinyPolicy.policy());
        Fs.rmSync(Path.join(directory, "policy.json"));
        edit(Path.join(directory, "generation_config.json"), (json) => {
          Object.assign(json, { do_sample: true, temperature: 0.7, top_k: 20, top_p: 0.8 });
        });
        assert.deepEqual((yield* Policy.read(directory)).card.generation, {
          temperature: 0.7,
          topK: 20,
          topP: 0.8,
          maxNewTokens: 128,
        });
        edit(Path.join(directory, "generation_config.json"), (json) => {
          json["temperature"] = "warm";
        });
        assert.match(
          (yield* Effect.flip(Policy.read(directory))).message,
          /generation_config\.json: not a generation configuration.*temperature/,
        );
      }),
    ),
  );

  it.effect("refuses a model of a billion layers before its weights are listed", () =>
    Effect.gen(function* () {
      const deep = (directory: string) =>
        edit(Path.join(directory, "config.json"), (json) => {
          json["num_hidden_layers"] = 1_000_000_000;
        });
      assert.match(yield* refusal(deep), /config\.json: not a model shape .*num_hidden_layers/);
    }),
  );

  it.effect("names the tensor that is missing or of another shape", () =>
    Effect.gen(function* () {
      const wider = (directory: string) =>
        edit(Path.join(directory, "config.json"), (json) => {
          json["intermediate_size"] = 50;
        });
      assert.match(
        yield* refusal(wider),
        /"model\.layers\.0\.mlp\.gate_proj\.weight" is of shape \[48, 32\], config\.json expects \[50, 32\] \(and 5 more/,
      );
      const without = (directory: string) =>
        Safetensors.writeSync(
          Path.join(directory, "model.safetensors"),
          TinyPolicy.weights().filter(({ name }) => name !== "model.norm.weight"),
        );
      assert.match(
        yield* refusal(without),
        /"model\.norm\.weight" is missing, config\.json expects \[32\]\. Take/,
      );
    }),
  );

  it.effect("refuses damaged or foreign files with their name", () =>
    Effect.gen(function* () {
      const damage = (file: string, text: string) =>
        refusal((directory) => Fs.writeFileSync(Path.join(directory, file), text));
      assert.match(yield* damage("config.json", "{"), /config\.json: not valid JSON/);
      assert.match(yield* damage("config.json", "[]"), /config\.json: expected a JSON object/);
      assert.match(
        yield* damage("config.json", '{"architectures":["GPT2LMHeadModel"]}'),
        /architecture is "GPT2LMHeadModel", expected "LlamaForCausalLM" or "Qwen2ForCausalLM"/,
      );
      assert.match(yield* damage("tokenizer.json", "{}"), /tokenizer\.json: the decoder is missing/);
      assert.match(yield* damage("policy.json", '{"formatVersion":9}'), /format 9.*newer Drydock/);
      assert.match(
        yield* damage("policy.json", '{"formatVersion":1}'),
        /not a policy card.*docs\/policies\.md/,
      );
      assert.match(yield* damage("model.safetensors", "short"), /model\.safetensors: the file has 5 bytes/);
      assert.match(
        yield* refusal((directory) => Fs.rmSync(Path.join(directory, "tokenizer.json"))),
        /tiny: there is no tokenizer\.json beside config\.json\. Copy it/,
      );
      assert.match(
        yield* refusal((directory) => {
          Fs.rmSync(Path.join(directory, "config.json"));
          Fs.mkdirSync(Path.join(directory, "config.json"));
        }),
        /config\.json: this is a directory, expected a file/,
      );
      assert.match((yield* Effect.flip(Policy.read("/nowhere/policy"))).message, /no such directory/);
      const file = import.meta.filename;
      assert.match((yield* Effect.flip(Policy.read(file))).message, /this is a file, expected a directory/);
    }),
  );
});
