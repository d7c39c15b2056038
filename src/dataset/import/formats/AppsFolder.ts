/** The released folders of APPS: train/0000 ... test/4999, or the problems' folders themselves. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import type { FolderEntry, Folder as ReleasedFolder } from "../Format.ts";
import * as Folder from "../source/Folder.ts";
import * as SplitName from "./SplitName.ts";

const QUESTION = "question.txt";

/** Field of the record -> file of the folder, all but the first optional. */
const FILES = {
  question: QUESTION,
  input_output: "input_output.json",
  solutions: "solutions.json",
  metadata: "metadata.json",
  starter_code: "starter_code.py",
  gen_solutions: "gen_solutions.json",
  baseline_solutions: "baseline_solutions.json",
} as const;

const holdsProblem = (folder: string): boolean => Fs.existsSync(Path.join(folder, QUESTION));

const isProblem = (name: string): boolean => /^\d+$/.test(name);

/** The problems' folders, relative to the root. */
const problems = (root: string): ReadonlyArray<string> => {
  if (holdsProblem(root)) return ["."];
  return Folder.names(root).flatMap((name) => {
    if (isProblem(name)) return [name];
    if (SplitName.of(name) === undefined || !Fs.statSync(Path.join(root, name)).isDirectory()) return [];
    return Folder.names(Path.join(root, name)).flatMap((inner) =>
      isProblem(inner) ? [`${name}/${inner}`] : [],
    );
  });
};

/** The record of a problem; the folder above it names the split. */
const read = (folder: string): unknown => {
  const absolute = Path.resolve(folder);
  const split = SplitName.of(Path.basename(Path.dirname(absolute)));
  const files = Object.entries(FILES).flatMap(([field, file]) => {
    const text = Folder.text(folder, file);
    return text === undefined ? [] : [[field, text] as const];
  });
  return {
    problem_id: Path.basename(absolute),
    ...(split === undefined ? {} : { split }),
    ...Object.fromEntries(files),
  };
};

async function* walk(root: string): AsyncIterable<FolderEntry> {
  for (const entry of problems(root)) {
    yield { entry, read: () => Promise.resolve(read(Path.join(root, entry))) };
  }
}

export const folder: ReleasedFolder = {
  holds: "train/NNNN and test/NNNN, or the folders NNNN, each with question.txt and input_output.json",
  recognises: (root) =>
    problems(root)
      .slice(0, 1)
      .some((entry) => holdsProblem(Path.join(root, entry))),
  walk,
};
