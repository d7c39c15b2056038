/** What Drydock and the supervisor inside a Python container say to each other; the other end is supervisor.py. */
import * as Schema from "effect/Schema";
import type { Limits, Task } from "../../domain/Task.ts";
import * as PythonAnswer from "../judge/PythonAnswer.ts";

/** The supervisor's first frame. */
export const Ready = Schema.Struct({
  ready: Schema.Literal(true),
  protocol: Schema.Literal(1),
  python: Schema.String,
  machine: Schema.String,
});

/** What the supervisor saw of one run. The verdict is made of it elsewhere (`judge/PythonVerdict`). */
export const Seen = Schema.Struct({
  id: Schema.Int,
  /** Base64 of the frames on the result channel: the program's answers, or the checker's verdict. */
  answers: Schema.String,
  ended: Schema.Union([Schema.Struct({ exit: Schema.Int }), Schema.Struct({ signal: Schema.Int })]),
  killed: Schema.NullOr(Schema.Literals(["cpu", "wall", "output"])),
  oomKilled: Schema.Boolean,
  cpuSeconds: Schema.Number,
  wallSeconds: Schema.Number,
  errors: Schema.String,
});
export type Seen = typeof Seen.Type;

/** The supervisor could not run anything. */
export const Fault = Schema.Struct({ id: Schema.Int, fault: Schema.String });

export const Reply = Schema.Union([Seen, Fault]);

/** How a run is kept apart from the rest of its container. */
export interface Isolation {
  /** User, pid, mount, ipc and uts namespaces for each process of a run. */
  readonly namespaces: boolean;
}

export const request = (
  id: number,
  task: Task,
  program: string,
  limits: Limits,
  isolation: Isolation,
): unknown => {
  const common = { id, program, entry: task.entryPoint, limits, namespaces: isolation.namespaces };
  const { tests } = task;
  return tests.kind === "call"
    ? { ...common, kind: "call", calls: tests.cases.map(({ args }) => args.map(PythonAnswer.encode)) }
    : { ...common, kind: "assert", setup: tests.setup, asserts: tests.asserts };
};
