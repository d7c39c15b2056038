/**
 * Verified programs a second: the shipped problems' reference solutions (datasets/js-compose, made by our own
 * generator) in QuickJS with 2 workers, beside isolated-vm with 2 threads and an isolate a program. Where isolated-vm
 * is not installed in the folder that DRYDOCK_ISOLATED_VM names, the reference is Node's vm, which is no sandbox.
 * Options: --programs N a round (600), --rounds N (5), --workers N (2), --asserts (assert-style tests), --no-peer.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { Task } from "../src/domain/Task.ts";
import * as SandboxQuickJs from "../src/sandbox/quickjs/SandboxQuickJs.ts";
import * as Peer from "./Peer.ts";

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Task));

const shipped = (): ReadonlyArray<Task> =>
  gunzipSync(readFileSync(new URL("../datasets/js-compose/tasks.jsonl.gz", import.meta.url)))
    .toString()
    .trim()
    .split("\n")
    .map((line) => decode(line));

/** The same problem with its cases as one assert-style test. */
const asAsserts = (task: Task): Task => {
  if (task.tests.kind !== "call") return task;
  const lines = task.tests.cases.map(
    ({ args, expected }) =>
      `assert.deepStrictEqual(${task.entryPoint}(...${JSON.stringify(args)}), ${JSON.stringify(expected)});`,
  );
  const test = `const assert = require("node:assert");\n${lines.join("\n")}`;
  return { ...task, tests: { kind: "assert", setup: "", asserts: [test] } };
};

/** Threads of bench/peers/isolates.mjs; a round is a list of tasks, shared out. */
const openPeer = (workers: number): ((tasks: ReadonlyArray<Task>) => Promise<number>) => {
  const isolatedVm = process.env["DRYDOCK_ISOLATED_VM"] ?? null;
  console.error(
    isolatedVm === null
      ? "peer: Node's vm (no sandbox; DRYDOCK_ISOLATED_VM is not set)"
      : "peer: isolated-vm",
  );
  const threads = Array.from(
    { length: workers },
    () => new Worker(new URL("./peers/isolates.mjs", import.meta.url), { workerData: { isolatedVm } }),
  );
  return async (tasks) => {
    const counts = await Promise.all(
      threads.map(
        (thread, index) =>
          new Promise<number>((resolve, reject) => {
            thread.once("message", resolve);
            thread.once("error", reject);
            thread.postMessage(tasks.filter((_, at) => at % workers === index));
          }),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  };
};

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      programs: { type: "string", default: "600" },
      rounds: { type: "string", default: "5" },
      workers: { type: "string", default: "2" },
      asserts: { type: "boolean", default: false },
      "no-peer": { type: "boolean", default: false },
    },
  });
  const [programs, workers] = [Number(values.programs), Number(values.workers)];
  const calls = shipped().slice(0, programs);
  const tasks = values.asserts ? calls.map(asAsserts) : calls;
  console.error(`${tasks.length} programs, ${workers} workers on ${availableParallelism()} cores`);
  const rate = async (run: () => Promise<number>): Promise<number> => {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const passed = await run();
    const seconds = (performance.now() - start) / 1000;
    if (passed !== tasks.length) throw new Error(`${passed} of ${tasks.length} reference solutions passed`);
    const { user, system } = process.cpuUsage(cpu);
    console.error(`  ${Math.round((1e6 * tasks.length) / (user + system))} programs per CPU second`);
    return tasks.length / seconds;
  };
  const measured = Effect.gen(function* () {
    const sandbox = yield* SandboxQuickJs.make({ workers });
    const ours = (): Promise<number> =>
      Effect.runPromise(
        Effect.map(
          Effect.forEach(tasks, (task) => sandbox.verify(task, task.reference ?? ""), {
            concurrency: 2 * workers,
          }),
          (verdicts) => verdicts.filter(({ outcome }) => outcome === "Passed").length,
        ),
      );
    const peer = values["no-peer"] ? null : openPeer(workers);
    yield* Effect.promise(ours);
    if (peer !== null) yield* Effect.promise(() => peer(calls));
    return yield* Effect.promise(() =>
      Peer.interleave(
        Number(values.rounds),
        () => rate(ours),
        peer === null ? null : () => rate(() => peer(calls)),
      ),
    );
  });
  return { ...(await Effect.runPromise(Effect.scoped(measured))), unit: "programs/s" };
};
