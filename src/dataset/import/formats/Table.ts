/** Every format that `drydock data import` knows, a line each. */
import type { Format } from "../Format.ts";
import { apps } from "./Apps.ts";
import { codeContests } from "./CodeContests.ts";
import { codeNet } from "./CodeNet.ts";
import { humanEvalPlus, mbppPlus } from "./EvalPlus.ts";
import { humanEval } from "./HumanEval.ts";
import { humanEvalPack } from "./HumanEvalPack.ts";
import { jsonl } from "./Jsonl.ts";
import { liveCodeBench } from "./LiveCodeBench.ts";
import { mbpp, mbppSanitized } from "./Mbpp.ts";
import { prompts } from "./Prompts.ts";
import { evalPlusResults, humanEvalSamples } from "./Samples.ts";
import { taco } from "./Taco.ts";

export const FORMATS: ReadonlyArray<Format> = [
  humanEval,
  humanEvalPlus,
  mbpp,
  mbppSanitized,
  mbppPlus,
  evalPlusResults,
  humanEvalSamples,
  humanEvalPack,
  apps,
  codeContests,
  liveCodeBench,
  taco,
  codeNet,
  prompts,
  jsonl,
];
