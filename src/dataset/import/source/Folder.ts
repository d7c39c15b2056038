/** A folder whose format says how it is walked: an entry a record. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import type { Folder } from "../Format.ts";
import { type Batch, BOUNDS, type Item, type Position, type Source } from "../Source.ts";
import * as Bytes from "./Bytes.ts";
import * as JsonText from "./JsonText.ts";

export const make = (root: string, folder: Folder): Source => ({
  kind: "folder",
  path: root,
  bytes: 0,
  read: (from) => read(root, folder, from),
});

/** Entries that are given on at once. */
const ENTRIES = 64;

async function* read(root: string, folder: Folder, from: Position | null): AsyncGenerator<Batch> {
  const done = Number(from?.["entries"] ?? 0);
  let entries = 0;
  let items: Array<Item> = [];
  try {
    for await (const { entry, read: open } of folder.walk(root)) {
      entries++;
      if (entries <= done) continue;
      const place = { file: root, entry };
      const position = { entries };
      try {
        const value = await open();
        const bytes = JSON.stringify(value)?.length ?? 0;
        if (value !== undefined) items.push({ _tag: "Record", place, value, bytes, position });
      } catch (cause) {
        items.push({ _tag: "Flawed", problem: { ...Bytes.faultOf(cause).flaw, place }, position });
      }
      if (items.length >= ENTRIES) {
        yield { items, bytesRead: 0 };
        items = [];
      }
    }
  } catch (cause) {
    const problem = { ...Bytes.faultOf(cause).flaw, place: { file: root } };
    items.push({ _tag: "Flawed", problem, position: { entries: entries + 1 } });
  }
  if (items.length > 0) yield { items, bytesRead: 0 };
}

/** The names in a folder, sorted; hidden ones and symbolic links are not there. */
export const names = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith(".") && (entry.isFile() || entry.isDirectory()))
    .map(({ name }) => name)
    .sort();

/** A file's text, undefined where there is none. Throws a Fault of what is no text, or too large to be held. */
export const text = (...parts: ReadonlyArray<string>): string | undefined => {
  const path = Path.join(...parts);
  const found = Fs.lstatSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true) return undefined;
  const name = Path.basename(path);
  if (found.size > BOUNDS.recordBytes) {
    const reason = `${name} has ${found.size} bytes; at most ${BOUNDS.recordBytes} are held in memory`;
    throw new Bytes.Fault({ kind: "line too long", reason });
  }
  const bytes = Fs.readFileSync(path);
  const flaw = JsonText.encodingFlaw(bytes.subarray(Bytes.textStart(bytes)));
  if (flaw !== undefined) throw new Bytes.Fault({ ...flaw, reason: `${name}: ${flaw.reason}` });
  return bytes.toString("utf8", Bytes.textStart(bytes));
};

/** A file's JSON, undefined where there is no file. Throws a Fault of what is none. */
export const json = (...parts: ReadonlyArray<string>): unknown => {
  const found = text(...parts);
  if (found === undefined) return undefined;
  const parsed = JsonText.parse(Buffer.from(found), "plain");
  if ("value" in parsed) return parsed.value;
  throw new Bytes.Fault({ ...parsed.flaw, reason: `${parts.at(-1)}: ${parsed.flaw.reason}` });
};
