/** `drydock data verify`, `augment` and `collect` with the real policy worker and QuickJS. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import * as Effect from "effect/Effect";
import * as Dataset from "../../src/dataset/Dataset.ts";
import * as DatasetReader from "../../src/dataset/DatasetReader.ts";
import * as Manifest from "../../src/dataset/Manifest.ts";
import type { Attempt } from "../../src/domain/Attempt.ts";
import * as Drydock from "./Drydock.ts";

const { directory, remove } = Drydock.workplace();
afterAll(remove);
const at = (name: string): string => Path.join(directory, name);
let config = "";
/** Each command is a process of its own: generous, as the machine may be busy. */
const TIMEOUT = 240_000;
beforeAll(async () => {
  config = await Drydock.tinyRun(directory);
});

const json = async <A>(...args: ReadonlyArray<string>): Promise<A> => {
  const { code, stdout, stderr } = await Drydock.run(["data", ...args, "--json"]);
  assert.strictEqual(code, 0, stderr);
  return JSON.parse(stdout) as A;
};

const attemptsOf = (name: string): Promise<ReadonlyArray<Attempt>> =>
  DatasetReader.open(at(name)).pipe(
    Effect.map(({ attempts }) => [...attempts]),
    Effect.scoped,
    Effect.runPromise,
  );

/** Some of the shipped dataset's training tasks, as a dataset. */
const few = (name: string, count: number): Promise<void> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const { tasks } = yield* Dataset.load("datasets/js-compose");
      const training = tasks.filter(({ split }) => split === "train").slice(0, count);
      const head = { name: "few", version: "1", source: "test", licence: "none", gzip: false };
      yield* Dataset.save(at(name), { tasks: training, attempts: [] }, undefined, head);
    }),
  );

