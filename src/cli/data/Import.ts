/** `drydock data import FORMAT PATH... --out DIR`: a published dataset as a dataset directory. */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Scope from "effect/Scope";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import type * as Checks from "../../dataset/import/Checks.ts";
import * as Format from "../../dataset/import/Format.ts";
import { FORMATS } from "../../dataset/import/formats/Table.ts";
import * as Import from "../../dataset/import/Import.ts";
import { KINDS } from "../../dataset/import/Problem.ts";
import { BOUNDS } from "../../dataset/import/Source.ts";
import { Language } from "../../domain/Task.ts";
import * as References from "../../sandbox/docker/References.ts";
import * as Syntax from "../../syntax/Syntax.ts";
import * as Inference from "../Inference.ts";
import { duration, json, percent, print, table } from "../Output.ts";
import * as ProgressLine from "../ProgressLine.ts";
import { VERSION } from "../Version.ts";

/** How much is read between two commits: what a killed import does again, and what a commit holds in memory as text. */
const COMMIT = { records: 10_000, bytes: 16 << 20 };

const format = Argument.Literals("format", ["auto", ...FORMATS.map(({ name }) => name)]).pipe(
  Argument.withDescription("The format of the files, or auto: told by the first records"),
);

const flags = {
  out: Flag.String("out").pipe(Flag.withDescription("Dataset directory to write")),
  onError: Flag.Literals("on-error", ["stop", "skip"]).pipe(
    Flag.withDescription("What a record with a fault does: stop the import, or be left out"),
    Flag.withDefault("stop"),
  ),
  resume: Flag.Boolean("resume").pipe(
    Flag.withDescription("Go on with an import that was killed"),
    Flag.withDefault(false),
  ),
  overwrite: Flag.Boolean("overwrite").pipe(
    Flag.withDescription("Replace the directory if it is there, or what a killed import left"),
    Flag.withDefault(false),
  ),
  split: Flag.Literals("split", ["by-source", "train", "validation", "test"]).pipe(
    Flag.withDescription("The split of every task; by-source: as the dataset has it"),
    Flag.withDefault("by-source"),
  ),
  name: Flag.String("name").pipe(Flag.withDescription("Default: the directory's name"), Flag.optional),
  licence: Flag.String("licence").pipe(
    Flag.withDescription("Of the data, where it is not the published one"),
    Flag.optional,
  ),
  limit: Inference.count("limit").pipe(Flag.withDescription("Records read at most"), Flag.optional),
  language: Flag.Literals("language", Language.literals).pipe(
    Flag.withDescription("Keep tasks in this language; may be repeated"),
    Flag.atLeast(0),
  ),
  tasks: Flag.String("tasks").pipe(
    Flag.withDescription("A dataset whose tasks come first; for formats that hold attempts alone"),
    Flag.optional,
  ),
  origin: Flag.String("origin").pipe(
    Flag.withDescription("Who wrote the attempts; default: by the file's name"),
    Flag.optional,
  ),
  passes: Flag.Finite("passes").pipe(
    Flag.withDescription("The least reward of an attempt that passes"),
    Flag.withDefault(Format.OPTIONS.passes),
  ),
  reasoning: Flag.Literals("reasoning", ["none", "think", "prose"]).pipe(
    Flag.withDescription("What of a completion is reasoning: <think> tags, or all text before the program"),
    Flag.withDefault(Format.OPTIONS.reasoning),
  ),
  checkTests: Flag.Boolean("check-tests").pipe(
    Flag.withDescription(
      "Whether tests that do not parse are a fault; --no-check-tests takes them as they are",
    ),
    Flag.withDefault(true),
  ),
  maxTests: Inference.count("max-tests").pipe(
    Flag.withDescription("Characters of a task's tests at most; the largest hidden ones are left out"),
    Flag.optional,
  ),
  maxRecord: Inference.count("max-record").pipe(
    Flag.withDescription("MiB of one record at most"),
    Flag.withDefault(BOUNDS.recordBytes / 2 ** 20),
  ),
  maxUnpacked: Inference.count("max-unpacked").pipe(
    Flag.withDescription("GiB that an archive may unpack to"),
    Flag.withDefault(BOUNDS.unpackedBytes / 2 ** 30),
  ),
  maxRatio: Inference.count("max-ratio").pipe(
    Flag.withDescription("Unpacked bytes for each packed one at most"),
    Flag.withDefault(BOUNDS.unpackedRatio),
  ),
};

/** Whether a test can be compiled, as far as its grammar tells. */
const parsed: Checks.Syntax = (language, source) => {
  const { error } = Syntax.parse(language, source);
  if (error === null) return undefined;
  const found = source.slice(error.at, error.at + 40).split("\n")[0] ?? "";
  return `line ${error.line}, column ${error.column} does not parse: ${JSON.stringify(found)}`;
};

