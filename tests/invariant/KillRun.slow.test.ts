/**
 * A whole run, killed with SIGKILL again and again and resumed each time: what a file outside of the ledger counted
 * as executed is never more than what was spent, no verdict is paid for twice, and the run ends with its report.
 */
import { spawn } from "node:child_process";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as RunFold from "../../src/domain/RunFold.ts";
import { isTimingDependent } from "../../src/domain/Verdict.ts";
import * as Report from "../../src/orchestrator/Report.ts";
import * as Random from "../../src/random/Random.ts";
import * as RunReader from "../../src/store/RunReader.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as RunStoreLive from "../../src/store/RunStoreLive.ts";

const SEED = Number(process.env["DRYDOCK_TEST_SEED"] ?? 20260301);
const LIMIT = 20;
const ONLINE = 5;
const script = fileURLToPath(new URL("../support/killableRun.ts", import.meta.url));
const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-kill-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));
const directory = Path.join(root, "runs", "killed");
const countFile = Path.join(root, "executed");

/** Runs or resumes the run in a process of its own; how that ended. */
const once = (point: string) =>
  Effect.callback<{ readonly signal: string | null; readonly code: number | null; readonly stderr: string }>(
    (resume) => {
      const child = spawn(process.execPath, ["--import", "tsx", script, root, countFile, point], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      child.on("close", (code, signal) => resume(Effect.succeed({ signal, code, stderr })));
      return Effect.sync(() => void child.kill("SIGKILL"));
    },
  );

const executed = (): number =>
  Fs.existsSync(countFile) ? Fs.readFileSync(countFile, "utf8").split("\n").length - 1 : 0;

/** What must hold of the run whenever no process has it open. */
const audit = Effect.fnUntraced(function* (note: string) {
  const reader = yield* RunReader.open(directory);
  const events = yield* Report.readAll(reader);
  assert.deepStrictEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => i + 1),
    `gapless (${note})`,
  );
  const state = yield* reader.state;
  assert.deepStrictEqual(RunFold.replay(events), state, note);
  const { limit, spent, reserved } = state.budgets.verifications;
  assert.isAtMost(executed(), spent + reserved, `executed <= spent + reserved (${note})`);
  assert.isAtMost(spent + reserved, limit ?? 0, `spent + reserved <= limit (${note})`);
  const { generated } = state.budgets;
  assert.isAtMost(generated.spent + generated.reserved, generated.limit ?? 0, note);
  return state;
}, Effect.scoped);

describe("a run that is killed again and again", () => {
  it.live(
    `ends with its report and within its budget (seed ${SEED})`,
    () =>
      Effect.gen(function* () {
        const random = Random.make(SEED);
        const points = [
          `executing:${1 + random.int(4)}`,
          `VerdictRecorded:${2 + random.int(4)}`,
          "RoundFinished:1",
          `EvaluationFinished:${1 + random.int(2)}`,
        ];
        for (const point of points) {
          const { signal, stderr } = yield* once(point);
          assert.strictEqual(signal, "SIGKILL", `${point}, seed ${SEED}: ${stderr}`);
          yield* audit(`killed at ${point}, seed ${SEED}`);
        }
        const end = yield* once("");
        assert.strictEqual(end.code, 0, end.stderr);
        const state = yield* audit(`at the end, seed ${SEED}`);
        assert.strictEqual(state.status, "finished");
        assert.strictEqual(state.resumes, points.length);
        const report = JSON.parse(
          Fs.readFileSync(Path.join(directory, "report.json"), "utf8"),
        ) as Report.Report;
        assert.deepStrictEqual(report.budget.verifications, {
          limit: LIMIT,
          spent: state.budgets.verifications.spent,
        });
        assert.strictEqual(report.evaluations.length, 8);
        // At most the programs that were in the sandboxes when the process died are spent without a verdict.
        assert.isAtMost(report.budget.verifications.spent - state.counts.verified, 2 * points.length);
        assert.isAtLeast(executed(), state.counts.verified);

        const candidates = yield* RunStore.pipe(
          Effect.flatMap((store) => store.candidates(ONLINE)),
          Effect.provide(RunStoreLive.layer({ directory, mode: "open" })),
        );
        const paid = candidates.filter(({ decision }) => ["verified", "pending", "fault"].includes(decision));
        assert.strictEqual(paid.length, report.budget.verifications.spent);
        // A verdict is paid for once, if it can be kept; one that a kill lost may be asked for again in a later round.
        const judged = paid.filter(({ outcome }) => outcome !== null && !isTimingDependent(outcome));
        assert.strictEqual(
          new Set(judged.map(({ cacheKey }) => cacheKey)).size,
          judged.length,
          "a verdict was paid for twice",
        );
        assert.isFalse(
          Fs.readdirSync(Path.join(directory, "checkpoints")).some((name) => name.startsWith(".")),
        );
      }),
    120_000,
  );
});
