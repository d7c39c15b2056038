/**
 * A process that imports (or resumes) and kills itself: `killedImport.ts OUT WHEN PATH...`.
 *
 * WHEN is the number of tasks that it has looked at when it dies, 0: it does not. SIGKILL: nothing is finalised.
 */
import * as Effect from "effect/Effect";
import * as Run from "./Run.ts";

const [out = "", when = "0", ...paths] = process.argv.slice(2);
let seen = 0;

const syntax = (): undefined => {
  seen++;
  if (seen === Number(when)) process.kill(process.pid, "SIGKILL");
  return undefined;
};

const change = { resume: true, onError: "skip", commitEvery: { records: 7, bytes: 1 << 20 } } as const;
Effect.runPromise(Run.run(paths, out, change, { syntax })).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
