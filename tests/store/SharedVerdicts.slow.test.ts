/** Real processes on one shared verdict cache, some of them killed in the middle of writing. */
import { spawn } from "node:child_process";
import * as Path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Random from "../../src/random/Random.ts";
import { open } from "../../src/store/Database.ts";
import * as Fixture from "./Fixture.ts";

const child = fileURLToPath(new URL("sharedChild.ts", import.meta.url));
const SEED = Number(process.env["DRYDOCK_TEST_SEED"] ?? 20261201);
const ENTRIES = 150;
const KILLS = 8;

/** Runs until the process ends, or is killed when it has printed its n-th line. */
const until = (file: string, seed: number, batches: number, n: number) =>
  Effect.callback<{ readonly lines: ReadonlyArray<string>; readonly stderr: string }>((resume) => {
    const args = ["--import", "tsx", child, file, String(seed), String(ENTRIES), String(batches)];
    const running = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    const lines: Array<string> = [];
    let stderr = "";
    running.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    createInterface({ input: running.stdout }).on("line", (line) => {
      if (lines.push(line) === n) running.kill("SIGKILL");
    });
    running.on("close", () => resume(Effect.succeed({ lines, stderr })));
    return Effect.sync(() => void running.kill("SIGKILL"));
  });

const audit = (file: string, note: string): void => {
  const db = open(file, { readOnly: true });
  assert.deepStrictEqual(db.all("PRAGMA integrity_check"), [{ integrity_check: "ok" }], note);
  const rows = db.all("SELECT key, json_extract(verdict, '$.detail') AS detail FROM verdicts");
  assert.isAtMost(rows.length, ENTRIES, note);
  assert.isAbove(rows.length, 0, note);
  assert.isTrue(
    rows.every(({ key, detail }) => key === detail),
    note,
  );
  assert.deepStrictEqual(db.all("SELECT entries FROM state"), [{ entries: rows.length }], note);
  db.close();
};

describe("processes that share a verdict cache", () => {
  it.live(
    `harm neither it nor each other when some are killed (seed ${SEED})`,
    () =>
      Effect.gen(function* () {
        const file = Path.join(yield* Fixture.temporary, "verdicts.db");
        const random = Random.make(SEED);
        const points = Array.from({ length: KILLS }, () => 1 + random.int(40));
        const killed = Effect.forEach(
          points,
          (n, i) =>
            Effect.tap(until(file, SEED + i, 1e9, n), ({ lines, stderr }) =>
              Effect.sync(() => {
                assert.isTrue(
                  lines.every((line) => line === "batch"),
                  `${lines.join("\n")}${stderr}`,
                );
                audit(file, `after kill ${i}, seed ${SEED}`);
              }),
            ),
          { concurrency: 2 },
        );
        // Beside those that are killed two go on to their end.
        const whole = Effect.forEach([1, 2], (i) => until(file, SEED - i, 150, Number.POSITIVE_INFINITY), {
          concurrency: 2,
        });
        const [, ended] = yield* Effect.all([killed, whole], { concurrency: 2 });
        for (const { lines, stderr } of ended) {
          assert.deepStrictEqual(lines.slice(-1), ["end"], stderr);
          assert.deepStrictEqual(new Set(lines), new Set(["batch", "end"]), lines.join("\n"));
        }
        audit(file, "at the end");
      }).pipe(Effect.scoped),
    180_000,
  );
});
