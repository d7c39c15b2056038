/** `drydock policy export` and `merge`, by the real binary. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import * as Gguf from "../../src/model/gguf/Gguf.ts";
import * as Lora from "../../src/model/Lora.ts";
import * as Peft from "../../src/model/directory/Peft.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as TinyFamilies from "../model/TinyFamilies.ts";
import * as TinyLlama from "../model/TinyLlama.ts";
import * as Drydock from "./Drydock.ts";

const place = Drydock.workplace();
const at = (...parts: ReadonlyArray<string>): string => Path.join(place.directory, ...parts);
const run = (...args: ReadonlyArray<string>): Promise<Drydock.Ended> => Drydock.run(["policy", ...args]);
const read = (path: string): Promise<Policy.PolicyFiles> => Effect.runPromise(Policy.read(path));

const lora: Lora.Lora = { rank: 2, alpha: 4, targets: ["q", "v"] };

beforeAll(async () => {
  const policy = TinyFamilies.policy("qwen2");
  const parameters = Lora.parameters(policy.config, lora);
  const variable = (name: string): Float32Array => {
    const number = parameters.findIndex((p) => p.name === name);
    const count = (parameters[number]?.shape ?? []).reduce((a, b) => a * b, 1);
    return Float32Array.from({ length: count }, (_, i) => TinyLlama.value(700 + number, i, false));
  };
  await Effect.runPromise(
    Effect.gen(function* () {
      yield* Policy.write(at("base"), policy);
      yield* Peft.write(at("adapter"), Peft.adapter(policy.config, lora, at("base"), variable));
    }),
  );
});
afterAll(place.remove);

describe("drydock policy", () => {
  it("exports a directory in several files, replaces it only with --force", async () => {
    const args = ["export", at("base"), "--format", "safetensors", "--dtype", "bf16", "--out", at("hf")];
    const first = await run(...args, "--max-shard-size", "20KB", "--json");
    assert.strictEqual(first.code, 0, first.stderr);
    assert.deepStrictEqual(JSON.parse(first.stdout), {
      format: "safetensors",
      path: at("hf"),
      dtype: "BF16",
    });
    const shards = Fs.readdirSync(at("hf")).filter((name) => name.startsWith("model-"));
    assert.isAbove(shards.length, 1);
    assert.strictEqual(shards[0], `model-00001-of-0000${shards.length}.safetensors`);
    const policy = await read(at("hf"));
    assert.strictEqual(policy.weights?.tensors.get("model.norm.weight")?.dtype, "BF16");
    const again = await run(...args);
    assert.strictEqual(again.code, 1);
    assert.match(again.stderr, /^drydock: .*there is a policy here already/);
    const forced = await run(...args, "--force");
    assert.strictEqual(forced.code, 0, forced.stderr);
    assert.isTrue(Fs.existsSync(at("hf", "model.safetensors")));
    assert.strictEqual(Fs.readdirSync(at("hf")).filter((name) => name.startsWith("model-")).length, 0);
  }, 60_000);

  it("exports a GGUF and says which pre-tokenizer it named", async () => {
    const ended = await run("export", at("base"), "--format", "gguf", "--out", at("tiny.gguf"));
    assert.strictEqual(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /pre-tokenizer "qwen2" \(its rules are those of tokenizer\.json/);
    const gguf = await Effect.runPromise(Gguf.open(at("tiny.gguf")));
    assert.strictEqual(gguf.metadata["general.architecture"], "qwen2");
    const again = await run("export", at("base"), "--format", "gguf", "--out", at("tiny.gguf"));
    assert.match(again.stderr, /there is a file here already/);
  }, 60_000);

  it("merges an adapter, and exports it again from the merged policy", async () => {
    const merged = await run("merge", at("base"), at("adapter"), "--out", at("merged"));
    assert.strictEqual(merged.code, 0, merged.stderr);
    assert.match(merged.stdout, /4 matrices changed/);
    const [base, policy] = [await read(at("base")), await read(at("merged"))];
    assert.match(policy.card.provenance, /qwen2 with the adapter adapter merged in/);
    const name = Lora.matrixName(0, "q");
    assert.notDeepEqual(policy.weights?.read(name), base.weights?.read(name));
    const ended = await run("export", at("merged"), "--format", "peft", "--out", at("out"), "--json");
    assert.strictEqual(ended.code, 0, ended.stderr);
    assert.strictEqual((JSON.parse(ended.stdout) as { base: string }).base, at("base"));
    const rewritten = await run("export", at("merged"), "--format", "safetensors", "--out", at("kept"));
    assert.strictEqual(rewritten.code, 0, rewritten.stderr);
    assert.isTrue(Fs.existsSync(at("kept", Peft.FOLDER, Peft.WEIGHTS)), "an export keeps the adapter");
    for (const file of [Peft.CONFIG, Peft.WEIGHTS]) {
      assert.isTrue(Fs.readFileSync(at("out", file)).equals(Fs.readFileSync(at("adapter", file))), file);
    }
  }, 60_000);

  it("says what is wrong in one message", async () => {
    const none = await run("export", at("base"), "--format", "peft", "--out", at("none"));
    assert.strictEqual(none.code, 1);
    assert.match(none.stderr, /base: there is no adapter\/ in this policy\. Only a policy that LoRA trained/);
    const size = await run(
      "export",
      at("base"),
      "--format",
      "safetensors",
      "--max-shard-size",
      "5X",
      "--out",
      at("none"),
    );
    assert.strictEqual(size.code, 1);
    assert.match(size.stderr, /max-shard-size: "5X"\. Expected: a size such as 500MB or 5GB/);
    const other = await run("merge", "policies/js-compose", at("adapter"), "--out", at("none"));
    assert.strictEqual(other.code, 1);
    assert.match(other.stderr, /has lora_A \[2, 32\].*expected \[rank, 160\].*Give the base policy/);
    assert.isFalse(Fs.existsSync(at("none")));
  }, 60_000);
});
