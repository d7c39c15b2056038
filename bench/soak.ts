/**
 * A soak of the Docker sandbox: thousands of programs, a quarter of them hostile, and then what is left behind.
 *
 *   npm run bench soak -- [--programs 20000] [--slots 4] [--language python] [--every 500]
 *
 * Prints a line every so many programs, so that an interrupted soak says something too. Fails where a verdict was
 * wrong, a program was not judged, or anything was left: containers, volumes, zombies, descriptors, memory.
 */
import * as Fs from "node:fs";
import { parseArgs } from "node:util";
import type Dockerode from "dockerode";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import * as SandboxMetrics from "../src/domain/SandboxMetrics.ts";
import type { Limits, Task } from "../src/domain/Task.ts";
import type { Outcome } from "../src/domain/Verdict.ts";
import * as Random from "../src/random/Random.ts";
import * as Docker from "../src/sandbox/docker/Docker.ts";
import { all, type DockerLanguage } from "../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../src/sandbox/docker/SandboxDocker.ts";

interface Sample {
  readonly task: Task;
  readonly program: string;
  readonly expected: ReadonlyArray<Outcome>;
}

const limits: Limits = { cpuSeconds: 0.3, wallSeconds: 10, memoryBytes: 128 << 20, outputBytes: 16_384 };
const pythonTask: Task = {
  id: "soak",
  source: "soak",
  split: "test",
  language: "python",
  statement: "",
  entryPoint: "f",
  limits,
  tests: { kind: "call", visible: 0, cases: [{ args: [2], expected: 4 }] },
};

/** Hostile programs in Python beside the self-test's own attacks. */
const hostilePython: ReadonlyArray<readonly [program: string, ...expected: ReadonlyArray<Outcome>]> = [
  ["import os\nos._exit(0)", "RuntimeError"],
  [
    "import os\ndef f(x):\n    for fd in range(256):\n        try: os.write(fd, b'\\xff' * 64)\n        except OSError: pass\n    return 4",
    "Malformed",
    "RuntimeError",
    "OutputLimit",
    "WrongAnswer",
  ],
  ["def f(x):\n    a = []\n    while True: a.append('x' * 1000000)", "OutOfMemory"],
  [
    "import os\ndef f(x):\n    n = 0\n    while True:\n        open('/tmp/%d' % n, 'w').write('x' * 4096); n += 1",
    "RuntimeError",
    "TimedOut",
  ],
  ["import os\ndef f(x):\n    fds = []\n    while True: fds.append(os.open('/dev/null', 0))", "RuntimeError"],
  [
    "import threading\ndef f(x):\n    while True: threading.Thread(target=threading.Event().wait).start()",
    "RuntimeError",
    "TimedOut",
    "OutOfMemory",
  ],
  ["def f(x): return f(x)", "RuntimeError"],
  ["import time\ndef f(x):\n    while True: pass", "TimedOut"],
  ["import os\ndef f(x):\n    while True: os.write(1, b'x' * 65536)", "OutputLimit"],
  ["import ctypes\ndef f(x): return ctypes.CDLL(None).syscall(165, 0, 0, 0, 0, 0)", "Forbidden"],
  ["import ctypes\ndef f(x): return ctypes.string_at(0)", "RuntimeError"],
  [
    "import sys, gc\ndef f(x):\n    for o in gc.get_objects():\n        if isinstance(o, dict): o.clear()\n    return 4",
    "RuntimeError",
    "Passed",
    "WrongAnswer",
    "Malformed",
  ],
];

const samplesOf = (
  of: DockerLanguage,
): { readonly honest: ReadonlyArray<Sample>; readonly hostile: ReadonlyArray<Sample> } => {
  const probes = of.selfTest.map(
    ({ task, program, expected }): Sample => ({ task, program, expected: [expected] }),
  );
  const honest = probes.filter(({ expected }) => ["Passed", "WrongAnswer"].includes(expected[0] ?? ""));
  const own = probes.filter(({ expected }) => !["Passed", "WrongAnswer"].includes(expected[0] ?? ""));
  const more =
    of.language === "python"
      ? hostilePython.map(([program, ...expected]): Sample => ({ task: pythonTask, program, expected }))
      : [];
  return { honest, hostile: [...own, ...more] };
};

