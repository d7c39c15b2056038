/**
 * A verification with QuickJS, killed with SIGKILL at seeded points and gone on with: what a file beside the log counted
 * is never more than what was spent, nothing is paid for twice but what was open, and the answers are the same.
 */
import { spawnSync } from "node:child_process";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Random from "../../../src/random/Random.ts";

const SEED = Number(process.env["DRYDOCK_TEST_SEED"] ?? 20261201);
const KILLS = 6;
/** Processes that start one after another: generous, as the machine may be busy. */
const TIMEOUT = 300_000;
const script = fileURLToPath(new URL("../../support/killableVerify.ts", import.meta.url));
const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-verify-kill-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

interface End {
  readonly spent: number;
  readonly jobs: number;
  readonly answers: ReadonlyArray<readonly [string, unknown]>;
}

const once = (name: string, n: number, limit = 0) => {
  const args = [
    "--import",
    "tsx",
    script,
    `${root}/${name}.jsonl`,
    `${root}/${name}.count`,
    `${n}`,
    `${limit}`,
  ];
  const { signal, status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { signal, status, stderr, end: stdout === "" ? null : (JSON.parse(stdout) as End) };
};

const executed = (name: string): ReadonlyArray<string> =>
  Fs.readFileSync(`${root}/${name}.count`, "utf8").trim().split("\n");

const reserved = (name: string): number =>
  Fs.readFileSync(`${root}/${name}.jsonl`, "utf8")
    .split("\n")
    .filter((line) => line.startsWith('{"reserve"')).length;

describe(`a verification that is killed again and again (seed ${SEED})`, () => {
  it(
    "pays for nothing twice but what was open, and comes to the same answers",
    () => {
      const random = Random.make(SEED);
      const whole = once("whole", 0);
      assert.strictEqual(whole.status, 0, whole.stderr);
      for (let kill = 0; kill < KILLS; kill++) {
        const { signal, stderr } = once("killed", 1 + random.int(4));
        assert.strictEqual(signal, "SIGKILL", stderr);
        assert.isAtMost(executed("killed").length, reserved("killed"));
      }
      const { end, stderr } = once("killed", 0);
      assert.isNotNull(end, stderr);
      const counted = executed("killed");
      assert.isAtMost(counted.length, end?.spent ?? 0);
      assert.isAtMost(counted.length - new Set(counted).size, 2 * KILLS);
      assert.strictEqual(new Set(counted).size, end?.jobs);
      assert.deepStrictEqual(end?.answers, whole.end?.answers);
    },
    TIMEOUT,
  );

  it(
    "never exceeds its limit",
    () => {
      const random = Random.make(SEED).split("limit");
      for (let kill = 0; kill < 2; kill++) once("limited", 1 + random.int(4), 12);
      const { end, stderr } = once("limited", 0, 12);
      assert.strictEqual(end?.spent, 12, stderr);
      assert.isAtMost(executed("limited").length, 12);
    },
    TIMEOUT,
  );
});
