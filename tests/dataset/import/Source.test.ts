/** Sources of records: what is read, what is told of what cannot be, and reading on from any record. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Zlib from "node:zlib";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, assert, describe, it } from "vitest";
import {
  type Bounds,
  BOUNDS,
  type Item,
  type Position,
  type Source,
} from "../../../src/dataset/import/Source.ts";
import * as Bytes from "../../../src/dataset/import/source/Bytes.ts";
import * as JsonText from "../../../src/dataset/import/source/JsonText.ts";
import * as Open from "../../../src/dataset/import/source/Open.ts";

const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-source-"));
afterAll(() => Fs.rmSync(directory, { recursive: true, force: true }));

let files = 0;
const written = (name: string, bytes: Uint8Array | string): string => {
  const path = Path.join(directory, `${files++}-${name}`);
  Fs.writeFileSync(path, bytes);
  return path;
};

const open = async (path: string, bounds: Partial<Bounds> = {}): Promise<Source> => {
  const options = { dialect: "plain", bounds: { ...BOUNDS, ...bounds }, folder: undefined } as const;
  const [source] = await Open.sources(path, options);
  return source ?? assert.fail("no source");
};

const read = async (source: Source, from: Position | null = null): Promise<ReadonlyArray<Item>> => {
  const items: Array<Item> = [];
  for await (const batch of source.read(from)) items.push(...batch.items);
  return items;
};

const values = (items: ReadonlyArray<Item>): ReadonlyArray<unknown> =>
  items.flatMap((item) => (item._tag === "Record" ? [item.value] : []));

/** "kind at line or row: reason" of every problem. */
const problems = (items: ReadonlyArray<Item>): ReadonlyArray<string> =>
  items.flatMap((item) => {
    if (item._tag === "Record") return [];
    const { kind, place, reason } = item.problem;
    return [`${kind} at ${place.line ?? place.row ?? "-"}: ${reason}`];
  });

/** A zstd frame of raw blocks: what the format's definition (RFC 8878) says, by hand. */
const zstd = (content: Uint8Array): Buffer => {
  const blocks: Array<Buffer> = [];
  for (let at = 0; at === 0 || at < content.length; at += 1 << 16) {
    const part = content.subarray(at, at + (1 << 16));
    const header = Buffer.alloc(3);
    header.writeUIntLE((part.length << 3) | (at + part.length >= content.length ? 1 : 0), 0, 3);
    blocks.push(header, Buffer.from(part));
  }
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3]), ...blocks]);
};

/** Made by `zstd -19`: 200 lines {"n":0,"text":"abc abc abc"} … */
const ZSTD_FIXTURE =
  "KLUv/QRoZQgAFpQpFpCp0Gpbo98O6f/FTySyu3dOY38owAEwACQAGgBVVVVVVUREREREMzMzMzMiIiIiIv8PcVY0EqBBIODAoECAQEBhAUFBYOBAIJAgwBD////w8PDw8PDw8PBwjDHGGGMMIYQQQggh7u7u7u7MzMzMzAK21lprrbVWSimllFJK55xzzjnnlFJKKaWUEuM4juM4juMoiqIoiqIoivfee++991prrbXW2oDJqBEA9vbPwJWqAxEkBAjB/wiBxA/r3Oc976nnfe5xn31uc5/3zD1HwMmb3SZqNk3ObJkQs8NsAgQIACAgAAABAQAECNyLcAktiyVWlkqkLJR0skzawYTDDId5gQAIoLa2KsJUoLE=";

const packings: ReadonlyArray<readonly [string, (bytes: Buffer) => Uint8Array]> = [
  ["", (bytes) => bytes],
  [".gz", (bytes) => Zlib.gzipSync(bytes)],
  [".zst", zstd],
];

const anyValue = fc.record({
  a: fc.string({ unit: "grapheme" }),
  b: fc.oneof(fc.integer(), fc.constant(null)),
});
/** What may stand between two lines of JSON. */
const between = fc.constantFrom("\n", "\r\n", "\n\n", "\r\n \t\r\n");

