import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { RunConfig } from "../../src/config/RunConfig.ts";
import type { LoggedEvent, RunEvent } from "../../src/domain/RunEvent.ts";
import * as Contenders from "../../src/orchestrator/Contenders.ts";
import type { CheckpointRecord } from "../../src/store/RunStore.ts";
import * as TinyRun from "./TinyRun.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-contenders-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

/** A checkpoint whose file of weights holds `weights`; without them the file is gone. */
const record = (
  id: string,
  [stage, done]: readonly [number, number],
  weights: string | null,
  tilt = 0,
): CheckpointRecord => {
  const directory = Path.join(root, id);
  Fs.mkdirSync(directory, { recursive: true });
  if (weights !== null) Fs.writeFileSync(Path.join(directory, "learner.safetensors"), weights);
  const onlineStart = stage >= 5 ? { online: "stage-3-end" } : {};
  return { id, stage, done, directory, state: { tilt, onlineStart } };
};

// Stages of the tiny run: 0 evaluate, 1 sft, 2 cql, 3 tilt, 4 evaluate, 5 online, 6 control, 7 evaluate.
const records = [
  record("start", [0, 0], "a"),
  record("stage-1-step-10", [1, 10], null),
  record("stage-1-end", [2, 0], "b"),
  record("stage-2-step-4", [2, 4], "c"),
  record("stage-2-end", [3, 0], "d"),
  record("stage-3-end", [4, 0], "d", 2),
  record("stage-5-round-0", [5, 1], "e", 2),
  // Rolled back to round 0.
  record("stage-5-round-1", [5, 2], "e", 2),
  record("stage-5-round-2", [5, 3], "f", 2),
  record("stage-5-end", [6, 0], "f", 2),
];

const validation = (round: number, passAt1: number): RunEvent => ({
  _tag: "ValidationMeasured",
  index: 5,
  round,
  passAt1,
  tasks: 6,
});
const events: ReadonlyArray<LoggedEvent> = [
  validation(-1, 0.5),
  validation(0, 0.6),
  validation(1, 0.1),
  { _tag: "RolledBack", index: 5, round: 1, from: 0.1, to: 0.6, checkpoint: "stage-5-round-0" } as const,
  validation(2, 0.7),
  // An offline stage of 6 steps.
  { _tag: "ValidationMeasured", index: 2, round: -1, step: 0, passAt1: 0.2, tasks: 6 } as const,
  { _tag: "ValidationMeasured", index: 2, round: 0, step: 4, passAt1: 0.3, tasks: 6 } as const,
  { _tag: "ValidationMeasured", index: 2, round: 1, step: 6, passAt1: 0.4, tasks: 6 } as const,
].map((event, i) => ({ seq: i + 1, at: i, event }));

let config: RunConfig | undefined;
const contenders = (shipped: boolean) =>
  Effect.gen(function* () {
    config ??= yield* TinyRun.configure(root);
    return yield* Contenders.list(config, records, events, shipped);
  });

describe("contenders", () => {
  it.effect("are the different checkpoints whose files are there, in order, with where they are from", () =>
    Effect.gen(function* () {
      assert.deepEqual(
        (yield* contenders(false)).map(({ id, where, also, tilt }) => [id, where, also.join(), tilt]),
        [
          ["start", "start", "", 0],
          ["stage-1-end", "end of sft", "", 0],
          ["stage-2-step-4", "cql, step 4", "", 0],
          ["stage-2-end", "end of cql", "", 0],
          ["stage-3-end", "end of tilt", "", 2],
          ["stage-5-round-0", "online, round 1", "stage-5-round-1", 2],
          ["stage-5-round-2", "online, round 3", "stage-5-end", 2],
        ],
      );
    }),
  );

  it.effect("have the guard's figure, the stage's start too; a round that was rolled back gives none", () =>
    Effect.gen(function* () {
      assert.deepEqual(
        (yield* contenders(false)).map(({ id, measured }) => [id, measured]),
        [
          ["start", null],
          ["stage-1-end", 0.2],
          ["stage-2-step-4", 0.3],
          ["stage-2-end", 0.4],
          ["stage-3-end", 0.5],
          ["stage-5-round-0", 0.6],
          ["stage-5-round-2", 0.7],
        ],
      );
    }),
  );

  it.effect("have a critic once a training of value heads began, or where the policy came with one", () =>
    Effect.gen(function* () {
      assert.deepEqual(
        (yield* contenders(false)).map(({ critic }) => critic),
        [false, false, true, true, true, true, true],
      );
      assert.isTrue((yield* contenders(true)).every(({ critic }) => critic));
    }),
  );
});
