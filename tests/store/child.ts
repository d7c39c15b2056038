/**
 * A process that spends a budget until it is killed: `child.ts DIRECTORY SEED TRACEFILE`, bundled (Crash.slow.test.ts).
 *
 * Its programs run in QuickJS and say so themselves: each one's first act adds its name to TRACEFILE, from inside the
 * sandbox (tracingWorker.ts). It prints a line at every step, so that the parent can kill it at any of them. The CPU time
 * that programs take is drawn: they take next to none.
 */
import * as Fs from "node:fs";
import { Worker } from "node:worker_threads";
import * as Effect from "effect/Effect";
import * as Costs from "../../src/domain/Costs.ts";
import type { Task } from "../../src/domain/Task.ts";
import * as Random from "../../src/random/Random.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "./Fixture.ts";

const [directory = "", seed = "", traceFile = ""] = process.argv.slice(2);
const tick = (what: string) => Effect.sync(() => Fs.writeSync(1, `${what}\n`));

const costs = Costs.verifications(
  { cpuSeconds: 1, wallSeconds: 5, memoryBytes: 2 ** 26, outputBytes: 2 ** 16 },
  Fixture.prices,
);

/** f(1) must be 1. */
const task: Task = {
  id: "t",
  source: "test",
  split: "train",
  language: "javascript",
  statement: "",
  entryPoint: "f",
  tests: { kind: "call", cases: [{ args: [1], expected: 1 }], visible: 0 },
};

/** Its trace, and then an answer that is right or wrong. */
const programOf = (round: number, slot: number): string =>
  `trace("${round}/${slot}"); const f = (x) => x + ${slot % 2};`;

const main = Effect.gen(function* () {
  const store = yield* RunStore;
  const random = Random.make(seed);
  const sandbox = yield* SandboxQuickJs.make({
    workers: 1,
    startWorker: () =>
      new Worker(new URL("tracingWorker.mjs", import.meta.url), { workerData: { traceFile }, stdin: false }),
  });
  if ((yield* store.head) === 0)
    yield* store.append({ ...Fixture.started(Fixture.LIMITS), prices: Fixture.prices });
  yield* tick("open");
  const before = yield* store.candidates(0);
  for (let round = (before.at(-1)?.round ?? -1) + 1; ; round++) {
    const reservation = yield* store.reserve(Costs.programs(5, 8, Fixture.prices), 0);
    yield* tick("generating");
    const slots = Array.from({ length: 5 }, (_, slot) =>
      Fixture.candidate(round, slot, programOf(round, slot)),
    );
    yield* store.addCandidates(slots, reservation, Costs.written(5, 15, Fixture.prices));
    yield* tick("generated");
    yield* Effect.forEach(
      slots,
      Effect.fnUntraced(function* (candidate) {
        const id = yield* store.reserveFor(0, round, candidate.slot, costs.worst(task));
        yield* tick("reserved");
        if (random.chance(0.1)) return yield* store.refund(id);
        const ran = yield* sandbox.verify(task, candidate.program);
        const verdict = { ...ran, cpuSeconds: random.int(1500) / 1000 };
        if (random.chance(0.1)) yield* store.recordFault(candidate, id, "chance");
        else {
          yield* store.recordVerdict(candidate, id, verdict, costs.actual(task, verdict));
        }
        yield* tick("recorded");
      }),
      { concurrency: 3, discard: true },
    );
    yield* store.saveCheckpoint(
      { id: `round-${round}`, stage: 0, done: round, state: { round }, keep: false },
      (at) => Effect.sync(() => Fs.writeFileSync(`${at}/weights`, `round ${round}`)),
    );
    yield* tick("checkpoint");
  }
});

Effect.runPromise(
  Fixture.session(directory, main).pipe(
    Effect.catchTag("BudgetExhausted", () => tick("exhausted")),
    Effect.catchTag("StoreError", (error) => tick(`StoreError ${error.reason} | ${error.remedy}`)),
  ),
).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
