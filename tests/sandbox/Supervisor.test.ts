/** The supervisor by its own words: what it says of each kind of request, and what it takes as a fault. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Docker from "../../src/sandbox/docker/Docker.ts";
import * as DockerSlot from "../../src/sandbox/docker/DockerSlot.ts";
import type * as Protocol from "../../src/sandbox/docker/Protocol.ts";
import * as SandboxImage from "../../src/sandbox/docker/SandboxImage.ts";
import * as Frames from "../../src/sandbox/judge/Frames.ts";
import * as WithDocker from "./support/WithDocker.ts";

const MIB = 1024 * 1024;
const limits = { cpuSeconds: 1, wallSeconds: 20, memoryBytes: 256 * MIB, outputBytes: 65_536 };
const docker = Docker.connect();

const open = (namespaces = true) =>
  Effect.flatMap(SandboxImage.ensure("python"), (image) =>
    DockerSlot.open({
      docker,
      image,
      seccomp: SandboxImage.seccompProfile("python"),
      memoryBytes: 512 * MIB,
      isolation: { namespaces },
    }),
  );

type Slot = Effect.Success<ReturnType<typeof open>>;
type More = Partial<Omit<Protocol.Run, keyof Protocol.Work>>;

const base = { launch: "python", entry: "f", limits } as const;
const messages = (answers: string): ReadonlyArray<unknown> => Frames.parse(answers)?.messages ?? [];

const stdio = (slot: Slot, program: string, inputs: ReadonlyArray<string>, more: More = {}) =>
  Effect.map(slot.run({ ...base, kind: "stdio", program, inputs, ...more }), (seen) => ({
    seen,
    tests: messages(seen.answers) as ReadonlyArray<{ out: string; exit?: number; killed: string | null }>,
  }));

const calls = (slot: Slot, program: string, more: More = {}) =>
  Effect.map(slot.run({ ...base, kind: "call", program, calls: [[1]], ...more }), (seen) => ({
    seen,
    answer: messages(seen.answers)[1],
  }));

const asserts = (slot: Slot, program: string, lines: ReadonlyArray<string>, more: More = {}) =>
  Effect.map(
    slot.run({ ...base, kind: "assert", program, setup: "", asserts: lines, ...more }),
    (seen) => messages(seen.answers)[0],
  );

describe.skipIf(WithDocker.skip)("the supervisor", () => {
  for (const namespaces of [true, false]) {
    const rung = namespaces ? "with namespaces" : "without namespaces";

    it.live(
      `has every module of the standard library, loaded ahead or not, and the same random numbers, ${rung}`,
      () =>
        Effect.gen(function* () {
          const slot = yield* open(namespaces);
          const names =
            "dataclasses, decimal, fractions, hashlib, statistics, calendar, uuid, queue, numbers, ast, inspect";
          const program = `import ${names}\nimport random\ndef f(x):\n    return [hashlib.md5(b'').hexdigest()[:4], random.random()]`;
          const first = (yield* calls(slot, program)).answer;
          assert.deepStrictEqual(first, { r: ["d41d", { f: "0.8444218515250481" }] });
          assert.deepStrictEqual((yield* calls(slot, program)).answer, first);
        }).pipe(Effect.scoped),
      120_000,
    );

    it.live(
      `runs whole programs, one frame a test, ${rung}`,
      () =>
        Effect.gen(function* () {
          const slot = yield* open(namespaces);
          const echo = yield* stdio(slot, "import sys\nprint(sys.stdin.read(), end='')", ["ä\n", "", "b"]);
          assert.deepStrictEqual(
            echo.tests.map(({ out, exit }) => [out, exit]),
            [
              ["ä\n", 0],
              ["", 0],
              ["b", 0],
            ],
          );
          const again = "a = input()\nprint(a, open('/dev/stdin').read() == a + '\\n', open(0).read() == '')";
          assert.strictEqual((yield* stdio(slot, again, ["x\n"])).tests[0]?.out, "x True True\n");
          const main =
            "import atexit, threading\natexit.register(print, 'bye')\nif __name__ == '__main__':\n";
          const late = `${main} threading.Thread(target=lambda: print(input())).start()`;
          assert.strictEqual((yield* stdio(slot, late, ["x\n"])).tests[0]?.out, "x\nbye\n");
        }).pipe(Effect.scoped),
      120_000,
    );

    it.live(
      `stops after a test that crashed unless tests are counted, ${rung}`,
      () =>
        Effect.gen(function* () {
          const slot = yield* open(namespaces);
          const program = "n = int(input())\nprint(10 // n)";
          const inputs = ["1\n", "0\n", "2\n"];
          const stopped = yield* stdio(slot, program, inputs);
          assert.deepStrictEqual(
            stopped.tests.map(({ exit }) => exit),
            [0, 1],
          );
          assert.match(stopped.seen.errors, /ZeroDivisionError: .*\n$/);
          const counted = yield* stdio(slot, program, inputs, { counts: true });
          assert.deepStrictEqual(
            counted.tests.map(({ out, exit }) => [out, exit]),
            [
              ["10\n", 0],
              ["", 1],
              ["5\n", 0],
            ],
          );
          const endless = yield* stdio(slot, "while True: pass", inputs, {
            limits: { ...limits, cpuSeconds: 0.3 },
          });
          assert.deepStrictEqual(
            endless.tests.map(({ killed }) => killed),
            ["cpu"],
          );
          const syntax = yield* stdio(slot, "x = (", ["1\n"]);
          assert.match(syntax.seen.errors, /SyntaxError: .*\n$/);
          const deep = yield* stdio(slot, "def f(n): return f(n + 1)\nf(0)", ["1\n"]);
          assert.match(deep.seen.errors, /RecursionError: .*\n$/);
        }).pipe(Effect.scoped),
      120_000,
    );

    it.live(
      `lays side files into /tmp, for reading, for one run, ${rung}`,
      () =>
        Effect.gen(function* () {
          const slot = yield* open(namespaces);
          const files = [{ path: "data/in.txt", content: "größe" }];
          const read = "def f(x): return open('data/in.txt').read()";
          assert.deepStrictEqual((yield* calls(slot, read, { files })).answer, { r: "größe" });
          const { answer } = yield* calls(slot, "def f(x): return open('data/in.txt', 'w')", { files });
          assert.match((answer as { e: string }).e, /^PermissionError/);
          assert.match(((yield* calls(slot, read)).answer as { e: string }).e, /^FileNotFoundError/);
          const both = yield* asserts(slot, read, ["assert f(1) == open('data/in.txt').read()"], { files });
          assert.deepStrictEqual(both, { passed: 1, outcome: "Passed", detail: "" });
          const outside = [{ path: "../etc/x", content: "" }];
          assert.match((yield* Effect.flip(calls(slot, read, { files: outside }))).reason, /outside \/tmp/);
        }).pipe(Effect.scoped),
      120_000,
    );
  }

  it.live(
    "counts asserts where asked, and stops where not",
    () =>
      Effect.gen(function* () {
        const slot = yield* open();
        const lines = ["assert f(1) == 1", "assert f(2) == 0", "assert f(3) == 3", "assert f(4) == 0"];
        const first = { outcome: "WrongAnswer", detail: lines[1], first: 1 };
        assert.deepStrictEqual(yield* asserts(slot, "f = int", lines), { passed: 1, ...first, failed: [1] });
        const counted = yield* asserts(slot, "f = int", lines, { counts: true });
        assert.deepStrictEqual(counted, { passed: 2, ...first, failed: [1, 3] });
        const gone = "import os\ndef f(x): return x if x < 3 else os._exit(0)";
        assert.deepInclude(yield* asserts(slot, gone, lines, { counts: true }), { passed: 1, first: 1 });
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "tells what a run printed and held, and takes no exit code for a fault",
    () =>
      Effect.gen(function* () {
        const slot = yield* open();
        const big = "def f(x):\n    print('y' * 5000)\n    return len(bytearray(100 << 20))";
        const { seen } = yield* calls(slot, big);
        assert.strictEqual(seen.output, "y".repeat(2048));
        assert.isAbove(seen.memoryBytes, 100 * MIB);
        const small = yield* calls(slot, "def f(x): return x");
        assert.isBelow(small.seen.memoryBytes, 40 * MIB);
        for (const code of [1, 125, 255]) {
          const { ended } = (yield* calls(slot, `import os\nos._exit(${code})`)).seen;
          assert.deepStrictEqual(ended, { exit: code });
        }
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "what it cannot do is a fault that says why",
    () =>
      Effect.gen(function* () {
        const compile = { kind: "compile", source: "", flags: [], limits } as const;
        const fault = yield* Effect.flip(Effect.flatMap(open(), (slot) => slot.compile(compile)));
        assert.match(fault.reason, /this image has no launch "compile"/);
        const other = yield* Effect.flip(
          Effect.flatMap(open(), (slot) => calls(slot, "", { launch: "node" })),
        );
        assert.match(other.reason, /this image has no launch "node"/);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "a zygote that is killed is a fault",
    () =>
      Effect.gen(function* () {
        const slot = yield* open();
        const { Processes } = yield* Effect.promise(() => docker.getContainer(slot.id).top());
        const [, zygote] = (Processes as Array<Array<string>>).map((row) => Number(row[1]));
        try {
          process.kill(zygote ?? 0, "SIGKILL");
        } catch {
          return console.log("not tried: this user may not end a container's process");
        }
        const fault = yield* Effect.flip(calls(slot, "def f(x): return x"));
        assert.match(fault.reason, /zygote/);
      }).pipe(Effect.scoped),
    60_000,
  );
});
