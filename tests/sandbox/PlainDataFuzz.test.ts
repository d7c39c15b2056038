/** Whatever bytes a program sends: the decoders on both sides of the container take them or say no, and agree. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import type { Limits, Tests } from "../../src/domain/Task.ts";
import type { Seen } from "../../src/sandbox/docker/Protocol.ts";
import { all } from "../../src/sandbox/docker/Languages.ts";
import * as Frames from "../../src/sandbox/judge/Frames.ts";
import * as PythonValue from "../../src/sandbox/judge/PythonValue.ts";
import * as SlotVerdict from "../../src/sandbox/judge/SlotVerdict.ts";

const TAGS = ["i", "f", "t", "d", "s", "z", "b", "c", "g", "k", "x", "o", "n"];
/** What a protocol, a tag or a JavaScript object reads meaning into. */
const KEYS = [...TAGS, "r", "e", "ready", "stage", "toString", "valueOf", "toJSON", "__proto__", "length"];
const TEXTS = [
  "0x5",
  "-0x10",
  "0x",
  "5.0",
  "1e308",
  "nan",
  "inf",
  "-0.0",
  "int",
  "ff",
  "zz",
  "compile",
  "\ud800",
  "",
];

/** JavaScript can make no text of it. */
const NO_TEXT = { toString: 1, valueOf: 1 };

/** JSON that looks like plain data, or nearly. */
const { any } = fc.letrec<{ any: unknown; pair: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, 0, 5, -7, 2 ** 53, 0.5, 1e300, NO_TEXT, ...TEXTS),
    fc.array(tie("any"), { maxLength: 3 }),
    fc
      .tuple(
        fc.constantFrom(...TAGS),
        fc.oneof(fc.constantFrom(...TEXTS), tie("any"), fc.array(tie("pair"), { maxLength: 3 })),
      )
      .map(([tag, body]) => ({ [tag]: body })),
    fc.dictionary(fc.constantFrom(...KEYS), tie("any"), { maxKeys: 3, noNullPrototype: true }),
  ),
  pair: fc.array(tie("any"), { minLength: 2, maxLength: 2 }),
}));

const framed = (body: Buffer): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
};
const frame = fc.oneof(
  { weight: 6, arbitrary: any.map((value) => framed(Buffer.from(JSON.stringify(value)))) },
  {
    weight: 4,
    arbitrary: fc
      .oneof(
        fc.record({ r: any }),
        fc.record({ e: any }),
        fc.record({ r: fc.constantFrom(...TAGS).map((tag) => ({ [tag]: NO_TEXT })) }),
        fc.record({ stage: fc.constantFrom("compile", "load"), e: any }),
      )
      .map((message) => framed(Buffer.from(JSON.stringify(message)))),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }).map((raw) => framed(Buffer.from(raw))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }).map((raw) => Buffer.from(raw)) },
);

describe("frames", () => {
  it("are found one by one, and of a cut-off one it is said how much is left", () => {
    fc.assert(
      fc.property(fc.array(any, { maxLength: 5 }), fc.nat(), (values, cut) => {
        const whole = values.map((value) => framed(Buffer.from(JSON.stringify(value))));
        const bytes = Buffer.concat(whole);
        const kept = cut % (bytes.length + 1);
        const parsed = Frames.parse(bytes.subarray(0, kept).toString("base64"));
        let [count, end] = [0, 0];
        for (const one of whole) {
          if (end + one.length > kept) break;
          end += one.length;
          count += 1;
        }
        const expected = values.slice(0, count).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
        assert.deepStrictEqual(parsed, { messages: expected, rest: kept - end });
      }),
    );
  });
});

