/**
 * Makes a large dataset and says of each command that changes one how long it takes and how much memory it has.
 *
 * The dataset is made outside the repository and removed after it: Python problems of one-line statements with programs of
 * some 200 characters, of ten of a task one a repeat. Memory is what the kernel says of the command's process (Linux only): its
 * own (RssAnon, sampled), and all of it, with the pages of mapped files, which the system takes back where it needs
 * them (VmHWM).
 *
 * Options: --tasks N (default 20000), --attempts N (default 10 a task), --order task|model (a task's attempts one after
 * another, or all tasks' first attempts, then all second ones …), --only NAME,NAME, --directory DIR (default: the
 * system's temporary directory), --dataset DIR (one that is there, in place of one that is made), --heap MIB (V8's limit,
 * to see whether a command gets by with it).
 */
import { spawn } from "node:child_process";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { parseArgs } from "node:util";
import * as Effect from "effect/Effect";
import * as DatasetWriter from "../src/dataset/DatasetWriter.ts";
import type { Attempt } from "../src/domain/Attempt.ts";
import type { Task } from "../src/domain/Task.ts";
import * as Random from "../src/random/Random.ts";

const root = Path.resolve(import.meta.dirname, "..");

const WORDS =
  "sum list number string count largest smallest even odd prime square reverse sorted common element index given return tuple remove first last digit product".split(
    " ",
  );

const taskOf = (number: number): Task => {
  const random = Random.make(1).split(number);
  const words = Array.from({ length: 12 }, () => random.pick(WORDS)).join(" ");
  return {
    id: `bench/train/${String(number).padStart(7, "0")}`,
    source: "bench",
    split: random.chance(0.9) ? "train" : "test",
    language: "python",
    statement: `Write a function to find the ${words} ${number % 1000}.`,
    entryPoint: "solve",
    tests: { kind: "call", cases: [{ args: [number], expected: number + 1 }], visible: 0 },
  };
};

const programOf = (random: Random.Random): string => {
  const [a, b, c] = [random.pick(WORDS), random.pick(WORDS), random.pick(WORDS)];
  // Six numbers: of ten programs of a task, some are equal.
  const lines = Array.from({ length: 3 }, () => `    ${b} = ${b} * ${random.int(4)} + len(${a})`);
  return `def solve(${a}):\n    ${b}, ${c} = 0, []\n${lines.join("\n")}\n    for item in ${a}:\n        if item > ${random.int(1000)}:\n            ${c}.append(item)\n    return ${b} + sum(${c})\n`;
};

const attemptOf = (taskId: string, task: number, sample: number): Attempt => {
  const random = Random.make(2).split(`${task}/${sample > 0 && sample % 6 === 0 ? 0 : sample}`);
  const program = programOf(random);
  const passed = random.chance(0.4);
  return {
    taskId,
    program,
    origin: `model-${sample % 8}`,
    outcome: passed ? "Passed" : "WrongAnswer",
    testsPassed: passed ? 1 : 0,
    testsTotal: 1,
    labelSource: "dataset",
  };
};

const generate = (directory: string, tasks: number, attempts: number, byTask: boolean) =>
  Effect.gen(function* () {
    const writer = yield* DatasetWriter.make(directory, { resume: false, overwrite: false });
    const ids: Array<string> = [];
    for (let number = 0; number < tasks; number++) {
      const task = taskOf(number);
      ids.push(task.id);
      yield* writer.task(task);
    }
    const samples = Math.ceil(attempts / tasks);
    for (let number = 0; number < attempts; number++) {
      const task = byTask ? Math.floor(number / samples) : number % tasks;
      const sample = byTask ? number % samples : Math.floor(number / tasks);
      yield* writer.attempt(attemptOf(ids[task], task, sample));
    }
    yield* writer.finish({
      name: "bench",
      version: "1",
      source: "generated",
      licence: "Apache-2.0",
      made: [],
    });
  }).pipe(Effect.scoped);

