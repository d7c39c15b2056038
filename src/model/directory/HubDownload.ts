/**
 * One file from the hub: to NAME.partial beside its place, checked against the hub's hash, then renamed.
 *
 * What is there of a partial file is not asked for again: a cut connection is taken up where it broke, at once and
 * in a later run. Large files are checked by the sha256 that the hub lists for them, small ones by git's hash of
 * their content.
 */
import type { ListFileEntry } from "@huggingface/hub";
import * as Effect from "effect/Effect";
import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { attempt, toPolicyError } from "../files/Files.ts";
import * as Hub from "./Hub.ts";
import { PolicyError } from "../PolicyError.ts";

/** Called as bytes of a file arrive, and once where it is there already. */
export type OnProgress = (file: string, done: number, total: number) => void;

/** Attempts without a single new byte before the download is given up. */
const ATTEMPTS = 3;

const sizeOf = (file: string): number => (fs.existsSync(file) ? fs.statSync(file).size : 0);

/** Asked for a part, a server that sends the whole would have it appended to what is there. */
const inParts =
  (signal: AbortSignal): typeof fetch =>
  async (input, init) => {
    const response = await Hub.fetching(signal)(input, init);
    const asked = new Headers(init?.headers).has("range");
    if (asked && response.ok && response.status !== 206) {
      throw new Error("the server does not answer range requests, which resuming needs");
    }
    return response;
  };

/** Fetches what is missing of a partial file; fails where the connection breaks. */
const fetchRest = (
  access: Hub.Access,
  model: Hub.Model,
  { path: name, size }: ListFileEntry,
  partial: string,
  onProgress: OnProgress | undefined,
): Effect.Effect<void, { readonly cause: unknown }> =>
  Effect.gen(function* () {
    const { downloadFile } = yield* Hub.library;
    yield* Effect.tryPromise({
      try: async (signal) => {
        const blob = await downloadFile({
          repo: model.repo,
          path: name,
          revision: model.commit,
          // The hub serves every file over plain HTTP too, in ranges.
          xet: false,
          fetch: inParts(signal),
          ...Hub.credentials(access),
        });
        if (blob === null) throw new Error("the hub lists the file, but does not have it");
        const file = await fs.promises.open(partial, "a");
        try {
          let done = (await file.stat()).size;
          for await (const chunk of blob.slice(done).stream()) {
            if (done + chunk.length > size) throw new Error(`more than the ${size} bytes listed arrive`);
            await file.appendFile(chunk);
            done += chunk.length;
            onProgress?.(name, done, size);
          }
          if (done < size) throw new Error(`the connection ended after ${done} of ${size} bytes`);
          await file.sync();
        } finally {
          await file.close();
        }
      },
      catch: (cause) => ({ cause }),
    });
  });

/** The hash that the hub lists, computed over a file: sha256, or for a small file git's sha1 of a blob. */
const check = (file: string, name: string, entry: ListFileEntry): Effect.Effect<void, PolicyError> =>
  Effect.gen(function* () {
    const algorithm = entry.lfs === undefined ? "sha1" : "sha256";
    const expected = entry.lfs?.oid ?? entry.oid;
    if (expected === undefined) return;
    const found = yield* Effect.tryPromise({
      try: async (signal) => {
        const hash = crypto.createHash(algorithm);
        if (algorithm === "sha1") hash.update(`blob ${entry.size}\0`);
        for await (const chunk of fs.createReadStream(file, { signal })) hash.update(chunk as Uint8Array);
        return hash.digest("hex");
      },
      catch: (cause) => toPolicyError(file, cause),
    });
    if (found === expected) return;
    yield* attempt(file, () => fs.rmSync(file));
    return yield* new PolicyError({
      path: name,
      reason: `what arrived has the ${algorithm} ${found}, expected ${expected}.`,
      remedy:
        "It was removed: run the command again. If this happens again, the hub or a mirror serves another file.",
    });
  });

/** Downloads `entry` of `model` into `directory`; gives its path there. A whole file that is there is left as it is. */
export const download = (
  access: Hub.Access,
  model: Hub.Model,
  entry: ListFileEntry,
  directory: string,
  onProgress?: OnProgress,
): Effect.Effect<string, PolicyError> =>
  Effect.gen(function* () {
    const target = path.join(directory, path.basename(entry.path));
    const name = `${model.repo}/${entry.path}`;
    if (sizeOf(target) === entry.size) {
      onProgress?.(entry.path, entry.size, entry.size);
      return target;
    }
    const partial = `${target}.partial`;
    yield* attempt(partial, () => {
      fs.mkdirSync(directory, { recursive: true });
      if (sizeOf(partial) > entry.size) fs.rmSync(partial);
    });
    for (let failures = 0; sizeOf(partial) < entry.size; ) {
      const before = sizeOf(partial);
      const result = yield* Effect.result(fetchRest(access, model, entry, partial, onProgress));
      if (result._tag === "Success") break;
      const progressed = sizeOf(partial) > before;
      failures = progressed ? 0 : failures + 1;
      if (failures === ATTEMPTS || Hub.isFinal(result.failure.cause)) {
        const { path: what, reason, remedy } = Hub.toPolicyError(access, name, result.failure.cause);
        return yield* new PolicyError({
          path: what,
          reason,
          remedy: `${remedy ?? ""} What has arrived is kept: the same command goes on from there.`,
        });
      }
      if (!progressed) yield* Effect.sleep(failures * 500);
    }
    yield* check(partial, name, entry);
    yield* attempt(target, () => fs.renameSync(partial, target));
    return target;
  });
