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

const named = (text: string): Split | undefined =>
  text
    .toLowerCase()
    .split(/[^a-z]+/)
    .map((word) => (Object.hasOwn(NAMES, word) ? NAMES[word] : undefined))
    .findLast((split) => split !== undefined);

/** By the last word of the file's name that names one, or else the folder's whole name; undefined where neither does. */
export const of = (path: string): Split | undefined => {
  const [folder = "", file = ""] = path
    .split("/")
    .filter((part) => part !== "")
    .slice(-2);
  const [only, name] = file === "" ? ["", folder] : [folder, file];
  // "dev" and "val" may be folders of anything.
  return named(name) ?? (/^(?:train|valid|validation|test)$/i.test(only) ? named(only) : undefined);
};
