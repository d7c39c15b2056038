/** Checks of a configuration that need the table of algorithms: names and settings of its trainings. */
import * as Result from "effect/Result";
import * as Table from "../algorithms/Table.ts";
import type { Problem } from "../config/ConfigCheck.ts";
import type { RunConfig } from "../config/RunConfig.ts";

export const problems = (config: RunConfig): ReadonlyArray<Problem> =>
  Object.entries(config.trainings).flatMap(([id, { algorithm, config: settings }]) => {
    const configured = Table.configure(algorithm, settings);
    if (Result.isSuccess(configured)) return [];
    const key = Table.names.includes(algorithm) ? "config" : "algorithm";
    return [{ path: ["trainings", id, key], problem: configured.failure.message }];
  });
