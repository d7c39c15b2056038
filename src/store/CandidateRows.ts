/** Candidates and the verdict cache as rows. */
import * as Schema from "effect/Schema";
import type { Amounts } from "../domain/Budget.ts";
import type { Free } from "../domain/RunEvent.ts";
import { isTimingDependent, Verdict } from "../domain/Verdict.ts";
import type { Database, Row } from "./Database.ts";
import type { Tx } from "./Journal.ts";
import * as LedgerRows from "./LedgerRows.ts";
import {
  type BudgetExhausted,
  type Candidate,
  type Decision,
  type Known,
  type StoredCandidate,
  StoreError,
} from "./RunStore.ts";

const verdictCodec = Schema.toCodecJson(Verdict);
const decodeVerdict = Schema.decodeUnknownSync(verdictCodec);
const encodeVerdict = Schema.encodeSync(verdictCodec);
const numbers = Schema.decodeUnknownSync(Schema.toCodecJson(Schema.Array(Schema.Number)));
const encodeNumbers = Schema.encodeSync(Schema.toCodecJson(Schema.Array(Schema.Number)));

const toText = (verdict: Verdict): string => JSON.stringify(encodeVerdict(verdict));
const fromText = (text: string): Verdict => decodeVerdict(JSON.parse(text));

/** Inserts those that are not there yet, as open; returns how many that were. */
export const insert = (tx: Tx, candidates: ReadonlyArray<Candidate>): number => {
  let inserted = 0;
  for (const c of candidates) {
    inserted += tx.db.all(
      `INSERT INTO candidates (stage, round, slot, task_id, program, cache_key, tokens, log_probs, policy_version, origin, temperature, decision)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open') ON CONFLICT DO NOTHING RETURNING slot`,
      [
        c.stage,
        c.round,
        c.slot,
        c.taskId,
        c.program,
        c.cacheKey,
        JSON.stringify(encodeNumbers(c.tokens)),
        JSON.stringify(encodeNumbers(c.logProbs)),
        c.policyVersion,
        c.origin ?? null,
        c.temperature,
      ],
    ).length;
  }
  return inserted;
};

const fromRow = (row: Row): StoredCandidate => {
  const verdict = typeof row["verdict"] === "string" ? fromText(row["verdict"]) : null;
  return {
    stage: Number(row["stage"]),
    round: Number(row["round"]),
    slot: Number(row["slot"]),
    taskId: String(row["task_id"]),
    program: String(row["program"]),
    cacheKey: String(row["cache_key"]),
    tokens: numbers(JSON.parse(String(row["tokens"]))),
    logProbs: numbers(JSON.parse(String(row["log_probs"]))),
    policyVersion: row["policy_version"] === null ? null : Number(row["policy_version"]),
    ...(typeof row["origin"] === "string" ? { origin: row["origin"] } : {}),
    temperature: Number(row["temperature"]),
    decision: row["decision"] as Decision,
    outcome: verdict?.outcome ?? null,
    cpuSeconds: verdict?.cpuSeconds ?? null,
  };
};

/** Those of a stage, or of one round of it, in the order of rounds and slots. */
export const list = (db: Database, stage: number, round?: number): ReadonlyArray<StoredCandidate> =>
  (round === undefined
    ? db.all("SELECT * FROM candidates WHERE stage = ? ORDER BY round, slot", [stage])
    : db.all("SELECT * FROM candidates WHERE stage = ? AND round = ? ORDER BY slot", [stage, round])
  ).map(fromRow);

/** A candidate with the verdict that it or its repeat got; null: it has none. */
export interface JudgedCandidate extends StoredCandidate {
  readonly verdict: Verdict | null;
}

/** Those of every stage, in the order of stages, rounds and slots. */
export const judged = (db: Database): ReadonlyArray<JudgedCandidate> =>
  db.all("SELECT * FROM candidates ORDER BY stage, round, slot").map((row) => ({
    ...fromRow(row),
    verdict: typeof row["verdict"] === "string" ? fromText(row["verdict"]) : null,
  }));

type Key = Pick<Candidate, "stage" | "round" | "slot">;

