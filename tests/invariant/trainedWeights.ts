/**
 * Trains the embedded policy and its heads for some steps in a process of its own, and prints the SHA-256 of every
 * variable of the session. Arguments: backend, number format of frozen weights or "full", steps, policy directory.
 */
import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import type { Episode } from "../../src/domain/Episode.ts";
import * as Learner from "../../src/learner/Learner.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Text from "../../src/policy/Text.ts";
import * as Executors from "../../src/tensor/Executor.ts";
import { Graph } from "../../src/tensor/Graph.ts";

const [backend, kind, steps, directory] = process.argv.slice(2) as [
  Executors.Backend,
  "full" | "float32" | "bfloat16",
  string,
  string,
];

const episodes = Array.from({ length: 48 }, (_, i): Episode => {
  const body = Array.from({ length: 1 + (i % 5) }, (__, j) => `.map((x) => x + ${(i * 7 + j) % 11})`).join(
    "",
  );
  return {
    id: `e${i}`,
    taskId: `t${i % 12}`,
    prompt: `// task ${i % 12}\n`,
    program: `const f = (xs) => xs${body};`,
    reward: i % 3 === 0 ? 1 : 0,
    behaviourLogProbs: null,
    policyVersion: null,
  };
});

const optimizer = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 };
const batchSize = backend === "wasm" ? 2 : 8;
const training = { batchSize, optimizer, episodes: "all" } as const;
const executor = await Executors.load(backend, backend === "wasm" ? {} : { threads: 2 });
const policy = await Effect.runPromise(Policy.read(directory));
const g = new Graph();
const recorded = Learner.record(g, policy, {
  init: "weights",
  seed: 5,
  trainable:
    kind === "full" ? { kind } : { kind: "lora", lora: { rank: 4, alpha: 8, targets: ["q", "v", "down"] } },
  frozenType: kind === "full" ? "float32" : kind,
  heads: true,
  trainings: [
    { ...training, id: "sft", algorithm: "sft", config: {} },
    { ...training, id: "cql", algorithm: "cql", config: { backup: "expectile", candidates: 8 } },
  ],
  maxTrainTokens: 64,
});
const session = executor.open(g, recorded.initial, recorded.files);
const learner = recorded.attach(session, executor.name);
learner.addEpisodes("offline", episodes.map(Text.make(policy).episode));
let metrics: Record<string, number> = {};
for (let step = 0; step < Number(steps); step++) {
  const id = step % 4 === 3 ? "cql" : "sft";
  metrics = { ...metrics, ...learner.trainStep({ training: id, learningRate: 1e-3, offlineFraction: 1 }) };
}
const hash = createHash("sha256");
for (const [name, data] of session.getVariables([...session.variables().keys()].sort())) {
  hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}
console.log(JSON.stringify({ hash: hash.digest("hex"), ce: metrics["ce"], td: metrics["td"] }));
process.exit(0);
