/** The real binary as a child process, and a tiny run for it: policy, dataset directory and configuration on disk. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Dataset from "../../src/dataset/Dataset.ts";
import * as TinyRun from "../orchestrator/TinyRun.ts";

const repository = Path.resolve(import.meta.dirname, "../..");

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  /** Settles once stderr or stdout holds a match; rejects where the process ends without one. */
  readonly until: (text: RegExp) => Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
}

export interface Options {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const started = new Set<ChildProcessWithoutNullStreams>();

/** Starts `drydock ARGS`. */
export const start = (args: ReadonlyArray<string>, options: Options = {}): Running => {
  const child = spawn(process.execPath, [Path.join(repository, "bin", "drydock.mjs"), ...args], {
    cwd: options.cwd ?? repository,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
  });
  started.add(child);
  let stdout = "";
  let stderr = "";
  const looks = new Set<() => void>();
  const grow = (): void => {
    for (const look of looks) look();
  };
  child.stdout.on("data", (bytes: Buffer) => {
    stdout += bytes.toString();
    grow();
  });
  child.stderr.on("data", (bytes: Buffer) => {
    stderr += bytes.toString();
    grow();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => {
      started.delete(child);
      resolve({ code, signal, stdout, stderr });
    });
  });
  const until = (text: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = text.exec(stderr) ?? text.exec(stdout);
        if (found === null) return;
        looks.delete(look);
        resolve(found);
      };
      looks.add(look);
      void ended.then(({ code }) =>
        reject(new Error(`ended with ${code} before ${String(text)}\n${stdout}\n${stderr}`)),
      );
      look();
    });
  return { child, until, ended };
};

/** Runs `drydock ARGS` to its end. */
export const run = (args: ReadonlyArray<string>, options: Options = {}): Promise<Ended> =>
  start(args, options).ended;

/** A new directory, and what ends its processes and removes it. */
export const workplace = (): { readonly directory: string; readonly remove: () => void } => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-cli-"));
  return {
    directory,
    remove: () => {
      for (const child of started) child.kill("SIGKILL");
      Fs.rmSync(directory, { recursive: true, force: true });
    },
  };
};

/** Writes a tiny run's dataset, policy and configuration into `directory`; the configuration's file. */
export const tinyRun = (directory: string, change: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const { tasks, attempts } = TinyRun.loaded;
      const dataset = Path.join(directory, "dataset");
      yield* Dataset.save(dataset, { tasks, attempts }, undefined, {
        name: "tiny",
        version: "1",
        source: "test",
        licence: "none",
        gzip: false,
      });
      const config = yield* TinyRun.configure(directory, {
        dataset: { kind: "drydock", path: dataset },
        ...change,
      });
      const file = Path.join(directory, "tiny.json");
      Fs.writeFileSync(file, JSON.stringify(config, null, 2));
      return file;
    }),
  );
