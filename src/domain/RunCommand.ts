/** Commands a person or a client gives to a run; the orchestrator decides what they change. */
import * as Schema from "effect/Schema";
import { Unit } from "./Budget.ts";

/** The label of an online stage: its own limit instead of the run's. */
const ofStage = Schema.optionalKey(Schema.NonEmptyString);

export const RunCommand = Schema.Union([
  Schema.TaggedStruct("Pause", {}),
  Schema.TaggedStruct("Resume", {}),
  /** Stop at the next safe point; the run can be resumed. */
  Schema.TaggedStruct("Stop", {}),
  /** A limit of the run or of a stage, in units (seconds and not milliseconds). */
  Schema.TaggedStruct("SetBudget", { unit: Unit, limit: Schema.Finite, stage: ofStage }),
  /** So many units more, or, below 0, fewer. */
  Schema.TaggedStruct("AddBudget", { unit: Unit, amount: Schema.Finite, stage: ofStage }),
]);
export type RunCommand = typeof RunCommand.Type;
