/** Checkpoints of tiny runs, ranked by the real binary. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { afterAll, assert, describe, it } from "vitest";
import * as RunStoreLive from "../../src/store/RunStoreLive.ts";
import * as Drydock from "./Drydock.ts";
import { refusal } from "./Refusal.ts";

const place = Drydock.workplace();
afterAll(place.remove);

const Estimate = Schema.NullOr(
  Schema.Struct({ estimate: Schema.Number, interval: Schema.Tuple([Schema.Number, Schema.Number]) }),
);
const Agreement = Schema.Struct({
  count: Schema.Int,
  spearman: Schema.NullOr(Schema.Number),
  regretAt1: Schema.NullOr(Schema.Number),
});
const Selection = Schema.Struct({
  log: Schema.NullOr(
    Schema.Struct({ file: Schema.String, programs: Schema.Int, writer: Schema.NullOr(Schema.String) }),
  ),
  rows: Schema.Array(
    Schema.Struct({
      checkpoint: Schema.String,
      direct: Estimate,
      doublyRobust: Estimate,
      importance: Estimate,
      meanWeight: Schema.NullOr(Schema.Number),
      effectiveSampleSize: Schema.NullOr(Schema.Number),
      passLogProb: Schema.NullOr(Schema.Number),
      measured: Schema.NullOr(Schema.Number),
      wroteLog: Schema.Boolean,
    }),
  ),
  agreement: Schema.Record(Schema.String, Agreement),
  leftOut: Schema.Array(Schema.String),
});
const decode = Schema.decodeUnknownSync(Selection);

/** Trains a tiny run and gives its directory. */
const trained = async (name: string, change: Readonly<Record<string, unknown>>): Promise<string> => {
  const folder = Path.join(place.directory, name);
  Fs.mkdirSync(folder);
  const { code, stderr } = await Drydock.run(["train", await Drydock.tinyRun(folder, change)]);
  assert.strictEqual(code, 0, stderr);
  const runs = Path.join(folder, "runs");
  const [run = ""] = Fs.readdirSync(runs);
  return Path.join(runs, run);
};

const select = async (...args: ReadonlyArray<string>) => {
  const { code, stdout, stderr } = await Drydock.run(["select", ...args, "--json"]);
  assert.strictEqual(code, 0, stderr);
  return decode(JSON.parse(stdout));
};

const online = (training: string, validation: unknown) => ({
  kind: "online",
  label: "online",
  rounds: 3,
  programsPerRound: 4,
  temperature: 1,
  updates: [{ training, steps: 2, learningRate: 0.003 }],
  validation,
});
const sft = { kind: "offline", label: "sft", training: "sft", steps: 40, learningRate: 0.01 };

describe("drydock select", () => {
  it("ranks what a run kept, spends nothing, and gives the log's writer its own measurement back", async () => {
    const directory = await trained("whole", {
      keepCheckpoints: "all",
      stages: [
        sft,
        { kind: "offline", label: "cql", training: "cql", steps: 6, learningRate: 0.01 },
        online("sft", { samples: 2, maxDrop: 1 }),
      ],
    });
    const before = Fs.readFileSync(Path.join(directory, "run.db"));
    const { log, rows, agreement, leftOut } = await select(directory);
    assert.isTrue(before.equals(Fs.readFileSync(Path.join(directory, "run.db"))), "the run was changed");

    // 6 validation tasks, 2 samples each, written by what the online stage began with.
    assert.deepEqual(log, { file: "validation/02-online.jsonl", programs: 12, writer: "stage-1-end" });
    assert.deepEqual(
      rows.map(({ checkpoint }) => checkpoint).filter((id) => !id.includes("step")),
      ["start", "stage-0-end", "stage-1-end", ...[0, 1, 2].map((round) => `stage-2-round-${round}`)],
    );
    const writer = rows.find(({ wroteLog }) => wroteLog);
    assert.strictEqual(writer?.checkpoint, "stage-1-end");
    assert.approximately(writer?.meanWeight ?? 0, 1, 1e-4);
    assert.approximately(writer?.effectiveSampleSize ?? 0, 12, 1e-3);
    assert.approximately(writer?.importance?.estimate ?? -1, writer?.measured ?? -2, 1e-3);
    const [untrained] = rows;
    assert.isNull(untrained?.direct);
    assert.isNull(untrained?.doublyRobust);
    assert.match(leftOut.join(), /start, .*stage-0-end: nothing had trained the value heads yet/);
    for (const { direct, doublyRobust, importance, effectiveSampleSize } of rows.slice(-4)) {
      for (const found of [direct, doublyRobust, importance]) {
        assert.isAtMost(found?.interval[0] ?? 1, (found?.estimate ?? 0) + 1e-9);
        assert.isAtLeast(found?.interval[1] ?? 0, (found?.estimate ?? 1) - 1e-9);
      }
      assert.isAtMost(effectiveSampleSize ?? 13, 12.001);
    }
    assert.deepEqual(
      Object.values(agreement).map(({ count }) => count),
      [3, 3, 3, 3],
    );

    const { stdout } = await Drydock.run(["select", directory]);
    assert.match(stdout, /stage-1-end \*/);
    assert.match(stdout, /doubly robust/);

    // A run that somebody runs is left alone.
    const running = await Effect.runPromise(
      Effect.promise(() => refusal(["select", directory])).pipe(
        Effect.provide(RunStoreLive.layer({ directory })),
      ),
    );
    assert.match(running, /is being run by process \d+/);
    assert.match(running, /What to do: wait for its end/);
  }, 120_000);

  it("without value heads ranks by the log alone; without either, or checkpoints, says what to do", async () => {
    const trainings = { sft: { algorithm: "sft", batchSize: 8, episodes: "passing" } };
    const blind = await trained("blind", {
      trainings,
      stages: [sft, online("sft", { samples: 1, maxDrop: 1 })],
    });
    const { rows, leftOut } = await select(blind);
    assert.isTrue(rows.every(({ direct, doublyRobust }) => direct === null && doublyRobust === null));
    assert.isTrue(rows.some(({ importance }) => importance !== null));
    assert.match(leftOut.join(), /the policy has no value heads/);

    assert.match(
      await refusal(["select", blind, "--stage", "x"]),
      /no stage "x"[^]*What to do: give one of: online/,
    );
    const [kept = ""] = Fs.readdirSync(Path.join(blind, "validation"));
    Fs.rmSync(Path.join(blind, "validation", kept));
    assert.match(await refusal(["select", blind]), /nothing in .* says how good its checkpoints are/);
    Fs.rmSync(Path.join(blind, "checkpoints"), { recursive: true });
    assert.match(await refusal(["select", blind]), /holds no checkpoints[^]*"keepCheckpoints": "all"/);
    assert.match(
      await refusal(["select", "nothing", "--root", place.directory]),
      /there is no run "nothing"/,
    );
  }, 120_000);
});
