import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import * as Fs from "node:fs";
import * as Path from "node:path";
import { PolicyError } from "../../src/model/PolicyError.ts";
import * as Safetensors from "../../src/model/files/Safetensors.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

/** Written by the safetensors library: a [2,2] F32, h [4] F16, b [3] BF16, empty [0,3]. */
const FOREIGN =
  "CAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJhIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDJdLCJkYXRhX29mZnNldHMiOlswLDE2XX0sImVtcHR5Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlswLDNdLCJkYXRhX29mZnNldHMiOlsxNiwxNl19LCJiIjp7ImR0eXBlIjoiQkYxNiIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzE2LDIyXX0sImgiOnsiZHR5cGUiOiJGMTYiLCJzaGFwZSI6WzRdLCJkYXRhX29mZnNldHMiOlsyMiwzMF19fSAgICAAAMA/AAAQwFnZADMA4H9HwD9i/wEAAD4BgP97AHw=";

const withFile = <A>(bytes: Uint8Array, body: (path: string) => A): Promise<A> =>
  TinyPolicy.withDirectory((directory) => {
    const path = Path.join(directory, "x.safetensors");
    Fs.writeFileSync(path, bytes);
    return Promise.resolve(body(path));
  });

const file = (header: string, data: Uint8Array, claimed?: bigint): Uint8Array => {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimed ?? BigInt(Buffer.byteLength(header)));
  return Buffer.concat([prefix, Buffer.from(header), data]);
};

const refusal = (bytes: Uint8Array): Promise<string> =>
  withFile(bytes, (path) => {
    try {
      Safetensors.openSync(path);
    } catch (error) {
      assert.instanceOf(error, PolicyError);
      assert.equal(error.path, path);
      return error.message;
    }
    return assert.fail("the file was taken");
  });

const entry = (dtype: string, shape: string, offsets: string): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;

