/** JSON lines: a record a line. Empty lines are passed over; a line of any length costs no more than the bound. */
import type { Flaw } from "../Problem.ts";
import type { Batch, Bounds, Item, Position, Source } from "../Source.ts";
import * as Bytes from "./Bytes.ts";
import * as Held from "./Held.ts";
import * as JsonText from "./JsonText.ts";

export const make = (path: string, size: number, dialect: JsonText.Dialect, bounds: Bounds): Source => ({
  kind: "JSON lines",
  path,
  bytes: size,
  read: (from) => read(path, from, dialect, bounds),
});

const NEWLINE = 10;

async function* read(
  path: string,
  from: Position | null,
  dialect: JsonText.Dialect,
  bounds: Bounds,
): AsyncGenerator<Batch> {
  let line = Number(from?.["line"] ?? 0);
  let offset = Number(from?.["offset"] ?? 0);
  let bytesRead = 0;
  const held = Held.make(bounds.recordBytes);

  const flawed = (flaw: Flaw): Item => ({
    _tag: "Flawed",
    problem: { ...flaw, place: line === 0 ? { file: path } : { file: path, line } },
    position: { line, offset },
  });
  /** What is held is a line; none where it is blank. */
  const record = (): ReadonlyArray<Item> => {
    const { text, length } = held.take();
    line++;
    if (text === undefined) return [flawed(JsonText.tooLong(length, bounds.recordBytes))];
    if (JsonText.isBlank(text)) return [];
    const parsed = JsonText.parse(text, dialect);
    if ("flaw" in parsed) return [flawed(parsed.flaw)];
    const place = { file: path, line };
    return [{ _tag: "Record", place, value: parsed.value, bytes: length, position: { line, offset } }];
  };

  let position = offset;
  try {
    for await (const chunk of Bytes.unpacked(path, offset, bounds)) {
      bytesRead = chunk.read;
      const { bytes } = chunk;
      const items: Array<Item> = [];
      let start = position === 0 ? Bytes.textStart(bytes) : 0;
      for (let at = bytes.indexOf(NEWLINE, start); at >= 0; at = bytes.indexOf(NEWLINE, start)) {
        held.add(bytes.subarray(start, at));
        start = at + 1;
        offset = position + start;
        items.push(...record());
      }
      held.add(bytes.subarray(start));
      position += bytes.length;
      if (items.length > 0) yield { items, bytesRead };
    }
  } catch (cause) {
    // What was read of the last line is no record.
    if (line > 0) line++;
    yield { items: [flawed(Bytes.faultOf(cause).flaw)], bytesRead };
    return;
  }
  if (held.length() === 0) return;
  offset = position;
  const items = record();
  if (items.length > 0) yield { items, bytesRead };
}
