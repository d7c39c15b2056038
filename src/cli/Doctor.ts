/** `drydock doctor`: what this machine has, and what to do about what is missing. */
import * as Os from "node:os";
import * as Path from "node:path";
import * as Room from "../model/files/Room.ts";
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import packageJson from "../../package.json" with { type: "json" };
import * as Manifest from "../dataset/Manifest.ts";
import * as PolicyFiles from "../model/directory/Policy.ts";
import * as Diagnosis from "../sandbox/docker/Diagnosis.ts";
import * as Languages from "../sandbox/docker/Languages.ts";
import type { DockerLanguage } from "../sandbox/docker/Languages.ts";
import * as SandboxImage from "../sandbox/docker/SandboxImage.ts";
import * as Executor from "../tensor/Executor.ts";
import * as MemoryLimit from "../tensor/MemoryLimit.ts";
import * as Speed from "../tensor/Speed.ts";
import * as Binding from "../tensor/native/Binding.ts";
import * as NativeStore from "../tensor/native/NativeStore.ts";
import type * as Setup from "../tensor/native/Setup.ts";
import * as Backend from "./Backend.ts";
import { ROOT } from "./Configs.ts";
import * as Machine from "./Machine.ts";
import { json, print } from "./Output.ts";

export interface Check {
  readonly what: string;
  /** `limited`: works, but slower or not for everything. */
  readonly state: "ok" | "limited" | "missing";
  readonly found: string;
  /** What to do about it; empty where nothing is to be done. */
  readonly remedy: string;
  /** What was measured or counted, by name with its unit. */
  readonly figures?: { readonly [name: string]: number };
}

const GIB = 2 ** 30;
const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;

/** Whether a version is at least what `>=A.B.C` asks. */
export const satisfies = (version: string, range: string): boolean => {
  const parts = (text: string): ReadonlyArray<number> => (text.match(/\d+/g) ?? []).map(Number);
  const [found, needed] = [parts(version), parts(range)];
  const at = needed.findIndex((n, i) => n !== (found[i] ?? 0));
  return at < 0 || (found[at] ?? 0) > (needed[at] ?? 0);
};

const node: Check = {
  what: "Node",
  state: satisfies(process.version, packageJson.engines.node) ? "ok" : "missing",
  found: process.version,
  remedy: satisfies(process.version, packageJson.engines.node)
    ? ""
    : `install Node ${packageJson.engines.node}`,
};

const backendName = { gpu: "native TensorFlow on the GPU", cpu: "native TensorFlow", wasm: "WebAssembly" };

const tensors = (found: Setup.Result): Check => {
  const cores = Os.availableParallelism();
  const threads = found.kind === "wasm" ? Executor.wasmThreads() : Binding.threads();
  const few = found.kind === "cpu" && threads < cores;
  const better = [
    ...(found.betterBy === undefined ? [] : [`for a faster one: ${found.betterBy}`]),
    ...(few ? [`TF_NUM_INTRAOP_THREADS is ${threads}: unset it to use all ${cores} cores`] : []),
  ];
  return {
    what: "tensors",
    state: found.kind === "wasm" || few ? "limited" : "ok",
    found: `${backendName[found.kind]} (${found.reason}); ${threads} threads`,
    remedy: better.join("; "),
    figures: { threads, cores },
  };
};

/** A doctor goes on with what it can look at. */
const unmeasured = (defect: unknown): ReadonlyArray<Check> => [
  {
    what: "matrix products",
    state: "limited",
    found: `cannot be measured: ${defect instanceof Error ? defect.message : String(defect)}`,
    remedy: "`npm run setup` prepares the backend again",
  },
];

/** How fast the backend multiplies matrices, and how fast the memory feeds it. */
const speed = Effect.fnUntraced(
  function* (found: Setup.Result): Effect.fn.Return<ReadonlyArray<Check>> {
    const what = "matrix products";
    if (found.kind === "wasm") {
      const float32 = yield* Machine.wasmProducts;
      const figures = { float32GigaflopPerSecond: float32 };
      return [{ what, state: "ok", found: `${float32.toFixed(0)} GFLOP/s in float32`, remedy: "", figures }];
    }
    const { float32, bfloat16, bandwidth } = Speed.measure(Binding.load(found.kind));
    return [
      {
        what,
        state: "ok",
        found: `${float32.toFixed(0)} GFLOP/s in float32, ${bfloat16.toFixed(0)} in bfloat16`,
        remedy:
          bfloat16 > 1.2 * float32
            ? "bfloat16 is faster here: --dtype bfloat16, or policy.frozenType in a configuration"
            : "",
        figures: { float32GigaflopPerSecond: float32, bfloat16GigaflopPerSecond: bfloat16 },
      },
      {
        what: "memory bandwidth",
        state: "ok",
        found: `${bandwidth.toFixed(0)} GB/s: it bounds writing one sample at a time, which reads every weight for each token`,
        remedy: "",
        figures: { gigabytesPerSecond: bandwidth },
      },
    ];
  },
  Effect.catchDefect((defect) => Effect.succeed(unmeasured(defect))),
);

const processor = Effect.map(Machine.cpu, ({ model, cores, instructions }): Check => {
  const wide = instructions.some((name) => name === "AVX-512" || name === "SVE");
  const half = instructions.some((name) => name.includes("bf16"));
  const lacks = [
    ...(wide ? [] : ["AVX-512 (wider products)"]),
    ...(half ? [] : ["bf16 instructions (bfloat16 saves memory here, not time)"]),
  ];
  return {
    what: "processor",
    state: "ok",
    found: `${model}, ${cores} cores; ${instructions.length === 0 ? "instructions unknown" : instructions.join(", ")}`,
    remedy:
      instructions.length === 0 || lacks.length === 0 ? "" : `one with ${lacks.join(" and ")} is faster`,
    figures: { cores },
  };
});

