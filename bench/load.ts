/**
 * From SmolLM2-135M's policy directory (float32 safetensors, in the file cache) to its first token: tokenizer,
 * weights, programs, prefill and one decoding step, 1/s. Every round is a new process on both sides; the time to
 * start it and to load libraries (Node, TensorFlow; Python, torch, transformers) is printed and not counted.
 * Options: --dtype f32|bf16, --threads N (2), --rounds N (5), --model DIR, --no-peer.
 */
import { spawnSync } from "node:child_process";
import * as Path from "node:path";
import * as Decoding from "./Decoding.ts";
import * as Peer from "./Peer.ts";

const PROMPT = "def add(a, b):\n    return a + b\n\n\n".repeat(8);

export default async (args: ReadonlyArray<string>) => {
  const { model, dtype, threads, rounds, peer } = Decoding.options(args, { batch: 1, maxNew: 1 });
  const ours = (): number => {
    const script = Path.join(import.meta.dirname, "LoadOnce.ts");
    const child = spawnSync(
      process.execPath,
      ["--no-warnings", "--import", "tsx", script, model, dtype, String(threads), PROMPT],
      { encoding: "utf8" },
    );
    if (child.status !== 0) throw new Error(`the opening failed: ${child.stderr.trim()}`);
    const { opened, first, whole } = JSON.parse(child.stdout) as Record<"opened" | "first" | "whole", number>;
    console.error(
      `ours: open ${opened.toFixed(2)} s, first token at ${first.toFixed(2)} s, the process ${whole.toFixed(2)} s`,
    );
    return 1 / first;
  };
  const start = () => Peer.open("load", ["--model", model, "--dtype", dtype, "--threads", String(threads)]);
  const theirs = async (): Promise<number> => {
    const started = performance.now();
    const python = await start();
    if (python === null) throw new Error("the peer does not start any more");
    const rate = await python.round({ prompt: PROMPT });
    const whole = (performance.now() - started) / 1000;
    console.error(`peer: first token at ${(1 / rate).toFixed(2)} s, the process ${whole.toFixed(2)} s`);
    python.close();
    return rate;
  };
  ours();
  const first = peer ? await start() : null;
  first?.close();
  return {
    ...(await Peer.interleave(rounds, ours, first === null ? null : theirs)),
    unit: "openings/s",
  };
};
