/** What a path is, by its first bytes: the sources of files and folders. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import type { Folder } from "../Format.ts";
import type { Bounds, Source } from "../Source.ts";
import * as Bytes from "./Bytes.ts";
import * as Csv from "./Csv.ts";
import * as FolderSource from "./Folder.ts";
import * as JsonDocument from "./JsonDocument.ts";
import * as JsonLines from "./JsonLines.ts";
import type { Dialect } from "./JsonText.ts";
import * as JsonText from "./JsonText.ts";
import * as Parquet from "./Parquet.ts";

export interface Options {
  readonly dialect: Dialect;
  readonly bounds: Bounds;
  /** How the format is released as a folder, where it is. */
  readonly folder: Folder | undefined;
  /** Which of a folder's data files are read, and in which order. */
  readonly files?: (paths: ReadonlyArray<string>) => ReadonlyArray<string>;
}

/** What data files are called, in a folder that is no record of its own. */
const DATA = /\.(?:jsonl|ndjson|json|parquet|csv|tsv)(?:\.gz|\.zst|\.zstd)?$/;

/**
 * The sources of a path: a file is one; a folder is one where the format is released as such, and otherwise each data
 * file below it, sorted by path. Throws a Fault where there is none.
 */
export const sources = async (path: string, options: Options): Promise<ReadonlyArray<Source>> => {
  const found = Fs.statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new Bytes.Fault({
      kind: "unreadable file",
      reason: "no such file or folder.",
      remedy: "Check the path.",
    });
  }
  if (found.isFile()) return [await file(path, found.size, options)];
  if (options.folder !== undefined && (await options.folder.recognises(path))) {
    return [FolderSource.make(path, options.folder)];
  }
  const all = dataFiles(path);
  const files = options.files?.(all) ?? all;
  if (files.length === 0) {
    const holds = options.folder === undefined ? "" : `, nor ${options.folder.holds}`;
    throw new Bytes.Fault({
      kind: "unreadable file",
      reason: `the folder has no data files (.jsonl, .json, .csv, .parquet, and these with .gz or .zst)${holds}.`,
      remedy: "Name the dataset's files, or the folder that holds them.",
    });
  }
  return Promise.all(files.map((each) => file(each, Fs.statSync(each).size, options)));
};

const dataFiles = (folder: string): ReadonlyArray<string> =>
  FolderSource.names(folder).flatMap((name) => {
    const path = Path.join(folder, name);
    return Fs.statSync(path).isDirectory() ? dataFiles(path) : DATA.test(name) ? [path] : [];
  });

const file = async (path: string, size: number, { dialect, bounds }: Options): Promise<Source> => {
  const name = path.replace(/\.(?:gz|zst|zstd)$/, "");
  const raw = Bytes.head(path, 4);
  if (Parquet.isParquet(raw) || name.endsWith(".parquet")) return Parquet.make(path, size, bounds);
  if (raw[0] === 0x50 && raw[1] === 0x4b) throw packed("a zip archive", "unzip FILE -d FOLDER");
  if (/\.(?:tar|tgz)$/.test(name)) throw packed("a tar archive", "tar -xf FILE -C FOLDER");
  if (/\.(?:pkl|pickle)$/.test(name)) {
    throw new Bytes.Fault({
      kind: "pickled data",
      reason: "a pickle, which runs code when it is opened, so Drydock does not.",
      remedy: "Write it as JSON lines where you trust it.",
    });
  }
  if (/\.[ct]sv$/.test(name)) return Csv.make(path, size, name.endsWith(".csv") ? "," : "\t", bounds);
  if (/\.(?:jsonl|ndjson)$/.test(name)) return JsonLines.make(path, size, dialect, bounds);
  const start = await beginning(path, bounds);
  switch (shape(start, dialect)) {
    case "array":
      return JsonDocument.make(path, size, "array", dialect, bounds);
    case "object":
      return JsonDocument.make(path, size, "object", dialect, bounds);
    case "lines":
      return JsonLines.make(path, size, dialect, bounds);
    case "other":
      throw new Bytes.Fault({
        kind: "unsupported",
        reason: "neither JSON lines nor a JSON document, parquet, or CSV (named .csv or .tsv).",
        remedy: "Convert it to JSON lines first.",
      });
  }
};

const packed = (what: string, how: string): Bytes.Fault =>
  new Bytes.Fault({
    kind: "unsupported",
    reason: `${what}.`,
    remedy: `Unpack it first (${how}) and name the folder.`,
  });

/** How much is looked at. */
const LOOK = 1 << 16;

/** The first bytes of the text; none of a file that cannot be unpacked, which reading it will tell. */
const beginning = async (path: string, bounds: Bounds): Promise<Buffer> => {
  try {
    for await (const { bytes } of Bytes.unpacked(path, 0, bounds)) return bytes.subarray(0, LOOK);
  } catch {
    return Buffer.alloc(0);
  }
  return Buffer.alloc(0);
};

const shape = (bytes: Buffer, dialect: Dialect): "array" | "object" | "lines" | "other" => {
  if (bytes.includes(0)) return "lines";
  const text = bytes
    .toString("utf8")
    .replace(/^\ufeff/, "")
    .trimStart();
  if (text === "") return "lines";
  if (text.startsWith("[")) return "array";
  if (!text.startsWith("{")) return "other";
  const [line = "", ...more] = text.split("\n");
  if (more.length === 0) return "lines";
  const whole = "value" in JsonText.parse(Buffer.from(line), dialect);
  // The first line of a document that is laid out for people ends within it.
  return !whole && /[{[,:]\s*$/.test(line) ? "object" : "lines";
};