const gpu = Effect.fnUntraced(function* (found: Setup.Result) {
  const names = yield* Machine.gpus;
  const unused = names.length > 0 && found.kind !== "gpu";
  return {
    what: "GPU",
    state: unused ? "limited" : "ok",
    found: names.length === 0 ? "none that an NVIDIA driver knows; not needed" : names.join("; "),
    remedy: unused
      ? `it is not used: ${found.reason}${found.betterBy === undefined ? "" : `; ${found.betterBy}`}`
      : "",
    figures: { gpus: names.length },
  } satisfies Check;
});

/** What a language's programs get in Docker here. Without its image nothing can be tried, and a look builds none. */
const inDocker = Effect.fnUntraced(function* (row: DockerLanguage): Effect.fn.Return<Check> {
  const what = `Docker (${row.language})`;
  const { image, built, isolation, rungs } = yield* Diagnosis.language(row, { all: false });
  if (!built) {
    const remedy = `built at first use, or now: npx drydock sandbox build ${row.language}`;
    return { what, state: "limited", found: `image ${image} not built yet`, remedy };
  }
  if (isolation !== null) {
    return { what, state: "ok", found: `image ${image}, isolation ${isolation}`, remedy: "" };
  }
  const reasons = rungs.map(({ name, reason }) => `${name}: ${reason ?? ""}`).join("; ");
  const remedy = "`npx drydock sandbox doctor` says more";
  return { what, state: "missing", found: `image ${image}; no isolation holds: ${reasons}`, remedy };
});

const docker = Effect.gen(function* (): Effect.fn.Return<ReadonlyArray<Check>> {
  const engine = yield* Effect.result(Diagnosis.engine);
  if (engine._tag === "Failure") {
    const { reason: found, remedy } = SandboxImage.noDocker("python", engine.failure.reason);
    return [{ what: "Docker (tasks that are not JavaScript)", state: "missing", found, remedy }];
  }
  const { version, cgroup, runtime } = engine.success;
  const found = `Docker ${version}, cgroup ${cgroup}, runtime ${runtime}`;
  return [
    { what: "Docker", state: "ok", found, remedy: "" },
    ...(yield* Effect.forEach(Languages.all, inDocker, { concurrency: "unbounded" })),
  ];
});

const memory = (): Check => {
  const enough = MemoryLimit.limit() >= 4 * GIB;
  return {
    what: "memory",
    state: enough ? "ok" : "limited",
    found: `${gib(MemoryLimit.limit())}, ${gib(Os.freemem())} free`,
    remedy: enough ? "" : "the embedded default needs about 2 GiB, SmolLM2-135M with LoRA about 6 GiB",
  };
};

const NEEDED = 2 * GIB;

/** Free space where a path is or would be made. */
const disk = (what: string, path: string): Check => {
  const { bytes, at } = Room.free(path);
  const enough = bytes >= NEEDED;
  return {
    what: `disk of ${what}`,
    state: enough ? "ok" : "limited",
    found: `${gib(bytes)} free in ${at}`,
    remedy: enough ? "" : `free some space: ${gib(NEEDED)} are a comfortable amount`,
  };
};

const shipped = (
  what: string,
  holds: Effect.Effect<string, { readonly path: string; readonly reason: string }>,
): Effect.Effect<Check> =>
  holds.pipe(
    Effect.map((found): Check => ({ what, state: "ok", found, remedy: "" })),
    Effect.catch(({ path, reason }) =>
      Effect.succeed<Check>({
        what,
        state: "missing",
        found: `${path}: ${reason}`,
        remedy: "it ships with the repository: `git status` shows what is missing; clone it again",
      }),
    ),
  );

const policy = PolicyFiles.read(Path.join(ROOT, "policies", "js-compose")).pipe(
  Effect.map(({ card, config }) => `${card.name}: ${config.num_hidden_layers} × ${config.hidden_size}`),
);
const dataset = Manifest.read(Path.join(ROOT, "datasets", "js-compose")).pipe(
  Effect.map(({ name, splits }) => `${name}: ${splits.train} training and ${splits.test} held-out problems`),
);

export const doctor = Command.make(
  "doctor",
  { json },
  Effect.fn(function* (options) {
    const looked = yield* Backend.look;
    const checks: ReadonlyArray<Check> = [
      node,
      tensors(looked),
      ...(yield* speed(looked)),
      yield* processor,
      yield* gpu(looked),
      ...(yield* docker),
      memory(),
      disk("run directories", "runs"),
      disk("the TensorFlow cache", NativeStore.cacheRoot()),
      yield* shipped("shipped policy", policy),
      yield* shipped("shipped dataset", dataset),
    ];
    yield* print(options.json, checks, (list) =>
      list
        .map(({ what, state, found, remedy }) =>
          [`${state.padEnd(8)} ${what}: ${found}`, ...(remedy === "" ? [] : [`         ${remedy}`])].join(
            "\n",
          ),
        )
        .join("\n"),
    );
  }),
).pipe(
  Command.withDescription("What this machine has, and what to do about what is missing"),
  Command.withExamples([{ command: "drydock doctor --json", description: "As JSON" }]),
);
