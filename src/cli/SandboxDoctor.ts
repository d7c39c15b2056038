/** `drydock sandbox doctor`: what the sandboxes find on this machine, rung by rung. */
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Diagnosis from "../sandbox/docker/Diagnosis.ts";
import * as Languages from "../sandbox/docker/Languages.ts";
import { noDocker } from "../sandbox/docker/SandboxImage.ts";
import * as SandboxQuickJs from "../sandbox/quickjs/SandboxQuickJs.ts";
import type { Task } from "../domain/Task.ts";
import { json, print, table } from "./Output.ts";

const task: Task = {
  id: "self-test/call",
  source: "self-test",
  split: "test",
  language: "javascript",
  statement: "",
  entryPoint: "f",
  tests: { kind: "call", visible: 0, cases: [{ args: [2], expected: 4 }] },
};

interface Embedded {
  readonly identity: string;
  readonly works: boolean;
  readonly reason: string | null;
  readonly seconds: number;
}

/** A right and a wrong program through QuickJS. */
const quickJs = Effect.gen(function* () {
  const sandbox = yield* SandboxQuickJs.make({ workers: 1 });
  const right = yield* sandbox.verify(task, "const f = (x) => 2 * x");
  const wrong = yield* sandbox.verify(task, "const f = (x) => 5");
  return right.outcome === "Passed" && wrong.outcome === "WrongAnswer" ? null : "wrong verdicts";
}).pipe(
  Effect.scoped,
  Effect.catch(({ reason }) => Effect.succeed(reason)),
  Effect.timed,
  Effect.map(([took, reason]): Embedded => {
    const { identity } = SandboxQuickJs;
    return { identity, works: reason === null, reason, seconds: Duration.toSeconds(took) };
  }),
);

const look = Effect.fnUntraced(function* (runtime: string | undefined) {
  const embedded = yield* quickJs;
  const engine = yield* Effect.result(Diagnosis.engine);
  if (engine._tag === "Failure") {
    const { reason, remedy } = noDocker("python", engine.failure.reason);
    return { quickJs: embedded, engine: null, problem: { reason, remedy }, languages: [] };
  }
  const languages = yield* Effect.forEach(Languages.all, (row) =>
    Diagnosis.language(row, { all: true, ...(runtime === undefined ? {} : { runtime }) }),
  );
  return { quickJs: embedded, engine: engine.success, problem: null, languages };
});
type Look = Effect.Success<ReturnType<typeof look>>;

const render = ({ quickJs: embedded, engine, problem, languages }: Look): string => {
  const lines = [
    `QuickJS (JavaScript): ${embedded.works ? "works" : `does not work: ${embedded.reason ?? ""}`}, ${embedded.seconds.toFixed(2)} s for two programs`,
    engine === null
      ? `Docker: ${problem?.reason ?? ""}\n  What to do: ${problem?.remedy ?? ""}`
      : `Docker ${engine.version}, cgroup ${engine.cgroup}, runtime ${engine.runtime} (of ${engine.runtimes.join(", ")}), kernel ${engine.kernel}, ${engine.machine}`,
  ];
  for (const { language, image, built, bytes, rungs, isolation } of languages) {
    lines.push("", `${language}: ${image}, ${built ? `${((bytes ?? 0) / 1e6).toFixed(0)} MB` : "not built"}`);
    if (!built) {
      lines.push(`  What to do: npx drydock sandbox build ${language} (or it is built at first use)`);
      continue;
    }
    const rows = rungs.map(({ name, holds, reason, selfTests, seconds }) => [
      `${name}${name === isolation ? " (used)" : ""}`,
      holds ? `holds: ${selfTests} self-tests` : (reason ?? ""),
      `${seconds.toFixed(1)} s`,
    ]);
    lines.push(table(["isolation", "self-test", "time"], rows));
    if (isolation === null) {
      lines.push(
        "  What to do: allow unprivileged user namespaces and custom seccomp profiles, or configure another container runtime",
      );
    }
  }
  return lines.join("\n");
};

export const doctor = Command.make(
  "doctor",
  {
    runtime: Flag.String("runtime").pipe(
      Flag.withDescription("Try another OCI runtime than Docker's default (runsc, kata, …)"),
      Flag.optional,
    ),
    json,
  },
  Effect.fn(function* (options) {
    yield* print(options.json, yield* look(Option.getOrUndefined(options.runtime)), render);
  }),
).pipe(
  Command.withDescription(
    "What the sandboxes find on this machine: engine, images, each rung of isolation tried",
  ),
  Command.withExamples([{ command: "drydock sandbox doctor --json", description: "As JSON" }]),
);
