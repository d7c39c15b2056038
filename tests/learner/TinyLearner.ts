/** A learner of one training on a tiny model, for tests that run every row of `trainings.ts`. */
import { afterEach, beforeAll } from "vitest";
import * as Learner from "../../src/learner/Learner.ts";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Random from "../../src/random/Random.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import type { Executor, Session } from "../../src/tensor/Session.ts";
import { testExecutor } from "../support/executor.ts";
import * as Trainings from "../support/trainings.ts";

let executor: Executor;
const sessions: Array<Session> = [];
beforeAll(async () => {
  executor = await testExecutor();
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.dispose();
});

export type Snapshot = ReadonlyMap<string, Float32Array>;
interface Options extends Partial<Learner.LearnerSpec> {
  readonly microBatch?: number;
  readonly memory?: typeof Trainings.largeMemory;
  /** Records more into the graph. */
  readonly also?: (g: Graph, recorded: Learner.Recorded) => void;
}

/** A learner of one training. Heads and the reference stand apart from where they start, so that each is seen. */
export const open = (
  row: Trainings.Row,
  { microBatch = 8, memory = Trainings.wholeMemory, also, ...spec }: Options = {},
) => {
  const g = new Graph();
  const recorded = Learner.record(g, Trainings.policy, {
    init: "random",
    seed: 7,
    trainable: { kind: "full" },
    frozenType: "float32",
    heads: true,
    trainings: [{ ...row.training, microBatch }],
    maxTrainTokens: Trainings.LONGEST,
    ...row.learner,
    ...spec,
  });
  also?.(g, recorded);
  const session = executor.open(g, recorded.initial);
  sessions.push(session);
  const learner = recorded.attach(session, executor.name);
  for (const [part, episodes] of Object.entries(memory(row))) {
    learner.addEpisodes(part as "offline" | "online", episodes);
  }
  const snapshot = (matching = /^(?!accumulated)/): Snapshot =>
    session.getVariables([...session.variables().keys()].filter((name) => matching.test(name)));
  const moved = [...snapshot(/^(heads|reference)/)].map(([name, data]) => {
    const random = Random.make(5).split(name);
    return [name, data.map((x) => x + 0.3 * random.normal())] as const;
  });
  session.setVariables(new Map(moved));
  return {
    learner,
    session,
    snapshot,
    /** The policy's matrices as they are exported. */
    exported: (): Snapshot => {
      const { policy } = learner.weights();
      return new Map(
        ModelConfig.tensorShapes(Trainings.policy.config).map(({ name }) => [name, policy(name)]),
      );
    },
    step: (learningRate = 0.1) =>
      learner.trainStep({ training: row.training.id, learningRate, offlineFraction: 0.5 }),
  };
};
export type Opened = ReturnType<typeof open>;
