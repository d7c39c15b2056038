/** Runs that share verdicts: a second one pays for nothing that the first one paid for. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { LoggedEvent, RunEvent } from "../../src/domain/RunEvent.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as SharedVerdicts from "../../src/store/SharedVerdicts.ts";
import * as Stopped from "./Stopped.ts";
import * as TinyRun from "./TinyRun.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-shared-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

const of = <T extends RunEvent["_tag"]>(events: ReadonlyArray<LoggedEvent>, tag: T) =>
  events.flatMap(({ event }) => (event._tag === tag ? [event as Extract<RunEvent, { _tag: T }>] : []));

const change = (use: string, rounds: number): Stopped.Change => ({
  budget: { verifications: 16, generated: 64 },
  sandbox: { sharedVerdicts: { use } },
  stages: [
    { kind: "offline", label: "sft", training: "sft", steps: 20, learningRate: 0.01 },
    {
      kind: "online",
      label: "online",
      rounds,
      programsPerRound: 12,
      temperature: 1.5,
      updates: [{ training: "sft", steps: 2, learningRate: 0.003 }],
      validation: null,
    },
    { kind: "evaluate", label: "online" },
  ],
});

/** A sandbox that notes what it runs. */
const noting = (executed: Array<string>) =>
  Layer.effect(
    Sandbox,
    Effect.map(Sandbox, (inner) =>
      Sandbox.of({
        ...inner,
        verify: (task, program) => {
          executed.push(`${task.split}/${task.id}\n${program}`);
          return inner.verify(task, program);
        },
      }),
    ),
  ).pipe(Layer.provide(TinyRun.sandbox));

const sharing = (file: string) => Effect.provide(SharedVerdicts.layer({ file, entries: 1000 }));

const run = Effect.fnUntraced(function* (name: string, file: string, use: string, rounds = 2) {
  const executed: Array<string> = [];
  const made = yield* Stopped.whole(Path.join(root, name), change(use, rounds), noting(executed)).pipe(
    sharing(file),
  );
  return { ...made, executed };
});

const copy = (from: string, to: string): string => {
  for (const end of ["", "-wal", "-shm"]) {
    if (Fs.existsSync(from + end)) Fs.copyFileSync(from + end, to + end);
  }
  return to;
};

const file = Path.join(root, "verdicts.db");
let memo: Effect.Success<ReturnType<typeof run>> | undefined;
/** The first run: nothing is known. What it left in the cache lies beside it. */
const first = Effect.gen(function* () {
  memo ??= yield* run("first", file, "all");
  return memo;
});
const warm = (name: string) => Effect.map(first, () => copy(file, Path.join(root, name)));

describe("runs that share verdicts", () => {
  it.live(
    "a second run of the same seed takes its answers from the first",
    () =>
      Effect.gen(function* () {
        const one = yield* first;
        assert.isAbove(one.report.budget.verifications.spent, 0);
        assert.strictEqual(of(one.events, "VerdictRecorded").filter(({ by }) => by === "shared").length, 0);
        const two = yield* run("second", yield* warm("second.db"), "all", 1);
        // The first round writes the same programs: all that was paid for then is answered.
        const paid = of(one.events, "VerdictRecorded").filter(({ round, cached }) => round === 0 && !cached);
        const shared = of(two.events, "VerdictRecorded").filter(({ by }) => by === "shared");
        assert.deepStrictEqual(
          shared.map(({ slot, taskId, outcome, cached }) => [slot, taskId, outcome, cached]).sort(),
          paid.map(({ slot, taskId, outcome }) => [slot, taskId, outcome, true]).sort(),
        );
        assert.isAbove(shared.length, 0);
        const training = (lines: ReadonlyArray<string>) => lines.filter((line) => line.startsWith("train"));
        const known = new Set(training(one.executed));
        assert.isAbove(known.size, 0);
        assert.isFalse(training(two.executed).some((program) => known.has(program)));
        const [read] = of(two.events, "SharedVerdictsRead");
        assert.strictEqual(read?.answered, shared.length);
        assert.strictEqual(two.report.budget.verifications.spent, 0);
      }),
    120_000,
  );

  it.live(
    "evaluations take answers by default, and learning goes its way as without",
    () =>
      Effect.gen(function* () {
        // The first run had no answers to take.
        const without = yield* first;
        const evaluations = yield* run("evaluations", yield* warm("evaluations.db"), "evaluations");
        assert.isTrue(Stopped.weights(evaluations.directory).equals(Stopped.weights(without.directory)));
        assert.deepStrictEqual(evaluations.report.budget, without.report.budget);
        const rates = ({ report }: typeof without) => report.evaluations.map(({ passAt1 }) => passAt1);
        assert.deepStrictEqual(rates(evaluations), rates(without));
        const hits = evaluations.report.evaluations.reduce((sum, { sharedHits = 0 }) => sum + sharedHits, 0);
        assert.isAbove(hits, 0);
        assert.strictEqual(evaluations.executed.length, without.executed.length - hits);
      }),
    120_000,
  );
});