/** A sandbox for formats whose answers it gives; opened when the first is asked for. */
const answering = Effect.gen(function* () {
  const scope = yield* Effect.scope;
  const open = References.open((line) => process.stderr.write(`${line}\n`));
  const opened = yield* Effect.cached(Effect.provideService(open, Scope.Scope, scope));
  return ({ task }: Format.Unanswered) =>
    Effect.flatMap(opened, (answers) => Effect.map(answers(task), (given) => Format.answered(task, given)));
});

/** A line that is drawn a few times a second: how far, how fast, how long still. */
const drawing = Effect.gen(function* () {
  const line = ProgressLine.make();
  const began = yield* Clock.currentTimeMillis;
  let drawn = 0;
  return (progress: Import.Progress) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      if (now - drawn < 200) return;
      drawn = now;
      line.draw(progressText(progress, (now - began) / 1000), false);
    });
});

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** Pure; `seconds` since the beginning. */
export const progressText = (
  { step, file, bytes, bytesRead, records, problems }: Import.Progress,
  seconds: number,
): string => {
  const name = file.split("/").at(-1) ?? file;
  const done = bytes === 0 ? "" : ` ${percent(bytesRead / bytes)} of ${megabytes(bytes)}`;
  if (step === "hashing") return `${name}: checking${done}`;
  const rate = seconds > 1 && bytesRead > 0 ? bytesRead / seconds : 0;
  const left = rate === 0 ? "" : `, ${megabytes(rate)}/s, ${duration((bytes - bytesRead) / rate)} left`;
  return `${name}:${done} ${records} records${problems === 0 ? "" : `, ${problems} with a fault`}${left}`;
};

const order: ReadonlyArray<string> = KINDS;

/** The report for a person. */
export const render = (out: string, report: Import.Report): string => {
  const { format: name, records, tasks, attempts, problems, leftOut, manifest } = report;
  const { train, validation, test } = manifest.splits;
  const lines = [
    `${out}: ${tasks} tasks (${train} train, ${validation} validation, ${test} test) and ${attempts} attempts from ${records} records of ${name}`,
  ];
  const kinds = Object.entries(problems).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  if (kinds.length > 0) {
    lines.push(
      table(
        ["left out for a fault", "count", "the first places"],
        kinds.map(([kind, { count, first }]) => [
          kind,
          String(count),
          first.map(({ place, reason }) => `${place}: ${reason}`).join("\n"),
        ]),
      ),
    );
  }
  if (Object.keys(leftOut).length > 0) {
    lines.push(
      table(
        ["left out, of no use here", "count"],
        Object.entries(leftOut).map(([reason, count]) => [reason, String(count)]),
      ),
    );
  }
  return lines.join("\n");
};

const optional = <Key extends string, A>(key: Key, value: Option.Option<A>) =>
  Option.match(value, { onNone: () => ({}), onSome: (some) => ({ [key]: some }) }) as { [K in Key]?: A };

export const importCommand = Command.make(
  "import",
  { format, paths: Argument.String("path").pipe(Argument.atLeast(1)), ...flags, json },
  Effect.fn(function* (options) {
    const report = yield* Effect.scoped(
      Effect.gen(function* () {
        const syntax = options.checkTests ? parsed : () => undefined;
        const services = { syntax, answer: yield* answering, onProgress: yield* drawing };
        return yield* Import.run(
          {
            format: options.format,
            paths: options.paths,
            out: options.out,
            onError: options.onError,
            resume: options.resume,
            overwrite: options.overwrite,
            ...(options.split === "by-source" ? {} : { split: options.split }),
            ...optional("name", options.name),
            ...optional("licence", options.licence),
            ...optional("limit", options.limit),
            ...(options.language.length === 0 ? {} : { languages: options.language }),
            ...optional("tasks", options.tasks),
            ...optional("origin", options.origin),
            formatOptions: {
              passes: options.passes,
              reasoning: options.reasoning,
              ...optional("testBytes", options.maxTests),
            },
            bounds: {
              recordBytes: options.maxRecord * 2 ** 20,
              unpackedBytes: options.maxUnpacked * 2 ** 30,
              unpackedRatio: options.maxRatio,
            },
            commitEvery: COMMIT,
            command: `import ${options.format}`,
            version: VERSION,
          },
          services,
        );
      }),
    );
    yield* print(options.json, report, (value) => render(options.out, value));
  }),
).pipe(
  Command.withDescription("Import a published dataset: its tasks with tests, and labelled attempts"),
  Command.withExamples([
    {
      command: "drydock data import humaneval HumanEval.jsonl.gz --out datasets/humaneval",
      description: "HumanEval as it is released",
    },
    {
      command:
        "drydock data import evalplus-results mbpp-llama3.json --tasks datasets/mbpp --out datasets/mbpp-llama3",
      description: "A model's attempts with their labels, at the tasks of another dataset",
    },
    {
      command: "drydock data import auto shards/ --on-error skip --split train --out datasets/mine",
      description: "All files below a folder; records with a fault are counted and left out",
    },
  ]),
);
