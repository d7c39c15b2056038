/** Online stages with every option on: what a run does with them, and that a resumed one does the same. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { LoggedEvent, RunEvent } from "../../src/domain/RunEvent.ts";
import * as Stopped from "./Stopped.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-online-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

const of = <T extends RunEvent["_tag"]>(events: ReadonlyArray<LoggedEvent>, tag: T) =>
  events.flatMap(({ event }) => (event._tag === tag ? [event as Extract<RunEvent, { _tag: T }>] : []));

/** Steps of a training in a stage, by their numbers. */
const steps = (events: ReadonlyArray<LoggedEvent>, index: number, training: string) =>
  of(events, "Metrics")
    .filter((event) => event.index === index && event.training === training)
    .map(({ step, values }) => (values["skipped"] === undefined ? step : -values["skipped"]));

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

/** A critic first, then the policy; the best of four; of a shrinking share of offline data. */
const hybrid: Stopped.Change = {
  budget: { verifications: 30, generated: 60 },
  stages: [
    { kind: "offline", label: "sft", training: "sft", steps: 40, learningRate: 0.01 },
    {
      kind: "online",
      label: "online",
      rounds: 3,
      programsPerRound: 16,
      samplesPerProblem: 4,
      temperature: 1,
      warmupRounds: 1,
      offlineFraction: 0.75,
      offlineFractionAnneal: { to: 0.25, rounds: 1 },
      updates: [
        { training: "cql", updateToData: 2, learningRate: 0.003 },
        { training: "sft", steps: 3, learningRate: 0.003 },
      ],
      repeats: "keep",
      bestOf: { judge: "both", keep: 2, random: 0.5, minPairs: 1 },
      selector: "random",
      validation: null,
    },
    { kind: "control", label: "control", of: "online" },
  ],
};

/** Group updates on the latest round alone, without the offline data; then a stage that has it again. */
const onPolicy: Stopped.Change = {
  budget: { verifications: 60, generated: 60 },
  trainings: {
    sft: { algorithm: "sft", batchSize: 8, episodes: "passing" },
    grpo: { algorithm: "grpo", batchSize: 8, config: { groupSize: 4 } },
  },
  stages: [
    { kind: "offline", label: "sft", training: "sft", steps: 25, learningRate: 0.01 },
    {
      kind: "online",
      label: "grpo",
      rounds: 2,
      programsPerRound: 24,
      samplesPerProblem: 4,
      temperature: 1,
      offlineFraction: 0,
      updates: [{ training: "grpo", steps: 2, learningRate: 0.001 }],
      retain: { offline: false, online: "latest" },
      repeats: "keep",
      selector: "random",
      validation: null,
    },
    {
      kind: "online",
      label: "again",
      rounds: 1,
      programsPerRound: 8,
      updates: [{ training: "sft", steps: 2, learningRate: 0.003 }],
      validation: null,
    },
    { kind: "control", label: "control", of: "again" },
  ],
};

let memo: Effect.Success<ReturnType<typeof Stopped.whole>> | undefined;
const hybridRun = Effect.gen(function* () {
  memo ??= yield* Stopped.whole(Path.join(root, "hybrid"), hybrid);
  return memo;
});

describe("an online stage", () => {
  it.live(
    "warms a critic up, anneals, chooses the best, and has a control of the same steps",
    () =>
      Effect.gen(function* () {
        const { events } = yield* hybridRun;
        // The first round trains the critic alone and publishes nothing.
        const [first, ...later] = of(events, "PolicyPublished");
        assert.deepEqual([first?.checkpoint, later.length], ["stage-1-round-1", 1]);
        assert.deepEqual(steps(events, 1, "sft"), upTo(6));
        assert.isAtLeast(steps(events, 1, "cql").length, 3);
        assert.deepEqual(steps(events, 2, "sft"), steps(events, 1, "sft"));
        assert.deepEqual(steps(events, 2, "cql"), steps(events, 1, "cql"));
        const share = (step: number) =>
          of(events, "Metrics").find((e) => e.index === 1 && e.training === "sft" && e.step === step)?.values[
            "offline_fraction"
          ];
        assert.deepEqual([share(3), share(6)], [0.75, 0.25]);
        const judged = of(events, "JudgesMeasured");
        assert.deepEqual(
          judged.map(({ round, by, judges }) => [round, by === "logProb" || round > 0, Object.keys(judges)]),
          [0, 1, 2].map((round) => [round, true, ["logProb", "critic", "both"]]),
        );
        assert.isTrue(
          judged.some(({ judges }) => (judges["logProb"]?.pairs ?? 0) > 0),
          "no judge was measured",
        );
        const rounds = of(events, "RoundFinished");
        assert.isTrue(rounds.some(({ unverified }) => unverified > 0));
        const figures = of(events, "Metrics").filter(({ training }) => training === "round");
        assert.strictEqual(figures.length, 3);
        assert.isTrue(figures.every(({ values }) => (values["mean_length"] ?? 0) > 0));
      }),
    120_000,
  );

  for (const [where, tag, count] of [
    ["while the best are verified", "VerdictRecorded", 4],
    ["between two rounds", "JudgesMeasured", 2],
  ] as const) {
    it.live(
      `stopped ${where} and resumed equals uninterrupted`,
      () =>
        Effect.gen(function* () {
          const straight = yield* hybridRun;
          const resumed = yield* Stopped.interrupted(Path.join(root, `hybrid-${tag}`), tag, count, hybrid);
          assert.deepEqual(resumed.report.budget, straight.report.budget);
          assert.deepEqual(
            of(resumed.events, "JudgesMeasured").at(-1),
            of(straight.events, "JudgesMeasured").at(-1),
          );
          assert.isTrue(
            Stopped.weights(resumed.directory).equals(Stopped.weights(straight.directory)),
            "final weights differ",
          );
        }),
      120_000,
    );
  }

  it.live(
    "learns by groups of the latest round alone, and leaves the offline data as it was",
    () =>
      Effect.gen(function* () {
        const straight = yield* Stopped.whole(Path.join(root, "on-policy"), onPolicy);
        const made = steps(straight.events, 1, "grpo");
        assert.isAtLeast(made.length, 1);
        assert.isTrue(
          of(straight.events, "Metrics")
            .filter(({ training }) => training === "grpo")
            .every(({ values }) => values["skipped"] !== undefined || values["offline_fraction"] === 0),
        );
        const shares = of(straight.events, "Metrics")
          .filter(({ index, training }) => index >= 2 && training === "sft")
          .map(({ values }) => values["offline_fraction"]);
        assert.deepEqual(shares.slice(-2), [1, 1]);
        const resumed = yield* Stopped.interrupted(
          Path.join(root, "on-policy-stopped"),
          "RoundFinished",
          2,
          onPolicy,
        );
        assert.isTrue(
          Stopped.weights(resumed.directory).equals(Stopped.weights(straight.directory)),
          "final weights differ",
        );
      }),
    120_000,
  );
});
