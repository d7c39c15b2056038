/**
 * Processes that spend a budget are killed at seeded points. Whatever the point: what a file outside of the ledger
 * counted as executed is never more than what the ledger says was spent, and that never more than the limit.
 */
import { type ChildProcess, spawn } from "node:child_process";
import * as Fs from "node:fs";
import * as Path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { LoggedEvent } from "../../src/domain/RunEvent.ts";
import * as RunFold from "../../src/domain/RunFold.ts";
import * as Random from "../../src/random/Random.ts";
import * as RunReader from "../../src/store/RunReader.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "./Fixture.ts";

const child = fileURLToPath(new URL("child.ts", import.meta.url));
const SEED = Number(process.env["DRYDOCK_TEST_SEED"] ?? 20260102);
const KILLS = Number(process.env["DRYDOCK_TEST_KILLS"] ?? 200);
/** Runs that are killed, two at a time. */
const RUNS = 4;
const LIMIT = Fixture.LIMITS.verifications;

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly last: string;
  readonly stderr: string;
}

/** Every twentieth process runs its programs in QuickJS; that takes a while to start. */
const engine = (seed: number): string => (seed % 20 === 0 ? "quickjs" : "");

const start = (directory: string, seed: number, countFile: string, limitBlocks?: number): ChildProcess => {
  const args = ["--import", "tsx", child, directory, String(seed), countFile, engine(seed)];
  return limitBlocks === undefined
    ? spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    : spawn("bash", ["-c", `ulimit -f ${limitBlocks}; exec "$0" "$@"`, process.execPath, ...args], {
        stdio: ["ignore", "pipe", "pipe"],
      });
};

/** Runs until the process ends, killing it when it has printed its n-th line. */
const until = (process: ChildProcess, n: number): Effect.Effect<Ended> =>
  Effect.callback<Ended>((resume) => {
    let lines = 0;
    let last = "";
    let stderr = "";
    process.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    createInterface({ input: process.stdout! }).on("line", (line) => {
      last = line;
      if (++lines === n) process.kill("SIGKILL");
    });
    process.on("close", (_, signal) => resume(Effect.succeed({ signal, last, stderr })));
    return Effect.sync(() => void process.kill("SIGKILL"));
  });

const lineCount = (file: string): number =>
  Fs.existsSync(file) ? Fs.readFileSync(file, "utf8").split("\n").length - 1 : 0;

/** Verifications that were committed without what they came to: as a crash left them, or as a fault ended them. */
const openedBefore = (events: ReadonlyArray<LoggedEvent>): number => {
  const faults = events.filter(({ event }) => event._tag === "SandboxFaulted").length;
  const whole = events.filter(
    ({ event }) =>
      event._tag === "BudgetCommitted" && event.unit === "verifications" && event.released === undefined,
  );
  return Math.max(0, whole.length - faults);
};

/** The invariants of a run directory that no process has open. */
const audit = Effect.fnUntraced(function* (directory: string, countFile: string, note: string) {
  const reader = yield* RunReader.open(directory);
  const events = yield* reader.read(0, 100_000);
  assert.deepStrictEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => i + 1),
    `gapless (${note})`,
  );
  const state = yield* reader.state;
  const { limit, spent, reserved } = state.budgets.verifications;
  const executed = lineCount(countFile);
  assert.isAtMost(executed, spent + reserved, `executed <= spent + reserved (${note})`);
  // What was spent and was not left open by a crash did run: where nothing was, the counts are the same.
  const leftOpen = openedBefore(events);
  assert.isAtLeast(executed, spent - leftOpen, `executed >= spent - left open (${note})`);
  for (const unit of ["generated", "cpuSeconds", "money"] as const) {
    const { limit: most, spent: taken, reserved: held } = state.budgets[unit];
    assert.isAtMost(taken + held, most ?? 0, `${unit} (${note})`);
    const ofStage = state.stageBudgets["0"]?.[unit];
    assert.deepInclude(ofStage, { spent: taken, reserved: held }, `all of it is the stage's (${note})`);
  }
  assert.isAtMost(spent + reserved, limit ?? 0, `spent + reserved <= limit (${note})`);
  assert.deepStrictEqual(RunFold.replay(events), state);
  return state;
}, Effect.scoped);

/** Opens the run and closes it. */
const opened = Effect.gen(function* () {
  return (yield* RunStore).runId;
});

