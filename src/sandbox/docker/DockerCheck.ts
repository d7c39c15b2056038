/** Whether this machine can run Python tasks, without building or starting anything: for `drydock doctor`. */
import * as Effect from "effect/Effect";
import * as Docker from "./Docker.ts";
import * as SandboxImage from "./SandboxImage.ts";

export interface Found {
  readonly available: boolean;
  /** One line: the engine's version and whether the image is built, or why there is none. */
  readonly detail: string;
  readonly remedy?: string;
}

export const probe: Effect.Effect<Found> = Effect.gen(function* () {
  const docker = Docker.connect();
  const { Version } = yield* Docker.ask(5, "version", () => docker.version());
  const image = SandboxImage.tag("python");
  const built = yield* SandboxImage.exists(docker, image);
  return {
    available: true,
    detail: `Docker ${Version}, image ${image} ${built ? "built" : "not built yet"}`,
    ...(built
      ? {}
      : { remedy: "built at first use (under a minute), or now: npx drydock sandbox build python" }),
  };
}).pipe(
  Effect.catch((fault) => {
    const { reason, remedy } = SandboxImage.noDocker("python", fault.reason);
    return Effect.succeed({ available: false, detail: reason, remedy });
  }),
);
