/**
 * A process that spends a budget until it is killed: `child.ts DIRECTORY SEED COUNTFILE`.
 *
 * Before each "execution" it adds a line to COUNTFILE, which knows nothing of the ledger; it prints a line at every
 * step, so that the parent can kill it at any of them.
 */
import * as Fs from "node:fs";
import * as Effect from "effect/Effect";
import * as Random from "../../src/random/Random.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "./Fixture.ts";

const [directory = "", seed = "", countFile = ""] = process.argv.slice(2);
const tick = (what: string) => Effect.sync(() => Fs.writeSync(1, `${what}\n`));

const main = Effect.gen(function* () {
  const store = yield* RunStore;
  const random = Random.make(seed);
  if ((yield* store.head) === 0) yield* store.append(Fixture.started({ verifications: 40, generated: 1000 }));
  yield* tick("open");
  const before = yield* store.candidates(0);
  for (let round = (before.at(-1)?.round ?? -1) + 1; ; round++) {
    const reservation = yield* store.reserve({ generated: 5 });
    yield* tick("generating");
    const slots = Array.from({ length: 5 }, (_, slot) => Fixture.candidate(round, slot));
    yield* store.addCandidates(slots, reservation);
    yield* tick("generated");
    yield* Effect.forEach(
      slots,
      Effect.fnUntraced(function* (candidate) {
        const id = yield* store.reserveFor(0, round, candidate.slot);
        yield* tick("reserved");
        if (random.chance(0.1)) return yield* store.refund(id);
        Fs.appendFileSync(countFile, `${round}/${candidate.slot}\n`);
        yield* tick("executed");
        yield* Effect.yieldNow;
        if (random.chance(0.1)) yield* store.recordFault(candidate, id, "chance");
        else
          yield* store.recordVerdict(
            candidate,
            id,
            Fixture.verdict(random.chance(0.5) ? "Passed" : "TimedOut"),
          );
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