describe("Safetensors", () => {
  it("reads what the safetensors library wrote", () =>
    withFile(Buffer.from(FOREIGN, "base64"), (path) => {
      const source = Safetensors.openSync(path);
      assert.deepEqual([...source.tensors.keys()].sort(), ["a", "b", "empty", "h"]);
      assert.deepEqual([...source.read("a")], [1.5, -2.25, Math.fround(3e-8), 65504]);
      assert.deepEqual([...source.read("h")], [1.5, -(2 ** -24), 65504, Infinity]);
      const b = source.read("b");
      assert.equal(b[0], 1.5);
      assert.closeTo(b[1] ?? 0, -3e38, 2e36);
      assert.closeTo(b[2] ?? 0, 1e-40, 1e-40);
      assert.deepEqual(source.tensors.get("empty")?.shape, [0, 3]);
      assert.equal(source.read("empty").length, 0);
      assert.throws(() => source.read("nothing"), /no tensor "nothing"/);
    }));

  for (const dtype of ["F32", "F16", "BF16"] as const) {
    it.effect(`keeps tensors through a file (${dtype})`, () =>
      Effect.promise(() =>
        TinyPolicy.withDirectory(async (directory) => {
          const path = Path.join(directory, "x.safetensors");
          const a = Float32Array.from({ length: 2_100_000 }, (_, i) => (i % 257) / 8 - 16);
          const exact = dtype === "BF16" ? a.map((x) => Math.trunc(x)) : a;
          await Effect.runPromise(
            Safetensors.write(
              path,
              [
                { name: "ä", shape: [3], data: () => Float32Array.of(0, -1, 2) },
                { name: "b", shape: [2100, 1000], data: () => exact },
                { name: "c", shape: [], data: () => Float32Array.of(7) },
              ],
              { dtype, metadata: { step: "3" } },
            ),
          );
          const source = await Effect.runPromise(Safetensors.open(path));
          assert.deepEqual(source.tensors.get("b")?.shape, [2100, 1000]);
          assert.deepEqual([...source.read("ä")], [0, -1, 2]);
          assert.isTrue(Buffer.from(source.read("b").buffer).equals(Buffer.from(exact.buffer)));
          assert.deepEqual([...source.read("c")], [7]);
          assert.deepEqual(Fs.readdirSync(directory), ["x.safetensors"]);
        }),
      ),
    );
  }

  it("leaves the old file and nothing else when writing fails", () =>
    TinyPolicy.withDirectory((directory) => {
      const path = Path.join(directory, "x.safetensors");
      Safetensors.writeSync(path, [{ name: "a", shape: [1], data: () => Float32Array.of(1) }]);
      assert.throws(
        () => Safetensors.writeSync(path, [{ name: "a", shape: [2], data: () => Float32Array.of(1) }]),
        /"a" has 1 values, expected 2/,
      );
      assert.deepEqual([...Safetensors.openSync(path).read("a")], [1]);
      assert.deepEqual(Fs.readdirSync(directory), ["x.safetensors"]);
      return Promise.resolve();
    }));

  it("refuses damaged headers, each with its reason", async () => {
    const data = new Uint8Array(16);
    const one = `{"a":${entry("F32", "[4]", "[0,16]")}}`;
    assert.match(await refusal(file(one, data.subarray(0, 12))), /ends at byte 16.*has 12.*truncated/);
    assert.match(await refusal(file(one, new Uint8Array(20))), /take 16 bytes.*has 20/);
    assert.match(await refusal(new Uint8Array(4)), /has 4 bytes/);
    assert.match(await refusal(file(one, data, 2n ** 63n)), /claims 9223372036854775808 bytes/);
    assert.match(await refusal(file(one, data, 90_000_000n)), /claims 90000000 bytes/);
    assert.match(await refusal(file("{nonsense", data)), /not valid JSON/);
    assert.match(await refusal(file("[]", data)), /not a JSON object/);
    const twice = `{"a":${entry("F32", "[4]", "[0,16]")},"a":${entry("F32", "[4]", "[0,16]")}}`;
    assert.match(await refusal(file(twice, data)), /names tensor "a" twice/);
    assert.match(
      await refusal(file(`{"a":${entry("F32", "[5]", "[0,16]")}}`, data)),
      /needs 20 bytes, but has 16/,
    );
    const huge = `{"a":${entry("F32", "[9007199254740991,9007199254740991]", "[0,16]")}}`;
    assert.match(await refusal(file(huge, data)), /but has 16/);
    assert.match(await refusal(file(`{"a":${entry("F32", "[-4]", "[0,16]")}}`, data)), /shape/);
    assert.match(await refusal(file(`{"a":${entry("F32", "[4]", "[16,0]")}}`, data)), /offsets/);
    assert.match(
      await refusal(file(`{"a":${entry("I64", "[2]", "[0,16]")}}`, data)),
      /"I64".*F32, F16 and BF16/,
    );
    const overlap = `{"a":${entry("F32", "[3]", "[0,12]")},"b":${entry("F32", "[2]", "[8,16]")}}`;
    assert.match(await refusal(file(overlap, data)), /"b" begins at byte 8, expected 12/);
    const gap = `{"a":${entry("F32", "[1]", "[0,4]")},"b":${entry("F32", "[2]", "[8,16]")}}`;
    assert.match(await refusal(file(gap, data)), /"b" begins at byte 8, expected 4/);
  });

  it("reads into what it is given, and stored bytes as they are", () =>
    withFile(Buffer.from(FOREIGN, "base64"), (path) => {
      const source = Safetensors.openSync(path);
      const room = new Float32Array(10);
      for (const [name, at] of [
        ["a", 1],
        ["h", 5],
      ] as const) {
        const part = room.subarray(at, at + 4);
        assert.strictEqual(source.read(name, part), part);
      }
      assert.deepEqual([...room], [0, ...source.read("a"), ...source.read("h"), 0]);
      assert.deepEqual([...new Uint16Array(source.readStored("h").buffer)], [15872, 32769, 31743, 31744]);
      assert.throws(() => source.read("a", room), /takes 4 elements, given 10/);
      assert.throws(() => source.readStored("a", new Uint8Array(4)), /takes 16 elements, given 4/);
    }));

  it("refuses hostile headers before it takes memory for them", async () => {
    const data = new Uint8Array(16);
    const one = (shape: string, offsets = "[0,16]") =>
      refusal(file(`{"a":${entry("F32", shape, offsets)}}`, data));
    assert.match(await one("[1e999]"), /shape/);
    assert.match(await one("[4.5]"), /shape/);
    assert.match(await one('["4"]'), /shape/);
    assert.match(await one("[1,1,1,1,1,1,1,1,4]"), /shape/);
    assert.match(await one("[4]", "[0,1e300]"), /offsets/);
    assert.match(await one("[4]", "[0,9007199254740991]"), /ends at byte 9007199254740991.*has 16/);
    assert.match(await refusal(file(`{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`, data)), /no description/);
    assert.match(await refusal(file('{"a":null}', data)), /no description/);
    // A file that is long enough for the header of a billion tensors; on disk it has only a few bytes.
    await TinyPolicy.withDirectory((directory) => {
      const path = Path.join(directory, "x.safetensors");
      Fs.writeFileSync(path, file("{}", data, 60_000_000_000n));
      Fs.truncateSync(path, 70_000_000_000);
      assert.throws(() => Safetensors.openSync(path), /claims 60000000000 bytes.*at most 16777216/);
      return Promise.resolve();
    });
  });

  it("takes a changed file or refuses it, and never fails otherwise", async () => {
    const original = Buffer.from(FOREIGN, "base64");
    await TinyPolicy.withDirectory((directory) => {
      const path = Path.join(directory, "x.safetensors");
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
          fc.nat(original.length),
          (changes, length) => {
            const bytes = Buffer.from(original.subarray(0, length));
            for (const [at, byte] of changes) if (at < length) bytes[at] = byte;
            Fs.writeFileSync(path, bytes);
            try {
              const source = Safetensors.openSync(path);
              for (const name of source.tensors.keys()) source.read(name);
            } catch (error) {
              if (!(error instanceof PolicyError)) throw error;
            }
          },
        ),
        { numRuns: 300 },
      );
      return Promise.resolve();
    });
  });
});
