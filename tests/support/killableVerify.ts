/**
 * A process that verifies a dataset and kills itself: `killableVerify.ts LOG COUNTFILE N LIMIT`.
 *
 * Before each execution it adds a line to COUNTFILE, which knows nothing of the log; at the N-th (0: never) it dies
 * with SIGKILL once QuickJS has run the program, and nothing of it is recorded. What would come after the N-th waits for
 * that death: else one slow worker lets the other go through every job. LIMIT 0: none.
 */
import * as Fs from "node:fs";
import * as Effect from "effect/Effect";
import * as Jobs from "../../src/dataset/verify/Jobs.ts";
import * as VerdictLog from "../../src/dataset/verify/VerdictLog.ts";
import * as Verify from "../../src/dataset/verify/Verify.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import * as Fixture from "../dataset/verify/Fixture.ts";

const [path = "", countFile = "", n = "0", limit = "0"] = process.argv.slice(2);

const tasks = ["a", "b"].map((id) => Fixture.task(id, "const f = (x) => x;"));
const attempts = Array.from({ length: 40 }, (_, i) =>
  Fixture.attempt(i % 2 === 0 ? "a" : "b", `const f = (x) => x + ${i % 15 === 0 ? 0 : i % 30};`),
);
const data = Fixture.source(tasks, attempts);
const { jobs } = Jobs.plan(data, { what: "both", unlabelled: false, sample: null, seed: 1 });

const main = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const log = yield* VerdictLog.open(
    path,
    { dataset: "test", sandbox: sandbox.identity, options: {} },
    { resume: true, overwrite: false },
  );
  let executed = 0;
  const verify: Verify.Verify<never> = (task, program) =>
    Effect.suspend(() => {
      if (n !== "0" && executed === Number(n)) return Effect.never;
      Fs.appendFileSync(countFile, `${Jobs.key(task.id, program)}\n`);
      executed += 1;
      const last = executed === Number(n);
      return sandbox.verify(task, program).pipe(
        Effect.orDie,
        Effect.tap(() => Effect.sync(() => last && process.kill(process.pid, "SIGKILL"))),
        Effect.map((verdict) => ({ verdict: { ...verdict, cpuSeconds: 0, wallSeconds: 0, memoryBytes: 0 } })),
      );
    });
  yield* Verify.run(data, jobs, verify, log, {
    limit: limit === "0" ? null : Number(limit),
    concurrency: 2,
    counts: false,
  });
  console.log(JSON.stringify({ spent: log.spent(), jobs: jobs.length, answers: [...log.answers].sort() }));
}).pipe(Effect.provide(SandboxQuickJs.layer({ workers: 2 })), Effect.scoped);

Effect.runPromise(main).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