describe("sources", () => {
  it.each(packings)("JSON lines%s: every line, and on from any of them", async (ending, pack) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(anyValue, between)), fc.boolean(), async (lines, mark) => {
        const text = lines.map(([value, end]) => JSON.stringify(value) + end).join("");
        const path = written(`lines.jsonl${ending}`, pack(Buffer.from((mark ? "\ufeff" : "") + text)));
        const source = await open(path);
        const all = await read(source);
        assert.deepStrictEqual(
          values(all),
          lines.map(([value]) => value),
        );
        for (const [index, item] of all.entries()) {
          assert.deepStrictEqual(await read(source, item.position), all.slice(index + 1));
        }
      }),
      { numRuns: 25 },
    );
  });

  it.each(packings)("a JSON array%s: every element, and on from any of them", async (ending, pack) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyValue), fc.constantFrom(undefined, 1), async (elements, indent) => {
        const path = written(
          `array.json${ending}`,
          pack(Buffer.from(JSON.stringify(elements, null, indent))),
        );
        const source = await open(path);
        assert.strictEqual(source.kind, "JSON");
        const all = await read(source);
        assert.deepStrictEqual(values(all), elements);
        for (const [index, item] of all.entries()) {
          assert.deepStrictEqual(await read(source, item.position), all.slice(index + 1));
        }
      }),
      { numRuns: 25 },
    );
  });

  it("a document laid out for people is one record, of one line or of many", async () => {
    const value = { date: "today", eval: { a: [{ x: 1 }], "b}": [] } };
    for (const indent of [undefined, 2]) {
      const path = written("document.json", JSON.stringify(value, null, indent));
      assert.deepStrictEqual(values(await read(await open(path))), [value]);
    }
  });

  it("CSV: quotes, commas, line ends, and on from any row", async () => {
    const path = written("a.csv", '\ufeffid,code\r\n1,"a, ""b""\nc"\r\n\r\n2,é\n');
    const source = await open(path);
    const all = await read(source);
    assert.deepStrictEqual(values(all), [
      { id: "1", code: 'a, "b"\nc' },
      { id: "2", code: "é" },
    ]);
    assert.deepStrictEqual(await read(source, all[0]?.position), all.slice(1));
  });

  it("parquet: nested values, large numbers, row groups, and on from any row", async () => {
    const rows = Array.from({ length: 10 }, (_, i) => ({
      name: `task ${i}`,
      big: BigInt(i) * 2n ** 40n,
      tests: { input: ["1", String(i)], output: [] },
    }));
    const bytes = parquetWriteBuffer({
      columnData: [
        { name: "name", data: rows.map(({ name }) => name), type: "STRING" },
        { name: "big", data: rows.map(({ big }) => big), type: "INT64" },
        { name: "tests", data: rows.map(({ tests }) => tests), type: "JSON" },
      ],
      rowGroupSize: 4,
    });
    const source = await open(written("a.parquet", new Uint8Array(bytes)));
    const all = await read(source);
    assert.deepStrictEqual(
      values(all),
      rows.map((row) => ({ ...row, big: Number(row.big) })),
    );
    for (const [index, item] of all.entries()) {
      assert.deepStrictEqual(await read(source, item.position), all.slice(index + 1));
    }
  });

  it("zstd as the tool writes it", async () => {
    const all = values(await read(await open(written("a.jsonl.zst", Buffer.from(ZSTD_FIXTURE, "base64")))));
    assert.deepStrictEqual(
      all,
      Array.from({ length: 200 }, (_, n) => ({ n, text: "abc abc abc" })),
    );
  });

  it("the data files below a folder, by path", async () => {
    const folder = Path.join(directory, "shards");
    Fs.mkdirSync(Path.join(folder, "b"), { recursive: true });
    for (const name of ["b/2.jsonl", "a.jsonl.gz", "README.md"])
      Fs.writeFileSync(Path.join(folder, name), "");
    const found = await Open.sources(folder, { dialect: "plain", bounds: BOUNDS, folder: undefined });
    assert.deepStrictEqual(
      found.map(({ path }) => Path.relative(folder, path)),
      ["a.jsonl.gz", "b/2.jsonl"],
    );
  });
});