/** What the machine holds of ours, and what this process holds. */
const left = async (docker: Dockerode, runId: string) => {
  const containers = await docker.listContainers({ all: true, filters: { label: [`drydock.run=${runId}`] } });
  const { Volumes } = await docker.listVolumes();
  const zombies = Fs.readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return / Z \d+ /.test(Fs.readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/, ""));
    } catch {
      return false;
    }
  });
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    containers: containers.length,
    volumes: Volumes?.length ?? 0,
    zombies: zombies.length,
    descriptors: Fs.readdirSync("/proc/self/fd").length,
    rssMb: Math.round(rss / 1e6),
    heapMb: Math.round(heapUsed / 1e6),
  };
};

interface Settings {
  readonly row: DockerLanguage;
  readonly programs: number;
  readonly slots: number;
  readonly every: number;
}

const soak = Effect.fnUntraced(function* ({ row, programs, slots, every }: Settings) {
  const docker = Docker.connect();
  const runId = `soak-${process.pid}`;
  const { honest, hostile } = samplesOf(row);
  const random = Random.make(1);
  const before = yield* Effect.promise(() => left(docker, runId));
  console.log("before", JSON.stringify(before));
  const wrong = new Map<string, number>();
  let faults = 0;
  let done = 0;
  let took = 0;
  yield* Effect.gen(function* () {
    const sandbox = yield* SandboxDocker.make(row, { slots, runId });
    const began = yield* Clock.currentTimeMillis;
    yield* Effect.addFinalizer(() =>
      Effect.map(Clock.currentTimeMillis, (now) => void (took = (now - began) / 1000)),
    );
    const pick = (n: number): Sample => {
      const from = n % 4 === 3 ? hostile : honest;
      return from[random.int(from.length)];
    };
    yield* Effect.forEach(
      Array.from({ length: programs }, (_, n) => pick(n)),
      Effect.fnUntraced(function* ({ task, program, expected }) {
        const exit = yield* Effect.result(sandbox.verify(task, program));
        if (exit._tag === "Failure") {
          faults += 1;
          console.log(`not judged: ${exit.failure.reason}`);
        } else if (!expected.includes(exit.success.outcome)) {
          const key = `${JSON.stringify(program.slice(0, 100))}: ${exit.success.outcome} instead of ${expected.join(" or ")}`;
          if (!wrong.has(key)) console.log(key);
          wrong.set(key, (wrong.get(key) ?? 0) + 1);
        }
        done += 1;
        if (done % every > 0) return;
        const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000;
        const now = yield* Effect.promise(() => left(docker, runId));
        const metrics = yield* sandbox.metrics;
        console.log(
          `${done} programs, ${(done / seconds).toFixed(1)}/s; ${SandboxMetrics.describe(metrics)}; ${JSON.stringify(now)}`,
        );
      }),
      { concurrency: slots, discard: true },
    );
  }).pipe(Effect.scoped);
  // Containers' ends are reaped by whoever inherits them, in its own time.
  const after = yield* Effect.repeat(
    Effect.promise(() => left(docker, runId)),
    {
      until: ({ zombies, containers }) => zombies <= before.zombies && containers === 0,
      schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ duration: "60 seconds" })),
    },
  );
  console.log("after", JSON.stringify(after));
  for (const [what, times] of wrong) console.log(`wrong ${times} times: ${what}`);
  const clean =
    after.containers === 0 &&
    after.volumes <= before.volumes &&
    after.zombies <= before.zombies &&
    // A kept-alive connection or two to the engine.
    after.descriptors <= before.descriptors + 8 &&
    after.rssMb <= before.rssMb + 200;
  console.log(
    `${done} programs: ${[...wrong.values()].reduce((sum, n) => sum + n, 0)} wrong verdicts, ${faults} not judged, ${clean ? "nothing left behind" : "SOMETHING LEFT BEHIND"}`,
  );
  return { perSecond: done / took, clean: wrong.size === 0 && faults === 0 && clean };
});

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      programs: { type: "string", default: "20000" },
      slots: { type: "string", default: "4" },
      language: { type: "string", default: "python" },
      every: { type: "string", default: "500" },
    },
  });
  const row = all.find(({ language }) => language === values.language);
  if (row === undefined) {
    throw new Error(
      `--language ${values.language}: one of ${all.map(({ language }) => language).join(", ")}`,
    );
  }
  const number = (name: "programs" | "slots" | "every"): number => {
    const n = Number(values[name]);
    if (!(Number.isInteger(n) && n > 0))
      throw new Error(`--${name} ${values[name]}: a whole number of 1 or more`);
    return n;
  };
  const settings = { row, programs: number("programs"), slots: number("slots"), every: number("every") };
  const { perSecond, clean } = await Effect.runPromise(soak(settings));
  if (!clean) throw new Error("the soak failed; its lines above say where");
  return { ours: perSecond, peer: null, unit: "programs/s" };
};
