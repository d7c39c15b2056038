/** An import that is killed at any record and resumed gives the files of one that was not. */
import { spawnSync } from "node:child_process";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { fileURLToPath } from "node:url";
import * as Zlib from "node:zlib";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Random from "../../../src/random/Random.ts";
import * as Run from "./Run.ts";

const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-resume-"));
afterAll(() => Fs.rmSync(directory, { recursive: true, force: true }));
const script = fileURLToPath(new URL("./killedImport.ts", import.meta.url));

/** Starts an import; whether it was killed. */
const killed = (out: string, when: number, paths: ReadonlyArray<string>): boolean => {
  const { signal, status, stderr } = spawnSync(process.execPath, [
    "--import",
    "tsx",
    script,
    out,
    String(when),
    ...paths,
  ]);
  assert.isTrue(signal === "SIGKILL" || status === 0, String(stderr));
  return signal === "SIGKILL";
};

/** Every file below a directory with its bytes. */
const files = (root: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Fs.readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => Fs.statSync(Path.join(root, name)).isFile())
      .map((name) => [name, Fs.readFileSync(Path.join(root, name)).toString("base64")]),
  );

const row = (n: number): string =>
  n % 9 === 4
    ? "{"
    : JSON.stringify({
        task_id: `HumanEval/${n}`,
        prompt: `def f(x):\n    """ Adds ${n}. """\n`,
        entry_point: "f",
        canonical_solution: `    return x + ${n}\n`,
        test: `def check(candidate):\n    assert candidate(1) == ${n + 1}\n`,
      });

describe("a killed import", () => {
  it.effect(
    "goes on where it was, and ends as one that was not killed",
    () =>
      Effect.gen(function* () {
        const rows = (from: number, count: number) =>
          Array.from({ length: count }, (_, n) => row(from + n)).join("\n");
        const paths = ["a.jsonl", "b.jsonl.gz", "c.json"].map((name) => Path.join(directory, name));
        const [plain = "", packed = "", array = ""] = paths;
        Fs.writeFileSync(plain, rows(0, 40));
        Fs.writeFileSync(packed, Zlib.gzipSync(rows(40, 40)));
        Fs.writeFileSync(
          array,
          `[${Array.from({ length: 12 }, (_, n) => row(90 + n))
            .filter((text) => text !== "{")
            .join(",")}]`,
        );
        const through = Path.join(directory, "through");
        const report = yield* Run.run(paths, through, {
          onError: "skip",
          commitEvery: { records: 7, bytes: 1 << 20 },
        });
        assert.strictEqual(report.problems["does not parse"]?.count, 9);

        const seed = 7;
        const random = Random.make(seed);
        const out = Path.join(directory, "killed");
        let deaths = 0;
        // One that is killed before its first commit loses all it did: it has to see more than a commit's records.
        while (deaths < 4 && killed(out, 8 + random.int(13), paths)) deaths++;
        if (!Fs.existsSync(out)) killed(out, 0, paths);
        assert.isAtLeast(deaths, 2, `seed ${seed}`);
        const [expected, found] = [files(through), files(out)];
        const name = (text: string) =>
          Buffer.from(text, "base64").toString().replaceAll('"killed"', '"through"');
        assert.deepStrictEqual(Object.keys(found).sort(), Object.keys(expected).sort());
        for (const [file, bytes] of Object.entries(expected)) {
          assert.strictEqual(name(found[file] ?? ""), name(bytes), `${file}, seed ${seed}`);
        }
      }),
    120_000,
  );

  it.effect("is not resumed with other files or options", () =>
    Effect.gen(function* () {
      const path = Path.join(directory, "d.jsonl");
      Fs.writeFileSync(path, Array.from({ length: 30 }, (_, n) => row(9 * n)).join("\n"));
      const out = Path.join(directory, "other");
      assert.isTrue(killed(out, 20, [path]));
      const left = yield* Effect.flip(Run.run([path], out));
      assert.include(left.message, "--resume");
      const other = yield* Effect.flip(Run.run([path], out, { resume: true, split: "train" }));
      assert.include(other.message, "with other options");
      Fs.appendFileSync(path, "\n");
      const changed = yield* Effect.flip(Run.run([path], out, { resume: true, onError: "skip" }));
      assert.include(changed.message, "of other files");
      assert.strictEqual((yield* Run.run([path], out, { overwrite: true })).tasks, 30);
    }),
  );
});
