/**
 * Losses over candidate tokens with k = |vocabulary| are the full-vocabulary losses: the learner's loss parts beside sums
 * over whole rows of logits in double precision, without candidates, masks or counts.
 */
import { assert, describe, it } from "vitest";
import * as Table from "../../src/algorithms/Table.ts";
import type * as Learner from "../../src/learner/Learner.ts";
import * as Heads from "../../src/model/Heads.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import type { TokenisedEpisode } from "../../src/replay/ReplayBuffer.ts";
import type { Graph } from "../../src/tensor/Graph.ts";
import * as Trainings from "../support/trainings.ts";
import { open } from "./TinyLearner.ts";

const V = Trainings.VOCABULARY;
const T = Trainings.LONGEST;
const everything = { candidates: V, conservativeOn: "all", alpha: 0.5, temperature: 0.5 };
const rows = [
  ...["monte-carlo", "sarsa", "expectile", "policy", "restricted-max"].map((backup) =>
    Trainings.training("cql", { ...everything, backup }, `cql-${backup}`),
  ),
  Trainings.training("cql", { ...everything, conservativeOn: "passing" }, "cql-passing"),
  Trainings.training("cal-ql", everything, "cal-ql"),
  Trainings.training("awac", { candidates: V, lambda: 0.2, clip: 1.5 }, "awac"),
];

/** What the networks say in a state: of every token, but V's value. Values are sigmoids of their logits. */
interface State {
  readonly logPi: ReadonlyArray<number>;
  readonly q: readonly [ReadonlyArray<number>, ReadonlyArray<number>];
  /** min Q and min Q^. */
  readonly min: ReadonlyArray<number>;
  readonly target: ReadonlyArray<number>;
  readonly v: number;
}

interface Action {
  readonly episode: TokenisedEpisode;
  readonly token: number;
  readonly passRate: number;
  readonly state: State;
  /** Whether the program ends here. */
  readonly last: boolean;
}

const full = (g: Graph, { network }: Learner.Recorded): void => {
  const { model, heads } = network;
  if (heads === null) throw new Error("no heads");
  const hidden = Transformer.forward(g, model, g.feed("full/tokens", [8, T], "int32"));
  const q = (critic: Heads.Critic) => g.sigmoid(Heads.fullLogits(g, model, heads, critic, hidden));
  const values = { q1: q("q1"), q2: q("q2"), t1: q("target.q1"), t2: q("target.q2") };
  const logPi = g.logSoftmax(Transformer.logits(g, model, hidden));
  g.program("full", {
    fetches: { ...values, logPi, v: g.sigmoid(Heads.valueLogits(g, model, heads, hidden)) },
  });
};

/** Every action of the memory, which one batch holds. */
const actionsOf = (row: Trainings.Row, { session }: ReturnType<typeof open>): ReadonlyArray<Action> => {
  const { offline, online } = Trainings.wholeMemory(row);
  const episodes = [...offline, ...online];
  const tokens = new Int32Array(8 * T);
  episodes.forEach((e, b) => tokens.set(Array.from(e.tokens), b * T));
  const out = session.run("full", { "full/tokens": tokens });
  const state = (place: number): State => {
    const of = (name: string) => Array.from(out[name].subarray(place * V, (place + 1) * V));
    const least = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) => a.map((x, v) => Math.min(x, b[v]));
    const q = [of("q1"), of("q2")] as const;
    return { logPi: of("logPi"), q, min: least(...q), target: least(of("t1"), of("t2")), v: out["v"][place] };
  };
  return episodes.flatMap((episode, b) => {
    const same = episodes.filter(({ taskId }) => taskId === episode.taskId);
    const passRate = same.filter(({ reward }) => reward === 1).length / same.length;
    const program = Array.from(episode.tokens).slice(episode.promptLength);
    return program.map((token, i) => {
      const place = b * T + episode.promptLength + i - 1;
      return { episode, token, passRate, state: state(place), last: i === program.length - 1 };
    });
  });
};

const sum = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a + b, 0);
const underPolicy = ({ logPi }: State, x: ReadonlyArray<number>): number =>
  sum(x.map((value, v) => Math.exp(logPi[v]) * value));
const crossEntropy = (p: number, y: number): number => -y * Math.log(p) - (1 - y) * Math.log(1 - p);

