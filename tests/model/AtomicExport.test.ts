/** Exports that do not end: killed, interrupted, or where the disk takes no more. Nothing half-written is at the target. */
import { assert, describe, it } from "@effect/vitest";
import { execFile } from "node:child_process";
import * as Fs from "node:fs";
import * as Path from "node:path";
import { fileURLToPath } from "node:url";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as GgufExport from "../../src/model/gguf/GgufExport.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Requirements from "../support/Requirements.ts";
import * as TinyFamilies from "./TinyFamilies.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

const script = fileURLToPath(new URL("killedExport.ts", import.meta.url));

const withPolicy = (body: (directory: string, parent: string) => Effect.Effect<void, unknown>) =>
  Effect.promise(() =>
    TinyPolicy.withDirectory((parent) =>
      Effect.runPromise(
        Effect.gen(function* () {
          const directory = Path.join(parent, "policy");
          yield* Policy.write(directory, TinyFamilies.policy("qwen2"));
          yield* body(directory, parent);
        }),
      ),
    ),
  );

interface Ended {
  readonly signal: string | null;
  readonly stderr: string;
}

/** Runs killedExport.ts; under `shell` where a limit is to be set first. */
const child = (args: ReadonlyArray<string>, shell?: string): Effect.Effect<Ended> =>
  Effect.promise(
    () =>
      new Promise((resolve) => {
        const node = [process.execPath, "--import", "tsx", script, ...args];
        const [file = "", ...rest] =
          shell === undefined ? node : ["sh", "-c", `${shell}; exec "$@"`, "sh", ...node];
        execFile(file, rest, (error, _, stderr) => resolve({ signal: error?.signal ?? null, stderr }));
      }),
  );

/** A policy as it was before the export that did not end. */
const before = (out: string) => {
  Fs.mkdirSync(out);
  for (const name of ["config.json", "notes.txt"]) Fs.writeFileSync(Path.join(out, name), "old");
  return () => assert.deepEqual(Fs.readdirSync(out), ["config.json", "notes.txt"]);
};

const kinds = ["gguf", "safetensors"] as const;

const root = process.getuid?.() === 0;
if (root) Requirements.skippedBecause("tests of places that cannot be written to: root may write everywhere");

const run = (kind: (typeof kinds)[number], policy: Policy.PolicyFiles, out: string) => ({
  write: (onProgress?: (done: number) => void) => {
    const options = { replace: true, ...(onProgress === undefined ? {} : { onProgress }) };
    return kind === "gguf"
      ? Effect.asVoid(GgufExport.run(policy, out, options))
      : Policy.write(out, Policy.rewritten(policy), options);
  },
});

describe.each(kinds)("an export as %s", (kind) => {
  it.live("killed in between leaves the old one; the next export clears what it left", () =>
    withPolicy((directory, parent) =>
      Effect.gen(function* () {
        const out = Path.join(parent, "out");
        const unchanged =
          kind === "gguf"
            ? (Fs.writeFileSync(out, "old"), () => assert.equal(Fs.readFileSync(out, "utf8"), "old"))
            : before(out);
        const { signal } = yield* child([kind, directory, out, "9"]);
        assert.equal(signal, "SIGKILL");
        unchanged();
        assert.isTrue(Fs.readdirSync(parent).some((name) => name.startsWith(".out.partial-")));
        const policy = yield* Policy.read(directory);
        yield* run(kind, policy, out).write();
        assert.deepEqual(Fs.readdirSync(parent).sort(), ["out", "policy"]);
        if (kind === "safetensors") yield* Policy.read(out);
      }),
    ),
  );

  it.live("interrupted in between leaves the old one and nothing beside it", () =>
    withPolicy((directory, parent) =>
      Effect.gen(function* () {
        const out = Path.join(parent, "out");
        const policy = yield* Policy.read(directory);
        let reached = 0;
        const fiber: Fiber.Fiber<void, unknown> = Effect.runFork(
          run(kind, policy, out).write((done) => {
            reached = done;
            if (done === 9) Effect.runFork(Fiber.interrupt(fiber));
          }),
        );
        const exit = yield* Fiber.await(fiber);
        assert.isTrue(Exit.hasInterrupts(exit));
        assert.equal(reached, 9, "it ended between two tensors");
        assert.deepEqual(Fs.readdirSync(parent), ["policy"]);
      }),
    ),
  );

  // A limit on the size of files stands for a disk that is full: both fail in the middle of a write.
  it.live.skipIf(process.platform === "win32")("says that the disk takes no more, and leaves nothing", () =>
    withPolicy((directory, parent) =>
      Effect.gen(function* () {
        const out = Path.join(parent, "out");
        const { stderr } = yield* child([kind, directory, out, "0"], "trap '' XFSZ; ulimit -f 16");
        assert.match(stderr, /larger than this user or file system may write.*Free some space/);
        assert.deepEqual(Fs.readdirSync(parent), ["policy"]);
      }),
    ),
  );

  it.live.skipIf(root)("says that the place cannot be written to", () =>
    withPolicy((directory, parent) =>
      Effect.gen(function* () {
        const policy = yield* Policy.read(directory);
        const locked = Path.join(parent, "locked");
        Fs.mkdirSync(locked, { mode: 0o500 });
        const error = yield* Effect.flip(run(kind, policy, Path.join(locked, "out")).write());
        assert.match(String(error), /access denied/);
      }),
    ),
  );

  it.live("says that a file is in the way of its directory", () =>
    withPolicy((directory, parent) =>
      Effect.gen(function* () {
        const policy = yield* Policy.read(directory);
        Fs.writeFileSync(Path.join(parent, "file"), "");
        const error = yield* Effect.flip(run(kind, policy, Path.join(parent, "file", "out")).write());
        assert.match(String(error), /expected a directory/);
        assert.deepEqual(Fs.readdirSync(parent).sort(), ["file", "policy"]);
      }),
    ),
  );
});
