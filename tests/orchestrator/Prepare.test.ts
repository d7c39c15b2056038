import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Prepare from "../../src/orchestrator/Prepare.ts";
import * as Records from "../dataset/Records.ts";
import * as TinyRun from "./TinyRun.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-prepare-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

const prepare = Effect.fn(function* (
  change: Readonly<Record<string, unknown>>,
  loaded: Prepare.Loaded = TinyRun.loaded,
) {
  const config = yield* TinyRun.configure(Fs.mkdtempSync(Path.join(root, "run-")), change);
  return yield* Prepare.prepare(config, loaded);
});
const refused = (change: Readonly<Record<string, unknown>>, loaded?: Prepare.Loaded) =>
  prepare(change, loaded).pipe(
    Effect.flip,
    Effect.map(({ message }) => message),
  );

const online = {
  kind: "online",
  label: "online",
  updates: [{ training: "sft", steps: 1, learningRate: 1e-3 }],
};
const control = { kind: "control", label: "control", of: "online" };

describe("Prepare", () => {
  it.live("knows no more labels than limit.labels, the same ones for every seed", () =>
    Effect.gen(function* () {
      const all = yield* prepare({});
      assert.strictEqual(all.labels.count, 12);
      const some = yield* prepare({ limit: { labels: 4 } });
      assert.strictEqual(some.labels.count, 4);
      assert.deepStrictEqual(
        some.context.offline.map(({ taskId, program }) => {
          const task = some.context.tasks.train.find(({ id }) => id === taskId);
          return task === undefined ? "" : some.context.cacheKey(task, program);
        }),
        some.labels.cache.map(({ key }) => key),
      );
      const [a, b, c, d] = some.context.offline;
      assert.deepStrictEqual([a?.taskId, c?.taskId], [b?.taskId, d?.taskId]);
      assert.deepStrictEqual(
        some.context.offline.map(({ reward }) => reward),
        [1, 0, 1, 0],
      );
      const other = yield* prepare({ limit: { labels: 4 }, seed: 77 });
      assert.deepStrictEqual(other.context.offline, some.context.offline);
    }).pipe(Effect.provide(TinyRun.sandbox)),
  );

  it.live("takes a dataset in Arrow segments as it takes one in memory", () =>
    Effect.gen(function* () {
      const { tasks, attempts } = TinyRun.loaded;
      const path = Path.join(root, "segments");
      yield* Records.write(path, { tasks, attempts }, { segment: { rows: 3, bytes: 1e6 } });
      const config = yield* TinyRun.configure(Fs.mkdtempSync(Path.join(root, "run-")), {
        dataset: { kind: "drydock", path },
      });
      const loaded = yield* Prepare.load(config);
      assert.deepStrictEqual(loaded, TinyRun.loaded);
      const { context, labels } = yield* Prepare.prepare(config, loaded);
      const expected = yield* prepare({});
      assert.deepStrictEqual([context.offline, labels], [expected.context.offline, expected.labels]);
    }).pipe(Effect.provide(TinyRun.sandbox)),
  );

  it.live("lets a run without labels train online only", () =>
    Effect.gen(function* () {
      const { context, labels } = yield* prepare({ stages: [online], limit: { labels: 0 } });
      assert.deepStrictEqual([context.offline, labels], [[], { count: 0, cache: [] }]);
    }).pipe(Effect.provide(TinyRun.sandbox)),
  );

  it.live("puts reasoning before the programs where the policy is to learn it", () =>
    Effect.gen(function* () {
      const { tasks, attempts, shots } = TinyRun.loaded;
      const reasoned = { tasks, attempts: attempts.map((a) => ({ ...a, reasoning: "add\nit" })), shots };
      const left = yield* prepare({}, reasoned);
      assert.deepStrictEqual(left.context.offline, (yield* prepare({})).context.offline);
      const policy = { path: "none", reasoning: "comments", stop: [] };
      const { context, labels } = yield* prepare({ policy }, reasoned);
      const [first] = context.offline;
      const [attempt] = attempts;
      assert.deepStrictEqual([first?.reasoning, first?.program], ["// add\n// it\n", attempt?.program]);
      // A policy that writes the same again is answered by the cache.
      const task = tasks.find(({ id }) => id === attempt?.taskId);
      if (task === undefined) throw new Error("no task");
      const limits = context.tasks.train.find(({ id }) => id === task.id) ?? task;
      assert.strictEqual(
        labels.cache[0]?.key,
        context.cacheKey(limits, `// add\n// it\n${attempt?.program}`),
      );
      assert.deepStrictEqual(context.written(task, "// so\nf()"), { reasoning: "// so\n", program: "f()" });
      assert.deepStrictEqual(left.context.written(task, "// so\nf()"), { program: "// so\nf()" });
    }).pipe(Effect.provide(TinyRun.sandbox)),
  );

  it.live("refuses a stage whose offline data is missing, and says what to change", () =>
    Effect.gen(function* () {
      const none = { kind: "drydock", path: "data", attempts: "none" };
      assert.strictEqual(
        yield* refused({ limit: { labels: 0 } }),
        '.: limit.labels is 0, so there is no offline data, which the stage "sft" (offline) trains on. Raise it, or remove the stage.',
      );
      assert.strictEqual(
        yield* refused({ dataset: none, stages: [online, control] }, { ...TinyRun.loaded, attempts: [] }),
        'data: dataset.attempts is "none", so there is no offline data, which the stage "control" (control) trains on. Set it to "attempts", or remove the stage.',
      );
      assert.match(
        yield* refused({}, { ...TinyRun.loaded, attempts: [] }),
        /no labelled attempt at a training task of the run, so there is no offline data/,
      );
      const failing = TinyRun.loaded.attempts.filter(({ outcome }) => outcome !== "Passed");
      assert.match(
        yield* refused({}, { ...TinyRun.loaded, attempts: failing }),
        /none of the 6 offline attempts passes, but the training "sft" of the stage "sft" trains on passing ones\. Add attempts that pass/,
      );
      const trainings = { dpo: { algorithm: "dpo", batchSize: 8 }, rloo: { algorithm: "rloo" } };
      const stages = [{ kind: "offline", label: "a", training: "dpo", steps: 1, learningRate: 1e-3 }];
      const passing = TinyRun.loaded.attempts.filter(({ outcome }) => outcome === "Passed");
      assert.match(
        yield* refused({ trainings, stages }, { ...TinyRun.loaded, attempts: passing }),
        /no problem has both a pass and a fail among the 6 offline attempts, but the training "dpo" of the stage "a" compares the two \(dpo\)\. Add attempts that fail at problems/,
      );
      const also = [{ ...stages[0], training: "rloo" }];
      const half = [...passing.slice(0, 3), ...failing.slice(3)];
      assert.match(
        yield* refused({ trainings, stages: also }, { ...TinyRun.loaded, attempts: half }),
        /"rloo" of the stage "a" compares the two \(rloo\)/,
      );
      assert.match(
        yield* refused({ trainings, stages, limit: { labels: 1 } }),
        /compares the two \(dpo\)\. Raise limit\.labels/,
      );
      assert.strictEqual((yield* prepare({ trainings, stages })).labels.count, 12);
    }).pipe(Effect.provide(TinyRun.sandbox)),
  );
});
