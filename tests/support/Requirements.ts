/**
 * What some tests need and not every machine has. Ask when a test file is collected:
 *
 *     describe.skipIf(!(await Requirements.docker()))("...", ...)
 *
 * A missing one skips the tests, and `npm test` prints why, once. With DRYDOCK_REQUIRE_DOCKER=1 a missing Docker
 * engine is an error instead.
 */
import { execFile } from "node:child_process";
import * as Fs from "node:fs";
import * as Path from "node:path";
import { promisify } from "node:util";
import * as NativeStore from "../../src/tensor/native/NativeStore.ts";

const said = new Set<string>();

/** Tells bin/test.mjs (through a file), or this terminal, why tests are skipped. */
export const skippedBecause = (reason: string): void => {
  if (said.has(reason)) return;
  said.add(reason);
  const file = process.env["DRYDOCK_SKIP_REASONS"];
  if (file === undefined) console.warn(`Skipped: ${reason}`);
  else Fs.appendFileSync(file, `${reason}\n`);
};

const answer = async (): Promise<string | undefined> => {
  try {
    await promisify(execFile)("docker", ["info", "--format", "{{.ServerVersion}}"], { timeout: 15_000 });
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.includes("ENOENT") ? "the docker command is not installed" : "no Docker engine answers";
  }
};

let asked: Promise<string | undefined> | undefined;

/** Whether a Docker engine answers. Throws if none does and DRYDOCK_REQUIRE_DOCKER=1. */
export const docker = async (): Promise<boolean> => {
  const obstacle = await (asked ??= answer());
  if (obstacle === undefined) return true;
  if (process.env["DRYDOCK_REQUIRE_DOCKER"] === "1") {
    throw new Error(`DRYDOCK_REQUIRE_DOCKER=1, but ${obstacle}.`);
  }
  skippedBecause(`tests of the Docker sandbox: ${obstacle}`);
  return false;
};

/** Whether native TensorFlow is prepared (`npm test` prepares it where that is possible). */
export const native = (): boolean => {
  if (NativeStore.find(process.env["DRYDOCK_BACKEND"] === "gpu" ? "gpu" : "cpu") !== undefined) return true;
  skippedBecause("tests of native TensorFlow: it is not prepared (`npm run setup` says why)");
  return false;
};

/** The path of a file or folder of shared/data (beside the repository), or undefined where it is absent. */
export const sharedData = (...parts: ReadonlyArray<string>): string | undefined => {
  const path = Path.resolve(import.meta.dirname, "../../../shared/data", ...parts);
  if (Fs.existsSync(path)) return path;
  skippedBecause("tests on real data: ../shared/data is absent");
  return undefined;
};
