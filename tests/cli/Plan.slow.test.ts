/** A plan and the run that it is of, through the real binary. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "vitest";
import type { Shown } from "../../src/cli/PlanView.ts";
import type { Report } from "../../src/orchestrator/Report.ts";
import * as Drydock from "./Drydock.ts";

const place = Drydock.workplace();
afterAll(place.remove);

const planOf = async (...args: ReadonlyArray<string>): Promise<Shown> => {
  const { code, stdout, stderr } = await Drydock.run(["plan", ...args, "--json"]);
  assert.strictEqual(code, 0, stderr);
  return JSON.parse(stdout) as Shown;
};

describe("drydock plan and the run after it", () => {
  it("measures, says what the run takes, and the report has both", async () => {
    const file = await Drydock.tinyRun(place.directory, {});
    const output = Path.join(place.directory, "runs");
    const before = await planOf(file, "--no-calibrate", "--output", output);
    assert.isNull(before.plan);

    const shown = await planOf(file, "--output", output);
    const { plan } = shown;
    assert.isTrue(shown.measured);
    if (plan === null) throw new Error("no plan");
    assert.isAbove(plan.calibrated.seconds, 0);
    // Nothing of a calibration is left but what it measured.
    assert.deepStrictEqual(Fs.readdirSync(output), ["calibrations"]);

    // What was measured does not depend on how much is to be done.
    const config = JSON.parse(Fs.readFileSync(file, "utf8")) as { budget: { verifications: number } };
    const more = Path.join(place.directory, "more.json");
    const budget = { ...config.budget, verifications: config.budget.verifications + 1 };
    Fs.writeFileSync(more, JSON.stringify({ ...config, budget }));
    const other = await planOf(more, "--no-calibrate", "--output", output);
    assert.isFalse(other.measured);
    assert.strictEqual(other.plan?.calibrated.at, plan.calibrated.at);

    const { code, stdout, stderr } = await Drydock.run(["train", file, "--output", output, "--json"]);
    assert.strictEqual(code, 0, stderr);
    const report = JSON.parse(stdout) as Report;
    const rows = new Map(report.plan?.map((row) => [row.what, row]));
    for (const [i, stage] of plan.stages.entries()) {
      const row = report.plan?.[i];
      assert.strictEqual(row?.what, `${stage.label} (${stage.kind})`);
      assert.deepStrictEqual(row?.planned, stage.seconds);
      assert.isAtLeast(row?.actual ?? -1, 0);
    }
    assert.strictEqual(rows.get("verifications")?.actual, report.budget.verifications.spent);
    assert.isAbove(rows.get("memory")?.actual ?? 0, 1e8);
    assert.isAbove(rows.get("disk")?.actual ?? 0, 1e4);
    assert.strictEqual(rows.get("the whole run")?.actual, report.seconds);
  }, 120_000);
});
