import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as RunFold from "../../src/domain/RunFold.ts";
import * as Prepare from "../../src/orchestrator/Prepare.ts";
import type * as Report from "../../src/orchestrator/Report.ts";
import * as Stopped from "./Stopped.ts";
import * as TinyRun from "./TinyRun.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-run-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

const whole = (name: string, change: Stopped.Change = {}) => Stopped.whole(Path.join(root, name), change);

const interrupted = (name: string, tag: string, stopAfter: number, change: Stopped.Change = {}) =>
  Stopped.interrupted(Path.join(root, name), tag, stopAfter, change);

type Whole = Effect.Success<ReturnType<typeof whole>>;
let memo: Whole | undefined;
/** One uninterrupted run that every test compares with. */
const uninterruptedRun = Effect.gen(function* () {
  memo ??= yield* whole("whole");
  return memo;
});

describe("a whole run", () => {
  it.live(
    "goes from the base to the report within its budget",
    () =>
      Effect.gen(function* () {
        const { directory, report, events, state } = yield* uninterruptedRun;
        assert.deepEqual(
          report.evaluations.map(({ stage, temperature }) => [stage, temperature]),
          ["base", "offline", "control", "online"].flatMap((stage) => [
            [stage, 1],
            [stage, 0],
          ]),
        );
        // Every judge's choice was measured beside the samples themselves.
        for (const { temperature, rerank, figures } of report.evaluations) {
          assert.containsAllKeys(figures ?? {}, ["syntax_valid", "length", "duplicate_rate"]);
          for (const name of ["entropy", "ece", "brier"]) {
            assert.strictEqual(figures?.[name] !== undefined, temperature > 0, name);
          }
          assert.strictEqual(rerank !== undefined, temperature > 0);
          if (rerank !== undefined) assert.isNotNull(rerank.critic);
        }
        // Verdicts from a sandbox online are what the ledger says was spent, and within the limit.
        const verdicts = events.filter(
          ({ event }) => event._tag === "VerdictRecorded" && !event.cached,
        ).length;
        assert.strictEqual(report.budget.verifications.spent, verdicts);
        assert.isAtMost(verdicts, 12);
        assert.isAbove(verdicts, 0);
        // The policy learnt: what the tiny policy cannot do by chance.
        const passAt1 = (stage: string) => report.evaluations.find((e) => e.stage === stage)?.passAt1 ?? 0;
        assert.strictEqual(passAt1("base"), 0);
        assert.isAbove(passAt1("offline"), 0.2);
        // A log without gaps whose fold is the state.
        assert.deepEqual(
          events.map(({ seq }) => seq),
          events.map((_, i) => i + 1),
        );
        assert.deepEqual(RunFold.replay(events), state);
        assert.strictEqual(state.status, "finished");
        const written: unknown = JSON.parse(Fs.readFileSync(Path.join(directory, "report.json"), "utf8"));
        assert.deepEqual(written, JSON.parse(JSON.stringify(report)));
        assert.isTrue(Fs.existsSync(Path.join(directory, "policy", "model.safetensors")));
      }),
    120_000,
  );

  for (const [where, tag, count] of [
    ["in the middle of an offline stage", "Metrics", 17],
    ["while a round is being verified", "VerdictRecorded", 10],
    ["while a round is trained on", "RoundFinished", 2],
    ["in the control", "PolicyPublished", 2],
  ] as const) {
    it.live(
      `stopped ${where} and resumed equals uninterrupted`,
      () =>
        Effect.gen(function* () {
          const uninterrupted = yield* uninterruptedRun;
          const resumed = yield* interrupted(`stopped-${tag}`, tag, count);
          const figures = (report: Report.Report) =>
            report.evaluations.map(({ stage, temperature, passAt1, tilt }) => ({
              stage,
              temperature,
              passAt1,
              tilt,
            }));
          assert.deepEqual(figures(resumed.report), figures(uninterrupted.report));
          assert.deepEqual(resumed.report.budget, uninterrupted.report.budget);
          assert.strictEqual(resumed.report.cacheHits, uninterrupted.report.cacheHits);
          assert.isTrue(
            Stopped.weights(resumed.directory).equals(Stopped.weights(uninterrupted.directory)),
            "final weights differ",
          );
        }),
      120_000,
    );
  }

  it.live(
    "a round that makes the policy worse is rolled back, the first one too, and stays so after a stop",
    () =>
      Effect.gen(function* () {
        const { report } = yield* interrupted("rolled-back", "RolledBack", 1, {
          stages: [
            { kind: "offline", label: "sft", training: "sft", steps: 40, learningRate: 0.01 },
            { kind: "evaluate", label: "offline" },
            {
              kind: "online",
              label: "online",
              rounds: 2,
              programsPerRound: 4,
              // A rate at which a policy forgets everything.
              updates: [{ training: "sft", steps: 2, learningRate: 5 }],
              validation: { samples: 2, maxDrop: 0.05 },
            },
            { kind: "evaluate", label: "online" },
          ],
        });
        assert.strictEqual(report.rollbacks, 2);
        const [sampled, greedy, ...after] = report.evaluations.map(({ passAt1 }) => passAt1);
        assert.isAbove(sampled ?? 0, 0);
        assert.deepEqual(after, [sampled, greedy]);
      }),
    120_000,
  );

  it.live(
    "two online stages share one budget, and the second one resumes with what the first one learnt",
    () =>
      Effect.gen(function* () {
        const online = (label: string, rounds: number | null) => ({
          kind: "online",
          label,
          rounds,
          programsPerRound: 5,
          updates: [{ training: "sft", steps: 2, learningRate: 0.003 }],
          validation: null,
        });
        const change = {
          stages: [
            { kind: "offline", label: "sft", training: "sft", steps: 20, learningRate: 0.01 },
            online("first", 1),
            online("second", null),
          ],
        };
        const straight = yield* whole("two-straight", change);
        const resumed = yield* interrupted("two-stopped", "RoundFinished", 2, change);
        assert.isAtMost(straight.report.budget.verifications.spent, 12);
        assert.deepEqual(resumed.report.budget, straight.report.budget);
        assert.isTrue(
          Stopped.weights(resumed.directory).equals(Stopped.weights(straight.directory)),
          "final weights differ",
        );
      }),
    120_000,
  );

  it.live(
    "a critic goes along with the policy drawn out of it, offline and online, and both resume",
    () =>
      Effect.gen(function* () {
        const change = {
          trainings: {
            critic: { algorithm: "iql", batchSize: 8, config: { bagging: true } },
            policy: { algorithm: "iql-policy", batchSize: 8 },
          },
          stages: [
            { kind: "offline", label: "critic", training: "critic", steps: 4, learningRate: 0.01 },
            {
              kind: "offline",
              label: "policy",
              training: "policy",
              steps: 12,
              learningRate: 0.01,
              also: [{ training: "critic", steps: 2, learningRate: 0.003 }],
            },
            {
              kind: "online",
              label: "online",
              rounds: 1,
              programsPerRound: 4,
              updates: [
                { training: "critic", steps: 2, learningRate: 0.003 },
                { training: "policy", steps: 2, learningRate: 0.003 },
              ],
              validation: null,
            },
          ],
        };
        const straight = yield* whole("along-straight", change);
        const steps = (index: number, training: string) =>
          straight.events.flatMap(({ event }) =>
            event._tag === "Metrics" && event.index === index && event.training === training
              ? [event.step]
              : [],
          );
        const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);
        assert.deepEqual(steps(0, "critic"), upTo(4));
        assert.deepEqual(steps(1, "critic"), upTo(24));
        assert.deepEqual(steps(1, "policy"), upTo(12));
        assert.deepEqual(steps(2, "policy"), upTo(2));
        const resumed = yield* interrupted("along-stopped", "Metrics", 20, change);
        assert.isTrue(
          Stopped.weights(resumed.directory).equals(Stopped.weights(straight.directory)),
          "final weights differ",
        );
      }),
    120_000,
  );

  it.live("a stage without tasks to work on is refused before anything runs", () =>
    Effect.gen(function* () {
      const config = yield* TinyRun.configure(Path.join(root, "no-tasks"));
      const tasks = TinyRun.tasks.filter(({ split }) => split !== "validation");
      const error = yield* Prepare.prepare(config, { ...TinyRun.loaded, tasks }).pipe(
        Effect.flip,
        Effect.provide(TinyRun.sandbox),
      );
      assert.strictEqual(error._tag, "DatasetError");
      assert.include(error.message, 'it has no validation tasks, which the stage "tilt" (tilt) needs');
    }),
  );

  it.live(
    "that only measures writes no copy of the weights",
    () =>
      Effect.gen(function* () {
        const { directory, report } = yield* whole("measure", {
          trainings: {},
          stages: [{ kind: "evaluate", label: "base" }],
        });
        assert.strictEqual(report.evaluations.length, 2);
        assert.deepEqual(Fs.readdirSync(Path.join(directory, "checkpoints")), []);
        assert.isFalse(Fs.existsSync(Path.join(directory, "policy")));
      }),
    60_000,
  );
});
