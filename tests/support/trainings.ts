/** A training of every row of the table of algorithms, some with options that take other paths; and what they run on. */
import * as Result from "effect/Result";
import type { Configured } from "../../src/algorithms/Algorithm.ts";
import * as Table from "../../src/algorithms/Table.ts";
import type * as Learner from "../../src/learner/Learner.ts";
import * as Random from "../../src/random/Random.ts";
import type { TokenisedEpisode } from "../../src/replay/ReplayBuffer.ts";
import * as TinyPolicy from "./tinyPolicy.ts";

/** Settings that are tried beside the defaults. */
const options: Readonly<Record<string, ReadonlyArray<Record<string, unknown>>>> = {
  sft: [{ reasoning: "context" }],
  cql: [
    { conservativeOn: "all", targetGap: -0.05, bagging: true },
    { alpha: 0, backup: "policy" },
    { backup: "restricted-max" },
  ],
  "cal-ql": [{ conservativeOn: "all", temperature: 0.5, targetGap: 0.05 }],
  iql: [{ bagging: true }],
  rloo: [
    { advantage: "normalised", taper: "none", kl: 0.1 },
    { advantage: "exponential", normalise: "sequence" },
  ],
  grpo: [{ advantage: "leave-one-out", normalise: "token", anchor: 1 }],
  dpo: [{ labelSmoothing: 0.1, lengthNormalised: true }],
};

export interface Row {
  readonly training: Learner.TrainingSpec;
  readonly configured: Configured;
  /** What the learner is besides. */
  readonly learner?: Partial<Learner.LearnerSpec>;
}

/** AdamW whose steps are Lipschitz in the gradient: with epsilon 1 a gradient near 0 is not blown up to a sign. */
const optimizer = { beta1: 0.9, beta2: 0.95, epsilon: 1, weightDecay: 0.01, clipNorm: 1 };

export const training = (algorithm: string, config: Record<string, unknown>, id: string): Row => {
  const configured = Table.configure(algorithm, config);
  if (Result.isFailure(configured)) throw configured.failure;
  return {
    training: { id, algorithm, config, batchSize: 8, microBatch: 8, optimizer, episodes: "all" },
    configured: configured.success,
  };
};

const rowsOf = (configs: (name: string) => ReadonlyArray<Record<string, unknown>>): ReadonlyArray<Row> =>
  Table.algorithms.flatMap(({ name, settings }) =>
    configs(name).map((config, i) =>
      training(name, settings.includes("candidates") ? { candidates: 6, ...config } : config, `${name}-${i}`),
    ),
  );

export const defaults = rowsOf(() => [{}]);
/** Algorithms whose rows the quick suite runs. */
export const quick: ReadonlySet<string> = new Set(["sft", "cql", "dpo"]);
export const optional: ReadonlyArray<Row> = [
  ...rowsOf((name) => options[name] ?? []),
  {
    ...training("cql", { candidates: 6, backup: "sarsa", bagging: true }, "cql-ensemble"),
    learner: { headShape: { critics: 4, layerNorm: true, subset: null } },
  },
];

export const VOCABULARY = 24;
/** Tokens of the longest episode. */
export const LONGEST = 9;
/** Longest sequences of a learner that pads each of them to twice the length and more. */
export const PADDED = 41;

/** A policy that starts at random weights, without files. */
export const policy: Learner.Source = {
  directory: "tiny",
  config: TinyPolicy.config(VOCABULARY, {
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    max_position_embeddings: 64,
    initializer_range: 0.3,
  }),
  weights: null,
  heads: null,
};

type Part = "offline" | "online";
type Memory = Readonly<Record<Part, ReadonlyArray<TokenisedEpisode>>>;

/** Only what is online has log-probs of the policy that wrote it; some begin with reasoning. */
const episode = (part: Part, task: number, i: number, reward: number): TokenisedEpisode => {
  const id = `${part}-${task}-${i}`;
  const random = Random.make(3).split(id);
  const length = (task + i) % 2 === 0 ? 7 : LONGEST;
  const promptLength = 2 + ((task + i) % 3);
  return {
    id,
    taskId: `task-${task}`,
    tokens: Array.from({ length }, () => random.int(VOCABULARY)),
    promptLength,
    reasoningLength: task % 2 === 1 ? 2 : 0,
    reward,
    behaviourLogProbs:
      part === "offline" ? null : Array.from({ length: length - promptLength }, () => -4 * random.next()),
    policyVersion: part === "offline" ? null : 1,
  };
};

/** Whether episode i of a task passes, tasks of one episode taking turns. */
const rewardOf = (size: number, part: Part, task: number, i: number): number => {
  const passes = size > 1 ? i % 2 === 0 : part === "offline" ? task % 2 === 0 : task >= 2;
  return passes ? 1 : task === 1 ? 0.25 : 0;
};

const memoryOf = (size: number, tasks: (part: Part) => number, episodes = size): Memory => {
  const of = (part: Part) =>
    Array.from({ length: tasks(part) * episodes }, (_, n) => {
      const [task, i] = [Math.floor(n / episodes), n % episodes];
      return episode(part, task, i, rewardOf(episodes, part, task, i));
    });
  return { offline: of("offline"), online: of("online") };
};

const sizeOf = ({ configured }: Row): number => configured.groups?.size ?? 1;

/** Eight episodes that a batch half of which is offline holds all of, whatever it draws first. */
export const wholeMemory = (row: Row): Memory => {
  const units = row.training.batchSize / sizeOf(row);
  const offline = Math.round(units / 2);
  return memoryOf(sizeOf(row), (part) => (part === "offline" ? offline : units - offline));
};

/** More than a batch takes. */
export const largeMemory = (row: Row): Memory => memoryOf(sizeOf(row), () => 5, 6);
