import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Zlib from "node:zlib";
import * as NodeServices from "@effect/platform-node/NodeServices";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import * as Stdio from "effect/Stdio";
import { app } from "../../src/App.ts";
import * as Presenter from "../../src/cli/Presenter.ts";
import * as Problem from "../../src/cli/Problem.ts";
import * as SandboxTasks from "../../src/cli/SandboxTasks.ts";
import * as Docker from "../../src/sandbox/docker/Docker.ts";
import * as ImagePrune from "../../src/sandbox/docker/ImagePrune.ts";
import * as SandboxImage from "../../src/sandbox/docker/SandboxImage.ts";
import * as Slots from "../../src/sandbox/Slots.ts";
import * as WithDocker from "../sandbox/support/WithDocker.ts";

const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-sandbox-"));
afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  const path = Path.join(folder, name);
  Fs.writeFileSync(path, text);
  return path;
};

/** What `drydock ARGS` prints to stdout, in this process. */
const output = Effect.fn(function* (...args: ReadonlyArray<string>) {
  const lines: Array<string> = [];
  const console: Console.Console = {
    ...globalThis.console,
    log: (...parts) => void lines.push(parts.map(String).join(" ")),
  };
  yield* app.pipe(
    Effect.provideService(Console.Console, console),
    Effect.provide(Stdio.layerTest({ args: Effect.succeed(args) })),
    Effect.provide([NodeServices.layer, Presenter.layer]),
  );
  return lines.join("\n");
});
const refused = (...args: ReadonlyArray<string>) =>
  Effect.map(Effect.flip(output(...args)), Problem.describe);

const id = "js-compose/train/0001";
const right =
  "function f(ws) { return ws.map((w) => w.length).map((x) => 8 - x).filter((x) => x % 2 !== 0); }";

describe("drydock sandbox run", () => {
  it.live("shows the verdict, and each test where it is asked to", () =>
    Effect.gen(function* () {
      const good = file("good.js", right);
      const text = yield* output("sandbox", "run", good, "--task", id);
      assert.match(text, /^js-compose\/train\/0001: Passed, (\d+) of \1 tests passed/);
      const bad = file("bad.js", right.replace("8 - x", "ws.length > 3 ? x : 8 - x"));
      const { verdict, tests } = JSON.parse(
        yield* output("sandbox", "run", bad, "--task", id, "--counts", "--json"),
      );
      assert.strictEqual(verdict.outcome, "WrongAnswer");
      assert.lengthOf(tests, verdict.testsTotal);
      const passed = tests.filter((one: typeof tests) => one.verdict.outcome === "Passed");
      assert.isAbove(passed.length, 0);
      assert.isBelow(passed.length, tests.length);
    }),
  );

  it.live("names what is missing", () =>
    Effect.gen(function* () {
      const good = file("good.js", right);
      assert.match(
        (yield* refused("sandbox", "run", good, "--task", "js-compose/train/1")) ?? "",
        /has no task js-compose\/train\/1\n.*for example js-compose/,
      );
      assert.match(
        (yield* refused("sandbox", "run", "/nowhere.js", "--task", id)) ?? "",
        /nowhere\.js cannot be read/,
      );
      assert.match(
        (yield* refused("sandbox", "run", good, "--task", id, "--dataset", "/nowhere.jsonl")) ?? "",
        /nowhere\.jsonl/,
      );
    }),
  );
});

describe("tasks of HumanEval's own file", () => {
  const row = {
    task_id: "HumanEval/0",
    prompt: "def f(x):\n",
    canonical_solution: "    return x + 1\n",
    test: "def check(candidate):\n    assert candidate(1) == f(1)\n",
    entry_point: "f",
  };

  it.effect("are read, zipped or not, and a line that is none is named", () =>
    Effect.gen(function* () {
      const zipped = Path.join(folder, "he.jsonl.gz");
      Fs.writeFileSync(zipped, Zlib.gzipSync(`${JSON.stringify(row)}\n`));
      const [task] = yield* SandboxTasks.load(zipped);
      assert.deepInclude(task, {
        id: "HumanEval/0",
        language: "python",
        reference: "def f(x):\n    return x + 1\n",
      });
      const broken = file("he.jsonl", `${JSON.stringify(row)}\n{"canonical_solution": 1}\n`);
      assert.deepInclude(yield* Effect.flip(SandboxTasks.load(broken)), { path: broken, line: 2 });
    }),
  );

  it.live.skipIf(WithDocker.skip)(
    "compare with the canonical solution, which the program under test cannot be",
    () =>
      Effect.gen(function* () {
        const dataset = file("own.jsonl", `${JSON.stringify(row)}\n`);
        const run = (program: string) =>
          output("sandbox", "run", file("p.py", program), "--task", "HumanEval/0", "--dataset", dataset);
        assert.match(yield* run("def f(x): return x + 1"), /: Passed, 1 of 1/);
        assert.match(yield* run("def f(x): return x + 2"), /: WrongAnswer/);
      }),
    120_000,
  );
});

describe("sandbox slots", () => {
  it("are two for each core that training leaves, and two at least", () => {
    assert.strictEqual(Slots.byDefault(undefined, 16), 2);
    assert.strictEqual(Slots.byDefault(16, 16), 2);
    assert.strictEqual(Slots.byDefault(20, 16), 2);
    assert.strictEqual(Slots.byDefault(12, 16), 8);
    assert.strictEqual(Slots.byDefault(1, 2), 2);
  });

  it.live("can be said on the command line", () =>
    Effect.gen(function* () {
      const config = JSON.parse(
        yield* output("train", "configs/default.json", "--sandbox-slots", "7", "--dry-run"),
      );
      assert.strictEqual(config.sandbox.slots, 7);
      assert.match(
        (yield* refused("train", "configs/default.json", "--sandbox-slots", "0", "--dry-run")) ?? "",
        /slots/,
      );
    }),
  );
});

describe.skipIf(WithDocker.skip)("images of former recipes", () => {
  it.live(
    "are removed, but for the current one, young ones and other images",
    () =>
      Effect.gen(function* () {
        const docker = Docker.connect();
        const image = docker.getImage(yield* SandboxImage.ensure("python"));
        const repo = `drydock-prune-test-${process.pid}`;
        const tag = (name: string, label: string) =>
          Docker.ask(10, "tag", () => image.tag({ repo: name, tag: label }));
        yield* Effect.all([tag(repo, "old"), tag(repo, "now"), tag(`${repo}-other`, "old")]);
        const current = `${repo}:now`;
        assert.deepStrictEqual(yield* ImagePrune.old(docker, [current], { minAgeSeconds: 1e9 }), []);
        const pruned = yield* ImagePrune.old(docker, [current], { minAgeSeconds: 0 });
        assert.deepStrictEqual(
          pruned.map((each) => each.image),
          [`${repo}:old`],
        );
        for (const kept of [current, `${repo}-other:old`]) {
          assert.isTrue(yield* SandboxImage.exists(docker, kept));
          yield* Docker.ask(10, "untag", () => docker.getImage(kept).remove());
        }
      }),
    120_000,
  );
});
