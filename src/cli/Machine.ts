/** What decides how fast this machine is: its processor's instructions, its matrix products, its memory, its GPU. */
import { execFile } from "node:child_process";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Executor from "../tensor/Executor.ts";
import { Graph } from "../tensor/Graph.ts";

export interface Cpu {
  readonly model: string;
  readonly cores: number;
  /** Instructions that matrix products gain from, the narrowest first. Empty where they cannot be told. */
  readonly instructions: ReadonlyArray<string>;
}

/** Flags of /proc/cpuinfo (x86), and on ARM of its Features. */
const INSTRUCTIONS: ReadonlyArray<readonly [flag: string, name: string]> = [
  ["avx2", "AVX2"],
  ["asimd", "NEON"],
  ["avx512f", "AVX-512"],
  ["sve", "SVE"],
  ["avx512_bf16", "AVX-512 bf16"],
  ["bf16", "bf16"],
  ["amx_bf16", "AMX bf16"],
];

/** Reads the text of /proc/cpuinfo. */
export const parseCpu = (cpuinfo: string): Cpu => {
  const field = (name: string): string =>
    new RegExp(`^${name}\\s*: (.*)$`, "m").exec(cpuinfo)?.[1]?.trim() ?? "";
  const flags = new Set(`${field("flags")} ${field("Features")}`.split(/\s+/));
  return {
    model: field("model name") || "unknown processor",
    cores: Os.availableParallelism(),
    instructions: INSTRUCTIONS.filter(([flag]) => flags.has(flag)).map(([, name]) => name),
  };
};

export const cpu = Effect.sync((): Cpu => {
  try {
    return parseCpu(Fs.readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    return {
      model: Os.cpus()[0]?.model ?? "unknown processor",
      cores: Os.availableParallelism(),
      instructions: [],
    };
  }
});

/** Names and memory of the NVIDIA GPUs whose driver answers. */
export const gpus = Effect.callback<ReadonlyArray<string>>((resume) => {
  const args = ["--query-gpu=name,memory.total", "--format=csv,noheader"];
  execFile("nvidia-smi", args, { timeout: 15_000 }, (error, stdout) => {
    const lines = stdout.split("\n").filter((line) => line.trim() !== "");
    resume(Effect.succeed(error === null ? lines : []));
  });
});

const SIDE = 1024;
/** Products in one run, so that calling it costs nothing beside them. */
const PRODUCTS = 2;

/** GFLOP/s of products of 1024 x 1024 matrices on WebAssembly, the best of three runs; tensor/Speed measures native ones. */
export const wasmProducts = Effect.acquireUseRelease(
  Effect.promise(async () => {
    const g = new Graph();
    // Rows of 1 / SIDE: a product of these is one again, however many there are.
    const a = g.variable("a", [SIDE, SIDE]);
    let product = a;
    for (let i = 0; i < PRODUCTS; i++) product = g.matMul(product, a);
    g.program("products", { fetches: { largest: g.max(product, [0, 1]) } });
    const executor = await Executor.load("wasm");
    return executor.open(g, () => new Float32Array(SIDE * SIDE).fill(1 / SIDE));
  }),
  Effect.fnUntraced(function* (session) {
    let best = 0;
    for (let i = 0; i < 4; i++) {
      const start = yield* Clock.currentTimeNanos;
      session.run("products", {});
      const nanoseconds = Number((yield* Clock.currentTimeNanos) - start);
      // The first run makes what the others use again.
      if (i > 0) best = Math.max(best, (PRODUCTS * 2 * SIDE ** 3) / nanoseconds);
    }
    return best;
  }),
  (session) => Effect.sync(() => session.dispose()),
);