describe("bad sources", () => {
  it("a line that does not parse is told with its place; the others are read", async () => {
    const all = await read(await open(written("a.jsonl", '{"a":1}\n{"a":\n{"a":3}\n')));
    assert.deepStrictEqual(values(all), [{ a: 1 }, { a: 3 }]);
    assert.match(problems(all).join(), /^does not parse at 2: not valid JSON: /);
  });

  it("a million characters in a line are a record; past the bound they are a problem and not held", async () => {
    const long = JSON.stringify({ a: "x".repeat(1_000_000) });
    const path = written("a.jsonl", `{"a":1}\n${long}\n{"a":3}\n`);
    assert.strictEqual(values(await read(await open(path))).length, 3);
    const all = await read(await open(path, { recordBytes: 1000 }));
    assert.deepStrictEqual(values(all), [{ a: 1 }, { a: 3 }]);
    assert.deepStrictEqual(problems(all), [
      "line too long at 2: a record of 1000008 bytes, more than the 1000 bytes that are held in memory",
    ]);
    const array = await read(
      await open(written("a.json", `[{"a":1},${long},{"a":3}]`), { recordBytes: 1000 }),
    );
    assert.deepStrictEqual(values(array), [{ a: 1 }, { a: 3 }]);
    assert.match(problems(array).join(), /^line too long at 2/);
    const csv = await read(
      await open(written("a.csv", `a\n1\n${"x".repeat(5000)}\n3\n`), { recordBytes: 1000 }),
    );
    assert.deepStrictEqual(values(csv).slice(0, 1), [{ a: "1" }]);
    assert.match(problems(csv).join(), /^line too long at 3/);
  });

  it.each([
    ["gz", (bytes: Buffer) => Zlib.gzipSync(bytes)],
    ["zst", zstd],
  ])("a truncated .%s gives the whole records before the cut", async (ending, pack) => {
    const lines = Array.from({ length: 20_000 }, (_, n) => `{"n":${n},"x":"${n * 7919}"}\n`).join("");
    const packed = pack(Buffer.from(lines));
    const cut = written(`a.jsonl.${ending}`, packed.subarray(0, packed.length - 5000));
    const all = await read(await open(cut));
    const whole = values(all).length;
    assert.isAbove(whole, 5000);
    assert.isBelow(whole, 20_000);
    assert.deepStrictEqual(values(all).at(-1), { n: whole - 1, x: String((whole - 1) * 7919) });
    assert.deepStrictEqual(problems(all), [
      `truncated archive at ${whole + 1}: the archive ends in the middle`,
    ]);
  });

  it("truncated parquet and JSON", async () => {
    const bytes = parquetWriteBuffer({ columnData: [{ name: "a", data: [1, 2, 3] }] });
    const cut = await read(await open(written("a.parquet", new Uint8Array(bytes).subarray(0, -3))));
    assert.match(problems(cut).join(), /^truncated archive at -: not a whole parquet file/);
    const array = await read(await open(written("a.json", '[{"a":1},{"a":2')));
    assert.deepStrictEqual(values(array), [{ a: 1 }]);
    assert.match(problems(array).join(), /^does not parse at 2: the array is not closed/);
  });

  it("what is no archive, though it says so", async () => {
    for (const [name, bytes] of [
      ["a.jsonl.gz", Buffer.from([0x1f, 0x8b, 9, 9, 9, 9, 9, 9])],
      [
        "a.jsonl.zst",
        Buffer.concat([zstd(Buffer.alloc(0)).subarray(0, 6), Buffer.from([6, 0, 0]), Buffer.alloc(60)]),
      ],
    ] as const) {
      assert.match(problems(await read(await open(written(name, bytes)))).join(), /not a valid archive/);
    }
  });

  it("an archive that unpacks to too much, by ratio or by size", async () => {
    const bomb = written("bomb.jsonl.gz", Zlib.gzipSync(Buffer.alloc(66 << 20, 32)));
    assert.match(
      problems(await read(await open(bomb))).join(),
      /^archive too large at -: \d+ packed bytes unpack to more than 200 times as many/,
    );
    const allowed = await read(await open(bomb, { unpackedRatio: 2000, recordBytes: 1 << 20 }));
    assert.match(problems(allowed).join(), /^line too long at 1/);
    const large = await read(await open(bomb, { unpackedRatio: 2000, unpackedBytes: 1 << 20 }));
    assert.match(problems(large).join(), /^archive too large at -: it unpacks to more than 1048576 bytes/);
    // Blocks of one repeated byte (RFC 8878, RLE_Block): 4 bytes for 128 KiB.
    const block = Buffer.from([0x02, 0x00, 0x10, 0x20]);
    const frame = Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3]),
      ...Array(2000).fill(block),
    ]);
    assert.match(
      problems(await read(await open(written("b.jsonl.zst", frame)))).join(),
      /^archive too large/,
    );
  });

  it("a zstd window that would fill memory", async () => {
    const frame = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3]), Buffer.alloc(40)]);
    assert.match(
      problems(await read(await open(written("w.jsonl.zst", frame)))).join(),
      /window of 1024 MiB/,
    );
  });

  it("text that is not UTF-8: Latin-1 in one line, UTF-16 as a whole", async () => {
    const latin = Buffer.concat([
      Buffer.from('{"a":1}\n{"a":"caf'),
      Buffer.from([0xe9]),
      Buffer.from('"}\n{"a":3}\n'),
    ]);
    const all = await read(await open(written("latin.jsonl", latin)));
    assert.deepStrictEqual(values(all), [{ a: 1 }, { a: 3 }]);
    assert.deepStrictEqual(problems(all), [
      "not UTF-8 at 2: byte 10 (0xE9) is not UTF-8, perhaps Latin-1 or Windows-1252",
    ]);
    for (const mark of ["\ufeff", ""]) {
      for (const name of ["wide.jsonl", "wide.json"]) {
        const wide = await read(await open(written(name, Buffer.from(`${mark}{"a":1}\n`, "utf16le"))));
        assert.deepStrictEqual(problems(wide), ["not UTF-8 at -: the file is in UTF-16"]);
      }
    }
    const csv = written(
      "latin.csv",
      Buffer.concat([Buffer.from("a,b\n1,caf"), Buffer.from([0xe9]), Buffer.from("\n2,x\n")]),
    );
    const rows = await read(await open(csv));
    assert.deepStrictEqual(values(rows), [{ a: "2", b: "x" }]);
    assert.match(problems(rows).join(), /^not UTF-8 at 2/);
  });

  it("names the byte that is not UTF-8, wherever it is", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.constantFrom(0xff, 0xc0, 0xe9, 0x80),
        fc.string({ unit: "grapheme" }),
        (before, wrong, after) => {
          const start = Buffer.from(before);
          const bytes = Buffer.concat([start, Buffer.from([wrong]), Buffer.from(`A${after}`)]);
          assert.include(JsonText.encodingFlaw(bytes)?.reason ?? "", `byte ${start.length + 1} (`);
        },
      ),
    );
  });

  it("a row of CSV with other fields than the header", async () => {
    const rows = await read(await open(written("a.csv", "a,b\n1,2\n3\n4,5\n")));
    assert.deepStrictEqual(values(rows), [
      { a: "1", b: "2" },
      { a: "4", b: "5" },
    ]);
    assert.deepStrictEqual(problems(rows), ["does not parse at 3: 1 fields, the header has 2"]);
  });

  it("files that are refused before they are read", async () => {
    const refused = async (path: string): Promise<string> => {
      const fault: unknown = await open(path).then(
        () => assert.fail(path),
        (cause: unknown) => cause,
      );
      return fault instanceof Bytes.Fault
        ? `${fault.flaw.kind}: ${fault.flaw.reason}`
        : assert.fail(String(fault));
    };
    assert.match(await refused(Path.join(directory, "none.jsonl")), /no such file/);
    assert.match(await refused(written("a.zip", "PK\u0003\u0004")), /a zip archive/);
    assert.match(await refused(written("a.tar.gz", Zlib.gzipSync("x"))), /a tar archive/);
    assert.match(await refused(written("a.pkl", "x")), /^pickled data/);
    assert.match(await refused(written("a.txt", "hello")), /^unsupported: neither JSON lines/);
    const empty = Path.join(directory, "empty");
    Fs.mkdirSync(empty);
    assert.match(await refused(empty), /no data files/);
  });
});
