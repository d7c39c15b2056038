/** A round's updates: what is planned, and what is logged and made of it. Real store, a scripted compute. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { Compute } from "../../src/compute/Compute.ts";
import * as ConfigFile from "../../src/config/ConfigFile.ts";
import * as Report from "../../src/orchestrator/Report.ts";
import * as Control from "../../src/stages/Control.ts";
import { passing, SafePoint } from "../../src/stages/SafePoint.ts";
import * as Updates from "../../src/stages/Updates.ts";
import * as Fixture from "../store/Fixture.ts";

const stageOf = Effect.fnUntraced(function* (change: Readonly<Record<string, unknown>>) {
  const config = yield* ConfigFile.fromValue("test", {
    policy: { path: "p" },
    dataset: { kind: "drydock", path: "d" },
    trainings: {
      sft: { algorithm: "sft", batchSize: 8 },
      cql: { algorithm: "cql", batchSize: 16 },
    },
    stages: [
      {
        kind: "online",
        label: "online",
        updates: [
          { training: "cql", steps: 3, learningRate: 0.1 },
          { training: "sft", updateToData: 2, learningRate: 0.2 },
        ],
        ...change,
      },
    ],
  });
  const [stage] = config.stages;
  assert(stage?.kind === "online");
  return { stage, trainings: config.trainings };
});

const calm = { learningRateScale: 1, offlineRaise: 0 };

describe("the plan of a round", () => {
  it.effect("takes a number of steps, or as many as the new episodes call for", () =>
    Effect.gen(function* () {
      const of = yield* stageOf({});
      const steps = (fresh: number) =>
        Updates.plan({ ...of, round: 0, fresh, carried: calm }).updates.map((u) => u.steps);
      assert.deepEqual(steps(100), [3, 25]);
      assert.deepEqual(steps(10), [3, 3]);
      assert.deepEqual(steps(1), [3, 1]);
      assert.deepEqual(steps(0), [3, 0]);
    }),
  );

  it.effect("leaves the policy out of the warm-up", () =>
    Effect.gen(function* () {
      const of = yield* stageOf({ warmupRounds: 2 });
      const names = (round: number) =>
        Updates.plan({ ...of, round, fresh: 8, carried: calm }).updates.map((u) => u.training);
      assert.deepEqual([names(0), names(1), names(2)], [["cql"], ["cql"], ["cql", "sft"]]);
      const { updates } = Updates.plan({ ...of, round: 1, fresh: 8, carried: calm });
      assert.isFalse(Updates.movesPolicy(of.trainings, updates));
    }),
  );

  it.effect("anneals the share of offline data after the warm-up", () =>
    Effect.gen(function* () {
      const { stage } = yield* stageOf({
        warmupRounds: 1,
        offlineFraction: 0.8,
        offlineFractionAnneal: { to: 0.2, rounds: 3 },
      });
      const shares = [0, 1, 2, 3, 4, 5].map((round) => Updates.offlineFraction(stage, round));
      [0.8, 0.8, 0.6, 0.4, 0.2, 0.2].forEach((share, round) =>
        assert.approximately(shares[round], share, 1e-12),
      );
    }),
  );

  it.effect("heeds what an alarm changed", () =>
    Effect.gen(function* () {
      const of = yield* stageOf({ offlineFraction: 0.5 });
      const plan = (offlineRaise: number) =>
        Updates.plan({ ...of, round: 0, fresh: 8, carried: { learningRateScale: 0.5, offlineRaise } });
      assert.deepEqual(
        plan(0.25).updates.map(({ learningRate }) => learningRate),
        [0.05, 0.1],
      );
      assert.strictEqual(plan(0.25).offlineFraction, 0.75);
      assert.strictEqual(plan(0.75).offlineFraction, 1);
    }),
  );
});

/** A compute that finds nothing to learn from for the trainings named. */
const scripted = (empty: ReadonlyArray<string>, asked: Array<string>) =>
  Layer.mergeAll(
    Layer.mock(Compute, {
      trainStep: ({ training, offlineFraction, ifEmpty }) =>
        Effect.sync(() => {
          assert.strictEqual(ifEmpty, "skip");
          asked.push(`${training} ${offlineFraction}`);
          return empty.includes(training) ? { skipped: 1 } : { loss: 1 };
        }),
    }),
    Layer.succeed(SafePoint, passing(Effect.void)),
  );

const metrics = Effect.gen(function* () {
  return (yield* Report.allEvents).flatMap(({ event }) =>
    event._tag === "Metrics" ? [[event.training, event.step, event.values]] : [],
  );
});

const update = (training: string, steps: number): Updates.Update => ({ training, steps, learningRate: 0.1 });

describe("the updates of a round", () => {
  it.live("number their steps over the rounds, and go on where there is nothing to learn from", () =>
    Effect.gen(function* () {
      const directory = yield* Fixture.temporary;
      const asked: Array<string> = [];
      yield* Fixture.session(
        directory,
        Effect.gen(function* () {
          const made = yield* Updates.run({
            index: 0,
            updates: [update("grpo", 4), update("sft", 2), update("sft", 1)],
            offlineFraction: 0.25,
            before: [[update("sft", 5)], [], [update("cql", 2), update("sft", 1)]],
          });
          assert.deepEqual(made, [update("sft", 2), update("sft", 1)]);
          assert.deepEqual(yield* metrics, [
            ["grpo", 1, { skipped: 4 }],
            ["sft", 7, { loss: 1 }],
            ["sft", 8, { loss: 1 }],
            ["sft", 9, { loss: 1 }],
          ]);
        }).pipe(Effect.provide(scripted(["grpo"], asked))),
      );
      assert.deepEqual(asked, ["grpo 0.25", "sft 0.25", "sft 0.25", "sft 0.25"]);
    }).pipe(Effect.scoped),
  );

  it.live("are made again by the control, on offline data alone", () =>
    Effect.gen(function* () {
      const directory = yield* Fixture.temporary;
      const asked: Array<string> = [];
      const rounds = [[], [update("cql", 1), update("sft", 2)], [update("sft", 1)]];
      yield* Fixture.session(
        directory,
        Effect.gen(function* () {
          assert.strictEqual(Control.stepCount(rounds), 4);
          yield* Control.run({ index: 1, rounds });
          const progress = (yield* Report.allEvents).flatMap(({ event }) =>
            event._tag === "StageProgress" ? [[event.done, event.total]] : [],
          );
          assert.deepEqual(progress, [
            [0, 4],
            [3, 4],
            [4, 4],
          ]);
          assert.deepEqual(
            (yield* metrics).map(([training, step]) => [training, step]),
            [
              ["cql", 1],
              ["sft", 1],
              ["sft", 2],
              ["sft", 3],
            ],
          );
        }).pipe(Effect.provide(scripted([], asked))),
      );
      assert.deepEqual(asked, ["cql 1", "sft 1", "sft 1", "sft 1"]);
    }).pipe(Effect.scoped),
  );
});
