/** What a LoRA run exports: the merged policy with its adapter beside it, which gives the merged weights from the base. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import { assert, it } from "vitest";
import type { OpenSpec } from "../../src/compute/Compute.ts";
import * as Engine from "../../src/compute/Engine.ts";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Peft from "../../src/model/directory/Peft.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import { testExecutor } from "../support/executor.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";

const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect);

/** A base with weights. */
const base = async (): Promise<Policy.PolicyFiles> => {
  const initial = await run(Policy.read(await TinyPolicy.write(), { weights: "optional" }));
  const read = Transformer.randomWeights(initial.config, 5);
  const directory = Path.join(TinyPolicy.temporary("base"), "base");
  const weights = ModelConfig.tensorShapes(initial.config).map((t) => ({ ...t, data: () => read(t.name) }));
  await run(Policy.write(directory, { ...Policy.rewritten(initial), weights }));
  return run(Policy.read(directory));
};

/** Trains a few steps and exports. */
const exported = async (path: string, change: Partial<OpenSpec>): Promise<string> => {
  const engine = await run(
    Engine.open(
      {
        policy: { path, init: "weights" },
        backend: "auto",
        seed: 3,
        trainable: { kind: "lora", rank: 2, alpha: 4, targets: ["q", "v", "up"] },
        heads: false,
        frozenType: "bfloat16",
        trainings: [
          {
            id: "sft",
            algorithm: "sft",
            config: {},
            batchSize: 8,
            optimizer: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 },
            episodes: "passing",
          },
        ],
        maxTrainTokens: 24,
        generation: { batch: 2, maxPromptTokens: 12, maxNewTokens: 12 },
        ...change,
      },
      { executor: await testExecutor(), threads: 1 },
    ),
  );
  try {
    engine.addEpisodes("offline", TinyPolicy.episodes());
    for (let i = 0; i < 4; i++) engine.trainStep({ training: "sft", learningRate: 0.05, offlineFraction: 1 });
    const directory = Path.join(TinyPolicy.temporary("export"), "policy");
    await run(engine.exportPolicy({ directory, provenance: "a test", tilt: 0 }));
    return directory;
  } finally {
    engine.dispose();
  }
};

it("a LoRA run exports its adapter, which merges into the base to the exported weights, bit for bit", async () => {
  const policy = await base();
  const directory = await exported(policy.directory, {});
  const folder = Path.join(directory, Peft.FOLDER);
  const adapter = await run(Peft.read(folder, policy.config));
  assert.strictEqual(adapter.config["base_model_name_or_path"], policy.directory);
  assert.strictEqual(adapter.matrices, 3 * policy.config.num_hidden_layers);
  const merged = await run(Policy.read(directory));
  let changed = 0;
  for (const { name } of ModelConfig.tensorShapes(policy.config)) {
    const found = merged.weights?.read(name) ?? new Float32Array();
    const before = policy.weights?.read(name) ?? new Float32Array();
    assert.deepStrictEqual(adapter.merged(() => before)(name), found, name);
    if (found.some((x, i) => x !== before[i])) changed += 1;
  }
  assert.strictEqual(changed, adapter.matrices);
  assert.deepStrictEqual(Fs.readdirSync(folder).sort(), [Peft.CONFIG, Peft.WEIGHTS]);
});

it("what trains in full, or on random weights, has no adapter", async () => {
  const { directory: path } = await base();
  for (const change of [
    { trainable: { kind: "full" } },
    { policy: { path, init: "random" } },
  ] satisfies ReadonlyArray<Partial<OpenSpec>>) {
    const directory = await exported(path, change);
    assert.isFalse(Fs.existsSync(Path.join(directory, Peft.FOLDER)));
    await run(Policy.read(directory));
  }
});

it("a LoRA run of rank 0 exports the base, without an adapter", async () => {
  const policy = await base();
  const directory = await exported(policy.directory, {
    trainable: { kind: "lora", rank: 0, alpha: 4, targets: ["q", "v"], dropout: 0.1 },
  });
  assert.isFalse(Fs.existsSync(Path.join(directory, Peft.FOLDER)));
  const { weights } = await run(Policy.read(directory));
  for (const { name } of ModelConfig.tensorShapes(policy.config)) {
    assert.deepStrictEqual(weights?.read(name), policy.weights?.read(name), name);
  }
});
