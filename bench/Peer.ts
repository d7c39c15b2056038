/**
 * A peer of a benchmark: a Python program that measures one round whenever it is asked, so that our rounds and its
 * rounds alternate within one run and the machine's noise falls on both.
 *
 * The program (bench/peers/NAME.py) prints {"ready": ...} once, then answers each line on its standard input, a
 * round's settings as JSON, with one line of JSON: {"value": number}. The interpreter is the one that
 * DRYDOCK_PYTHON names, else python3; without what the program imports the bench has no peer and says why.
 */
import { spawn } from "node:child_process";
import * as Path from "node:path";
import { createInterface } from "node:readline";
import { median } from "../src/domain/Numbers.ts";

export interface Peer {
  /** What the program said when it was ready: versions, threads. */
  readonly about: unknown;
  readonly round: (settings?: unknown) => Promise<number>;
  readonly close: () => void;
}

const PYTHON = process.env["DRYDOCK_PYTHON"] ?? "python3";

const field = (line: string, key: string): unknown => {
  const json: unknown = JSON.parse(line);
  return typeof json === "object" && json !== null
    ? (json as Readonly<Record<string, unknown>>)[key]
    : undefined;
};

/** Starts bench/peers/NAME.py; null, with the reason on stderr, where it cannot run here. */
export const open = async (name: string, args: ReadonlyArray<string> = []): Promise<Peer | null> => {
  const script = Path.join(import.meta.dirname, "peers", `${name}.py`);
  const child = spawn(PYTHON, [script, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  const failed = new Promise<null>((resolve) => {
    child.on("error", (error) => {
      complaint = error.message;
      resolve(null);
    });
    child.on("exit", () => resolve(null));
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await Promise.race([lines.next(), failed]);
    if (line === null || line.done === true) {
      throw new Error(`${PYTHON} ${script} ended: ${complaint.trim().split("\n").at(-1) ?? ""}`);
    }
    return line.value;
  };
  try {
    const about = field(await next(), "ready");
    return {
      about,
      round: async (settings = {}) => {
        child.stdin.write(`${JSON.stringify(settings)}\n`);
        const value = field(await next(), "value");
        if (typeof value !== "number") throw new Error(`${script}: a round gave no number`);
        return value;
      },
      close: () => child.kill(),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`no peer: ${reason}\n(set DRYDOCK_PYTHON to a Python that has torch and transformers)`);
    return null;
  }
};

/** Rounds of ours and of the peer in turn; prints each, and gives the medians. Rates: higher is better. */
export const interleave = async (
  rounds: number,
  ours: () => number | Promise<number>,
  peer: (() => number | Promise<number>) | null,
): Promise<{ readonly ours: number; readonly peer: number | null }> => {
  const [mine, theirs]: [Array<number>, Array<number>] = [[], []];
  for (let round = 1; round <= rounds; round++) {
    const own = await ours();
    mine.push(own);
    const other = peer === null ? null : await peer();
    if (other !== null) theirs.push(other);
    const beside = other === null ? "" : `, peer ${other.toPrecision(4)}, ratio ${(own / other).toFixed(2)}`;
    console.error(`round ${round}/${rounds}: ours ${own.toPrecision(4)}${beside}`);
  }
  const spread = (list: ReadonlyArray<number>): string =>
    list.length === 0 ? "" : `${Math.min(...list).toPrecision(4)} to ${Math.max(...list).toPrecision(4)}`;
  console.error(`ours ${spread(mine)}${theirs.length === 0 ? "" : `; peer ${spread(theirs)}`}`);
  return { ours: median(mine), peer: theirs.length === 0 ? null : median(theirs) };
};
