import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import type * as Schema from "effect/Schema";
import * as AttachStream from "../../src/sandbox/docker/AttachStream.ts";
import * as JsAnswer from "../../src/sandbox/judge/JsAnswer.ts";
import * as PythonAnswer from "../../src/sandbox/judge/PythonAnswer.ts";

/** A JSON value as the JavaScript guest would write it. */
const asJsAnswer = (value: Schema.Json): JsAnswer.JsAnswer =>
  typeof value === "number" && Object.is(value, -0)
    ? { n: "-0" }
    : value === null || typeof value !== "object"
      ? value
      : Array.isArray(value)
        ? value.map(asJsAnswer)
        : { o: Object.entries(value).map(([key, item]) => [key, asJsAnswer(item)] as const) };

const json = fc.jsonValue() as fc.Arbitrary<Schema.Json>;

describe("JsAnswer", () => {
  it("accepts every JSON value as itself, and nothing else's shape", () => {
    fc.assert(fc.property(json, (value) => JsAnswer.equals(value, asJsAnswer(value))));
    fc.assert(
      fc.property(json, json, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b) && typeof a !== "object");
        return typeof a === "number" && typeof b === "number" ? true : !JsAnswer.equals(a, asJsAnswer(b));
      }),
    );
  });

  it("compares integers exactly and other numbers within 1e-9", () => {
    assert.isTrue(JsAnswer.equals(0.3, 0.1 + 0.2));
    assert.isTrue(JsAnswer.equals(1e20 + 0.5, 1e20));
    assert.isTrue(JsAnswer.equals(2, 2.0000000001));
    assert.isFalse(JsAnswer.equals(2, 2.00001));
    assert.isFalse(JsAnswer.equals(1_000_000_000_000, 1_000_000_000_001));
    assert.isTrue(JsAnswer.equals(0, { n: "-0" }));
    assert.isFalse(JsAnswer.equals(0, { n: "NaN" }));
    assert.isFalse(JsAnswer.equals(1e308, { n: "Infinity" }));
  });

  it("wants the same keys, whatever their order", () => {
    assert.isTrue(
      JsAnswer.equals(
        { a: 1, b: 2 },
        {
          o: [
            ["b", 2],
            ["a", 1],
          ],
        },
      ),
    );
    assert.isFalse(
      JsAnswer.equals(
        { a: 1, b: 2 },
        {
          o: [
            ["a", 1],
            ["a", 1],
          ],
        },
      ),
    );
    assert.isFalse(
      JsAnswer.equals(
        { a: 1 },
        {
          o: [
            ["a", 1],
            ["b", { x: "undefined" }],
          ],
        },
      ),
    );
    assert.isFalse(JsAnswer.equals({ toString: 1 }, { o: [["valueOf", 1]] }));
    assert.isFalse(JsAnswer.equals({}, []));
    assert.isFalse(JsAnswer.equals([], { o: [] }));
    assert.isFalse(JsAnswer.equals(null, { x: "undefined" }));
  });
});

describe("PythonAnswer", () => {
  it("accepts every JSON value as itself", () => {
    fc.assert(fc.property(json, (value) => PythonAnswer.equals(value, PythonAnswer.encode(value))));
  });

  it("follows Python where types meet", () => {
    assert.isTrue(PythonAnswer.equals(1, { f: "1.0" }));
    assert.isTrue(PythonAnswer.equals(1, true));
    assert.isTrue(PythonAnswer.equals(true, 1));
    assert.isFalse(PythonAnswer.equals(true, 2));
    assert.isTrue(PythonAnswer.equals(0.3, { f: "0.30000000000000004" }));
    assert.isFalse(PythonAnswer.equals(0, { f: "nan" }));
    assert.isFalse(PythonAnswer.equals(0, { f: "" }));
    assert.isTrue(PythonAnswer.equals([1, [2]], { t: [1, { t: [2] }] }));
    assert.isFalse(PythonAnswer.equals([1], { s: [1] }));
    assert.isFalse(PythonAnswer.equals("5", 5));
    assert.isTrue(PythonAnswer.equals(2 ** 60, { i: "0x1000000000000000" }));
    assert.isFalse(PythonAnswer.equals(2 ** 60, { i: "0x1000000000000001" }));
    assert.isTrue(PythonAnswer.equals({ a: 1 }, { d: [["a", 1]] }));
    assert.isFalse(PythonAnswer.equals({ "1": 1 }, { d: [[1, 1]] }));
  });

  it("is total over anything that a program may send", () => {
    fc.assert(
      fc.property(
        json,
        json,
        (expected, answer) => typeof PythonAnswer.equals(expected, answer) === "boolean",
      ),
    );
    for (const answer of [
      undefined,
      { t: 5 },
      { d: [5] },
      { d: [[1]] },
      { i: "0x" },
      { i: "zz" },
      { f: 5 },
      { x: "int" },
    ]) {
      for (const expected of [0, [0], { a: 1 }, null, "x"])
        assert.isFalse(PythonAnswer.equals(expected, answer));
    }
  });
});

describe("AttachStream", () => {
  it("finds the frames however the bytes are cut and wrapped", () => {
    const packet = (stream: number, body: Buffer): Buffer => {
      const head = Buffer.alloc(8);
      head[0] = stream;
      head.writeUInt32BE(body.length, 4);
      return Buffer.concat([head, body]);
    };
    const messages = fc.array(fc.record({ text: fc.string({ maxLength: 40 }) }), { maxLength: 8 });
    fc.assert(
      fc.property(
        messages,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 50 }),
        (sent, inner, outer) => {
          const body = Buffer.concat(sent.map(AttachStream.frame));
          const packets: Array<Buffer> = [];
          for (let at = 0; at < body.length; at += inner) {
            packets.push(packet(1, body.subarray(at, at + inner)), packet(2, Buffer.from("noise")));
          }
          const wire = Buffer.concat(packets);
          const got: Array<unknown> = [];
          const feed = AttachStream.demux({
            stdout: AttachStream.frames(
              (frame) => got.push(JSON.parse(frame.toString())),
              (reason) => assert.fail(reason),
            ),
            stderr: (text) => assert.strictEqual("noisenoise".includes(text.toString()), true),
          });
          for (let at = 0; at < wire.length; at += outer) feed(wire.subarray(at, at + outer));
          assert.deepStrictEqual(got, sent);
        },
      ),
    );
  });

  it("refuses a frame that is too long", () => {
    let bad = "";
    AttachStream.frames(
      () => assert.fail("a frame"),
      (reason) => {
        bad = reason;
      },
    )(Buffer.from([0x7f, 0, 0, 0, 1]));
    assert.include(bad, "2130706432");
  });
});
