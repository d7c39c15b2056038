/** A Python with the libraries that exports are for: the one that DRYDOCK_PYTHON names. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as Requirements from "./Requirements.ts";

const run = promisify(execFile);
const named = process.env["DRYDOCK_PYTHON"];

/** Whether it is there with these modules; prints why where it is not. */
export const has = async (...modules: ReadonlyArray<string>): Promise<boolean> => {
  const tests = `tests beside Python's ${modules.join(", ")}`;
  if (named === undefined || named === "") {
    Requirements.skippedBecause(`${tests}: set DRYDOCK_PYTHON to a Python that has them`);
    return false;
  }
  try {
    const look = `import importlib.util as u, sys; print([m for m in sys.argv[1:] if u.find_spec(m) is None])`;
    const { stdout } = await run(named, ["-c", look, ...modules]);
    if (stdout.trim() === "[]") return true;
    Requirements.skippedBecause(`${tests}: ${named} lacks ${stdout.trim()}`);
  } catch (error) {
    Requirements.skippedBecause(`${tests}: ${error instanceof Error ? error.message.split("\n")[0] : named}`);
  }
  return false;
};

/** Runs a script that prints JSON; its errors are this one's. */
export const json = async (script: string, ...args: ReadonlyArray<string>): Promise<unknown> => {
  const { stdout } = await run(named ?? "python3", [script, ...args], {
    maxBuffer: 1 << 28,
    env: {
      ...process.env,
      HF_HUB_OFFLINE: "1",
      HF_HUB_DISABLE_PROGRESS_BARS: "1",
      TOKENIZERS_PARALLELISM: "0",
    },
  });
  return JSON.parse(stdout) as unknown;
};
