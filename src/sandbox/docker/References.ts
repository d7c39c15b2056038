/**
 * What a dataset's own reference solution answers, for tests that come without expected values (HumanEval+, MBPP+).
 *
 * Runs in a slot like any program: a dataset's code is no more trusted than a policy's.
 */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type * as Schema from "effect/Schema";
import type * as Scope from "effect/Scope";
import type { CallTests, Task } from "../../domain/Task.ts";
import type { SandboxUnavailable } from "../../domain/Verdict.ts";
import * as Frames from "../judge/Frames.ts";
import type { SandboxError } from "../Sandbox.ts";
import * as Docker from "./Docker.ts";
import * as DockerSlot from "./DockerSlot.ts";
import * as Isolation from "./Isolation.ts";
import * as Languages from "./Languages.ts";
import * as SandboxImage from "./SandboxImage.ts";
import * as SlotPool from "./SlotPool.ts";

/** A Python task with call-style tests in Python's values; their `expected` is not looked at. */
export type Asked = Pick<Task, "entryPoint" | "limits"> & {
  readonly reference: string;
  readonly tests: CallTests;
};

/** The answers in the order of the cases, as tagged plain data; fewer where the reference did not come to the end. */
export type Answers = (task: Asked) => Effect.Effect<ReadonlyArray<Schema.Json>, SandboxError>;

const RUNS_PER_SLOT = 200;

/** Opens one slot for as long as the scope. */
export const open = Effect.fn("References.open")(function* (
  onProgress: (line: string) => void,
): Effect.fn.Return<Answers, SandboxUnavailable, Scope.Scope> {
  const row = Languages.python;
  const base: Isolation.Base = {
    docker: Docker.connect(),
    image: yield* SandboxImage.ensure(row.image, { onProgress }),
    seccomp: SandboxImage.seccompProfile(row.image),
    leftovers: new Set(),
  };
  yield* Effect.ignore(DockerSlot.sweep(base.docker));
  const rung = yield* Isolation.choose(row, base);
  const pool = yield* SlotPool.make({
    open: Isolation.openSlot(row, base, rung, row.memoryBytes),
    size: 1,
    spare: 0,
    runsPerSlot: rung.runsPerSlot ?? RUNS_PER_SLOT,
  });
  return (task) =>
    pool
      .use(
        (slot) =>
          slot.run({
            kind: "call",
            launch: row.launch,
            program: task.reference,
            entry: task.entryPoint,
            calls: task.tests.cases.map(({ args }) => args),
            limits: task.limits ?? row.defaultLimits,
          }),
        Exit.isFailure,
      )
      .pipe(Effect.map((seen) => answersOf(task.tests, Frames.parse(seen.answers)?.messages ?? [])));
});

/** Whether the test asks only if the answer is None, which may be anything: a `re.Match` is no plain data. */
const asksForNone = ({ comparison }: CallTests): boolean =>
  typeof comparison === "object" && comparison.oracle === "not-none";

/** The values up to the first call that raised, or whose answer is no plain data. */
const answersOf = (tests: CallTests, [, ...messages]: ReadonlyArray<unknown>): ReadonlyArray<Schema.Json> => {
  const answers: Array<Schema.Json> = [];
  for (const message of messages) {
    if (!Frames.isRecord(message) || !("r" in message)) break;
    const given = message["r"] as Schema.Json;
    const answer = asksForNone(tests) ? given !== null : given;
    if (/\{"x":/.test(JSON.stringify(answer))) break;
    answers.push(answer);
  }
  return answers;
};
