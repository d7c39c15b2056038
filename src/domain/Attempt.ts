/** An attempt: one program for a task, with its label where it has one. */
import * as Schema from "effect/Schema";
import { Outcome } from "./Verdict.ts";

export const Attempt = Schema.Struct({
  taskId: Schema.NonEmptyString,
  program: Schema.String,
  /** Where the program came from: "reference", a model's name, "policy:3", … */
  origin: Schema.String,
  outcome: Schema.optionalKey(Outcome),
  testsPassed: Schema.optionalKey(Schema.Int),
  testsTotal: Schema.optionalKey(Schema.Int),
  /** Who labelled it. Labels of a dataset and of a sandbox are kept apart: they disagree. */
  labelSource: Schema.optionalKey(Schema.Literals(["dataset", "sandbox"])),
  /** Intermediate reasoning before the program, where the dataset has it. */
  reasoning: Schema.optionalKey(Schema.String),
});
export type Attempt = typeof Attempt.Type;
