/** `drydock select RUN`: ranks a run's checkpoints without spending a verification. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Schema from "effect/Schema";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import { Compute } from "../compute/Compute.ts";
import * as ComputeWorker from "../compute/ComputeWorker.ts";
import { needsHeads, type OfflineStage, type OnlineStage, type RunConfig } from "../config/RunConfig.ts";
import * as Prompt from "../dataset/Prompt.ts";
import type { Agreement } from "../domain/RankAgreement.ts";
import * as PolicyFiles from "../model/directory/Policy.ts";
import * as Contenders from "../orchestrator/Contenders.ts";
import * as Prepare from "../orchestrator/Prepare.ts";
import * as Ranking from "../orchestrator/Ranking.ts";
import * as Report from "../orchestrator/Report.ts";
import * as Run from "../orchestrator/Run.ts";
import * as ValidationLog from "../stages/ValidationLog.ts";
import * as RunDirectory from "../store/RunDirectory.ts";
import * as RunReader from "../store/RunReader.ts";
import * as Backend from "./Backend.ts";
import { json, percent, print, table } from "./Output.ts";
import { root } from "./RunsRoot.ts";
import * as Screen from "./Screen.ts";

/** A run whose checkpoints cannot be ranked. */
export class SelectError extends Schema.TaggedError<SelectError>()("SelectError", {
  reason: Schema.String,
  remedy: Schema.String,
}) {}

interface Selection {
  readonly run: string;
  /** The judged programs that were scored, and who wrote them; null where there is no log. */
  readonly log: { readonly file: string; readonly programs: number; readonly writer: string | null } | null;
  readonly rows: ReadonlyArray<Ranking.Row>;
  readonly agreement: Readonly<Record<Ranking.Judge, Agreement>>;
  /** Which estimates are left out, and why. */
  readonly leftOut: ReadonlyArray<string>;
}

/** What a run has on disk for this; nothing is written and no lock is taken. */
const read = Effect.fnUntraced(function* (directory: string) {
  const holder = yield* RunDirectory.holder(directory);
  if (holder !== null) {
    return yield* new SelectError({
      reason: `${directory} is being run by process ${holder.pid}: its checkpoints come and go`,
      remedy: "wait for its end (`drydock watch` follows it), or stop it",
    });
  }
  const reader = yield* RunReader.open(directory);
  return { records: yield* reader.checkpoints, events: yield* Report.readAll(reader) };
}, Effect.scoped);

/** Stages that leave a log: online ones first, whose programs are closer to what most checkpoints write. */
const guarded = ({ stages }: RunConfig): ReadonlyArray<readonly [number, OnlineStage | OfflineStage]> =>
  (["online", "offline"] as const).flatMap((kind) =>
    stages.flatMap(
      (stage, index): ReadonlyArray<readonly [number, OnlineStage | OfflineStage]> =>
        stage.kind === kind && stage.validation !== null ? [[index, stage]] : [],
    ),
  );

/** The log of the stage that is asked for, or of the first one that left one; null where there is none. */
const readLog = Effect.fnUntraced(function* (
  directory: string,
  config: RunConfig,
  label: Option.Option<string>,
) {
  const stages = guarded(config).filter(
    ([, stage]) => Option.getOrElse(label, () => stage.label) === stage.label,
  );
  if (Option.isSome(label) && stages.length === 0) {
    const labels = guarded(config).map(([, stage]) => stage.label);
    return yield* new SelectError({
      reason: `the run has no stage ${JSON.stringify(label.value)} with a guard ("validation")`,
      remedy: labels.length === 0 ? "leave --stage out" : `give one of: ${labels.join(", ")}`,
    });
  }
  for (const [index, stage] of stages) {
    const file = ValidationLog.file(index, stage.label);
    const path = Path.join(directory, file);
    if (!Fs.existsSync(path)) continue;
    const programs = yield* Effect.try({
      try: () => ValidationLog.parse(Fs.readFileSync(path, "utf8")),
      catch: (error) =>
        new SelectError({
          reason: `${path} is no log of validation programs: ${error instanceof Error ? error.message : String(error)}`,
          remedy: "restore it from a copy, or remove it to rank by the critic's values alone",
        }),
    });
    return { file, programs, index };
  }
  return null;
});

