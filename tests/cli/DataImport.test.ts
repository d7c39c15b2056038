/** `drydock data import`: what a person reads while it goes on, at its end, and where it cannot begin. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "vitest";
import * as DataImport from "../../src/cli/data/Import.ts";
import * as Refusal from "./Refusal.ts";

const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-data-import-"));
afterAll(() => Fs.rmSync(directory, { recursive: true, force: true }));

describe("drydock data import", () => {
  it("draws how far it is, how fast, and how long still", () => {
    const progress = {
      step: "importing",
      file: "a/b.jsonl",
      bytes: 4e8,
      bytesRead: 1e8,
      records: 7,
      problems: 0,
    } as const;
    assert.strictEqual(
      DataImport.progressText(progress, 10),
      "b.jsonl: 25.0 % of 400 MB 7 records, 10 MB/s, 30 s left",
    );
    assert.strictEqual(
      DataImport.progressText({ ...progress, bytes: 0, bytesRead: 0, problems: 2 }, 10),
      "b.jsonl: 7 records, 2 with a fault",
    );
    assert.strictEqual(
      DataImport.progressText({ ...progress, step: "hashing" }, 10),
      "b.jsonl: checking 25.0 % of 400 MB",
    );
  });

  it("refuses with the place and what to do", async () => {
    const file = Path.join(directory, "a.jsonl");
    Fs.writeFileSync(file, '{"x": 1}\n');
    const out = Path.join(directory, "out");
    const unknown = await Refusal.refusal(["data", "import", "auto", file, "--out", out]);
    assert.match(
      unknown,
      /a\.jsonl: the format of a\.jsonl cannot be told: .*Name the format in place of "auto"/,
    );
    const missing = await Refusal.refusal(["data", "import", "humaneval", file, "--out", out]);
    assert.match(missing, /a\.jsonl:1: missing field: the field "task_id" is missing\..*--on-error skip/);
    assert.deepStrictEqual(Fs.readdirSync(directory), ["a.jsonl"]);
  });
});
