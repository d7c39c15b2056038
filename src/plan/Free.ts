/** Free bytes where a run directory will be. */
import * as Fs from "node:fs";
import * as Path from "node:path";

/** `directory` need not exist yet. */
export const disk = (directory: string): number => {
  let at = Path.resolve(directory);
  while (!Fs.existsSync(at)) at = Path.dirname(at);
  const { bavail, bsize } = Fs.statfsSync(at);
  return bavail * bsize;
};
