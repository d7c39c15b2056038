/** Shared by the tests of the stages: tasks that any program `f` may solve, and a context of them. */
import * as Effect from "effect/Effect";
import * as ConfigFile from "../../src/config/ConfigFile.ts";
import type { Task } from "../../src/domain/Task.ts";
import type { RunContext } from "../../src/stages/RunContext.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as RunStoreLive from "../../src/store/RunStoreLive.ts";
import * as StoreFixture from "../store/Fixture.ts";

/** f(1) must be 1. */
export const task = (i: number): Task => ({
  id: `t${i}`,
  source: "test",
  split: "train",
  language: "javascript",
  statement: `task ${i}`,
  entryPoint: "f",
  tests: { kind: "call", cases: [{ args: [1], expected: 1 }], visible: 0 },
});

const config = Effect.runSync(
  ConfigFile.fromValue("test", {
    policy: { path: "p" },
    dataset: { kind: "drydock", path: "d" },
    stages: [{ kind: "evaluate", label: "base" }],
  }),
);

/** A context of ten training tasks; `offline`: ids of its offline episodes. */
export const context = ({ offline }: { readonly offline: ReadonlyArray<string> }): RunContext => ({
  config,
  tasks: { train: Array.from({ length: 10 }, (_, i) => task(i)), validation: [], test: [] },
  offline: offline.map((id) => ({
    id,
    taskId: "t0",
    prompt: "task 0",
    program: id,
    reward: 1,
    behaviourLogProbs: null,
    policyVersion: null,
  })),
  prompt: ({ statement }) => statement,
  completion: (program) => program,
  written: (_, program) => ({ program }),
  cacheKey: (_, program) => `key of ${program}`,
  episodeId: (_, program) => `key of ${program}`,
});

/** One process's life with the store in a directory. */
export const inStore = <A, E, R>(directory: string, body: Effect.Effect<A, E, R>) =>
  body.pipe(Effect.provide(RunStoreLive.layer({ directory })));

/** A run whose first round has a passing program for each of its first tasks. */
export const begin = Effect.fnUntraced(function* (spec: {
  readonly programs: number;
  readonly verifications: number;
}) {
  const store = yield* RunStore;
  yield* store.append(StoreFixture.started({ verifications: spec.verifications, generated: 100 }));
  const reservation = yield* store.reserve({ generated: spec.programs });
  yield* store.addCandidates(
    Array.from({ length: spec.programs }, (_, slot) => ({
      ...StoreFixture.candidate(0, slot),
      taskId: `t${slot}`,
      program: "const f = (x) => x;",
      cacheKey: `key-${slot}`,
    })),
    reservation,
  );
});
