/** Shared by the store's tests and by the child processes that they kill. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import type { Scope } from "effect/Scope";
import type { Amounts, Prices } from "../../src/domain/Budget.ts";
import type { Verdict } from "../../src/domain/Verdict.ts";
import type { Candidate } from "../../src/store/RunStore.ts";
import type { RunStore } from "../../src/store/RunStore.ts";
import * as RunStoreLive from "../../src/store/RunStoreLive.ts";

/** A directory that the scope removes. */
export const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-store-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true })),
);

/** What the processes that are killed may spend (child.ts), and what things cost them. */
export const LIMITS = { verifications: 220, generated: 4000, cpuSeconds: 500_000, money: 400_000_000 };
export const prices: Prices = { verification: 0.5, cpuSecond: 0.1, thousandTokens: 1, hour: 0 };

export const started = (limits: Amounts) => ({
  _tag: "RunStarted" as const,
  runId: "run",
  name: "test",
  seed: 1,
  formatVersion: 1,
  backend: "none",
  sandbox: "none",
  stages: [
    { kind: "online", label: "online" },
    { kind: "online", label: "second" },
  ],
  limits,
  labelsOffline: 0,
});

export const candidate = (round: number, slot: number, program = `program ${round}/${slot}`): Candidate => ({
  stage: 0,
  round,
  slot,
  taskId: `task-${slot}`,
  program,
  cacheKey: `key of ${program}`,
  tokens: [1, 2, 3],
  logProbs: [-0.5, -0.25, -1e-3],
  policyVersion: 1,
  temperature: 0.7,
});

export const verdict = (outcome: Verdict["outcome"]): Verdict => ({
  outcome,
  testsPassed: outcome === "Passed" ? 3 : 1,
  testsTotal: 3,
  cpuSeconds: 0.01,
  wallSeconds: 0.02,
});

/** One process's life with the store: everything is closed, as if by a crash, when the effect ends. */
export const session = <A, E>(
  directory: string,
  body: Effect.Effect<A, E, RunStore | Scope>,
  mode?: RunStoreLive.Options["mode"],
) =>
  body.pipe(
    Effect.provide(RunStoreLive.layer({ directory, ...(mode === undefined ? {} : { mode }) })),
    Effect.scoped,
  );
