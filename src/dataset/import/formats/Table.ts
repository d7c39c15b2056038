/** Every format that `drydock data import` knows, a line each. */
import type { Format } from "../Format.ts";
import { humanEval } from "./HumanEval.ts";

export const FORMATS: ReadonlyArray<Format> = [humanEval];
