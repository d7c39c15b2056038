/** Running a dataset's programs in sandboxes from the command line: what `verify` and `augment` share. */
import * as Fs from "node:fs";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import type * as Schema from "effect/Schema";
import * as Flag from "effect/cli/Flag";
import { DatasetError } from "../../dataset/DatasetError.ts";
import type * as Jobs from "../../dataset/verify/Jobs.ts";
import * as VerdictLog from "../../dataset/verify/VerdictLog.ts";
import * as Verify from "../../dataset/verify/Verify.ts";
import type { SandboxUnavailable } from "../../domain/Verdict.ts";
import { Sandbox } from "../../sandbox/Sandbox.ts";
import * as SandboxFor from "../../sandbox/SandboxFor.ts";
import * as Slots from "../../sandbox/Slots.ts";
import * as Inference from "../Inference.ts";
import { duration } from "../Output.ts";
import * as ProgressLine from "../ProgressLine.ts";
import * as Screen from "../Screen.ts";
import * as Signals from "../Signals.ts";

export const flags = {
  limit: Inference.count("limit").pipe(
    Flag.withDescription(
      "Verifications at most, those of an interrupted command included; default: no limit",
    ),
    Flag.optional,
  ),
  counts: Flag.Boolean("counts").pipe(
    Flag.withDescription(
      "Run every test: count those that pass and name all that fail, rather than stop at the first failure",
    ),
    Flag.withDefault(false),
  ),
  slots: Inference.count("slots").pipe(
    Flag.withDescription("Programs that run at once; default: two a core"),
    Flag.optional,
  ),
  resume: Flag.Boolean("resume").pipe(
    Flag.withDescription("Go on with an interrupted command: what it paid for is not paid for again"),
    Flag.withDefault(false),
  ),
  overwrite: Flag.Boolean("overwrite").pipe(
    Flag.withDescription("Replace the directory that is written, and what an interrupted command left"),
    Flag.withDefault(false),
  ),
};

export interface Options {
  readonly out: string;
  readonly limit: Option.Option<number>;
  readonly counts: boolean;
  readonly slots: Option.Option<number>;
  readonly resume: boolean;
  readonly overwrite: boolean;
}

export interface Request {
  readonly source: Jobs.Source;
  readonly jobs: ReadonlyArray<Jobs.Job>;
  /** Fingerprint of the dataset, and whatever of the command decides which programs run. */
  readonly dataset: string;
  readonly decides: Readonly<Record<string, Schema.Json>>;
}

/** The log stands beside the directory that is written, until that is whole. */
export const logOf = (out: string): string => `${out.replace(/\/+$/, "")}.verdicts.jsonl`;

/** Refuses a directory that is there, before anything is paid for. */
export const checkOut = (out: string, overwrite: boolean): Effect.Effect<void, DatasetError> =>
  Fs.existsSync(out) && !overwrite
    ? Effect.fail(
        new DatasetError({
          path: out,
          reason: "it is there already.",
          remedy: "Name another directory by --out, or replace it by --overwrite.",
        }),
      )
    : Effect.void;

/** Removes the log of a command that has written its directory. */
export const forget = (out: string): Effect.Effect<void> =>
  Effect.sync(() => Fs.rmSync(logOf(out), { force: true }));

/** A line of progress, a few times a second. */
const progress = Effect.gen(function* () {
  const line = ProgressLine.make();
  const began = yield* Clock.currentTimeMillis;
  let from: number | null = null;
  let drawn = 0;
  return Effect.fnUntraced(function* (done: number, total: number) {
    from ??= done;
    const now = yield* Clock.currentTimeMillis;
    const last = done === total;
    if (now - drawn < 200 && !last) return;
    drawn = now;
    const rate = (done - from) / Math.max(0.001, (now - began) / 1000);
    const left = rate > 0 && !last ? `, ${duration((total - done) / rate)} left` : "";
    line.draw(
      `${Screen.bar(total === 0 ? 1 : done / total)} ${done}/${total} programs, ${rate.toFixed(1)}/s${left}`,
      last,
    );
  });
});

/** Opens the sandboxes that the programs need, and runs those that the log has no answer for. */
export const run = Effect.fn("Verification.run")(function* (request: Request, options: Options) {
  const { source, jobs } = request;
  const tasks = [...new Set(jobs.map(({ task }) => task))].map((at) => source.tasks.at(at));
  const layer = SandboxFor.layer(new Set(tasks.map(({ language }) => language)), {
    slots: Option.getOrElse(options.slots, () => Slots.byDefault(0)),
    javascript: SandboxFor.javascriptFor("quickjs", tasks),
    onProgress: Screen.say,
  });
  return yield* Effect.gen(function* () {
    const sandbox = yield* Sandbox;
    const head = {
      dataset: request.dataset,
      sandbox: sandbox.identity,
      options: { ...request.decides, counts: options.counts },
    };
    const log = yield* VerdictLog.open(logOf(options.out), head, options);
    let stop = false;
    yield* Signals.onFirst(
      Effect.sync(() => {
        stop = true;
        Screen.say("Stopping once what runs has ended; Ctrl-C again to end at once.");
      }),
    );
    const verify: Verify.Verify<SandboxUnavailable> = (task, program) =>
      sandbox.verify(task, program).pipe(
        Effect.map((verdict) => ({ verdict })),
        Effect.catchTag("SandboxFault", ({ reason }) => Effect.succeed({ fault: reason })),
      );
    const ran = yield* Verify.run(source, jobs, verify, log, {
      limit: Option.getOrNull(options.limit),
      counts: options.counts,
      concurrency: sandbox.parallelism,
      stop: () => stop,
      onProgress: yield* progress,
    });
    if (ran.stopped) {
      Screen.say(`Stopped: ${log.spent()} verifications are kept. Go on with the same command and --resume.`);
    }
    return {
      answers: log.answers,
      spent: log.spent(),
      leftOpen: log.leftOpen,
      stopped: ran.stopped,
      sandbox: sandbox.identity,
    };
  }).pipe(Effect.provide(layer), Effect.scoped);
});
