/**
 * The isolation ladder: ways to keep programs apart, from strong to weak. The first that passes the self-test on this
 * machine is used; plain fork in a shared container, with nothing round it, is no rung.
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";
import { SandboxFault, SandboxUnavailable } from "../../domain/Verdict.ts";
import type { SandboxError } from "../Sandbox.ts";
import * as Docker from "./Docker.ts";
import * as DockerSlot from "./DockerSlot.ts";
import type { Slots } from "./Judged.ts";
import type { DockerLanguage } from "./Languages.ts";
import * as SandboxImage from "./SandboxImage.ts";
import * as SelfTest from "./SelfTest.ts";

export interface Rung {
  readonly name: string;
  readonly namespaces: boolean;
  /** Where a container may have one run only. */
  readonly runsPerSlot?: number;
}

export const LADDER: ReadonlyArray<Rung> = [
  { name: "namespaces+seccomp", namespaces: true },
  { name: "seccomp", namespaces: false },
  { name: "seccomp+container-per-run", namespaces: false, runsPerSlot: 1 },
];

/** A rung that was tried, and how that went. */
export interface Tried {
  readonly rung: Rung;
  readonly seconds: number;
  /** Why it does not hold; null: it does. */
  readonly reason: string | null;
}

export type Base = Omit<DockerSlot.Settings, "isolation" | "memoryBytes">;

/** An engine that was killed and restarted takes its time. */
const PATIENCE = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.upTo({ duration: "45 seconds" }),
);

/** A run slot of a rung. An engine that restarts, or an image that somebody removed, is waited for and put right. */
export const openSlot = (
  row: DockerLanguage,
  base: Base,
  rung: Rung,
  memoryBytes: number,
): Effect.Effect<DockerSlot.Slot, SandboxError, Scope.Scope> =>
  present(row, base).pipe(
    Effect.andThen(DockerSlot.open({ ...base, memoryBytes, isolation: { namespaces: rung.namespaces } })),
    Effect.retry(PATIENCE),
    Effect.tapError(() => stillThere(row, base)),
  );

/** Fails where the engine itself is gone: then no other program could be judged either. */
export const stillThere = (
  { language }: DockerLanguage,
  { docker }: Base,
): Effect.Effect<void, SandboxUnavailable> =>
  Docker.ping(docker).pipe(
    Effect.mapError(
      ({ reason }) =>
        new SandboxUnavailable({
          language,
          reason: `the Docker engine no longer answers (${reason})`,
          remedy: "start it again (`docker info` must answer), then `drydock resume` the run",
        }),
    ),
  );

const present = Effect.fnUntraced(function* (
  row: DockerLanguage,
  { docker, image }: Base,
): Effect.fn.Return<void, SandboxFault> {
  if (yield* SandboxImage.exists(docker, image)) return;
  const built = yield* SandboxImage.ensure(row.image).pipe(
    Effect.mapError(({ reason }) => new SandboxFault({ reason })),
  );
  if (built === image) return;
  return yield* new SandboxFault({
    reason: `the image ${image} was removed, and its recipe has changed since`,
  });
});

/** Slots that the self-test may use: one container does everything, or a new one each time where a rung says so. */
const testSlots = (
  row: DockerLanguage,
  base: Base,
  rung: Rung,
): Effect.Effect<Slots, SandboxFault, Scope.Scope> => {
  const memoryBytes = Math.max(row.memoryBytes, row.compile?.memoryBytes ?? 0);
  const open = DockerSlot.open({ ...base, memoryBytes, isolation: { namespaces: rung.namespaces } });
  const on = (
    using: <A>(
      use: (slot: DockerSlot.Slot) => Effect.Effect<A, SandboxError>,
    ) => Effect.Effect<A, SandboxError>,
  ): Slots => ({
    run: (use) => using((slot) => use(slot.run)),
    compile: (source, flags) =>
      row.compile === undefined
        ? Effect.fail(new SandboxFault({ reason: `${row.language} is not compiled` }))
        : using((slot) =>
            slot.compile({
              kind: "compile",
              source,
              flags,
              limits: row.compile?.limits ?? row.defaultLimits,
            }),
          ),
  });
  return rung.runsPerSlot === 1
    ? Effect.succeed(on((use) => Effect.scoped(Effect.flatMap(open, use))))
    : Effect.map(open, (slot) => on((use) => use(slot)));
};

/** Whether a rung holds here. */
export const test = Effect.fn("Isolation.test")(function* (row: DockerLanguage, base: Base, rung: Rung) {
  const started = yield* Clock.currentTimeMillis;
  const result = yield* testSlots(row, base, rung).pipe(
    Effect.flatMap((slots) => SelfTest.run(row, slots)),
    Effect.scoped,
    Effect.result,
  );
  const seconds = ((yield* Clock.currentTimeMillis) - started) / 1000;
  return { rung, seconds, reason: result._tag === "Success" ? null : result.failure.reason } satisfies Tried;
});

/** The strongest rung that holds; fails with every rung's reason where none does. */
export const choose = Effect.fn("Isolation.choose")(function* (
  row: DockerLanguage,
  base: Base,
): Effect.fn.Return<Rung, SandboxUnavailable> {
  const reasons: Array<string> = [];
  for (const rung of LADDER) {
    const { reason } = yield* test(row, base, rung);
    if (reason === null) return rung;
    reasons.push(`${rung.name}: ${reason}`);
    yield* Effect.logWarning(`sandbox isolation "${rung.name}" does not hold here: ${reason}`);
  }
  return yield* new SandboxUnavailable({
    language: row.language,
    reason: `no way to isolate programs passes the self-test here: ${reasons.join("; ")}`,
    remedy:
      "allow unprivileged user namespaces and custom seccomp profiles, or configure another container runtime",
  });
});
