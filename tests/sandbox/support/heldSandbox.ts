/** A process that holds a Docker sandbox with a program in it until it is killed: `heldSandbox.ts RUN`. */
import * as Effect from "effect/Effect";
import * as Languages from "../../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../../src/sandbox/docker/SandboxDocker.ts";
import { call } from "./Tasks.ts";

const [runId = ""] = process.argv.slice(2);
const limits = { cpuSeconds: 5, wallSeconds: 5, memoryBytes: 1 << 28, outputBytes: 4096 };

await Effect.runPromise(
  Effect.gen(function* () {
    const sandbox = yield* SandboxDocker.make(Languages.python, { slots: 1, runId });
    yield* Effect.forkScoped(
      sandbox.verify(call("python", [[[], 1]], limits), "import time\ntime.sleep(200)"),
    );
    yield* Effect.repeat(sandbox.metrics, { until: ({ busy, idle }) => busy + idle === 2 });
    console.log("held");
    return yield* Effect.never;
  }).pipe(Effect.scoped),
);
