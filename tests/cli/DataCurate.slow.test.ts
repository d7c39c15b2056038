/** The commands that choose from a dataset, as a person runs them, on a dataset on disk. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import * as Dataset from "../../src/dataset/Dataset.ts";
import type { Attempt } from "../../src/domain/Attempt.ts";
import { attempt, task } from "../dataset/curate/Make.ts";
import * as Drydock from "./Drydock.ts";

const { directory, remove } = Drydock.workplace();
afterAll(remove);

const at = (name: string): string => Path.join(directory, name);
const passed = { outcome: "Passed", labelSource: "sandbox" } as const;
const failed = { outcome: "WrongAnswer", labelSource: "dataset" } as const;

const twice = task("a/2", "Return the largest number of a list of numbers, or nothing.", {
  reference: "def f(ys): return max(ys)",
});
const tasks = [
  task("a/1", "return the largest number of a list of numbers or nothing", {
    reference: "def f(xs): return max(xs)",
  }),
  { ...twice, split: "test" as const },
  ...Array.from({ length: 18 }, (_, i) => task(`a/${i + 3}`, `Problem ${i}.`, { meta: { contest: i % 3 } })),
];
const attempts: ReadonlyArray<Attempt> = [
  attempt("a/1", "def f(x): return x", failed),
  attempt("a/1", "def f(y): return y  # again", { ...passed, origin: "\u001b[2Jevil" }),
  attempt("a/1", "def f(x): return -x"),
  attempt("a/2", "def f(z): return z  # third", failed),
  attempt("a/3", "def f(x): return 1", passed),
  attempt("a/3", "def f(x): return 2", failed),
  attempt("a/3", "def f(x): return 3", failed),
  attempt("a/4", "def f(x): return 1", passed),
];

beforeAll(() =>
  Effect.runPromise(
    Dataset.save(at("data"), { tasks, attempts }, undefined, {
      name: "data",
      version: "1",
      source: "test",
      licence: "CC0-1.0",
      gzip: false,
    }),
  ),
);

const data = async (...args: ReadonlyArray<string>) => {
  const ended = await Drydock.run(["data", ...args], { cwd: directory });
  return { ...ended, json: () => JSON.parse(ended.stdout) };
};
const load = (name: string) => Effect.runPromise(Dataset.load(at(name)));

describe("drydock data", { timeout: 180_000 }, () => {
  it("dedupe removes repeats, moves attempts of a repeated task and reports conflicting labels", async () => {
    const { json, code, stderr } = await data("dedupe", "data", "--out", "once", "--json");
    assert.strictEqual(code, 0, stderr);
    assert.deepInclude(json().attempts, { before: 8, after: 6, equal: 2, near: 0, moved: 1 });
    assert.strictEqual(json().conflicts.count, 1);
    const made = await load("once");
    assert.notInclude(
      made.tasks.map(({ id }) => id),
      "a/2",
    );
    assert.isTrue(made.attempts.some(({ taskId, outcome }) => taskId === "a/1" && outcome === "Passed"));
    assert.strictEqual(made.manifest.made?.at(-1)?.command, "dedupe");
    const again = await data("dedupe", "data", "--out", "once");
    assert.notStrictEqual(again.code, 0);
    assert.include(again.stderr, "--overwrite");
  });

  it("contamination shows the pairs and fails, unless it only tells", async () => {
    const { code, stdout, stderr } = await data("contamination", "data", "data");
    assert.notStrictEqual(code, 0);
    assert.match(stdout, /a\/2\s+│ a\/1\s+│ statement\s+│ 100\.0 %\s+│ 100\.0 %/);
    assert.include(stderr, "1 evaluated tasks are, or nearly are, trained on");
    const told = await data("contamination", "data", "data", "--no-fail", "--json");
    assert.strictEqual(told.code, 0);
    assert.deepInclude(told.json(), { training: 19, evaluation: 1, refused: 1 });
    const none = await data("contamination", "once", "once");
    assert.include(none.stderr, "--eval-tasks all");
  });

  it("split keeps what is alike on one side, and says so in the manifest", async () => {
    const { json, code, stderr } = await data(
      "split",
      "data",
      "--out",
      "parts",
      "--train",
      "0.5",
      "--validation",
      "0",
      "--test",
      "0.5",
      "--seed",
      "4",
      "--json",
    );
    assert.strictEqual(code, 0, stderr);
    assert.deepEqual(json().splits, { train: 10, validation: 0, test: 10 });
    const { tasks: parts, manifest } = await load("parts");
    const splitOf = (id: string) => parts.find((one) => one.id === id)?.split;
    assert.strictEqual(splitOf("a/1"), splitOf("a/2"));
    assert.deepInclude(manifest.made?.at(-1)?.options, { seed: 4, test: 0.5 });
    const wrong = await data("split", "data", "--out", "x", "--train", "0.9");
    assert.include(wrong.stderr, "sum to 1");
    assert.isFalse(Fs.existsSync(at("x")));
  });

  it("stats and inspect show it, and nothing of it moves the cursor", async () => {
    const stats = await data("stats", "data");
    assert.match(
      stats.stdout,
      /Tasks whose attempts pass and fail: 2; only pass: 1; only fail: 1; without labels: 16\./,
    );
    const one = await data("inspect", "data", "1", "--attempts", "2");
    assert.include(one.stdout, "def f(x): return x");
    assert.include(one.stdout, "2 of 3 attempts");
    assert.notInclude(one.stdout, "\u001b[2J");
    const only = await data("inspect", "data", "a/1", "--outcome", "Passed", "--json");
    assert.strictEqual(only.json().fitting, 1);
    const none = await data("inspect", "data", "b");
    assert.include(none.stderr, 'there is no task "b"');
  });

  it("mix takes by weight and keeps ids apart, balance keeps a pass and a failure", async () => {
    const balanced = await data(
      "balance",
      "data",
      "--out",
      "balanced",
      "--cap",
      "2",
      "--one-sided",
      "drop",
      "--json",
    );
    assert.deepInclude(
      balanced.json().after,
      { attempts: 4, passed: 2, failed: 2, both: 2 },
      balanced.stderr,
    );
    const mixed = await data(
      "mix",
      "data",
      "balanced",
      "--weights",
      "1,3",
      "--tasks",
      "20",
      "--out",
      "mixed",
      "--json",
    );
    assert.deepEqual(
      mixed.json().parts.map((part: { readonly tasks: number }) => part.tasks),
      [5, 15],
      mixed.stderr,
    );
    const made = await load("mixed");
    assert.lengthOf(made.tasks, 20);
    assert.deepEqual(
      made.manifest.made?.map(({ command }) => command),
      ["balance", "mix"],
    );
    const wrong = await data("mix", "data", "balanced", "--weights", "1", "--out", "y");
    assert.include(wrong.stderr, "2 weights");
  });
});
