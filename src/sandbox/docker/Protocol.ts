/** What Drydock and the supervisor inside a container say to each other; the other end is sandbox-images/supervisor. */
import * as Schema from "effect/Schema";
import type { SideFile } from "../../domain/SideFile.ts";
import type { Limits, Tests } from "../../domain/Task.ts";
import * as CallAnswer from "../judge/CallAnswer.ts";

/** The supervisor's first frame. */
export const Ready = Schema.Struct({
  ready: Schema.Literal(true),
  protocol: Schema.Literal(2),
  python: Schema.String,
  machine: Schema.String,
});

/** How a process ended, and what it used. */
const ending = {
  ended: Schema.Union([Schema.Struct({ exit: Schema.Int }), Schema.Struct({ signal: Schema.Int })]),
  killed: Schema.NullOr(Schema.Literals(["cpu", "wall", "output"])),
  oomKilled: Schema.Boolean,
  cpuSeconds: Schema.Number,
  wallSeconds: Schema.Number,
  errors: Schema.String,
};

/** What the supervisor saw of one run. The verdict is made of it elsewhere (`judge/SlotVerdict`). */
export const Seen = Schema.Struct({
  id: Schema.Int,
  /** Base64 of frames: the program's answers, the checker's verdict, or (stdio) the supervisor's own, one a test. */
  answers: Schema.String,
  ...ending,
  /** Peak resident bytes of the program's process. */
  memoryBytes: Schema.Int,
  /** The beginning of what the program printed. */
  output: Schema.String,
});
export type Seen = typeof Seen.Type;

/** What became of one compilation. */
export const Compiled = Schema.Struct({
  id: Schema.Int,
  /** Base64 of the executable; null where there is none. */
  binary: Schema.NullOr(Schema.String),
  ...ending,
});
export type Compiled = typeof Compiled.Type;

/** The supervisor could not run anything. */
export const Fault = Schema.Struct({ id: Schema.Int, fault: Schema.String });

/** How a run is kept apart from the rest of its container. */
export interface Isolation {
  /** User, pid, mount, ipc and uts namespaces for each process of a run. */
  readonly namespaces: boolean;
}

/** How a program is started: source text by an interpreter, or an executable (base64). */
export type Launch = "python" | "binary" | "node";

/** What a run does with its program. */
export type Work =
  | { readonly kind: "call"; readonly calls: ReadonlyArray<ReadonlyArray<Schema.Json>> }
  | { readonly kind: "assert"; readonly setup: string; readonly asserts: ReadonlyArray<string> }
  /** Asserts of a compiled language: the checker's executable, base64. */
  | { readonly kind: "assert"; readonly checker: string }
  | { readonly kind: "stdio"; readonly inputs: ReadonlyArray<string> };

/** A run, but for what the slot adds (number and isolation). */
export type Run = Work & {
  readonly launch: Launch;
  readonly program: string;
  readonly entry: string;
  readonly limits: Limits;
  readonly files?: ReadonlyArray<SideFile>;
  readonly counts?: boolean;
};

/** A compilation, but for what the slot adds. */
export interface Compile {
  readonly kind: "compile";
  readonly source: string;
  readonly flags: ReadonlyArray<string>;
  readonly limits: Limits;
}

/** What tests ask to be done; `checker` is the executable of a compiled language's assert-style tests. */
export const work = (
  tests: Tests,
  encode: (value: Schema.Json) => Schema.Json,
  checker: string | undefined,
): Work => {
  switch (tests.kind) {
    case "call":
      return {
        kind: "call",
        calls: tests.cases.map(({ args }) => CallAnswer.encodeArguments(tests, args, encode)),
      };
    case "assert":
      return checker === undefined
        ? { kind: "assert", setup: tests.setup, asserts: tests.asserts }
        : { kind: "assert", checker };
    case "stdio":
      return { kind: "stdio", inputs: tests.cases.map(({ input }) => input) };
  }
};