describe("every judge of a slot", () => {
  const limits: Limits = { cpuSeconds: 2, wallSeconds: 10, memoryBytes: 1 << 28, outputBytes: 1 << 16 };
  const cases = [{ args: [1], expected: "no chance" }];
  const call: Tests = { kind: "call", visible: 0, cases };
  const floats = { ...call, values: "python", cases: [{ args: [1], expected: [{ f: "0.25" }] }] } as const;
  const tests: ReadonlyArray<Tests> = [
    call,
    { ...call, counts: true },
    { ...call, cases: [{ args: [], expected: { a: [1.5, { b: null }] } }] },
    floats,
    { ...floats, comparison: { kind: "evalplus", atol: 1e-6 } },
    { ...floats, comparison: "apps" },
    { kind: "assert", setup: "", asserts: ["assert f(1)", "assert f(2)"] },
    { kind: "stdio", visible: 0, comparison: "tokens", cases: [{ input: "", output: "no chance" }] },
  ];
  const sent = fc.record({
    frames: fc.array(frame, { maxLength: 4 }),
    hello: fc.boolean(),
    ended: fc.oneof(fc.record({ exit: fc.nat(255) }), fc.record({ signal: fc.nat(40) })),
    killed: fc.constantFrom(null, "cpu" as const, "wall" as const, "output" as const),
  });

  for (const { language, judge } of all) {
    it(`${language}: says something of whatever comes, and passes nothing by chance`, () => {
      fc.assert(
        fc.property(sent, ({ frames, hello, ended, killed }) => {
          const first = hello ? [framed(Buffer.from('{"ready":true}'))] : [];
          const seen: Seen = {
            id: 1,
            answers: Buffer.concat([...first, ...frames]).toString("base64"),
            ended,
            killed,
            oomKilled: false,
            cpuSeconds: 0.1,
            wallSeconds: 0.2,
            errors: "",
            memoryBytes: 1,
            output: "",
          };
          for (const one of tests) {
            const judged = SlotVerdict.judge(judge, one, limits, seen);
            if (judged.kind === "verdict") assert.notStrictEqual(judged.verdict.outcome, "Passed");
          }
        }),
        { numRuns: 300 },
      );
    });
  }

  it("takes no long over the largest answers", () => {
    const digits = `{"r":{"i":"0x${"f".repeat(4_000_000)}"}}`;
    const answers = Buffer.concat(
      ['{"ready":true}', digits].map((text) => framed(Buffer.from(text))),
    ).toString("base64");
    const parsed = Frames.parse(answers);
    const [, answer] = parsed?.messages ?? [];
    const value = (answer as { readonly r: unknown }).r;
    // Quadratic, or in decimal digits, this would take minutes or seconds; 20 of them are a limit for busy machines.
    const began = process.cpuUsage();
    for (let time = 0; time < 20; time++) assert.isFalse(PythonValue.equals(value, 5));
    assert.isBelow(process.cpuUsage(began).user / 1e6, 20);
  });
});

const python3 = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status === 0;
if (!python3) console.log("plain.py is not fuzzed: there is no python3 of 3.9 or later");

describe.skipIf(!python3)("plain.py", () => {
  /** Each input's frame, received and decoded: "no" where it is refused, else the value encoded again. */
  const script = `
import json, os, struct, sys
from drydock_sandbox import plain
def unordered(value):
    """The items of sets in one order: theirs depends on how they were put in, that of NaN on chance."""
    if isinstance(value, list): return [unordered(item) for item in value]
    if not isinstance(value, dict): return value
    return {tag: sorted(map(unordered, body), key=json.dumps) if tag in ("s", "z") else unordered(body) for tag, body in value.items()}
data = sys.stdin.buffer.read()
while data:
    (size,) = struct.unpack(">I", data[:4])
    body, data = data[4:4 + size], data[4 + size:]
    reading, writing = os.pipe()
    os.write(writing, body)
    os.close(writing)
    try:
        value = plain.decode(plain.receive(reading))
        said = {"value": plain.encode(value), "same": unordered(plain.encode(plain.decode(plain.encode(value)))) == unordered(plain.encode(value))}
    except EOFError:
        said = "end"
    except plain.BadValue:
        said = "no"
    os.close(reading)
    print(json.dumps(said))
`;
  const ask = (frames: ReadonlyArray<Buffer>): ReadonlyArray<unknown> => {
    const folder = fileURLToPath(new URL("../../sandbox-images/supervisor", import.meta.url));
    const { status, stdout, stderr } = spawnSync("python3", ["-c", script], {
      env: { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1", PYTHONHASHSEED: "0" },
      input: Buffer.concat(frames.map(framed)),
      maxBuffer: 1 << 26,
    });
    assert.strictEqual(status, 0, stderr.toString());
    return stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
  };

  it("refuses or reads whatever comes, and what it reads is what it says", () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 300, maxLength: 600 }), (frames) => {
        const said = ask(frames);
        assert.strictEqual(said.length, frames.length);
        said.forEach((one, at) => {
          if (!Frames.isRecord(one)) return assert.include(["no", "end"], one);
          // An iterator is used up by being read.
          const { value, same } = one;
          if (!JSON.stringify(value).includes('"g":')) assert.isTrue(same, JSON.stringify(value));
          // What both sides take, they take for the same value.
          const parsed = Frames.parse((frames[at] ?? Buffer.alloc(0)).toString("base64"));
          const ours = parsed?.messages[0];
          if (ours !== undefined && PythonValue.equals(ours, ours))
            assert.isTrue(PythonValue.equals(ours, value), JSON.stringify([ours, value]));
        });
      }),
      { numRuns: 6 },
    );
  });
});
