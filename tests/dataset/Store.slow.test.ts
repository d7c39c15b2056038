/** A dataset's writer that dies: at each operation on the disk in turn, and killed from outside. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Dataset from "../../src/dataset/Dataset.ts";
import * as Disk from "../../src/dataset/store/Disk.ts";
import * as Records from "./Records.ts";

const { sample, withDirectory, write } = Records;

/** A disk that dies at its `last`-th operation, which it does by half. */
const dying = (last: number): Disk.Disk => {
  let left = last;
  const step = (whole: () => void, half: () => void): void => {
    left -= 1;
    if (left > 0) return whole();
    if (left === 0) half();
    throw new Error("the machine lost its power");
  };
  const nothing = (): void => {};
  const halfOf = (bytes: Uint8Array) => bytes.subarray(0, Math.floor(bytes.length / 2));
  const { disk } = Disk;
  return {
    makeDirectory: (at) => step(() => disk.makeDirectory(at), nothing),
    write: (at, bytes) =>
      step(
        () => disk.write(at, bytes),
        () => fs.writeFileSync(`${at}${Disk.TEMPORARY}`, halfOf(bytes)),
      ),
    writeAt: (at, position, bytes) =>
      step(
        () => disk.writeAt(at, position, bytes),
        () => disk.writeAt(at, position, halfOf(bytes)),
      ),
    rename: (from, to) => step(() => disk.rename(from, to), nothing),
    remove: (at) => step(() => disk.remove(at), nothing),
  };
};

describe("a dataset's writer that dies", () => {
  it.effect("ends with the same bytes wherever its writer died", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const records = sample();
        const segment = { rows: 3, bytes: 100_000 };
        const whole = path.join(parent, "whole");
        yield* write(whole, records, { segment });
        const expected = Records.files(whole);
        let deaths = 0;
        for (let last = 1; ; last++) {
          const directory = path.join(parent, `died-${last}`);
          const options = { segment, every: 2 };
          const exit = yield* Effect.exit(write(directory, records, { ...options, disk: dying(last) }));
          if (exit._tag === "Success") break;
          deaths += 1;
          // Either nothing is there, or all of it.
          if (fs.existsSync(directory)) {
            const { tasks, attempts } = yield* Dataset.load(directory);
            assert.deepStrictEqual({ tasks, attempts }, records);
            continue;
          }
          // The first resumed writer dies too, a little later.
          yield* Effect.exit(write(directory, records, { ...options, resume: true, disk: dying(9) }));
          if (!fs.existsSync(directory)) yield* write(directory, records, { ...options, resume: true });
          assert.deepStrictEqual(Records.files(directory), expected, `died at operation ${last}`);
          fs.rmSync(directory, { recursive: true });
        }
        assert.isAbove(deaths, 30);
      }),
    ),
  );

  it.effect("replaces a dataset whole or not at all", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const records = sample();
        const less = { tasks: records.tasks.slice(0, 1), attempts: [] };
        const directory = path.join(parent, "data");
        for (let last = 1; ; last++) {
          fs.rmSync(directory, { recursive: true, force: true });
          yield* write(directory, less);
          const exit = yield* Effect.exit(
            write(directory, records, { overwrite: true, every: 3, disk: dying(last) }),
          );
          if (exit._tag === "Success") break;
          // Between the two renames the old one is moved aside; whoever writes next brings it back.
          const refused = yield* Effect.flip(write(directory, records, { resume: true }));
          assert.match(refused.message, /something in this directory already.*--overwrite/);
          const { tasks } = yield* Dataset.load(directory);
          assert.include([1, records.tasks.length], tasks.length);
          yield* write(directory, records, { resume: true, overwrite: true, every: 3 });
          assert.deepStrictEqual((yield* Dataset.load(directory)).attempts, records.attempts);
          assert.deepStrictEqual(fs.readdirSync(parent), ["data"]);
        }
      }),
    ),
  );

  it.effect("is resumed where a signal killed its process", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const records = sample();
        const whole = path.join(parent, "whole");
        yield* write(whole, records, { segment: { rows: 3, bytes: 100_000 } });
        const directory = path.join(parent, "killed");
        const child = path.join(import.meta.dirname, "killedWriter.ts");
        for (const last of [17, 9]) {
          const { signal, stderr } = spawnSync(
            process.execPath,
            ["--import", "tsx", child, directory, String(last)],
            { encoding: "utf8" },
          );
          assert.strictEqual(signal, "SIGKILL", stderr);
          assert.isFalse(fs.existsSync(directory));
          // The dead process still has the lock.
          assert.isTrue(fs.existsSync(`${directory}.partial.lock`));
        }
        yield* write(directory, records, {
          segment: { rows: 3, bytes: 100_000 },
          every: 2,
          resume: true,
        });
        assert.deepStrictEqual(Records.files(directory), Records.files(whole));
        assert.deepStrictEqual(fs.readdirSync(parent), ["killed", "whole"]);
      }),
    ),
  );
});
