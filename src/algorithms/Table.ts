/** The table of algorithms: what a training's `algorithm` may name. A new one is a line here. */
import * as Result from "effect/Result";
import { type Algorithm, AlgorithmError, type Configured } from "./Algorithm.ts";
import { awac } from "./Awac.ts";
import { calQl } from "./CalQl.ts";
import { cql } from "./Cql.ts";
import { dpo } from "./Dpo.ts";
import { grpo } from "./Grpo.ts";
import { iql } from "./Iql.ts";
import { iqlPolicy } from "./IqlPolicy.ts";
import { rloo } from "./Rloo.ts";
import { sft } from "./Sft.ts";

export const algorithms: ReadonlyArray<Algorithm> = [sft, cql, calQl, iql, iqlPolicy, awac, rloo, grpo, dpo];

export const names: ReadonlyArray<string> = algorithms.map((a) => a.name);

/** The algorithm of this name with its settings decoded. */
export const configure = (name: string, config: unknown): Result.Result<Configured, AlgorithmError> => {
  const found = algorithms.find((a) => a.name === name);
  return found === undefined
    ? Result.fail(
        new AlgorithmError({
          reason: `There is no algorithm "${name}".`,
          remedy: `Use one of: ${names.join(", ")}.`,
        }),
      )
    : found.configure(config);
};