describe("a process killed while it spends", () => {
  const keepsTheBudget = Effect.fnUntraced(function* (seed: number) {
    const directory = yield* Fixture.temporary;
    const countFile = Path.join(yield* Fixture.temporary, "count");
    const random = Random.make(seed);
    for (let kill = 0; kill < KILLS / RUNS; kill++) {
      const note = `seed ${seed}, kill ${kill}`;
      const ended = yield* until(start(directory, seed + kill, countFile), 1 + random.int(24));
      assert.isTrue(
        ended.signal === "SIGKILL" || ended.last === "exhausted",
        `${note}: ${ended.last} ${ended.stderr}`,
      );
      if (Fs.existsSync(Path.join(directory, "run.db"))) yield* audit(directory, countFile, note);
    }
    const end = yield* until(start(directory, seed + KILLS + 1, countFile), Number.POSITIVE_INFINITY);
    assert.strictEqual(end.last, "exhausted", end.stderr);
    const state = yield* audit(directory, countFile, "at the end");
    // The last process left reservations open when it gave up: the next one counts them as spent.
    assert.strictEqual(state.budgets.verifications.spent + state.budgets.verifications.reserved, LIMIT);
    assert.isAbove(lineCount(countFile), LIMIT / 2, "the processes did execute");
    // Nothing half-written is left, and the ledger agrees with a fresh process.
    yield* Fixture.session(
      directory,
      Effect.gen(function* () {
        const store = yield* RunStore;
        assert.deepStrictEqual(yield* store.budget("verifications"), {
          limit: LIMIT,
          spent: LIMIT,
          reserved: 0,
        });
        const latest = yield* store.latestCheckpoint;
        if (latest !== null) {
          assert.strictEqual(
            Fs.readFileSync(Path.join(latest.directory, "weights"), "utf8"),
            `round ${(latest.state as { round: number }).round}`,
          );
        }
        assert.isFalse(
          Fs.readdirSync(Path.join(directory, "checkpoints")).some((name) => name.startsWith(".tmp-")),
        );
      }),
      "open",
    );
  }, Effect.scoped);

  it.live(
    `keeps the budget over ${KILLS} kills (seed ${SEED})`,
    () =>
      Effect.forEach(
        Array.from({ length: RUNS }, (_, i) => SEED + 1000 * i),
        keepsTheBudget,
        { concurrency: 2, discard: true },
      ),
    900_000,
  );

  it.live(
    "is refused while another process holds the run, and let in once that is gone",
    () =>
      Effect.gen(function* () {
        const directory = yield* Fixture.temporary;
        const countFile = Path.join(yield* Fixture.temporary, "count");
        const first = start(directory, 1, countFile);
        // It stands still: a failure below must not leave it behind.
        yield* Effect.addFinalizer(() => Effect.sync(() => void first.kill("SIGKILL")));
        // Held still in the middle of its work: alive, and it holds the lock.
        yield* Effect.callback<void>((resume) => {
          createInterface({ input: first.stdout! }).once("line", () => {
            first.kill("SIGSTOP");
            resume(Effect.void);
          });
        });
        const error = yield* Effect.flip(Fixture.session(directory, opened));
        assert.strictEqual(error._tag, "StoreError");
        assert.include(error.reason, `this run is being run by process ${first.pid}`);
        assert.include(error.remedy, "drydock watch");
        first.kill("SIGKILL");
        yield* Effect.callback<void>((resume) => void first.on("close", () => resume(Effect.void)));
        assert.isTrue(Fs.existsSync(Path.join(directory, "lock")), "the dead process left its lock");
        yield* Fixture.session(directory, opened, "open");
        assert.isFalse(Fs.existsSync(Path.join(directory, "lock")));
      }).pipe(Effect.scoped),
    180_000,
  );

  it.live(
    "loses nothing that was committed when the disk refuses writes",
    () =>
      Effect.gen(function* () {
        const directory = yield* Fixture.temporary;
        const countFile = Path.join(yield* Fixture.temporary, "count");
        // No file may grow past 128 blocks of 1024 bytes: the write-ahead log soon cannot.
        const ended = yield* until(start(directory, 3, countFile, 128), Number.POSITIVE_INFINITY);
        assert.match(
          ended.last,
          /^StoreError .*\| the disk is full or refuses writes: free some space/,
          ended.stderr,
        );
        const before = yield* audit(directory, countFile, "disk full");
        assert.isAbove(before.lastSeq, 1);
        const end = yield* until(start(directory, 3, countFile), Number.POSITIVE_INFINITY);
        assert.strictEqual(end.last, "exhausted", end.stderr);
        yield* audit(directory, countFile, "after the disk had room again");
      }).pipe(Effect.scoped),
    180_000,
  );
});
