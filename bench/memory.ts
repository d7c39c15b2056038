/**
 * Predicted and measured memory of training steps: each case runs in a process of its own, which says how large it
 * was at the most (VmHWM in /proc/self/status, Linux only). The figure is the worst of predicted by measured (ours).
 *
 * Options: --model DIR, --case N for one case alone.
 */
import { spawnSync } from "node:child_process";
import * as Fs from "node:fs";
import * as Path from "node:path";
import { parseArgs } from "node:util";
import * as Memory from "../src/tensor/Memory.ts";
import * as Training from "./Training.ts";

const cases: ReadonlyArray<readonly [Training.Mode, ...Array<string>]> = [
  ["small"],
  ["lora"],
  ["lora", "--dtype", "bf16"],
  ["heads"],
  ["full"],
  ["full", "--recompute"],
  ["full", "--time", "512", "--microBatch", "1"],
  ["full", "--time", "512", "--microBatch", "1", "--recompute"],
  ["full", "--time", "512", "--microBatch", "2", "--recompute"],
];
const STEPS = 3;

interface Measured {
  readonly predicted: number;
  readonly measured: number;
  /** Resident before the session was opened. */
  readonly before: number;
  readonly secondsPerStep: number;
}

const resident = (key: "VmRSS" | "VmHWM"): number => {
  const found = new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(Fs.readFileSync("/proc/self/status", "utf8"));
  if (found === null) throw new Error(`/proc/self/status says nothing of ${key}: this bench needs Linux.`);
  return Number(found[1]) * 1024;
};

const measure = async (mode: Training.Mode, args: ReadonlyArray<string>): Promise<Measured> => {
  const { graph, open, weights } = await Training.record(Training.options(mode, args));
  const mapped = [...(weights?.tensors.values() ?? [])].reduce(
    (sum, { dtype, shape }) => sum + (dtype === "F32" ? 4 : 2) * shape.reduce((a, b) => a * b, 1),
    0,
  );
  const programs = [...graph.programs.values()];
  const predicted = Math.max(Memory.opening(graph, mapped), Memory.running(graph, programs));
  const before = resident("VmRSS");
  const step = open();
  step();
  const start = performance.now();
  for (let i = 1; i < STEPS; i++) step();
  const secondsPerStep = (performance.now() - start) / 1000 / (STEPS - 1);
  return { predicted, measured: resident("VmHWM"), before, secondsPerStep };
};

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      case: { type: "string" },
      inside: { type: "boolean", default: false },
      model: { type: "string", default: "policies/smollm2-135m" },
    },
  });
  const model = ["--model", values.model];
  if (values.inside) {
    const [mode, ...rest] = cases[Number(values.case)] ?? ["small"];
    console.log(JSON.stringify(await measure(mode, [...rest, ...model])));
    process.exit(0);
  }
  let worst = 1;
  const chosen = values.case === undefined ? cases.keys() : [Number(values.case)];
  for (const index of chosen) {
    const script = Path.join(import.meta.dirname, "..", "bin", "bench.mjs");
    const child = spawnSync(
      process.execPath,
      [script, "memory", "--inside", "--case", String(index), ...model],
      { encoding: "utf8" },
    );
    const line = child.stdout.trim().split("\n").at(-1) ?? "";
    if (child.status !== 0) throw new Error(`${cases[index]?.join(" ")}: ${child.stderr.slice(-2000)}`);
    const { predicted, measured, before, secondsPerStep }: Measured = JSON.parse(line);
    const mb = (bytes: number): string => (bytes / 1e6).toFixed(0).padStart(6);
    const ratio = predicted / measured;
    console.error(
      `${(cases[index]?.join(" ") ?? "").padEnd(48)} predicted ${mb(predicted)} MB, measured ${mb(measured)} MB (${mb(measured - before)} more than before), ratio ${ratio.toFixed(2)}; ${secondsPerStep.toFixed(2)} s a step`,
    );
    if (Math.abs(Math.log(ratio)) > Math.abs(Math.log(worst))) worst = ratio;
  }
  return { ours: worst, peer: 1, unit: "predicted / measured" };
};
