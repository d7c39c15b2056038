/** Every format that `drydock data import` knows, a line each. */
import type { Format } from "../Format.ts";
import { apps } from "./Apps.ts";
import { codeContests } from "./CodeContests.ts";
import { codeNet } from "./CodeNet.ts";
import { humanEval } from "./HumanEval.ts";
import { jsonl } from "./Jsonl.ts";
import { liveCodeBench } from "./LiveCodeBench.ts";
import { prompts } from "./Prompts.ts";
import { taco } from "./Taco.ts";

export const FORMATS: ReadonlyArray<Format> = [
  humanEval,
  apps,
  codeContests,
  liveCodeBench,
  taco,
  codeNet,
  prompts,
  jsonl,
];
