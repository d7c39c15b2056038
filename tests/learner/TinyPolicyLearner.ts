/** Learners over the tiny policy of tests/support, with its ten episodes; their sessions end with each test. */
import * as Effect from "effect/Effect";
import { afterEach, beforeAll } from "vitest";
import * as Learner from "../../src/learner/Learner.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Text from "../../src/policy/Text.ts";
import type { TokenisedEpisode } from "../../src/replay/ReplayBuffer.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import type { Executor, Session } from "../../src/tensor/Session.ts";
import { testExecutor } from "../support/executor.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";

export const optimizer = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 };

let executor: Executor;
export let policy: Policy.PolicyFiles;
const sessions: Array<Session> = [];
beforeAll(async () => {
  executor = await testExecutor();
  policy = await Effect.runPromise(Policy.read(await TinyPolicy.write(), { weights: "optional" }));
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.dispose();
});

export const episodes = (): Array<TokenisedEpisode> => TinyPolicy.episodes().map(Text.make(policy).episode);

export type Snapshot = ReadonlyMap<string, Float32Array>;

/** A learner with these offline episodes, all of them by default. */
export const open = (
  spec: Pick<Learner.LearnerSpec, "trainings"> & Partial<Learner.LearnerSpec>,
  { source = policy, held = episodes() }: { source?: Learner.Source; held?: Array<TokenisedEpisode> } = {},
) => {
  const g = new Graph();
  const recorded = Learner.record(g, source, {
    init: "random",
    seed: 7,
    trainable: { kind: "full" },
    frozenType: "float32",
    heads: false,
    maxTrainTokens: 24,
    ...spec,
  });
  const session = executor.open(g, recorded.initial);
  sessions.push(session);
  const learner = recorded.attach(session, executor.name);
  learner.addEpisodes("offline", held);
  const snapshot = (matching = /^(?!accumulated)/): Snapshot =>
    session.getVariables([...session.variables().keys()].filter((name) => matching.test(name)));
  const step = (training: string, learningRate = 0.01, offlineFraction = 1) =>
    learner.trainStep({ training, learningRate, offlineFraction });
  return { learner, session, recorded, snapshot, step };
};