/** Moves one candidate from one decision to another; it must be where the caller thinks it is. */
const move = (
  tx: Tx,
  key: Key,
  from: Decision,
  to: Decision,
  set: { readonly verdict?: Verdict; readonly reservation?: string } = {},
): void => {
  const moved = tx.db.all(
    `UPDATE candidates SET decision = ?, verdict = ?, reservation = coalesce(?, reservation)
     WHERE stage = ? AND round = ? AND slot = ? AND decision = ? RETURNING slot`,
    [
      to,
      set.verdict === undefined ? null : toText(set.verdict),
      set.reservation === undefined ? null : Number(set.reservation.slice(1)),
      key.stage,
      key.round,
      key.slot,
      from,
    ],
  );
  if (moved.length === 0) {
    throw new StoreError({
      reason: `candidate ${key.stage}/${key.round}/${key.slot} is not ${from} (or not there), so it cannot become ${to}`,
      remedy: "this is a mistake in Drydock: keep the run directory and report it",
    });
  }
};

/** Reserves one verification and marks the candidate pending. */
export const reserveFor = (tx: Tx, key: Key, also: Amounts = {}): string | BudgetExhausted => {
  const reservation = LedgerRows.reserve(tx, { ...also, verifications: 1 }, key.stage);
  if (typeof reservation === "string") move(tx, key, "open", "pending", { reservation });
  return reservation;
};

const emitVerdict = (tx: Tx, candidate: Candidate, verdict: Verdict, by: Free | null): void =>
  tx.emit({
    _tag: "VerdictRecorded",
    index: candidate.stage,
    round: candidate.round,
    slot: candidate.slot,
    taskId: candidate.taskId,
    outcome: verdict.outcome,
    testsPassed: verdict.testsPassed,
    testsTotal: verdict.testsTotal,
    ...(by !== null || verdict.testsRun === undefined ? {} : { testsRun: verdict.testsRun }),
    cached: by !== null,
    ...(by === null ? {} : { by }),
  });

export const verified = (
  tx: Tx,
  candidate: Candidate,
  reservation: string,
  verdict: Verdict,
  actual: Amounts = {},
): void => {
  LedgerRows.commit(tx, reservation, actual);
  move(tx, candidate, "pending", "verified", { verdict });
  const origin = candidate.origin ?? `policy:${candidate.policyVersion}`;
  cachePut(tx, [{ key: candidate.cacheKey, verdict, origin }]);
  emitVerdict(tx, candidate, verdict, null);
};

export const cached = (tx: Tx, candidate: Candidate, verdict: Verdict, by: Free): void => {
  move(tx, candidate, "open", "cached", { verdict });
  emitVerdict(tx, candidate, verdict, by);
};

export const fault = (tx: Tx, candidate: Candidate, reservation: string, reason: string): void => {
  if (LedgerRows.isOpen(tx, reservation)) LedgerRows.commit(tx, reservation);
  move(tx, candidate, "pending", "fault");
  tx.emit({
    _tag: "SandboxFaulted",
    index: candidate.stage,
    round: candidate.round,
    slot: candidate.slot,
    taskId: candidate.taskId,
    reason,
  });
};

export const unverified = (tx: Tx, stage: number, round: number): void => {
  tx.db.all(
    "UPDATE candidates SET decision = 'unverified' WHERE stage = ? AND round = ? AND decision = 'open'",
    [stage, round],
  );
};

export const cacheGet = (db: Database, key: string): Known | null => {
  const row = db.all("SELECT verdict, origin FROM verdicts WHERE key = ?", [key])[0];
  return row === undefined
    ? null
    : { verdict: fromText(String(row["verdict"])), origin: String(row["origin"]) };
};

/** Keeps the first verdict of a key; one that depends on timing is never kept. */
export const cachePut = (tx: Tx, entries: ReadonlyArray<Known & { readonly key: string }>): void => {
  for (const { key, verdict, origin } of entries) {
    if (isTimingDependent(verdict.outcome)) continue;
    tx.db.all("INSERT INTO verdicts (key, verdict, origin) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [
      key,
      toText(verdict),
      origin,
    ]);
  }
};
