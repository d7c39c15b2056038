/** Writes the sample into DIRECTORY, and kills its own process at the given operation on the disk. */
import * as Effect from "effect/Effect";
import * as Disk from "../../src/dataset/store/Disk.ts";
import * as Records from "./Records.ts";

const [directory = "", last = ""] = process.argv.slice(2);
let left = Number(last);

const { disk } = Disk;
const step =
  <A extends ReadonlyArray<unknown>>(whole: (...args: A) => void) =>
  (...args: A): void => {
    left -= 1;
    if (left === 0) process.kill(process.pid, "SIGKILL");
    whole(...args);
  };
const killing: Disk.Disk = {
  makeDirectory: step(disk.makeDirectory),
  write: step(disk.write),
  writeAt: step(disk.writeAt),
  rename: step(disk.rename),
  remove: step(disk.remove),
};

await Effect.runPromise(
  Records.write(directory, Records.sample(), {
    segment: { rows: 3, bytes: 100_000 },
    every: 2,
    resume: true,
    disk: killing,
  }),
);
