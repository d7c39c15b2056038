/**
 * The durable log of a verification: log before you spend, as a run does it.
 *
 * Lines of JSON, appended: a head that says what is verified by what, then for each program a reservation (flushed to
 * the disk before a sandbox sees the program) and what came of it. A reservation without an end counts as spent. A
 * line that a crash cut off is dropped; it can only be the last.
 */
import * as fs from "node:fs";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type * as Scope from "effect/Scope";
import { Verdict } from "../../domain/Verdict.ts";
import { DatasetError } from "../DatasetError.ts";

/** What verdicts depend on beside the programs: a log of another head is not gone on with. */
export const Head = Schema.Struct({
  /** Fingerprint of the dataset's manifest. */
  dataset: Schema.String,
  /** Identity of the sandbox. */
  sandbox: Schema.String,
  /** Everything of the command that decides which programs run, and how. */
  options: Schema.Record(Schema.String, Schema.Json),
});
export type Head = typeof Head.Type;

const Entry = Schema.Union([
  Schema.Struct({ reserve: Schema.String }),
  Schema.Struct({ refund: Schema.String }),
  Schema.Struct({ key: Schema.String, verdict: Verdict }),
  Schema.Struct({ key: Schema.String, fault: Schema.String }),
]);
type Entry = typeof Entry.Type;

const decodeHead = Schema.decodeUnknownSync(Schema.fromJsonString(Head));
const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Entry));
const encode = Schema.encodeSync(Schema.fromJsonString(Entry));

/** What a verification showed: a verdict, or that the sandbox failed. */
export type Answer = { readonly verdict: Verdict } | { readonly fault: string };

export interface VerdictLog {
  /** Programs with an answer. */
  readonly answers: ReadonlyMap<string, Answer>;
  /** Verifications that the log holds, those that a crash left open included. */
  readonly spent: () => number;
  /** Reservations of an earlier process without an end. */
  readonly leftOpen: number;
  /** Durable before it returns. */
  readonly reserve: (key: string) => Effect.Effect<void, DatasetError>;
  /** The program never reached a sandbox. */
  readonly refund: (key: string) => Effect.Effect<void, DatasetError>;
  readonly record: (key: string, answer: Answer) => Effect.Effect<void, DatasetError>;
}

const failed = (path: string, cause: unknown): DatasetError =>
  new DatasetError({
    path,
    reason: `the log of the verification cannot be kept: ${cause instanceof Error ? cause.message : String(cause)}.`,
    remedy: "Free space or correct the permissions, and go on with --resume.",
  });

const attempt = <A>(path: string, body: () => A): Effect.Effect<A, DatasetError> =>
  Effect.try({ try: body, catch: (cause) => (cause instanceof DatasetError ? cause : failed(path, cause)) });

interface State {
  readonly answers: Map<string, Answer>;
  readonly open: Map<string, number>;
  spent: number;
}

/** What an entry does to the state. */
const apply = (state: State, entry: Entry): void => {
  if ("reserve" in entry) {
    state.spent += 1;
    state.open.set(entry.reserve, (state.open.get(entry.reserve) ?? 0) + 1);
  } else if ("refund" in entry) {
    state.spent -= 1;
    state.open.delete(entry.refund);
  } else {
    state.open.delete(entry.key);
    state.answers.set(entry.key, "verdict" in entry ? { verdict: entry.verdict } : { fault: entry.fault });
  }
};

const same = (a: Head, b: Head): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Reads what is there, up to the last whole line, and cuts off what follows it. */
const restore = (path: string, head: Head): State => {
  const text = fs.readFileSync(path, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const state: State = { answers: new Map(), open: new Map(), spent: 0 };
  const [first, ...lines] = whole.split("\n").slice(0, -1);
  const wrong = (line: number, cause: unknown) =>
    new DatasetError({
      path,
      line,
      reason: `not a line of a verification's log: ${cause instanceof Error ? cause.message.replace(/\s*\n\s*/g, " ") : String(cause)}.`,
      remedy: "Remove the file to begin again; the verifications in it are lost.",
    });
  if (first !== undefined) {
    let found: Head;
    try {
      found = decodeHead(first);
    } catch (cause) {
      throw wrong(1, cause);
    }
    if (!same(found, head)) {
      throw new DatasetError({
        path,
        reason: `it is the log of another verification: ${JSON.stringify(found)}, and this is ${JSON.stringify(head)}.`,
        remedy: "Use the dataset, sandbox and options of the first time, or begin again with --overwrite.",
      });
    }
  }
  for (const [i, line] of lines.entries()) {
    try {
      apply(state, decode(line));
    } catch (cause) {
      throw wrong(i + 2, cause);
    }
  }
  fs.truncateSync(path, Buffer.byteLength(whole, "utf8"));
  return state;
};

/**
 * Opens the log at `path` for as long as the scope, with what an earlier process left where `resume` is given.
 * A log that is there already is refused without `resume` or `overwrite`.
 */
export const open = Effect.fn("VerdictLog.open")(function* (
  path: string,
  head: Head,
  options: { readonly resume: boolean; readonly overwrite: boolean },
): Effect.fn.Return<VerdictLog, DatasetError, Scope.Scope> {
  const there = fs.existsSync(path);
  if (there && !options.resume && !options.overwrite) {
    return yield* new DatasetError({
      path,
      reason: "a verification into this directory was begun and not finished.",
      remedy: "Go on with it by --resume, or begin again with --overwrite.",
    });
  }
  const state = yield* attempt(path, () => {
    if (there && !options.resume) fs.rmSync(path);
    return there && options.resume
      ? restore(path, head)
      : { answers: new Map<string, Answer>(), open: new Map<string, number>(), spent: 0 };
  });
  const file = yield* Effect.acquireRelease(
    attempt(path, () => fs.openSync(path, "a")),
    (it) => Effect.sync(() => fs.closeSync(it)),
  );
  yield* attempt(path, () => {
    if (fs.fstatSync(file).size === 0) fs.writeSync(file, `${JSON.stringify(head)}\n`);
  });
  const leftOpen = state.open.size;
  const append = (entry: Entry, flush: boolean) =>
    attempt(path, () => {
      fs.writeSync(file, `${encode(entry)}\n`);
      // The flush of a reservation takes the answers before it along.
      if (flush) fs.fdatasyncSync(file);
      apply(state, entry);
    });
  return {
    answers: state.answers,
    spent: () => state.spent,
    leftOpen,
    reserve: (key) => append({ reserve: key }, true),
    refund: (key) => append({ refund: key }, false),
    record: (key, answer) => append({ key, ...answer }, false),
  };
});
