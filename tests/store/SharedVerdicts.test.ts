/** The verdict cache that runs share: its bound, who goes first, and that nothing about its file can end a run. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import * as Effect from "effect/Effect";
import * as Logger from "effect/Logger";
import type { Verdict } from "../../src/domain/Verdict.ts";
import { open } from "../../src/store/Database.ts";
import * as SharedVerdicts from "../../src/store/SharedVerdicts.ts";
import * as Fixture from "./Fixture.ts";

const FOR_EACH = { numRuns: 60 };
const MOST = 5;

/** One process's use of the file; with what it warned of. */
const using = <A>(
  file: string,
  body: (shared: SharedVerdicts.Shared) => Effect.Effect<A>,
  entries = MOST,
) => {
  const warnings: Array<string> = [];
  const heard = Logger.layer([
    Logger.make(({ message }) => void warnings.push([message].flat().map(String).join(" "))),
  ]);
  return SharedVerdicts.SharedVerdicts.pipe(
    Effect.flatMap(body),
    Effect.provide(SharedVerdicts.layer({ file, entries })),
    Effect.scoped,
    Effect.provide(heard),
    Effect.map((value) => ({ value, warnings })),
  );
};

const entry = (key: string, outcome: Verdict["outcome"] = "Passed", detail = key) => ({
  key,
  verdict: { ...Fixture.verdict(outcome), detail },
});

const count = (file: string): number => {
  const db = open(file, { readOnly: true });
  const rows = db.all("SELECT count(*) AS n, (SELECT entries FROM state) AS told FROM verdicts")[0];
  db.close();
  assert.strictEqual(rows?.["n"], rows?.["told"]);
  return Number(rows?.["n"]);
};

type Step =
  | { readonly kind: "get"; readonly keys: ReadonlyArray<string> }
  | { readonly kind: "put"; readonly keys: ReadonlyArray<string> }
  | { readonly kind: "reopen" };

const keys = fc.uniqueArray(
  fc.integer({ min: 0, max: 11 }).map((i) => `k${i}`),
  { minLength: 1, maxLength: 4 },
);
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("get" as const), keys }),
    fc.record({ kind: fc.constant("put" as const), keys }),
    fc.constant<Step>({ kind: "reopen" }),
  ),
  { maxLength: 40 },
);

/** The same in plain words: keys with the time of their last use. */
class Model {
  private readonly used = new Map<string, number>();
  private clock = 0;
  get(asked: ReadonlyArray<string>): ReadonlyArray<string> {
    const found = asked.filter((key) => this.used.has(key));
    if (found.length > 0) this.clock += 1;
    for (const key of found) this.used.set(key, this.clock);
    return found;
  }
  put(given: ReadonlyArray<string>): void {
    for (const key of given) this.used.set(key, ++this.clock);
    const oldest = [...this.used].sort(([a, at], [b, bt]) => at - bt || (a < b ? -1 : 1));
    for (const [key] of oldest.slice(0, Math.max(0, oldest.length - MOST))) this.used.delete(key);
  }
}

