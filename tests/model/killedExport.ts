/** Exports a policy and kills itself at a tensor: `killedExport.ts KIND POLICY OUT TENSOR`; for AtomicExport.test.ts. */
import * as Effect from "effect/Effect";
import * as GgufExport from "../../src/model/gguf/GgufExport.ts";
import * as Policy from "../../src/model/directory/Policy.ts";

const [kind = "", source = "", out = "", tensor = ""] = process.argv.slice(2);

const onProgress = (done: number): void => {
  if (done === Number(tensor)) process.kill(process.pid, "SIGKILL");
};

await Effect.runPromise(
  Effect.gen(function* () {
    const policy = yield* Policy.read(source);
    if (kind === "gguf") yield* GgufExport.run(policy, out, { replace: true, onProgress });
    else
      yield* Policy.write(out, Policy.rewritten(policy), {
        replace: true,
        maxShardBytes: 20_000,
        onProgress,
      });
  }),
);