const COMMANDS: Readonly<Record<string, ReadonlyArray<string>>> = {
  balance: ["balance", "IN", "--out", "OUT", "--cap", "4"],
  split: ["split", "IN", "--out", "OUT"],
  exact: ["dedupe", "IN", "--out", "OUT", "--level", "exact"],
  normalised: ["dedupe", "IN", "--out", "OUT"],
  "near-tasks": ["dedupe", "IN", "--out", "OUT", "--level", "near", "--of", "tasks"],
  near: ["dedupe", "IN", "--out", "OUT", "--level", "near"],
  contamination: ["contamination", "IN", "IN", "--no-fail"],
  mix: ["mix", "IN", "IN", "--weights", "1,1", "--out", "OUT"],
  mutants: ["augment", "IN", "--out", "OUT", "--kinds", "mutants", "--per-task", "2", "--no-verify"],
  statements: ["augment", "IN", "--out", "OUT", "--kinds", "statements", "--per-task", "1", "--no-verify"],
  stats: ["stats", "IN"],
  export: ["export", "IN", "--out", "OUT"],
};

/** A figure of /proc/PID/status in bytes; 0 once the process is gone. */
const memory = (pid: number, key: "RssAnon" | "VmHWM"): number => {
  try {
    const status = Fs.readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
};

const EVERY_MS = 100;

const measure = async (args: ReadonlyArray<string>, heap: string | undefined) => {
  const start = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...(heap === undefined ? [] : [`--max-old-space-size=${heap}`]),
      Path.join(root, "bin", "drydock.mjs"),
      "data",
      ...args,
      "--json",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-4000);
  });
  let [own, all] = [0, 0];
  const timer = setInterval(() => {
    own = Math.max(own, memory(child.pid ?? 0, "RssAnon"));
    all = Math.max(all, memory(child.pid ?? 0, "VmHWM"));
  }, EVERY_MS);
  const code = await new Promise((resolve) => child.on("close", resolve));
  clearInterval(timer);
  return { seconds: (performance.now() - start) / 1000, own, all, failed: code === 0 ? null : said };
};

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      tasks: { type: "string", default: "20000" },
      attempts: { type: "string" },
      order: { type: "string", default: "task" },
      only: { type: "string", default: Object.keys(COMMANDS).join(",") },
      directory: { type: "string", default: Os.tmpdir() },
      dataset: { type: "string" },
      heap: { type: "string" },
    },
  });
  const tasks = Number(values.tasks);
  const attempts = Number(values.attempts ?? 10 * tasks);
  const directory = Fs.mkdtempSync(Path.join(values.directory, "drydock-bench-curate-"));
  let most = 0;
  try {
    const input = values.dataset ?? Path.join(directory, "in");
    if (values.dataset === undefined) {
      await Effect.runPromise(generate(input, tasks, attempts, values.order === "task"));
    }
    const bytes = Fs.readdirSync(input, { recursive: true, encoding: "utf8" }).reduce(
      (sum, name) => sum + Fs.statSync(Path.join(input, name)).size,
      0,
    );
    const what = values.dataset ?? `${tasks} tasks, ${attempts} attempts`;
    console.error(`${what}: ${(bytes / 1e6).toFixed(0)} MB on the disk`);
    for (const name of values.only.split(",")) {
      const command = COMMANDS[name];
      if (command === undefined) throw new Error(`no command ${name}: ${Object.keys(COMMANDS).join(", ")}`);
      const out = Path.join(directory, "out");
      const words = command.map((word) => (word === "IN" ? input : word === "OUT" ? out : word));
      const { seconds, own, all, failed } = await measure(words, values.heap);
      Fs.rmSync(out, { recursive: true, force: true });
      most = Math.max(most, own);
      console.error(
        `${name.padEnd(14)} ${seconds.toFixed(0).padStart(5)} s ${(own / 1e6).toFixed(0).padStart(6)} MB of its own, ${(all / 1e6).toFixed(0)} MB with mapped files${failed === null ? "" : `: FAILED ${failed}`}`,
      );
    }
    return { ours: most / 1e6, peer: null, unit: "MB" };
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true });
  }
};
