/** Whole runs through the real binary: to the end, stopped, killed, resumed, replayed. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Schema from "effect/Schema";
import { afterAll, assert, describe, it } from "vitest";
import { LoggedEvent } from "../../src/domain/RunEvent.ts";
import * as RunFold from "../../src/domain/RunFold.ts";
import type * as RunState from "../../src/domain/RunState.ts";
import * as Drydock from "./Drydock.ts";

const place = Drydock.workplace();
afterAll(place.remove);

const LIMIT = 12;

/** The parts of report.json that other programs rely on. */
const Report = Schema.Struct({
  evaluations: Schema.Array(
    Schema.Struct({
      stage: Schema.String,
      temperature: Schema.Number,
      passAt1: Schema.Number,
      passAt10: Schema.NullOr(Schema.Number),
      tasks: Schema.Int,
      interval: Schema.Tuple([Schema.Number, Schema.Number]),
    }),
  ),
  budget: Schema.Struct({ verifications: Schema.Struct({ limit: Schema.Int, spent: Schema.Int }) }),
  labels: Schema.Struct({ offline: Schema.Int }),
  cacheHits: Schema.Int,
  generated: Schema.Int,
  seconds: Schema.Number,
});
const readReport = Schema.decodeUnknownSync(Report);
const readEvent = Schema.decodeUnknownSync(Schema.toCodecJson(LoggedEvent));

interface Listed {
  readonly directory: string;
  readonly state: RunState.RunState;
}

/** The only run below a directory, as `drydock runs --json` has it. */
const only = async (output: string): Promise<Listed> => {
  const { code, stdout, stderr } = await Drydock.run(["runs", "--root", output, "--json"]);
  assert.strictEqual(code, 0, stderr);
  const list: ReadonlyArray<Listed> = JSON.parse(stdout);
  assert.lengthOf(list, 1);
  const [run] = list;
  if (run === undefined) throw new Error("no run");
  return run;
};

/** A configuration in its own folder; where it is, and where its runs go. */
const prepare = async (name: string, change: Readonly<Record<string, unknown>> = {}) => {
  const folder = Path.join(place.directory, name);
  Fs.mkdirSync(folder);
  return { file: await Drydock.tinyRun(folder, change), output: Path.join(folder, "runs") };
};

/** The folded log of a run, replayed by `drydock watch`, must be what the run itself says. */
const replayed = async ({ directory, state }: Listed): Promise<void> => {
  const { code, stdout, stderr } = await Drydock.run(["watch", directory, "--json", "--from", "0"]);
  assert.strictEqual(code, 0, stderr);
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => readEvent(JSON.parse(line)));
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => i + 1),
  );
  assert.deepEqual(JSON.parse(JSON.stringify(RunFold.replay(events))), state);
};

/** An offline stage that lasts, with few checkpoints. */
const long = {
  checkpointEverySteps: 500,
  stages: [
    { kind: "evaluate", label: "base" },
    { kind: "offline", label: "sft", training: "sft", steps: 1500, learningRate: 0.003 },
    {
      kind: "online",
      label: "online",
      programsPerRound: 8,
      temperature: 1,
      updates: [{ training: "sft", steps: 2, learningRate: 0.001 }],
      validation: null,
    },
    { kind: "evaluate", label: "online" },
  ],
};

describe("drydock train", () => {
  it("runs to a report, and its log can be replayed", async () => {
    const { file, output } = await prepare("whole");
    const { code, stdout, stderr } = await Drydock.run(["train", file, "--json"]);
    assert.strictEqual(code, 0, stderr);
    assert.match(stderr, /^Tensors: .+\.$/m);
    assert.match(stderr, /http:\/\/127\.0\.0\.1:\d+\//);
    const run = await only(output);
    const report: unknown = JSON.parse(Fs.readFileSync(Path.join(run.directory, "report.json"), "utf8"));
    assert.deepEqual(JSON.parse(stdout), report, "stdout holds the report and nothing else");
    const { evaluations, budget, labels, generated, seconds } = readReport(report);
    assert.deepEqual(
      evaluations.map(({ stage, temperature }) => `${stage} ${temperature}`),
      ["base", "offline", "control", "online"].flatMap((stage) => [`${stage} 1`, `${stage} 0`]),
    );
    for (const { passAt1, interval, tasks } of evaluations) {
      assert.strictEqual(tasks, 6);
      assert.isAtMost(interval[0], passAt1);
      assert.isAtLeast(interval[1], passAt1);
    }
    assert.strictEqual(budget.verifications.limit, LIMIT);
    assert.isAtMost(budget.verifications.spent, LIMIT);
    assert.strictEqual(labels.offline, 12);
    assert.isAbove(generated, 0);
    assert.isAbove(seconds, 0);
    assert.strictEqual(run.state.status, "finished");
    await replayed(run);

    const again = await Drydock.run(["resume", run.directory, "--json"]);
    assert.strictEqual(again.code, 0, again.stderr);
    assert.match(again.stderr, /has finished/);
    assert.deepEqual(JSON.parse(again.stdout), report);
  }, 120_000);

  it("is stopped by Ctrl-C, says how to go on, and goes on; meanwhile nobody else may run it", async () => {
    const { file, output } = await prepare("stopped", long);
    const first = Drydock.start(["train", file]);
    await first.until(/✓ evaluate base/);
    // Held where it is, so that the others meet it alive.
    first.child.kill("SIGSTOP");
    const { directory } = await only(output);
    const second = await Drydock.run(["resume", directory]);
    assert.strictEqual(second.code, 1);
    assert.match(second.stderr, /this run is being run by process \d+/);
    assert.match(second.stderr, /What to do: follow it with `drydock watch`, or stop that process first/);
    first.child.kill("SIGINT");
    first.child.kill("SIGCONT");
    const stopped = await first.ended;
    assert.strictEqual(stopped.code, 0, stopped.stderr);
    assert.include(stopped.stderr, "Stopping at the next safe point");
    assert.include(stopped.stderr, `npx drydock resume ${directory}`);
    assert.strictEqual((await only(output)).state.status, "stopped");

    const resumed = await Drydock.run(["resume", directory, "--json"]);
    assert.strictEqual(resumed.code, 0, resumed.stderr);
    const { budget } = readReport(JSON.parse(resumed.stdout));
    assert.isAtMost(budget.verifications.spent, LIMIT);
    const run = await only(output);
    assert.strictEqual(run.state.status, "finished");
    assert.strictEqual(run.state.resumes, 1);
    await replayed(run);
  }, 120_000);

  it("killed in the middle of the online stage, goes on within its budget", async () => {
    const { file, output } = await prepare("killed");
    const first = Drydock.start(["train", file]);
    await first.until(/✓ evaluate offline/);
    first.child.kill("SIGKILL");
    assert.strictEqual((await first.ended).signal, "SIGKILL");
    const cut = await only(output);
    const resumed = await Drydock.run(["resume", cut.directory, "--json"]);
    assert.strictEqual(resumed.code, 0, resumed.stderr);
    const { budget } = readReport(JSON.parse(resumed.stdout));
    assert.isAtMost(budget.verifications.spent, LIMIT);
    const run = await only(output);
    assert.strictEqual(run.state.status, "finished");
    // What was committed before the kill is still there.
    assert.isAtLeast(run.state.budgets.verifications.spent, cut.state.budgets.verifications.spent);
    assert.deepEqual(run.state.evaluations[0], cut.state.evaluations[0]);
    await replayed(run);
  }, 120_000);
});
