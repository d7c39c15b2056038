/** Removal of sandbox images of former recipes; an image that a container uses, or of another name, is left alone. */
import type Dockerode from "dockerode";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import type { SandboxFault } from "../../domain/Verdict.ts";
import * as Docker from "./Docker.ts";

export interface Pruned {
  readonly image: string;
  readonly bytes: number;
}

/**
 * Removes images of these names (`drydock-sandbox-python:0123456789ab`) other than the current ones.
 * @param options.minAgeSeconds younger ones may be another checkout's, and are kept
 */
export const old = Effect.fn("ImagePrune.old")(function* (
  docker: Dockerode,
  current: ReadonlyArray<string>,
  options: { readonly minAgeSeconds: number },
): Effect.fn.Return<ReadonlyArray<Pruned>, SandboxFault> {
  const now = (yield* Clock.currentTimeMillis) / 1000;
  const reference = current.map((tag) => tag.split(":")[0] ?? tag);
  const images = yield* Docker.ask(10, "list images", () => docker.listImages({ filters: { reference } }));
  const pruned: Array<Pruned> = [];
  for (const { RepoTags, Size, Created } of images) {
    for (const tag of RepoTags ?? []) {
      if (current.includes(tag) || now - Created < options.minAgeSeconds) continue;
      const removed = yield* Docker.ask(60, "remove image", () => docker.getImage(tag).remove()).pipe(
        Effect.as(true),
        Effect.orElseSucceed(() => false),
      );
      if (removed) pruned.push({ image: tag, bytes: Size });
    }
  }
  return pruned;
});
