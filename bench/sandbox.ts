/**
 * HumanEval's canonical solutions through the Python sandbox, each with its tests in the checker's own jail, beside
 * openai/human-eval's check_correctness (bench/peers/sandbox.py, in a throw-away container). All 164 must pass.
 *
 * The figure: programs verified per CPU-second. Ours counts this process, the containers and Docker's own processes
 * (where /proc shows them). Programs per second by the wall are printed.
 *
 * Options: --problems FILE (HumanEval.jsonl.gz), --workers N (4: slots here, threads there), --rounds N (5), --no-peer.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import * as Effect from "effect/Effect";
import type { Task } from "../src/domain/Task.ts";
import * as Docker from "../src/sandbox/docker/Docker.ts";
import * as Languages from "../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../src/sandbox/docker/SandboxDocker.ts";
import * as SandboxImage from "../src/sandbox/docker/SandboxImage.ts";
import * as Peer from "./Peer.ts";

const RUN = `bench-${process.pid}`;
const PROBLEMS = join(import.meta.dirname, "../../shared/data/humaneval/HumanEval.jsonl.gz");

interface Row {
  readonly task_id: string;
  readonly prompt: string;
  readonly canonical_solution: string;
  readonly test: string;
  readonly entry_point: string;
}

const problem = (row: Row): { readonly task: Task; readonly program: string } => {
  const program = row.prompt + row.canonical_solution;
  return {
    program,
    task: {
      id: row.task_id,
      source: "humaneval",
      split: "test",
      language: "python",
      statement: "",
      entryPoint: row.entry_point,
      // Some tests call the prompt's helpers (HumanEval/32); the entry point itself is the program's.
      tests: {
        kind: "assert",
        setup: `${program}\n${row.test}`,
        asserts: [`check(${row.entry_point})`],
      },
      limits: { cpuSeconds: 5, wallSeconds: 30, memoryBytes: 384 * 1024 * 1024, outputBytes: 65_536 },
    },
  };
};

/** CPU seconds of the run's containers. */
const containersSeconds = async (): Promise<number> => {
  const docker = Docker.connect();
  const found = await docker.listContainers({ filters: { label: [`drydock.run=${RUN}`] } });
  const stats = await Promise.all(found.map(({ Id }) => docker.getContainer(Id).stats({ stream: false })));
  return stats.reduce((sum, { cpu_stats }) => sum + cpu_stats.cpu_usage.total_usage / 1e9, 0);
};

/** CPU seconds of Docker's own processes; 0 where /proc does not show them. */
const engineSeconds = (): number => {
  let ticks = 0;
  for (const pid of existsSync("/proc") ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : []) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      if (!/\((dockerd|containerd)/.test(stat)) continue;
      const [user, system] = stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .slice(11, 13);
      ticks += Number(user) + Number(system);
    } catch {
      // It has just ended.
    }
  }
  return ticks / 100;
};

const ownSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      problems: { type: "string", default: PROBLEMS },
      workers: { type: "string", default: "4" },
      rounds: { type: "string", default: "5" },
      "no-peer": { type: "boolean", default: false },
    },
  });
  if (!existsSync(values.problems)) {
    throw new Error(`${values.problems} is not there: name OpenAI's HumanEval.jsonl.gz by --problems FILE`);
  }
  const problems = gunzipSync(readFileSync(values.problems))
    .toString()
    .trim()
    .split("\n")
    .map((line) => problem(JSON.parse(line) as Row));
  const workers = Number(values.workers);

  const bench = Effect.gen(function* () {
    // Containers are not replaced, so that their CPU time can be read at the end of a round.
    const options = { slots: workers, runsPerSlot: Number.MAX_SAFE_INTEGER, runId: RUN };
    const sandbox = yield* SandboxDocker.make(Languages.python, options);
    const round = Effect.gen(function* () {
      const verdicts = yield* Effect.forEach(problems, ({ task, program }) => sandbox.verify(task, program), {
        concurrency: workers,
      });
      const failed = verdicts.flatMap((verdict, i) =>
        verdict.outcome === "Passed" ? [] : [`${problems[i]?.task.id} ${verdict.outcome} ${verdict.detail}`],
      );
      if (failed.length > 0) throw new Error(`canonical solutions failed: ${failed.join("; ")}`);
    });
    const context = yield* Effect.context();
    const ours = async (): Promise<number> => {
      const before = [ownSeconds(), await containersSeconds(), engineSeconds()];
      const start = performance.now();
      await Effect.runPromiseWith(context)(round);
      const rate = problems.length / ((performance.now() - start) / 1000);
      const after = [ownSeconds(), await containersSeconds(), engineSeconds()];
      const [own = 0, inside = 0, engine = 0] = after.map(
        (seconds, i) => ((seconds - (before[i] ?? 0)) / problems.length) * 1000,
      );
      console.error(
        `ours: ${rate.toFixed(1)} programs/s; CPU ms a program: containers ${inside.toFixed(2)}, this process ${own.toFixed(2)}, Docker ${engine.toFixed(2)}`,
      );
      return 1000 / (own + inside + engine);
    };
    const image = SandboxImage.tag("python");
    const peerArgs = ["--image", image, "--problems", values.problems, "--workers", values.workers];
    const peer = values["no-peer"] ? null : yield* Effect.promise(() => Peer.open("sandbox", peerArgs));
    yield* Effect.promise(ours); // warm up
    const theirs =
      peer === null
        ? null
        : async (): Promise<number> => {
            const value = await peer.round();
            const wall = await peer.round({ figure: "wall" });
            console.error(
              `peer: ${wall.toFixed(1)} programs/s; CPU ms a program: ${(1000 / value).toFixed(2)}`,
            );
            return value;
          };
    return yield* Effect.promise(() => Peer.interleave(Number(values.rounds), ours, theirs)).pipe(
      Effect.ensuring(Effect.sync(() => peer?.close())),
    );
  });
  return { ...(await Effect.runPromise(Effect.scoped(bench))), unit: "programs/CPU-s" };
};
