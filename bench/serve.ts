/**
 * Tokens per second that a served policy (`drydock serve`, in a process of its own) gives to eight clients that ask
 * at the same time (ours), beside one client that asks eight times (peer): what continuous batching is worth, HTTP
 * included. Options: --model DIR, --threads N, --dtype float32|bfloat16, --rounds N.
 */
import { spawn } from "node:child_process";
import * as Fs from "node:fs";
import * as Path from "node:path";
import { parseArgs } from "node:util";
import OpenAI from "openai";
import * as Peer from "./Peer.ts";

const CLIENTS = 8;
const TOKENS = 24;

/** The server's address, and what ends it. */
const serve = (args: ReadonlyArray<string>): Promise<{ readonly url: string; readonly close: () => void }> =>
  new Promise((resolve, reject) => {
    const binary = Path.join(import.meta.dirname, "..", "bin", "drydock.mjs");
    const child = spawn(process.execPath, [binary, "serve", ...args, "--port", "0"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (bytes: Buffer) => {
      said += bytes.toString();
      const [, url] = /at (http:\S+\/v1)/.exec(said) ?? [];
      if (url !== undefined) resolve({ url, close: () => child.kill() });
    });
    child.on("exit", () => reject(new Error(said)));
  });

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: "string", default: "policies/smollm2-135m" },
      threads: { type: "string", default: "2" },
      dtype: { type: "string", default: "float32" },
      rounds: { type: "string", default: "5" },
    },
  });
  const { model, threads, dtype, rounds } = values;
  if (!Fs.existsSync(Path.join(model, "config.json"))) {
    throw new Error(
      `${model} is no policy: make it with \`drydock policy import\`, or name another by --model`,
    );
  }
  const server = await serve([model, "--threads", threads, "--dtype", dtype, "--slots", String(CLIENTS)]);
  const client = new OpenAI({ baseURL: server.url, apiKey: "none" });
  const name = (await client.models.list()).data[0].id;
  const ask = async (seed: number): Promise<number> => {
    const { usage } = await client.completions.create({
      model: name,
      prompt: `Problem ${seed}: write a function that adds two numbers.\n`,
      max_tokens: TOKENS,
      temperature: 2,
      stop: ["\u0000"],
      seed,
    });
    return usage?.completion_tokens ?? 0;
  };
  const rate = async (tokens: () => Promise<number>): Promise<number> => {
    const start = performance.now();
    return ((await tokens()) / (performance.now() - start)) * 1000;
  };
  const seeds = Array.from({ length: CLIENTS }, (_, seed) => seed);
  const sum = (list: ReadonlyArray<number>): number => list.reduce((a, b) => a + b, 0);
  const together = () => rate(async () => sum(await Promise.all(seeds.map(ask))));
  const inTurn = () =>
    rate(async () => {
      let tokens = 0;
      for (const seed of seeds) tokens += await ask(seed);
      return tokens;
    });
  try {
    await together();
    return { ...(await Peer.interleave(Number(rounds), together, inTurn)), unit: "tokens/s" };
  } finally {
    server.close();
  }
};