describe("drydock data", () => {
  it(
    "verify runs every program once, and writes the labels with the report",
    async () => {
      const report = await json<{ spent: number; agreement: { compared: number; agree: number } }>(
        "verify",
        at("dataset"),
        "--out",
        at("verified"),
      );
      // 24 references, of which 6 are attempts too, and 6 other attempts.
      assert.strictEqual(report.spent, 30);
      assert.deepInclude(report.agreement, { compared: 12, agree: 12 });
      const attempts = await attemptsOf("verified");
      assert.isTrue(
        attempts.every(
          ({ labelSource, cpuSeconds }) => labelSource === "sandbox" && cpuSeconds !== undefined,
        ),
      );
      assert.isTrue(Fs.existsSync(at("verified/verification.json")));
      assert.isFalse(Fs.existsSync(at("verified.verdicts.jsonl")));
    },
    TIMEOUT,
  );

  it(
    "verify names all failing tests where it runs them all",
    async () => {
      await json("verify", at("dataset"), "--out", at("counted"), "--what", "attempts", "--counts");
      const attempts = await attemptsOf("counted");
      const numbers = attempts.map(({ testsTotal = 0, testsPassed = 0 }) => testsTotal - testsPassed);
      assert.deepStrictEqual(
        attempts.map(({ failingTests = [] }) => new Set(failingTests).size),
        numbers,
      );
      assert.isAbove(Math.max(...numbers), 1);
    },
    TIMEOUT,
  );

  it(
    "verify refuses a directory that is there before it runs anything",
    async () => {
      const { code, stderr } = await Drydock.run(["data", "verify", at("dataset"), "--out", at("dataset")]);
      assert.notStrictEqual(code, 0);
      assert.include(stderr, "--overwrite");
    },
    TIMEOUT,
  );

  it(
    "augment keeps what was there, and labels mutants by the sandbox",
    async () => {
      await json(
        "augment",
        at("dataset"),
        "--out",
        at("more"),
        "--kinds",
        "mutants,renames",
        "--per-task",
        "2",
      );
      const attempts = await attemptsOf("more");
      assert.deepStrictEqual(attempts.slice(0, 12), [...(await attemptsOf("dataset"))]);
      const made = attempts.slice(12);
      assert.isAtLeast(made.length, 12);
      for (const { origin, outcome, labelSource } of made) {
        assert.strictEqual(labelSource, "sandbox");
        assert.strictEqual(outcome === "Passed", !origin.startsWith("augment:mutant/"), origin);
      }
    },
    TIMEOUT,
  );

  it(
    "collect verifies what a policy writes within its budget, and again from its run",
    async () => {
      const policy = (JSON.parse(Fs.readFileSync(config, "utf8")) as { policy: { path: string } }).policy
        .path;
      const common = ["--config", config, "--temperature", "1", "--samples", "2", "--keep-run"];
      const asked = [policy, "--tasks", at("dataset"), "--out", at("collected"), "--verifications", "9"];
      const summary = await json<{ verifications: number; written: number; attempts: number; run: string }>(
        "collect",
        ...asked,
        ...common,
      );
      assert.isAtMost(summary.verifications, 9);
      assert.isAtMost(summary.written, 24);
      const attempts = await attemptsOf("collected");
      assert.lengthOf(attempts, summary.attempts);
      assert.isAbove(attempts.length, 0);
      assert.isTrue(
        attempts.every(({ labelSource, outcome }) => labelSource === "sandbox" && outcome !== undefined),
      );
      await json("collect", "--from-run", summary.run, "--root", at("collected.runs"), "--out", at("again"));
      const plain = (list: ReadonlyArray<Attempt>) =>
        list.map(({ taskId, program, outcome }) => ({ taskId, program, outcome }));
      assert.deepStrictEqual(plain(await attemptsOf("again")), plain(attempts));
    },
    TIMEOUT,
  );

  it(
    "collect takes programs of a server, and goes on where it was interrupted",
    async () => {
      const policy = Path.resolve("policies/js-compose");
      await few("few", 6);
      const serving = Drydock.start(["serve", policy, "--port", "0", "--model-name", "mine"]);
      const [, url = ""] = await serving.until(/Serving mine at (http:\/\/127\.0\.0\.1:\d+\/v1)/);
      const asked = (model: string) =>
        `collect ${policy} --remote ${url} --model ${model} --tasks ${at("few")} --out ${at("remote")} --verifications 10 --samples 3`.split(
          " ",
        );
      // A model that the server has not: nothing is verified, and the command says how to go on.
      const wrong = await Drydock.run(["data", ...asked("other")]);
      assert.notStrictEqual(wrong.code, 0);
      assert.match(wrong.stderr, /does not know the model "other"/);
      assert.match(wrong.stderr, /the same command with --resume/);
      assert.isFalse(Fs.existsSync(at("remote")));
      const other = await Drydock.run(["data", ...asked("mine"), "--resume"]);
      assert.notStrictEqual(other.code, 0);
      assert.match(other.stderr, /another policy, server or dataset.*--overwrite/s);

      const running = Drydock.start(["data", ...asked("mine"), "--overwrite"]);
      await running.until(/to steer it/);
      running.child.kill("SIGKILL");
      await running.ended;
      assert.isFalse(Fs.existsSync(at("remote")));
      const ended = await json<{ verifications: number; written: number }>(...asked("mine"), "--resume");
      assert.strictEqual(ended.written, 18);
      assert.isAtMost(ended.verifications, 10);
      serving.child.kill("SIGTERM");
      const attempts = await attemptsOf("remote");
      assert.isAbove(attempts.length, 5);
      assert.isAtMost(attempts.length, 10);
      for (const { origin, labelSource, outcome, program } of attempts) {
        assert.deepStrictEqual([origin, labelSource], ["remote:mine", "sandbox"]);
        assert.isDefined(outcome);
        assert.match(program, /^function f\(/);
      }
      assert.isTrue(attempts.some(({ outcome }) => outcome === "Passed"));
      const { made = [] } = await Effect.runPromise(Manifest.read(at("remote")));
      assert.deepInclude(made.at(-1)?.options, { remote: url, model: "mine", api: "completions" });
    },
    TIMEOUT,
  );
});
