import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import type { RunConfig } from "../../src/config/RunConfig.ts";
import type * as Budget from "../../src/domain/Budget.ts";
import type { Interval } from "../../src/domain/Planned.ts";
import * as Plan from "../../src/plan/Plan.ts";
import { calibration, configured, planned } from "./Fixture.ts";

const near = (found: number, wanted: number): void => assert.approximately(found, wanted, wanted * 1e-9);

/** The shipped configuration with another budget, and changes of its online stage. */
const spending = (budget: object, stage: object = {}) =>
  configured((config: RunConfig) => ({
    ...config,
    budget: { ...config.budget, ...budget },
    stages: config.stages.map((of) => (of.kind === "online" ? { ...of, ...stage } : of)),
  }));

const onlineOf = (config: RunConfig) => {
  const stage = planned(config).stages.find(({ kind }) => kind === "online");
  if (stage === undefined) throw new Error("there is no online stage");
  return stage;
};

describe("the plan of a run", () => {
  it.effect("adds up what each stage does", () =>
    Effect.gen(function* () {
      const config = yield* configured();
      const { stages } = planned(config);
      assert.deepStrictEqual(
        stages.map(({ label, steps, programs }) => [label, steps, programs]),
        [
          // 200 tasks, 10 samples and greedy.
          ["base", 0, 2200],
          ["sft", 80, 0],
          ["sft", 0, 2200],
          ["cql", 60, 0],
          // 5 strengths, 100 tasks, 2 samples.
          ["tilt", 0, 1000],
          ["offline", 0, 2200],
          // 4 rounds of 28 steps; the guard looks before the first and after each: 5 times 200 programs.
          ["online", 112, 1000],
          ["control", 112, 2200],
          ["online", 0, 2200],
        ],
      );
      // 2,000 programs in chunks of 128: 15 and 80 on the line from (32, 0.4) to (128, 1), then 200: 1 and 72.
      const line = (n: number) => 1 - ((1 - 0.4) / 96) * (128 - n);
      const writing = 15 + line(80) + 1 + line(72);
      const verifying = (2200 * 0.5 * 0.6 * 1) / 100 + 2200 * 0.5 * 0.6 * 0.001;
      const scoring = (2000 * 0.5) / 128;
      near(stages[0].seconds.mid, writing + verifying + scoring);
      // 80 steps with what the log takes, a checkpoint after 40 and one at the end.
      near(stages[1].seconds.mid, 80 * 0.101 + 2 * 0.12);
    }),
  );

  it.effect("says exactly how many verifications are spent where their own limit ends the stage", () =>
    Effect.gen(function* () {
      const online = onlineOf(yield* configured());
      assert.deepStrictEqual(online.spends.verifications, { low: 300, mid: 300, high: 300 });
      assert.strictEqual(online.binding, "verifications");
      assert.isTrue((online.spends.generated?.mid ?? 0) >= 300);
    }),
  );

  const binds: ReadonlyArray<readonly [Budget.Unit, object]> = [
    ["generated", { generated: 150 }],
    // 100 programs reserve 80 tokens each, and keep 18.
    ["generatedTokens", { generatedTokens: 4000 }],
    ["cpuSeconds", { cpuSeconds: 3 }],
    ["wallSeconds", { wallSeconds: 100 }],
    [
      "money",
      { money: 0.2, prices: { verification: 0.001, cpuSecond: 0.01, thousandTokens: 0.01, hour: 0 } },
    ],
  ];
  for (const [unit, budget] of binds) {
    it.effect(`sees that the limit of ${unit} binds first`, () =>
      Effect.gen(function* () {
        const online = onlineOf(yield* spending(budget));
        assert.strictEqual(online.binding, unit);
        const { low, mid, high } = online.spends.verifications ?? { low: 0, mid: 0, high: 0 };
        assert.isBelow(mid, 300);
        assert.isTrue(low <= mid && mid <= high);
      }),
    );
  }

  for (const [unit, budget] of [
    ["wallSeconds", { wallSeconds: 60 }],
    ["money", { money: 1, prices: { verification: 0, cpuSecond: 0, thousandTokens: 0, hour: 60 } }],
  ] as const) {
    it.effect(`cuts an offline stage short where ${unit} leaves no time for its steps, and says so`, () =>
      Effect.gen(function* () {
        const config = yield* configured((of) => ({
          ...of,
          budget: { ...of.budget, ...budget },
          stages: of.stages.filter(({ kind }) => kind === "offline" || kind === "online"),
        }));
        const long = {
          ...config,
          stages: config.stages.map((stage, i) => (i === 1 ? { ...stage, steps: 5000 } : stage)),
        } as RunConfig;
        const [sft, cql, online] = planned(long).stages;
        assert.strictEqual(sft?.binding, null);
        assert.strictEqual(cql?.binding, unit);
        // One minute, of which the first stage took its part; the checkpoint at the end (.1 s) is written all the same.
        assert.approximately((sft?.seconds.mid ?? 0) + (cql?.seconds.mid ?? 0), 60, 0.2);
        assert.isAbove(cql?.steps ?? 0, 0);
        assert.isBelow(cql?.steps ?? 0, 5000);
        assert.strictEqual(online?.binding, unit);
        assert.strictEqual(online?.steps, 0);
      }),
    );
  }

  it.effect("takes a stage's own limit before the run's, and leaves the next stage the rest", () =>
    Effect.gen(function* () {
      const config = yield* configured((of) => ({
        ...of,
        stages: of.stages.flatMap(
          (stage): ReadonlyArray<object> =>
            stage.kind === "online"
              ? [
                  { ...stage, label: "first", verifications: 100 },
                  { ...stage, label: "second" },
                ]
              : stage.kind === "control"
                ? [{ ...stage, of: ["first", "second"] }]
                : [stage],
        ),
      }));
      const { stages, spends } = planned(config);
      const spent = stages.flatMap(({ spends: { verifications } }) => verifications?.mid ?? []);
      assert.deepStrictEqual(spent, [100, 200]);
      assert.strictEqual(spends.verifications?.mid, 300);
      const [first, second, control] = stages.filter(({ kind }) => kind === "online" || kind === "control");
      assert.strictEqual(control.steps, first.steps + second.steps);
    }),
  );

  it("never plans to spend more than a limit, and orders every interval", () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          verifications: fc.integer({ min: 1, max: 2000 }),
          generated: fc.integer({ min: 10, max: 5000 }),
          generatedTokens: fc.integer({ min: 800, max: 100_000 }),
          cpuSeconds: fc.integer({ min: 2, max: 50 }),
        }),
        fc.record({
          fresh: fc.double({ min: 0.05, max: 1, noNaN: true }),
          tokens: fc.record({ mean: fc.double({ min: 1, max: 80, noNaN: true }), deviation: fc.constant(1) }),
        }),
        fc.record({
          programsPerRound: fc.integer({ min: 4, max: 500 }),
          samplesPerProblem: fc.constantFrom(1, 4),
          pacing: fc.constantFrom(
            { kind: "all" },
            { kind: "even", rounds: 7 },
            { kind: "adaptive", verifications: 20, growth: 2, minGain: 0.01, patience: 2 },
          ),
        }),
        (budget, measured, stage) =>
          Effect.runPromise(
            Effect.map(spending(budget, stage), (config) => {
              const plan = planned(config, measured);
              for (const [unit, limit] of Object.entries(budget)) {
                const spent = plan.spends[unit as keyof typeof plan.spends];
                assert.isAtMost(spent?.high ?? 0, limit + 1e-9, unit);
              }
              const intervals: ReadonlyArray<Interval> = [
                plan.seconds,
                plan.disk,
                plan.memory,
                ...Object.values(plan.spends),
                ...plan.stages.map(({ seconds }) => seconds),
              ];
              for (const { low, mid, high } of intervals) {
                assert.isTrue(low >= 0 && low <= mid && mid <= high && Number.isFinite(high));
              }
            }),
          ),
      ),
      { numRuns: 60 },
    ));

  it.effect("writes more programs where those of a problem repeat each other", () =>
    Effect.gen(function* () {
      const written = (samplesPerProblem: number) =>
        Effect.map(
          spending({}, { samplesPerProblem, pacing: { kind: "all" } }),
          (config) => onlineOf(config).spends.generated?.mid ?? 0,
        );
      // Half of ten differ: of three, 3 ** (log .5 / log 10) = 72 % do; 80 % of those are new.
      near(Plan.distinctShare(10, { samples: 10, share: 0.5 }), 0.5);
      near(Plan.distinctShare(1, { samples: 10, share: 0.5 }), 1);
      const ratio = (yield* written(3)) / (yield* written(1));
      assert.approximately(ratio, 1 / Plan.distinctShare(3, { samples: 10, share: 0.5 }), 0.15);
    }),
  );

  it.effect("counts the checkpoints of a guard's looks and of every so many steps, each once", () =>
    Effect.gen(function* () {
      const disk = (validation: object | null) =>
        Effect.map(
          configured((of) => ({
            ...of,
            keepCheckpoints: "all",
            checkpointEverySteps: 40,
            stages: [{ ...of.stages[1], steps: 200, validation }],
          })),
          (config) => planned(config).disk.low,
        );
      // 40, 80, 120 and 160; the guard adds 50, 100 and 150, and a little of what it measures.
      const more = (yield* disk({ samples: 1, everySteps: 50 })) - (yield* disk(null));
      assert.strictEqual(Math.floor(more / calibration.checkpoint.bytes), 3);
    }),
  );

  it.effect("is wider where less was measured", () =>
    Effect.gen(function* () {
      const config = yield* configured();
      const relative = ({ low, mid, high }: Interval): number => (high - low) / mid;
      const known = planned(config).stages[1];
      const unknown = planned(config, { steps: { ...calibration.steps, sft: [] } }).stages[1];
      assert.isAbove(relative(unknown.seconds), relative(known.seconds));
    }),
  );
});