type Parts = Record<string, number>;
const mean = (actions: ReadonlyArray<Action>, of: (action: Action) => number): number =>
  sum(actions.map(of)) / actions.length;

const targetOfData = ({ state, token }: Action): number => state.target[token];
const targetUnderPolicy = ({ state }: Action): number => underPolicy(state, state.target);

/** What a backup takes of the next action, and what V is fitted to. */
const backups: Record<string, readonly [next: (a: Action) => number, own: (a: Action) => number]> = {
  sarsa: [targetOfData, targetOfData],
  expectile: [({ state }) => state.v, targetOfData],
  policy: [targetUnderPolicy, targetUnderPolicy],
  "restricted-max": [({ state }) => Math.max(...state.target), targetOfData],
};
const rewardOf = ({ episode }: Action): number => episode.reward ?? Number.NaN;

const conservative = (
  actions: ReadonlyArray<Action>,
  config: Record<string, unknown>,
  calibrated: boolean,
): Parts => {
  const [next, own] = backups[String(config["backup"])] ?? [null, rewardOf];
  const target = (action: Action, i: number): number =>
    next === null || action.last ? rewardOf(action) : next(actions[i + 1]);
  const td = sum(actions.map((a, i) => sum(a.state.q.map((q) => crossEntropy(q[a.token], target(a, i))))));
  const fit = (a: Action): number => {
    const y = own(a);
    const weight = config["backup"] === "expectile" ? Math.abs(0.7 - (y < a.state.v ? 1 : 0)) : 1;
    return weight * crossEntropy(a.state.v, y);
  };
  const others = (a: Action, q: ReadonlyArray<number>) => q.filter((_, v) => v !== a.token);
  const difference = (a: Action, q: ReadonlyArray<number>): number => {
    const counted = q.map((x, v) => (calibrated && v !== a.token ? Math.max(x, a.passRate) : x));
    return 0.5 * Math.log(sum(counted.map((x) => Math.exp(x / 0.5))) / V) - q[a.token];
  };
  const where =
    config["conservativeOn"] === "passing" ? actions.filter((a) => a.episode.reward === 1) : actions;
  const below = (a: Action, q: ReadonlyArray<number>) =>
    others(a, q).filter((x) => x < a.passRate).length / (V - 1);
  return {
    td: td / actions.length,
    v_loss: mean(actions, fit),
    cql_diff: mean(where, (a) => sum(a.state.q.map((q) => difference(a, q)))),
    entropy: mean(actions, ({ state }) => -underPolicy(state, state.logPi)),
    ...(calibrated ? { bound_rate: mean(where, (a) => sum(a.state.q.map((q) => below(a, q))) / 2) } : {}),
  };
};

const advantageWeighted = (actions: ReadonlyArray<Action>): Parts => {
  const advantage = ({ state, token }: Action) => state.min[token] - underPolicy(state, state.min);
  const weight = (a: Action) => Math.min(Math.exp(advantage(a) / 0.2), 1.5);
  return {
    advantage: mean(actions, advantage),
    advantage_abs: mean(actions, (a) => Math.abs(advantage(a))),
    weight: mean(actions, weight),
    actor: mean(actions, (a) => -weight(a) * a.state.logPi[a.token]),
    clipped: mean(actions, (a) => (Math.exp(advantage(a) / 0.2) > 1.5 ? 1 : 0)),
  };
};

describe("k = |vocabulary| is the full vocabulary:", () => {
  for (const row of rows) {
    const { id, algorithm } = row.training;
    it(`parts of ${id}`, () => {
      const opened = open(row, { also: full });
      const actions = actionsOf(row, opened);
      const config = row.training.config as Record<string, unknown>;
      const expected =
        algorithm === "awac"
          ? advantageWeighted(actions)
          : conservative(actions, config, algorithm === "cal-ql");
      const found = opened.step();
      for (const [name, x] of Object.entries(expected)) {
        assert.closeTo(found[name], x, 1e-5 * Math.max(1, Math.abs(x)), name);
      }
    });
  }

  it("every algorithm with candidates is among these", () => {
    const named = Table.algorithms.filter(({ settings }) => settings.includes("candidates"));
    assert.sameMembers(
      named.map(({ name }) => name),
      [...new Set(rows.map(({ training }) => training.algorithm))],
    );
  });
});
