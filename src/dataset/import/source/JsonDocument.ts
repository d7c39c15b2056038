/** A JSON document: an array, an element a record, read one by one; or an object, which is one record. */
import type { Flaw } from "../Problem.ts";
import type { Batch, Bounds, Item, Position, Source } from "../Source.ts";
import * as Bytes from "./Bytes.ts";
import * as Held from "./Held.ts";
import * as JsonText from "./JsonText.ts";

/** @param holds what the document is, by its first byte */
export const make = (
  path: string,
  size: number,
  holds: "array" | "object",
  dialect: JsonText.Dialect,
  bounds: Bounds,
): Source => ({
  kind: "JSON",
  path,
  bytes: size,
  read: (from) => read(path, from, holds === "array", dialect, bounds),
});

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [34, 92, 44, 91, 93, 123, 125];

async function* read(
  path: string,
  from: Position | null,
  isArray: boolean,
  dialect: JsonText.Dialect,
  bounds: Bounds,
): AsyncGenerator<Batch> {
  let row = Number(from?.["row"] ?? 0);
  let offset = Number(from?.["offset"] ?? 0);
  let closed = from?.["closed"] === true;
  // Read on between two elements.
  let depth = isArray && offset > 0 ? 1 : 0;
  let quoted = false;
  let escaped = false;
  let bytesRead = 0;
  const held = Held.make(bounds.recordBytes);

  const flawed = (flaw: Flaw): Item => ({
    _tag: "Flawed",
    problem: { ...flaw, place: isArray ? { file: path, row } : { file: path } },
    position: { row, offset, closed },
  });
  /** What is held is an element, or the blanks of an empty list. */
  const element = (): ReadonlyArray<Item> => {
    const { text, length } = held.take();
    if (text !== undefined && JsonText.isBlank(text)) return [];
    row++;
    if (text === undefined) return [flawed(JsonText.tooLong(length, bounds.recordBytes))];
    const parsed = JsonText.parse(text, dialect);
    if ("flaw" in parsed) return [flawed(parsed.flaw)];
    const place = isArray ? { file: path, row } : { file: path };
    const position = { row, offset, closed };
    return [{ _tag: "Record", place, value: parsed.value, bytes: length, position }];
  };

  try {
    for await (const chunk of Bytes.unpacked(path, offset, bounds)) {
      bytesRead = chunk.read;
      const { bytes } = chunk;
      const base = offset;
      const first = base === 0 ? Bytes.textStart(bytes) : 0;
      const items: Array<Item> = [];
      let start = first;
      for (let at = first; at < bytes.length && !closed; at++) {
        const byte = bytes[at];
        if (quoted) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) quoted = false;
          continue;
        }
        if (byte === QUOTE) quoted = true;
        else if (byte === OPEN || byte === OPEN_LIST) {
          if (depth === 0 && isArray) start = at + 1;
          depth++;
          continue;
        } else if (byte === CLOSE || byte === CLOSE_LIST) depth--;
        closed = (byte === CLOSE || byte === CLOSE_LIST) && depth === 0;
        if (!closed && !(isArray && depth === 1 && byte === COMMA)) continue;
        held.add(bytes.subarray(start, isArray ? at : at + 1));
        start = at + 1;
        offset = base + start;
        items.push(...element());
      }
      if (!closed) held.add(bytes.subarray(start));
      offset = base + bytes.length;
      if (items.length > 0) yield { items, bytesRead };
    }
  } catch (cause) {
    row++;
    yield { items: [flawed(Bytes.faultOf(cause).flaw)], bytesRead };
    return;
  }
  if (closed || offset === 0) return;
  row++;
  const reason = `the ${isArray ? "array" : "object"} is not closed: the file is cut short`;
  yield { items: [flawed({ kind: "does not parse", reason, remedy: "Fetch it again." })], bytesRead };
}
