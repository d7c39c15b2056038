/**
 * Imports a large JSON-lines file and says how fast, and how much memory the importing process had at the most.
 *
 * The file is made outside the repository, of the rows of a real sample (CodeContests' 60, `--sample`) with a name of
 * its own for each, and is removed after it. Memory is what the kernel says of the child (VmRSS sampled, VmHWM at the end; Linux only).
 *
 * Options: --gigabytes N (default 0.2), --sample FILE, --directory DIR (default: the system's temporary directory).
 */
import { spawn } from "node:child_process";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { parseArgs } from "node:util";

const root = Path.resolve(import.meta.dirname, "..");

/** Writes rows of the sample again and again, each with its own name; how many. */
const generate = async (path: string, bytes: number, sample: string): Promise<number> => {
  const rows = Fs.readFileSync(sample, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly name: string });
  const file = Fs.createWriteStream(path, { highWaterMark: 4 << 20 });
  let [written, count] = [0, 0];
  while (written < bytes) {
    const lines = rows
      .map((row) => `${JSON.stringify({ ...row, name: `${row.name}_${count++}` })}\n`)
      .join("");
    written += Buffer.byteLength(lines);
    if (!file.write(lines)) await new Promise<void>((resolve) => void file.once("drain", () => resolve()));
  }
  await new Promise<void>((resolve) => file.end(() => resolve()));
  return count;
};

/** A figure of /proc/PID/status in bytes; undefined once the process is gone. */
const memory = (pid: number, key: "VmRSS" | "VmHWM"): number | undefined => {
  try {
    const found = new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(
      Fs.readFileSync(`/proc/${pid}/status`, "utf8"),
    );
    return found === null ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
};

const EVERY_MS = 250;

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      gigabytes: { type: "string", default: "0.2" },
      sample: { type: "string", default: Path.join(root, "../shared/data/codecontests/sample.jsonl") },
      directory: { type: "string", default: Os.tmpdir() },
    },
  });
  const directory = Fs.mkdtempSync(Path.join(values.directory, "drydock-bench-import-"));
  try {
    const input = Path.join(directory, "large.jsonl");
    const rows = await generate(input, Number(values.gigabytes) * 1e9, values.sample);
    const { size } = Fs.statSync(input);
    console.error(`${rows} rows, ${(size / 1e9).toFixed(2)} GB`);
    const out = Path.join(directory, "out");
    const start = performance.now();
    const child = spawn(
      process.execPath,
      [
        Path.join(root, "bin", "drydock.mjs"),
        "data",
        "import",
        "codecontests",
        input,
        "--out",
        out,
        "--json",
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let said = "";
    child.stdout.on("data", (bytes: Buffer) => {
      said += bytes.toString();
    });
    const sampled: Array<number> = [];
    let peak = 0;
    const timer = setInterval(() => {
      sampled.push(memory(child.pid ?? 0, "VmRSS") ?? 0);
      peak = Math.max(peak, memory(child.pid ?? 0, "VmHWM") ?? 0);
    }, EVERY_MS);
    const code = await new Promise((resolve) => child.on("close", resolve));
    clearInterval(timer);
    if (code !== 0) throw new Error(`the import ended with ${String(code)}`);
    const seconds = (performance.now() - start) / 1000;
    const report = JSON.parse(said) as { readonly records: number; readonly tasks: number };
    if (report.records !== rows) throw new Error(`${report.records} records of ${rows}`);
    const written = Fs.readdirSync(out, { recursive: true, encoding: "utf8" }).reduce(
      (sum, name) => sum + Fs.statSync(Path.join(out, name)).size,
      0,
    );
    const middle = sampled.sort((a, b) => a - b)[sampled.length >> 1] ?? 0;
    console.error(
      `${report.tasks} tasks in ${seconds.toFixed(0)} s, ${(written / 1e9).toFixed(2)} GB written; memory: ${(peak / 1e6).toFixed(0)} MB at the most, ${(middle / 1e6).toFixed(0)} MB in the middle of ${sampled.length} samples`,
    );
    return { ours: size / 1e6 / seconds, peer: null, unit: "MB/s" };
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true });
  }
};
