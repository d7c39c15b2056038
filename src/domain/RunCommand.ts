/** Commands a person or a client gives to a run; the orchestrator decides what they change. */
import * as Schema from "effect/Schema";
import { Unit } from "./Budget.ts";

export const RunCommand = Schema.Union([
  Schema.TaggedStruct("Pause", {}),
  Schema.TaggedStruct("Resume", {}),
  /** Stop at the next safe point; the run can be resumed. */
  Schema.TaggedStruct("Stop", {}),
  /** A limit of the run, in units (seconds and not milliseconds). */
  Schema.TaggedStruct("SetBudget", { unit: Unit, limit: Schema.Finite }),
  /** So many units more, or, below 0, fewer. */
  Schema.TaggedStruct("AddBudget", { unit: Unit, amount: Schema.Finite }),
]);
export type RunCommand = typeof RunCommand.Type;
