/** An attempt: one program for a task, with its label where it has one. */
import * as Schema from "effect/Schema";
import { Outcome } from "./Verdict.ts";

const count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));

/** A label as a dataset gave it. */
export const DatasetLabel = Schema.Struct({
  outcome: Outcome,
  testsPassed: Schema.optionalKey(Schema.Int),
  testsTotal: Schema.optionalKey(Schema.Int),
});
export type DatasetLabel = typeof DatasetLabel.Type;

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
  /** What the dataset said, kept when the label is now a sandbox's. */
  datasetLabel: Schema.optionalKey(DatasetLabel),
  /** CPU seconds that its tests took, and the most memory in bytes, where known. */
  cpuSeconds: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  memoryBytes: Schema.optionalKey(count),
  /** Tests that it fails by the task's own numbers, from 0, where known. */
  failingTests: Schema.optionalKey(Schema.Array(count)),
  /** Intermediate reasoning before the program, where the dataset has it. */
  reasoning: Schema.optionalKey(Schema.String),
  /** Free facts of the source: the model, its status there, a submission's number, … */
  meta: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
});
export type Attempt = typeof Attempt.Type;