type Log = Effect.Success<ReturnType<typeof readLog>>;

/** What cannot be estimated, and why. */
const leftOutOf = (log: Log, heads: boolean, contenders: ReadonlyArray<Contenders.Contender>) => {
  const out: Array<string> = [];
  if (log === null) {
    out.push(
      "importance, doubly robust, log-prob: the run has no log of validation programs; a stage with a guard (validation) writes one at its start",
    );
  } else if (log.programs.some(({ logProb }) => logProb === null)) {
    out.push(
      `importance, doubly robust: the programs of ${log.file} were sampled at temperature ${log.programs[0]?.temperature}, and their probabilities are known at 1 only (evaluation.temperature)`,
    );
  }
  const untrained = contenders.filter(({ critic }) => !critic).map(({ id }) => id);
  if (!heads)
    out.push("V, doubly robust: the policy has no value heads; a training such as cql or iql gives it some");
  else if (untrained.length > 0)
    out.push(`V, doubly robust of ${untrained.join(", ")}: nothing had trained the value heads yet`);
  return out;
};

const judgeNames: Readonly<Record<Ranking.Judge, string>> = {
  direct: "V of the prompts",
  doublyRobust: "doubly robust",
  importance: "importance",
  passLogProb: "log-prob of passes",
};

const within = (of: Ranking.Estimate | null): string =>
  of === null ? "-" : `${percent(of.estimate)} (${percent(of.interval[0])} – ${percent(of.interval[1])})`;
const digits = (of: number | null, count = 2): string => (of === null ? "-" : of.toFixed(count));

const best = (rows: ReadonlyArray<Ranking.Row>, of: (row: Ranking.Row) => number | null): string => {
  const known = rows.flatMap((row) => {
    const figure = of(row);
    return figure === null ? [] : [{ row, figure }];
  });
  return known.length === 0 ? "-" : known.reduce((a, b) => (b.figure > a.figure ? b : a)).row.checkpoint;
};

const render = ({ run, log, rows, agreement, leftOut }: Selection): string => {
  const judges = Object.entries(judgeNames) as ReadonlyArray<readonly [Ranking.Judge, string]>;
  return [
    `${run}: ${rows.length} checkpoints${log === null ? "" : `, ${log.programs} judged programs (${log.file}, written by ${log.writer ?? "a checkpoint that is gone"})`}`,
    table(
      ["checkpoint", "where", "V", "doubly robust", "importance", "weight", "ESS", "log-prob", "measured"],
      rows.map((row) => [
        row.wroteLog ? `${row.checkpoint} *` : row.checkpoint,
        row.where,
        percent(row.direct?.estimate ?? null),
        within(row.doublyRobust),
        within(row.importance),
        digits(row.meanWeight),
        digits(row.effectiveSampleSize, 0),
        digits(row.passLogProb),
        percent(row.measured),
      ]),
    ),
    ...(rows.some(({ wroteLog }) => wroteLog)
      ? ["* wrote the log: its importance figure is its own measurement; it is left out below"]
      : []),
    table(
      ["ranked by", "compared", "Spearman", "Kendall", "regret@1", "best"],
      [
        ...judges.map(([judge, name]) => {
          const { count, spearman, kendall, regretAt1 } = agreement[judge];
          return [
            name,
            String(count),
            digits(spearman),
            digits(kendall),
            percent(regretAt1),
            best(rows, (row) => Ranking.figure(row, judge)),
          ];
        }),
        ["measured", "", "", "", "", best(rows, ({ measured }) => measured)],
      ],
    ),
    ...leftOut.map((text) => `Left out: ${text}.`),
  ].join("\n");
};

