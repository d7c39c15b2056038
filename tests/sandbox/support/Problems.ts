/** What the readers of the shared data folder have in common: problems with programs whose verdict is known. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Task } from "../../../src/domain/Task.ts";
import * as Requirements from "../../support/Requirements.ts";

export interface Problem {
  readonly task: Task;
  /** Passes. */
  readonly reference: string;
  /** Fails. */
  readonly buggy?: string;
}

/** All data, or a sample of it: every how many. */
export const stride = (usual: number): number => (process.env["DRYDOCK_FULL"] === "1" ? 1 : usual);

/** The lines of a file of shared data; none where it is absent. */
export const lines = (...parts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const path = Requirements.sharedData(...parts);
  if (path === undefined) return [];
  const bytes = readFileSync(path);
  return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString().trim().split("\n");
};

export const rows = (...parts: ReadonlyArray<string>): ReadonlyArray<unknown> =>
  lines(...parts).map((line) => JSON.parse(line) as unknown);

export const task = (
  id: string,
  language: Task["language"],
  entryPoint: string,
  tests: Task["tests"],
  limits?: Task["limits"],
): Task => ({
  id,
  source: id.split("/")[0] ?? id,
  split: "test",
  language,
  statement: "",
  entryPoint,
  tests,
  ...(limits === undefined ? {} : { limits }),
});
