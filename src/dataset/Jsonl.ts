/**
 * JSON lines, plain or gzipped (`.gz`), read as a stream and decoded line by line.
 *
 * A line that does not parse or does not fit the schema is a `DatasetError` with file and line number.
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip, gunzipSync, gzipSync } from "node:zlib";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import * as Stream from "effect/Stream";
import { DatasetError } from "./DatasetError.ts";

export interface Line<A> {
  /** From 1. */
  readonly line: number;
  readonly value: A;
}

/** The DatasetError for a failure to read `path`. */
export const readError = (path: string, cause: unknown): DatasetError => {
  if (cause instanceof DatasetError) return cause;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  if (code === "ENOENT") {
    return new DatasetError({ path, reason: "no such file.", remedy: "Check the path." });
  }
  if (typeof code === "string" && code.startsWith("Z_")) {
    return new DatasetError({
      path,
      reason: "not valid gzip data, or cut short.",
      remedy: "Fetch or generate the file again.",
    });
  }
  return new DatasetError({
    path,
    reason: `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
    remedy: "Check the path and its permissions.",
  });
};

async function* textLines(path: string): AsyncGenerator<string> {
  const file = fs.createReadStream(path);
  const bytes = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  // A failing source does not end the stream that it is piped into.
  if (bytes !== file) file.on("error", (cause) => bytes.destroy(cause));
  let failure: Error | undefined;
  bytes.on("error", (cause: Error) => {
    failure = cause;
  });
  try {
    yield* createInterface({ input: bytes, crlfDelay: Number.POSITIVE_INFINITY });
    if (failure !== undefined) throw failure;
  } finally {
    file.destroy();
  }
}

interface TextLine {
  readonly line: number;
  readonly text: string;
}

const numbered = (path: string): Stream.Stream<TextLine, DatasetError> => {
  let line = 0;
  return Stream.fromAsyncIterable(textLines(path), (cause) => readError(path, cause)).pipe(
    Stream.map((text) => ({ line: ++line, text })),
  );
};

/** The file's non-empty lines, decoded. */
export const stream = <A>(path: string, schema: Schema.Decoder<A>): Stream.Stream<Line<A>, DatasetError> =>
  Stream.suspend(() => {
    const decode = Schema.decodeUnknownResult(schema);
    return numbered(path).pipe(
      Stream.filter(({ text }) => text.trim() !== ""),
      Stream.mapEffect((found) => parse(path, found, decode)),
    );
  });

const parse = <A>(
  path: string,
  { line, text }: TextLine,
  decode: (input: unknown) => Result.Result<A, { readonly message: string }>,
): Effect.Effect<Line<A>, DatasetError> =>
  Effect.suspend(() => {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (cause) {
      return Effect.fail(
        new DatasetError({
          path,
          line,
          reason: `not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
          remedy: "Each line must be one JSON object; correct or remove this line.",
        }),
      );
    }
    const result = decode(json);
    return Result.isSuccess(result)
      ? Effect.succeed({ line, value: result.success })
      : Effect.fail(
          new DatasetError({
            path,
            line,
            reason: `${result.failure.message.replace(/\s*\n\s*/g, " ")}.`,
            remedy: "Correct or remove this line; docs/datasets.md describes the format.",
          }),
        );
  });

/** All lines of a file, and the SHA-256 of its text. */
export const read = Effect.fnUntraced(function* <A>(
  path: string,
  schema: Schema.Decoder<A>,
): Effect.fn.Return<{ readonly lines: ReadonlyArray<Line<A>>; readonly sha256: string }, DatasetError> {
  const decode = Schema.decodeUnknownResult(schema);
  const hash = createHash("sha256");
  const lines: Array<Line<A>> = [];
  yield* Stream.runForEach(numbered(path), (found) => {
    hash.update(`${found.text}\n`);
    return found.text.trim() === ""
      ? Effect.void
      : Effect.map(parse(path, found, decode), (line) => {
          lines.push(line);
        });
  });
  return { lines, sha256: hash.digest("hex") };
});

/** Records as the text of a JSON-lines file. */
export const format = (records: Iterable<unknown>): string =>
  Array.from(records, (record) => `${JSON.stringify(record)}\n`).join("");

/** SHA-256 of a file's text, of the unpacked text where the file is gzipped, so that it says nothing about zlib's version. */
export const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

/** Reads a whole file, unpacked where it ends in `.gz`. */
export const readText = (path: string): Effect.Effect<string, DatasetError> =>
  Effect.try({
    try: () => {
      const bytes = fs.readFileSync(path);
      return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
    },
    catch: (cause) => readError(path, cause),
  });

/** Writes a whole file, packed where it ends in `.gz`. */
export const writeText = (path: string, text: string): Effect.Effect<void, DatasetError> =>
  Effect.try({
    try: () => fs.writeFileSync(path, path.endsWith(".gz") ? gzipSync(text, { level: 9 }) : text),
    catch: (cause) =>
      new DatasetError({
        path,
        reason: `cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
        remedy: "Check the directory, its permissions and the free space.",
      }),
  });
