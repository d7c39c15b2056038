/** What the Docker sandboxes find on this machine: the engine, each language's image, and each rung of isolation. */
import type Dockerode from "dockerode";
import * as Effect from "effect/Effect";
import type { SandboxFault } from "../../domain/Verdict.ts";
import * as Docker from "./Docker.ts";
import * as Isolation from "./Isolation.ts";
import type { DockerLanguage } from "./Languages.ts";
import * as SandboxImage from "./SandboxImage.ts";

export interface Engine {
  readonly version: string;
  readonly cgroup: string;
  readonly runtime: string;
  readonly runtimes: ReadonlyArray<string>;
  readonly kernel: string;
  readonly machine: string;
}

export interface LanguageReport {
  readonly language: string;
  /** Name with the recipe's content hash. */
  readonly image: string;
  readonly built: boolean;
  readonly bytes: number | null;
  /** Rungs that were tried, strongest first; none where the image is not built. */
  readonly rungs: ReadonlyArray<{
    readonly name: string;
    readonly holds: boolean;
    /** Why it does not hold. */
    readonly reason: string | null;
    readonly selfTests: number;
    readonly seconds: number;
  }>;
  /** The isolation that programs get here. */
  readonly isolation: string | null;
}

export const engine: Effect.Effect<Engine, SandboxFault> = Docker.ask(10, "engine", async () => {
  const docker = Docker.connect();
  const info = (await docker.info()) as {
    readonly ServerVersion: string;
    readonly CgroupVersion?: string;
    readonly CgroupDriver?: string;
    readonly DefaultRuntime?: string;
    readonly Runtimes?: object;
    readonly KernelVersion: string;
    readonly Architecture: string;
  };
  return {
    version: info.ServerVersion,
    cgroup: `v${info.CgroupVersion ?? "1"} (${info.CgroupDriver ?? "unknown driver"})`,
    runtime: info.DefaultRuntime ?? "unknown",
    runtimes: Object.keys(info.Runtimes ?? {}),
    kernel: info.KernelVersion,
    machine: info.Architecture,
  };
});

/** Looks at a language; builds nothing. `all`: also tries the rungs below the one that would be used. */
export const language = Effect.fn("Diagnosis.language")(function* (
  row: DockerLanguage,
  options: { readonly all: boolean; readonly runtime?: string },
): Effect.fn.Return<LanguageReport> {
  const docker = Docker.connect();
  const image = SandboxImage.tag(row.image);
  const bytes = yield* sizeOf(docker, image);
  const base: Isolation.Base = {
    docker,
    image,
    seccomp: SandboxImage.seccompProfile(row.image),
    ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
  };
  const tried: Array<Isolation.Tried> = [];
  for (const rung of bytes === null ? [] : Isolation.LADDER) {
    tried.push(yield* Isolation.test(row, base, rung));
    if (!options.all && tried.at(-1)?.reason === null) break;
  }
  return {
    language: row.language,
    image,
    built: bytes !== null,
    bytes,
    rungs: tried.map(({ rung, reason, seconds }) => ({
      name: rung.name,
      holds: reason === null,
      reason,
      selfTests: row.selfTest.length,
      seconds,
    })),
    isolation: tried.find(({ reason }) => reason === null)?.rung.name ?? null,
  };
});

const sizeOf = (docker: Dockerode, image: string): Effect.Effect<number | null> =>
  Docker.ask(10, "inspect image", () => docker.getImage(image).inspect()).pipe(
    Effect.map(({ Size }): number | null => Size),
    Effect.orElseSucceed(() => null),
  );
