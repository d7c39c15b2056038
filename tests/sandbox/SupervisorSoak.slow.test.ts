/** A thousand runs on one slot leave it as they found it: processes, descriptors, /tmp, memory. */
import { readdirSync } from "node:fs";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Docker from "../../src/sandbox/docker/Docker.ts";
import * as DockerSlot from "../../src/sandbox/docker/DockerSlot.ts";
import type * as Protocol from "../../src/sandbox/docker/Protocol.ts";
import * as SandboxImage from "../../src/sandbox/docker/SandboxImage.ts";
import * as Frames from "../../src/sandbox/judge/Frames.ts";
import * as WithDocker from "./support/WithDocker.ts";

const MIB = 1024 * 1024;
const RUNS = 1000;
const docker = Docker.connect();
const limits = { cpuSeconds: 0.2, wallSeconds: 10, memoryBytes: 128 * MIB, outputBytes: 4096 };
const base = { launch: "python", entry: "f", limits } as const;

/** Programs of every way to end, by each kind of request. */
const programs = [
  "def f(x): return x",
  "def f(x): raise ValueError(x)",
  "import os\ndef f(x): os._exit(3)",
  "import os\nopen('/tmp/left', 'w').write('x' * 1000)\nos.mkdir('/tmp/d')\ndef f(x): return x",
  "def f(x):\n    while True: print('x' * 1000)",
  "import threading, time\ndef f(x):\n    for _ in range(5): threading.Thread(target=time.sleep, args=(9,)).start()\n    return x",
  "import os\ndef f(x): return [os.pipe() for _ in range(500)]",
  "import ctypes\ndef f(x): ctypes.CDLL(None).ptrace(0, 0, 0, 0)",
  "x = (",
  "def f(x):\n    while True: pass",
];
const work = (run: number): Protocol.Work =>
  run % 3 === 0
    ? { kind: "call", calls: [[1]] }
    : run % 3 === 1
      ? { kind: "assert", setup: "", asserts: ["assert f(1) == 1"] }
      : { kind: "stdio", inputs: ["a", "b"] };

/** Descriptors of a process of the container; undefined where this user may not look. */
const descriptors = (pid: number): number | undefined => {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
};

describe.skipIf(WithDocker.skip)("a slot after a thousand runs", () => {
  for (const namespaces of [true, false]) {
    it.live(
      `is as before, ${namespaces ? "with" : "without"} namespaces`,
      () =>
        Effect.gen(function* () {
          const image = yield* SandboxImage.ensure("python");
          const slot = yield* DockerSlot.open({
            docker,
            image,
            seccomp: SandboxImage.seccompProfile("python"),
            memoryBytes: 512 * MIB,
            isolation: { namespaces },
          });
          const container = docker.getContainer(slot.id);
          const state = Effect.promise(async () => {
            const { Processes } = (await container.top()) as { Processes: Array<Array<string>> };
            const pids = Processes.map((row) => Number(row[1]));
            const { memory_stats } = await container.stats({ stream: false });
            return { pids, descriptors: pids.map(descriptors), memory: memory_stats.usage };
          });
          const once = (run: number) =>
            slot.run({ ...base, ...work(run), program: programs[run % programs.length] ?? "" });
          for (let run = 0; run < 30; run++) yield* once(run);
          const before = yield* state;
          for (let run = 0; run < RUNS; run++) yield* once(run);
          const after = yield* state;
          assert.deepStrictEqual(after.pids, before.pids);
          assert.deepStrictEqual(after.descriptors, before.descriptors);
          console.log(
            `memory ${(before.memory / MIB).toFixed(1)} -> ${(after.memory / MIB).toFixed(1)} MiB, descriptors ${after.descriptors.join(" ")}`,
          );
          assert.isBelow(after.memory, before.memory + 16 * MIB);
          const left = "import os\ndef f(x): return os.listdir('/tmp')";
          const seen = yield* slot.run({ ...base, kind: "call", calls: [[1]], program: left });
          assert.deepStrictEqual(Frames.parse(seen.answers)?.messages[1], { r: [] });
        }).pipe(Effect.scoped),
      900_000,
    );
  }
});
