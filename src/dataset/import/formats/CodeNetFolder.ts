/**
 * Project_CodeNet's folders: metadata/ (problem_list.csv, and a CSV of submissions for each problem), data/ (the
 * sources), problem_descriptions/ and derived/input_output/. Fourteen million submissions: a problem's rows are read as
 * a stream, and a source only where Drydock has its language.
 */
import * as Fs from "node:fs";
import * as Path from "node:path";
import { pipeline } from "node:stream";
import { parse } from "csv-parse";
import type { FolderEntry, Folder as ReleasedFolder } from "../Format.ts";
import * as Folder from "../source/Folder.ts";

const LIST = "problem_list.csv";
const PROBLEM = /^p\d+\.csv$/;

type Row = Readonly<Record<string, string>>;

async function* rowsOf(path: string): AsyncIterable<Row> {
  const parser = parse({ columns: true, bom: true, relax_column_count: true, skip_empty_lines: true });
  // The error, if there is one, comes out of the parser's iterator.
  pipeline(Fs.createReadStream(path), parser, () => undefined);
  for await (const row of parser) yield row as Row;
}

/** Where the sources of these languages lie, and no others are read. */
const READ = new Set(["C++", "Python", "JavaScript"]);

/** Parts of a path that come out of a CSV file: nothing that leads elsewhere. */
const isName = (part: string | undefined): part is string =>
  part !== undefined && /^[\w+#][\w+#. -]*$/.test(part) && !part.includes("..");

const problem = (root: string, id: string, listed: Row): Row => {
  const sample = Path.join(root, "derived", "input_output", "data", id);
  const files = {
    description: Folder.text(root, "problem_descriptions", `${id}.html`),
    input: Folder.text(sample, "input.txt"),
    output: Folder.text(sample, "output.txt"),
  };
  const found = Object.entries(files).flatMap(([field, text]) =>
    text === undefined ? [] : [[field, text] as const],
  );
  return { ...listed, record: "problem", problem_id: id, ...Object.fromEntries(found) };
};

const submission = (root: string, entry: string, row: Row): Row => {
  const { language, submission_id: id, filename_ext: ending } = row;
  const readable = READ.has(language ?? "") && isName(id) && isName(ending);
  const source = readable ? Folder.text(root, entry) : undefined;
  return { ...row, record: "submission", ...(source === undefined ? {} : { source }) };
};

async function* walk(root: string): AsyncIterable<FolderEntry> {
  const metadata = Path.join(root, "metadata");
  const files = Folder.names(metadata);
  const listed = new Map<string, Row>();
  if (files.includes(LIST)) {
    for await (const row of rowsOf(Path.join(metadata, LIST))) listed.set(row["id"] ?? "", row);
  }
  for (const file of files.filter((name) => PROBLEM.test(name))) {
    const id = Path.basename(file, ".csv");
    const task = problem(root, id, listed.get(id) ?? {});
    yield { entry: `metadata/${file}`, read: () => Promise.resolve(task) };
    // Without a task there is nothing that a submission could belong to.
    if (["description", "input", "output"].some((field) => task[field] === undefined)) continue;
    for await (const row of rowsOf(Path.join(metadata, file))) {
      const entry = `data/${id}/${row["language"]}/${row["submission_id"]}.${row["filename_ext"]}`;
      yield { entry, read: () => Promise.resolve(submission(root, entry, row)) };
    }
  }
}

export const folder: ReleasedFolder = {
  holds:
    "metadata/pNNNNN.csv, data/pNNNNN/LANGUAGE/sNNNNNNNNN.EXT, problem_descriptions and derived/input_output",
  recognises: (root) => {
    const metadata = Path.join(root, "metadata");
    return Fs.existsSync(metadata) && Folder.names(metadata).some((name) => PROBLEM.test(name));
  },
  walk,
};
