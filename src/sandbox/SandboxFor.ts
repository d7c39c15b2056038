/**
 * The sandbox that a run's tasks need: QuickJS (or Node) for JavaScript, Docker for the languages of docker/Languages.ts.
 *
 * A language whose engine cannot be had on this machine does not stop the others: its tasks' verifications fail
 * with the reason and the remedy. Nothing generated ever runs on the bare host.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type * as Scope from "effect/Scope";
import * as SandboxMetrics from "../domain/SandboxMetrics.ts";
import type { Language, Limits, Task } from "../domain/Task.ts";
import { SandboxUnavailable } from "../domain/Verdict.ts";
import * as Languages from "./docker/Languages.ts";
import * as SandboxDocker from "./docker/SandboxDocker.ts";
import * as SandboxQuickJs from "./quickjs/SandboxQuickJs.ts";
import { Sandbox } from "./Sandbox.ts";

export type JavaScript = "quickjs" | "node" | "both";

/** What these tasks need where `wanted` is asked for: stdio tests and side files are for Node alone. */
export const javascriptFor = (wanted: "quickjs" | "node", tasks: Iterable<Task>): JavaScript =>
  wanted === "quickjs" &&
  [...tasks].some((task) => task.language === "javascript" && !SandboxQuickJs.runs(task))
    ? "both"
    : wanted;

export interface Options {
  /** Verifications at once in each engine: worker threads, containers. Default 2. */
  readonly slots?: number;
  /** Limits of tasks that name none, over the engine's own defaults. */
  readonly limits?: Partial<Limits>;
  /** Written into the containers' labels. */
  readonly runId?: string;
  /** What runs JavaScript; "both": Node only what QuickJS cannot. Default "quickjs". */
  readonly javascript?: JavaScript;
  /** OCI runtime of the containers. */
  readonly runtime?: string;
  /** Told each step while an image is built. */
  readonly onProgress?: (line: string) => void;
}

export const layer = (languages: Iterable<Language>, options: Options = {}): Layer.Layer<Sandbox> =>
  Layer.effect(Sandbox, make(languages, options));

/** Opens the engines of `languages`, for as long as the scope. */
export const make = Effect.fnUntraced(function* (
  languages: Iterable<Language>,
  options: Options = {},
): Effect.fn.Return<Sandbox["Service"], never, Scope.Scope> {
  const engines = new Map<Language, Sandbox["Service"] | SandboxUnavailable>();
  for (const language of new Set(languages)) {
    const opened = language === "javascript" ? forJavaScript(options) : inDocker(language, options);
    engines.set(language, yield* opened.pipe(Effect.catch((unavailable) => Effect.succeed(unavailable))));
  }
  const open = [...engines.values()].filter(
    (engine): engine is Sandbox["Service"] => !(engine instanceof SandboxUnavailable),
  );
  const verify = (task: Task, program: string): ReturnType<Sandbox["Service"]["verify"]> => {
    const engine = engines.get(task.language);
    if (engine === undefined) {
      return Effect.fail(
        new SandboxUnavailable({
          language: task.language,
          reason: `the sandbox was opened for ${[...engines.keys()].join(" and ")} only`,
          remedy: `open it for ${task.language} too`,
        }),
      );
    }
    return engine instanceof SandboxUnavailable ? Effect.fail(engine) : engine.verify(task, program);
  };
  return Sandbox.of({
    verify,
    parallelism: Math.max(1, ...open.map((engine) => engine.parallelism)),
    identity: [...engines]
      .map(([language, engine]) =>
        engine instanceof SandboxUnavailable ? `${language}/unavailable` : engine.identity,
      )
      .join(" "),
    metrics: Effect.map(Effect.all(open.map(({ metrics }) => metrics)), (each) =>
      each.reduce(SandboxMetrics.add, SandboxMetrics.none),
    ),
  });
});

const forJavaScript = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<Sandbox["Service"], SandboxUnavailable, Scope.Scope> {
  const { slots, limits, javascript = "quickjs" } = options;
  if (javascript === "node") return yield* inDocker("javascript", options);
  const quickjs = yield* SandboxQuickJs.make({
    ...(slots === undefined ? {} : { workers: slots }),
    ...(limits === undefined ? {} : { limits }),
  });
  if (javascript === "quickjs") return quickjs;
  // Without Node, what QuickJS runs still runs, and the rest says what is missing.
  const node = yield* inDocker("javascript", options).pipe(
    Effect.catch((unavailable) => Effect.succeed(unavailable)),
  );
  if (node instanceof SandboxUnavailable) {
    const verify: typeof quickjs.verify = (task, program) =>
      SandboxQuickJs.runs(task) ? quickjs.verify(task, program) : Effect.fail(node);
    return Sandbox.of({ ...quickjs, verify, identity: `${quickjs.identity} node/unavailable` });
  }
  return Sandbox.of({
    verify: (task, program) => (SandboxQuickJs.runs(task) ? quickjs : node).verify(task, program),
    parallelism: Math.max(quickjs.parallelism, node.parallelism),
    identity: `${quickjs.identity} ${node.identity}`,
    metrics: Effect.zipWith(quickjs.metrics, node.metrics, SandboxMetrics.add),
  });
});

const inDocker = (
  language: Language,
  options: Options,
): Effect.Effect<Sandbox["Service"], SandboxUnavailable, Scope.Scope> => {
  const row = Languages.rowOf(language);
  return row === undefined
    ? Effect.fail(
        new SandboxUnavailable({
          language,
          reason: `no sandbox runs ${language} here`,
          remedy: "docs/sandboxes.md names the languages that have one",
        }),
      )
    : SandboxDocker.make(row, options);
};