export const select = Command.make(
  "select",
  {
    run: Argument.String("run").pipe(Argument.withDescription("A run's id or directory, or `latest`")),
    stage: Flag.String("stage").pipe(
      Flag.withDescription(
        "Stage whose log is used; default: the first online one that left one, else the first offline one",
      ),
      Flag.optional,
    ),
    clip: Flag.Finite("clip").pipe(
      Flag.filter(
        (x) => x > 0,
        () => "a number above 0",
      ),
      Flag.withDescription("Largest importance weight of a program"),
      Flag.withDefault(10),
    ),
    selfNormalised: Flag.Boolean("self-normalised").pipe(
      Flag.withDescription(
        "Divide by the mean weight: less variance, but blind to programs that the log lacks",
      ),
      Flag.withDefault(false),
    ),
    root,
    json,
  },
  Effect.fn(function* (options) {
    const directory = yield* RunDirectory.find(options.run, options.root);
    const { records, events } = yield* read(directory);
    const config = yield* RunDirectory.readConfig(directory);
    const files = yield* PolicyFiles.read(config.policy.path, {
      weights: config.policy.init === "random" ? "optional" : "required",
    });
    const shipped = config.policy.init === "weights" && files.heads !== null;
    const contenders = yield* Contenders.list(config, records, events, shipped);
    if (contenders.length === 0) {
      return yield* new SelectError({
        reason: `${directory} holds no checkpoints`,
        remedy: 'run it with "keepCheckpoints": "all"; a run that only evaluates makes none',
      });
    }
    const log = yield* readLog(directory, config, options.stage);
    const heads = shipped || needsHeads(config);
    const leftOut = leftOutOf(log, heads, contenders);
    if (log === null && !contenders.some(({ critic }) => critic)) {
      return yield* new SelectError({
        reason: `nothing in ${directory} says how good its checkpoints are. Left out: ${leftOut.join("; ")}`,
        remedy: "train value heads, or give a stage a guard",
      });
    }
    const loaded = yield* Prepare.load(config);
    const prompts = new Map(
      Prepare.splits(config, loaded.tasks).validation.map((task) => [
        task.id,
        Prompt.render(config.policy.prompt, task, loaded.shots),
      ]),
    );
    const gone = log?.programs.find(({ taskId }) => !prompts.has(taskId));
    if (gone !== undefined) {
      return yield* new SelectError({
        reason: `${log?.file ?? ""} has programs for ${gone.taskId}, which is no validation task of the run's dataset now`,
        remedy: "restore the dataset that the run was made with",
      });
    }
    const writer = log === null ? null : Contenders.startOf(records, log.index);
    yield* Backend.prepare(config.compute.backend);
    const compute = yield* Compute;
    // Nothing trains here: what a checkpoint holds for that is not read.
    yield* compute.open({ ...Run.openSpec(config), trainings: [] });
    const rows = yield* Ranking.rank({
      contenders,
      seed: config.seed,
      prompts,
      maxPromptTokens: config.compute.maxPromptTokens,
      log: log?.programs ?? [],
      writer,
      clip: options.clip,
      selfNormalised: options.selfNormalised,
      onProgress: (done) =>
        Effect.sync(() =>
          Screen.say(`Scoring ${contenders[done]?.id ?? ""} (${done + 1} of ${contenders.length}) …`),
        ),
    });
    const selection: Selection = {
      run: directory,
      log: log === null ? null : { file: log.file, programs: log.programs.length, writer },
      rows,
      agreement: Ranking.agreement(rows),
      leftOut,
    };
    yield* print(options.json, selection, render);
  }, Effect.provide(ComputeWorker.layer)),
).pipe(
  Command.withDescription("Rank a run's checkpoints without spending verifications"),
  Command.withExamples([
    { command: "drydock select latest", description: "The newest run, beside what it measured itself" },
    { command: "drydock select runs/ID --clip 3 --json", description: "Smaller weights, as JSON" },
  ]),
);
