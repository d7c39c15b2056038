/**
 * A process that uses a shared verdict cache until it is killed: `sharedChild.ts FILE SEED ENTRIES BATCHES`.
 *
 * It prints a line after each batch of verdicts, whose detail is their key, and what it was warned of.
 */
import * as Fs from "node:fs";
import * as Effect from "effect/Effect";
import * as Logger from "effect/Logger";
import * as Random from "../../src/random/Random.ts";
import * as SharedVerdicts from "../../src/store/SharedVerdicts.ts";
import * as Fixture from "./Fixture.ts";

const [file = "", seed = "", entries = "0", batches = "0"] = process.argv.slice(2);
const random = Random.make(seed);
const say = (text: string): void => void Fs.writeSync(1, `${text}\n`);

const main = Effect.gen(function* () {
  const shared = yield* SharedVerdicts.SharedVerdicts;
  for (let batch = 0; batch < Number(batches); batch++) {
    const keys = Array.from({ length: 1 + random.int(20) }, () => `k${random.int(400)}`);
    for (const [key, verdict] of yield* shared.get(keys))
      if (verdict.detail !== key) say(`WRONG ${key}: ${verdict.detail}`);
    yield* shared.put(
      keys.map((key) => ({
        key,
        verdict: { ...Fixture.verdict("Passed"), detail: key, output: key.repeat(99) },
      })),
    );
    say("batch");
    yield* Effect.yieldNow;
  }
  say("end");
});

Effect.runPromise(
  main.pipe(
    Effect.provide(SharedVerdicts.layer({ file, entries: Number(entries) })),
    Effect.scoped,
    Effect.provide(Logger.layer([Logger.make(({ message }) => say(`WARNED ${String(message)}`))])),
  ),
).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
