/** Runs a program for the set-up, with a deadline, and says in one line why it failed. */
import * as ChildProcess from "node:child_process";

export interface Outcome {
  readonly ok: boolean;
  /** Standard output and error together, in order of arrival. */
  readonly output: string;
  /** The last line that says something, or why the program could not run. */
  readonly why: string;
}

export interface Options {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMillis: number;
  /** Show the program's own progress on this terminal instead of collecting it. */
  readonly show?: boolean;
  /** Asked every second; a string ends the program with that reason. */
  readonly giveUp?: (elapsedMillis: number) => string | undefined;
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1)?.trim() ?? "";

export const run = (program: string, args: ReadonlyArray<string>, options: Options): Promise<Outcome> =>
  new Promise((resolve) => {
    const show = options.show === true;
    const child = ChildProcess.spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      // Its own process group, so that a deadline also ends what it started.
      detached: true,
      stdio: ["ignore", show ? process.stderr : "pipe", show ? process.stderr : "pipe"],
    });
    let output = "";
    let stopped: string | undefined;
    let elapsed = 0;
    const collect = (chunk: Buffer) => {
      output += chunk.toString("utf8");
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    const stop = (reason: string) => {
      stopped ??= reason;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        child.kill("SIGKILL");
      }
    };
    const timer = setInterval(() => {
      elapsed += 1000;
      const reason = options.giveUp?.(elapsed);
      if (reason !== undefined) stop(reason);
      else if (elapsed >= options.timeoutMillis) stop(`no result after ${options.timeoutMillis / 1000} s`);
    }, 1000);
    const onExit = () => stop("interrupted");
    process.once("exit", onExit);
    let done = false;
    const finish = (ok: boolean, why: string) => {
      if (done) return;
      done = true;
      clearInterval(timer);
      process.removeListener("exit", onExit);
      resolve({ ok, output, why: stopped ?? why });
    };
    child.once("error", (error: NodeJS.ErrnoException) =>
      finish(false, error.code === "ENOENT" ? `${program} is not installed` : error.message),
    );
    child.once("close", (code) =>
      finish(code === 0, lastLine(output) || `${program} ended with status ${code}`),
    );
  });

/** The first of these programs that answers `--version`. */
export const firstThatRuns = async (programs: ReadonlyArray<string>): Promise<string | undefined> => {
  for (const program of programs) {
    if ((await run(program, ["--version"], { timeoutMillis: 10_000 })).ok) return program;
  }
  return undefined;
};
