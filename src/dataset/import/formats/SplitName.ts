/** The split that published files and folders name: "train-00000-of-00039.parquet", "apps/test/0001". */
import type { Split } from "../../../domain/Task.ts";

const NAMES: Readonly<Record<string, Split>> = {
  train: "train",
  training: "train",
  valid: "validation",
  validation: "validation",
  val: "validation",
  dev: "validation",
  test: "test",
  testing: "test",
};

/** By the last word of the path that names one; undefined where none does. */
export const of = (path: string): Split | undefined =>
  path
    .toLowerCase()
    .split(/[^a-z]+/)
    .map((word) => (Object.hasOwn(NAMES, word) ? NAMES[word] : undefined))
    .findLast((split) => split !== undefined);
