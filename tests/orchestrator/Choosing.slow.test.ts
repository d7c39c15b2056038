/** What is worth verifying, in whole runs: strategies together, the random share, pacing; resumed equals uninterrupted. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { LoggedEvent, RunEvent } from "../../src/domain/RunEvent.ts";
import * as Stopped from "./Stopped.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-choosing-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

const of = <T extends RunEvent["_tag"]>(events: ReadonlyArray<LoggedEvent>, tag: T) =>
  events.flatMap(({ event }) => (event._tag === tag ? [event as Extract<RunEvent, { _tag: T }>] : []));

/** What each round said; one that was taken up again says it twice. */
const lastOfEach = (events: ReadonlyArray<LoggedEvent>) =>
  new Map(of(events, "ProgramsSelected").map((event) => [event.round, event]));

const BUDGET = 18;
const ROUNDS = 3;

/** Twice as many programs as a round may verify. */
const change = (online: Readonly<Record<string, unknown>>): Stopped.Change => ({
  budget: { verifications: BUDGET, generated: 200 },
  stages: [
    { kind: "offline", label: "sft", training: "sft", steps: 20, learningRate: 0.01 },
    { kind: "offline", label: "critic", training: "cql", steps: 10, learningRate: 0.003 },
    {
      kind: "online",
      label: "online",
      programsPerRound: 24,
      samplesPerProblem: 2,
      temperature: 1.5,
      updates: [
        { training: "cql", steps: 2, learningRate: 0.003 },
        { training: "sft", steps: 2, learningRate: 0.003 },
      ],
      ...online,
    },
  ],
});

const together = change({
  validation: null,
  pacing: { kind: "even", rounds: ROUNDS },
  selector: [
    { strategy: "posterior", weight: 2 },
    { strategy: "value-of-information" },
    { strategy: "diversity" },
  ],
  selection: { random: 0.5, minPairs: 1 },
});

let memo: Effect.Success<ReturnType<typeof Stopped.whole>> | undefined;
const straightRun = Effect.gen(function* () {
  memo ??= yield* Stopped.whole(Path.join(root, "straight"), together);
  return memo;
});

describe("choosing what is verified", () => {
  it.live(
    "spends the budget evenly, half of it at random, and says with what probability",
    () =>
      Effect.gen(function* () {
        const { events, report } = yield* straightRun;
        assert.strictEqual(report.budget.verifications.spent, BUDGET);
        const selected = of(events, "ProgramsSelected");
        const rounds = selected.filter(({ chosen }) => chosen.length > 0);
        assert.isAtLeast(rounds.length, ROUNDS);
        for (const { among, chosen, judges } of rounds) {
          assert.isAtMost(chosen.length, among);
          assert.isTrue(chosen.every(({ probability }) => probability > 0 && probability <= 1 + 1e-9));
          assert.deepStrictEqual(Object.keys(judges ?? {}), ["logProb", "critic"]);
        }
        const first = rounds[0];
        assert.strictEqual(first?.chosen.length, BUDGET / ROUNDS);
        assert.strictEqual(first?.chosen.filter(({ atRandom }) => atRandom).length, BUDGET / ROUNDS / 2);
        // Nothing was measured yet: the strategy of the critic waits.
        assert.deepStrictEqual(first?.by, ["posterior", "diversity"]);
        assert.isTrue(of(events, "RoundFinished").some(({ unverified }) => unverified > 0));
        const verified = of(events, "VerdictRecorded").filter(({ cached }) => !cached).length;
        assert.strictEqual(verified, BUDGET);
        // The report tells what answered the others, and what the verdicts changed.
        const { free, tests, verdicts } = report.savings;
        assert.strictEqual(
          Object.values(free).reduce((a, b) => a + b, 0),
          report.cacheHits,
        );
        assert.strictEqual(verdicts.paid, BUDGET);
        // A critic learns from every verdict; each of the tasks has two tests.
        assert.deepInclude(verdicts, { unusable: 0, unchanged: 0 });
        assert.isAtMost(tests.run + tests.skipped, 2 * BUDGET);
        assert.strictEqual((tests.run + tests.skipped) % 2, 0);
      }),
    120_000,
  );

  for (const [tag, count] of [
    ["VerdictRecorded", 9],
    ["ProgramsSelected", 1],
  ] as const) {
    it.live(
      `stopped at ${tag} and resumed equals uninterrupted`,
      () =>
        Effect.gen(function* () {
          const straight = yield* straightRun;
          const resumed = yield* Stopped.interrupted(Path.join(root, tag), tag, count, together);
          assert.deepEqual(lastOfEach(resumed.events), lastOfEach(straight.events));
          assert.deepEqual(resumed.report.budget, straight.report.budget);
          assert.isTrue(Stopped.weights(resumed.directory).equals(Stopped.weights(straight.directory)));
        }),
      120_000,
    );
  }

  it.live(
    "an adaptive pace stops where nothing moves, and leaves the rest of the budget",
    () =>
      Effect.gen(function* () {
        const pace = { kind: "adaptive", verifications: 4, patience: 1, minGain: 1 };
        const { events, report } = yield* Stopped.whole(
          Path.join(root, "adaptive"),
          change({ pacing: pace, selector: "round-robin" }),
        );
        assert.strictEqual(of(events, "RoundFinished").length, 2);
        assert.strictEqual(report.budget.verifications.spent, 4 + 4);
        assert.isAbove(report.budget.verifications.limit, report.budget.verifications.spent);
      }),
    120_000,
  );
});