describe("the verdict cache that runs share", () => {
  it.live("keeps the most recently used, never more than it may, over any use and reopening", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(steps, (sequence) =>
          Effect.gen(function* () {
            const file = Path.join(yield* Fixture.temporary, "verdicts.db");
            const model = new Model();
            const parts: Array<Array<Step>> = [[]];
            for (const step of sequence) {
              if (step.kind === "reopen") parts.push([]);
              else parts.at(-1)?.push(step);
            }
            for (const part of parts) {
              yield* using(
                file,
                Effect.fnUntraced(function* (shared) {
                  for (const step of part) {
                    if (step.kind === "put") {
                      yield* shared.put(step.keys.map((key) => entry(key)));
                      model.put(step.keys);
                      assert.isAtMost(count(file), MOST);
                    } else if (step.kind === "get") {
                      const found = yield* shared.get(step.keys);
                      assert.deepStrictEqual([...found.keys()].sort(), [...model.get(step.keys)].sort());
                      for (const [key, verdict] of found) assert.strictEqual(verdict.detail, key);
                    }
                  }
                }),
              );
            }
          }).pipe(Effect.scoped, Effect.runPromise),
        ),
        FOR_EACH,
      ),
    ),
  );

  it.live(
    "keeps the first verdict of a key, none that depends on timing, and shrinks to a smaller bound",
    () =>
      Effect.gen(function* () {
        const file = Path.join(yield* Fixture.temporary, "verdicts.db");
        yield* using(
          file,
          Effect.fnUntraced(function* (shared) {
            // Nothing is kept, so there is no file.
            assert.strictEqual((yield* shared.get(["a"])).size, 0);
            yield* shared.put([entry("slow", "TimedOut"), entry("large", "OutOfMemory")]);
            assert.isFalse(Fs.existsSync(file));
            yield* shared.put([
              entry("a", "WrongAnswer", "first"),
              entry("slow", "TimedOut"),
              entry("b"),
              entry("c"),
            ]);
            yield* shared.put([entry("a", "Passed", "second")]);
            const found = yield* shared.get(["a", "slow", "large"]);
            assert.deepStrictEqual([...found], [["a", entry("a", "WrongAnswer", "first").verdict]]);
          }),
        );
        const { value } = yield* using(
          file,
          (shared) => Effect.andThen(shared.put([entry("d")]), shared.get(["a", "b", "c", "d"])),
          2,
        );
        assert.deepStrictEqual([...value.keys()], ["a", "d"]);
        assert.strictEqual(count(file), 2);
      }).pipe(Effect.scoped),
  );

  const broken: ReadonlyArray<readonly [string, (file: string) => void, RegExp]> = [
    ["no database at all", (file) => Fs.writeFileSync(file, "no database ".repeat(1000)), /damaged.*delete/],
    [
      "damaged in the middle",
      (file) => {
        const bytes = Fs.readFileSync(file);
        bytes.fill(0x5a, 4096);
        Fs.writeFileSync(file, bytes);
      },
      /damaged.*delete/,
    ],
    ["cut short", (file) => Fs.truncateSync(file, 5000), /damaged.*delete/],
    [
      "with a verdict that is none",
      (file) => {
        const db = open(file, { readOnly: false });
        db.all(`UPDATE verdicts SET verdict = '{"outcome":"Splendid"}'`);
        db.close();
      },
      /damaged.*delete/,
    ],
    [
      "of a newer format",
      (file) => {
        const db = open(file, { readOnly: false });
        db.exec("PRAGMA user_version = 99");
        db.close();
      },
      /a newer Drydock wrote it \(format 99; this one reads up to 1\).*update Drydock/,
    ],
    [
      "another program's",
      (file) => {
        Fs.rmSync(file);
        const db = open(file, { readOnly: false });
        db.exec("CREATE TABLE recipes (cake TEXT)");
        db.close();
      },
      /another program's database.*name another file/,
    ],
    [
      "a directory",
      (file) => {
        Fs.rmSync(file);
        Fs.mkdirSync(file);
      },
      /cannot be written/,
    ],
  ];
  for (const [what, harm, says] of broken) {
    it.live(`${what}: one warning, and the run goes on without it`, () =>
      Effect.gen(function* () {
        const file = Path.join(yield* Fixture.temporary, "verdicts.db");
        const some = Array.from({ length: 40 }, (_, i) => entry(`k${i}`, "Passed", "x".repeat(300)));
        yield* using(file, (shared) => shared.put(some), 100);
        harm(file);
        const before = Fs.statSync(file).isFile() ? Fs.readFileSync(file) : null;
        const { value, warnings } = yield* using(
          file,
          Effect.fnUntraced(function* (shared) {
            const found = yield* shared.get(some.map(({ key }) => key));
            yield* shared.put(some);
            yield* shared.put([entry("new")]);
            return [...found, ...(yield* shared.get(["new"]))];
          }),
          100,
        );
        assert.deepStrictEqual(value, []);
        assert.strictEqual(warnings.length, 1, warnings.join("\n"));
        assert.match(warnings[0] ?? "", says);
        assert.include(warnings[0], file);
        if (before !== null) assert.isTrue(Fs.readFileSync(file).equals(before), "it is left as it was");
      }).pipe(Effect.scoped),
    );
  }

  it.live("a lock that stays: one warning; one that goes is waited for", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* Fixture.temporary, "verdicts.db");
      yield* using(file, (shared) => shared.put([entry("a")]));
      const other = open(file, { readOnly: false });
      other.exec("BEGIN IMMEDIATE");
      const stays = yield* using(file, (shared) =>
        Effect.andThen(shared.put([entry("b")]), shared.get(["a"])),
      );
      assert.strictEqual(stays.value.size, 0);
      assert.strictEqual(stays.warnings.length, 1);
      assert.match(stays.warnings[0] ?? "", /another program holds it locked.*end that program/);
      const goes = yield* using(file, (shared) =>
        Effect.all(
          [
            shared.put([entry("c")]),
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => other.exec("COMMIT")),
            ),
          ],
          { concurrency: 2 },
        ).pipe(Effect.andThen(shared.get(["c"]))),
      );
      assert.deepStrictEqual([goes.value.size, goes.warnings], [1, []]);
      other.close();
    }).pipe(Effect.scoped),
  );
});
