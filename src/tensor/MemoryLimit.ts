/** How much memory this process may take. */
import * as Fs from "node:fs";
import * as Os from "node:os";

/** The least of the machine's memory and of the limit that this process's control group has, in bytes. */
export const limit = (): number => {
  const limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].map((file) => {
    try {
      return Number(Fs.readFileSync(file, "utf8"));
    } catch {
      return Number.NaN;
    }
  });
  return Math.min(Os.totalmem(), ...limits.filter((bytes) => bytes > 0));
};
