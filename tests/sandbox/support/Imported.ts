/** Tasks of the shared data folder as `drydock data import` makes them, with programs whose verdict is known. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import type { Attempt } from "../../../src/domain/Attempt.ts";
import type { Task } from "../../../src/domain/Task.ts";
import * as Dataset from "../../../src/dataset/Dataset.ts";
import * as Format from "../../../src/dataset/import/Format.ts";
import * as Import from "../../../src/dataset/import/Import.ts";
import { BOUNDS } from "../../../src/dataset/import/Source.ts";
import * as References from "../../../src/sandbox/docker/References.ts";
import * as Problems from "./Problems.ts";
import * as Requirements from "../../support/Requirements.ts";

export interface Imported {
  readonly tasks: ReadonlyArray<Task>;
  readonly attempts: ReadonlyArray<Attempt>;
}

const NONE: Imported = { tasks: [], attempts: [] };

export interface Options {
  /** Of another import: the tasks of these attempts. */
  readonly tasks?: ReadonlyArray<string>;
  /** Which of the file's lines; with it the file is copied first. */
  readonly where?: (line: string, index: number) => boolean;
}

const write = Effect.fnUntraced(function* (
  out: string,
  format: string,
  paths: ReadonlyArray<string>,
  tasks: string | undefined,
) {
  const { passes, reasoning } = Format.OPTIONS;
  const answers = yield* Effect.cached(
    Effect.provideService(
      References.open(() => undefined),
      Scope.Scope,
      yield* Effect.scope,
    ),
  );
  yield* Import.run(
    {
      format,
      paths,
      out,
      // Attempts that are empty, which a sandbox would not pass, are no records of a dataset.
      onError: tasks === undefined ? "stop" : "skip",
      resume: false,
      overwrite: false,
      formatOptions: { passes, reasoning },
      bounds: BOUNDS,
      commitEvery: { records: 1000, bytes: 1 << 24 },
      command: "import",
      version: "test",
      ...(tasks === undefined ? {} : { tasks }),
    },
    {
      syntax: () => undefined,
      onProgress: () => Effect.void,
      answer: ({ task }) =>
        Effect.flatMap(answers, (ask) => Effect.map(ask(task), (given) => Format.answered(task, given))),
    },
  );
});

/** Imports a file or folder of the shared data; nothing where it is absent. */
export const load = async (
  format: string,
  path: ReadonlyArray<string>,
  options: Options = {},
): Promise<Imported> => {
  const [found, base] = [Requirements.sharedData(...path), options.tasks];
  if (found === undefined) return NONE;
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-imported-"));
  try {
    const [out, tasks] = [Path.join(directory, "out"), Path.join(directory, "tasks")];
    const file = options.where === undefined ? found : sample(directory, path, options.where);
    return await Effect.runPromise(
      Effect.gen(function* () {
        if (base !== undefined) {
          const [baseFormat = "", ...basePath] = base;
          yield* write(tasks, baseFormat, [Requirements.sharedData(...basePath) ?? ""], undefined);
        }
        yield* write(out, format, [file], base === undefined ? undefined : tasks);
        return yield* Dataset.load(out);
      }).pipe(Effect.scoped),
    );
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true });
  }
};

const sample = (
  directory: string,
  path: ReadonlyArray<string>,
  where: NonNullable<Options["where"]>,
): string => {
  const file = Path.join(directory, "sample.jsonl");
  Fs.writeFileSync(
    file,
    Problems.lines(...path)
      .filter(where)
      .join("\n"),
  );
  return file;
};

/** The tasks with their references, and the failing attempt where there is one. */
export const problems = ({ tasks, attempts }: Imported): ReadonlyArray<Problems.Problem> => {
  const buggy = new Map(attempts.map(({ taskId, program }) => [taskId, program]));
  return tasks.map((task) => {
    const program = buggy.get(task.id);
    return { task, reference: task.reference ?? "", ...(program === undefined ? {} : { buggy: program }) };
  });
};
