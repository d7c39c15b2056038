/**
 * Processes that spend a budget are killed at seeded points. Whatever the point: every program that the ledger says was
 * run has left its trace from inside the sandbox, once; no other has but those that a kill left open, which count as
 * spent; and no more is spent than the limit.
 */
import { type ChildProcess, spawn } from "node:child_process";
import * as Fs from "node:fs";
import * as Path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { build } from "esbuild";
import * as RunFold from "../../src/domain/RunFold.ts";
import { open } from "../../src/store/Database.ts";
import * as Random from "../../src/random/Random.ts";
import * as RunReader from "../../src/store/RunReader.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "./Fixture.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
/** As deep in the repository as the folders of src/sandbox: what they read by relative paths is where they look. */
const bundled = Path.join(here, "../../node_modules/.drydock-crash", String(process.pid));
/** Each kill costs a process: as one file it starts in a sixth of the time. */
beforeAll(() =>
  build({
    entryPoints: ["child.ts", "tracingWorker.ts"].map((name) => Path.join(here, name)),
    outdir: bundled,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["libsql", "quickjs-emscripten"],
  }).then(() => undefined),
);
afterAll(() => Fs.rmSync(bundled, { recursive: true, force: true }));
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

const start = (directory: string, seed: number, traceFile: string, limitBlocks?: number): ChildProcess => {
  const args = [Path.join(bundled, "child.mjs"), directory, String(seed), traceFile];
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

/** Names of the programs that ran, as they said themselves. */
const tracesOf = (file: string): ReadonlyArray<string> =>
  Fs.existsSync(file) ? Fs.readFileSync(file, "utf8").split("\n").slice(0, -1) : [];

/** Names of the programs that the run's database says were run, and of those of which it cannot know. */
const recorded = (directory: string) => {
  const db = open(Path.join(directory, "run.db"), { readOnly: true });
  const rows = db.all(`
    SELECT round || '/' || slot AS name, decision, state
    FROM candidates LEFT JOIN reservations ON reservations.id = candidates.reservation`);
  db.close();
  const named = (holds: (row: (typeof rows)[number]) => boolean) =>
    new Set(rows.filter(holds).map(({ name }) => String(name)));
  return {
    ran: named(({ decision }) => decision === "verified" || decision === "fault"),
    open: named(({ decision, state }) => decision === "pending" && state !== "refunded"),
  };
};

/** The invariants of a run directory that no process has open. */
const audit = Effect.fnUntraced(function* (directory: string, traceFile: string, note: string) {
  const reader = yield* RunReader.open(directory);
  const events = yield* reader.read(0, 100_000);
  assert.deepStrictEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => i + 1),
    `gapless (${note})`,
  );
  const state = RunFold.replay(events);
  const { limit, spent, reserved } = state.budgets.verifications;
  const traces = tracesOf(traceFile);
  const traced = new Set(traces);
  assert.strictEqual(traced.size, traces.length, `none ran twice (${note})`);
  const { ran, open: unknown } = recorded(directory);
  assert.isTrue(
    [...ran].every((name) => traced.has(name)),
    `what was recorded did run (${note})`,
  );
  const others = traces.filter((name) => !ran.has(name));
  assert.isTrue(
    others.every((name) => unknown.has(name)),
    `what ran is recorded or was left open (${note})`,
  );
  // The ledger is the sandbox's own count, and what a kill left open.
  assert.strictEqual(ran.size + unknown.size, spent + reserved, note);
  assert.isAtMost(traces.length, spent + reserved, note);
  for (const unit of ["generated", "cpuSeconds", "money"] as const) {
    const { limit: most, spent: taken, reserved: held } = state.budgets[unit];
    assert.isAtMost(taken + held, most ?? 0, `${unit} (${note})`);
    // Killed before its first reservation, a stage has no account yet.
    const ofStage = state.stageBudgets["0"]?.[unit] ?? { spent: 0, reserved: 0 };
    assert.deepInclude(ofStage, { spent: taken, reserved: held }, `all of it is the stage's (${note})`);
  }
  assert.isAtMost(spent + reserved, limit ?? 0, `spent + reserved <= limit (${note})`);
  return state;
}, Effect.scoped);

/** Opens the run and closes it. */
const opened = Effect.gen(function* () {
  return (yield* RunStore).runId;
});

describe("a process killed while it spends", () => {
  const keepsTheBudget = Effect.fnUntraced(function* (seed: number) {
    const directory = yield* Fixture.temporary;
    const traceFile = Path.join(yield* Fixture.temporary, "traces");
    const random = Random.make(seed);
    for (let kill = 0; kill < KILLS / RUNS; kill++) {
      const note = `seed ${seed}, kill ${kill}`;
      // Half of them while the first programs are reserved and begun, which is soon; the others anywhere.
      const line = 1 + random.int(random.chance(0.5) ? 6 : 24);
      const ended = yield* until(start(directory, seed + kill, traceFile), line);
      assert.isTrue(
        ended.signal === "SIGKILL" || ended.last === "exhausted",
        `${note}: ${ended.last} ${ended.stderr}`,
      );
      if (Fs.existsSync(Path.join(directory, "run.db"))) yield* audit(directory, traceFile, note);
    }
    const end = yield* until(start(directory, seed + KILLS + 1, traceFile), Number.POSITIVE_INFINITY);
    assert.strictEqual(end.last, "exhausted", end.stderr);
    const state = yield* audit(directory, traceFile, "at the end");
    const reader = yield* RunReader.open(directory);
    assert.deepStrictEqual(yield* reader.state, state);
    // The last process left reservations open when it gave up: the next one counts them as spent.
    assert.strictEqual(state.budgets.verifications.spent + state.budgets.verifications.reserved, LIMIT);
    assert.isAbove(tracesOf(traceFile).length, LIMIT / 2, "the processes did execute");
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
        const traceFile = Path.join(yield* Fixture.temporary, "traces");
        const first = start(directory, 1, traceFile);
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
        const traceFile = Path.join(yield* Fixture.temporary, "traces");
        // No file may grow past 128 blocks of 1024 bytes: the write-ahead log soon cannot.
        const ended = yield* until(start(directory, 3, traceFile, 128), Number.POSITIVE_INFINITY);
        assert.match(
          ended.last,
          /^StoreError .*\| the disk is full or refuses writes: free some space/,
          ended.stderr,
        );
        const before = yield* audit(directory, traceFile, "disk full");
        assert.isAbove(before.lastSeq, 1);
        const end = yield* until(start(directory, 3, traceFile), Number.POSITIVE_INFINITY);
        assert.strictEqual(end.last, "exhausted", end.stderr);
        yield* audit(directory, traceFile, "after the disk had room again");
      }).pipe(Effect.scoped),
    180_000,
  );
});
