/** `drydock bench`: figures that hang together, as JSON and as a table. */
import { afterAll, assert, it } from "vitest";
import type { Report } from "../../src/cli/Bench.ts";
import * as Drydock from "./Drydock.ts";

const place = Drydock.workplace();
afterAll(place.remove);

it("measures the shipped policy: loading, reading, writing, a training step", async () => {
  const { code, stdout, stderr } = await Drydock.run([
    "bench",
    "--seconds",
    "0",
    "--train",
    "lora",
    "--json",
  ]);
  assert.strictEqual(code, 0, stderr);
  const report: Report = JSON.parse(stdout);
  assert.strictEqual(report.policy, "js-compose");
  assert.isAbove(report.loadSeconds, 0);
  assert.isAbove(report.residentBytes, 50e6);
  assert.deepEqual(
    report.generation.map(({ batch }) => batch),
    [1, 8, 32],
  );
  for (const { batch, promptTokens, prefillTokensPerSecond, decodeTokensPerSecond } of report.generation) {
    assert.isAtLeast(promptTokens, 120);
    assert.isAbove(prefillTokensPerSecond, 10, `batch ${batch}`);
    assert.isAbove(decodeTokensPerSecond, 10, `batch ${batch}`);
  }
  const { trainable, batch, tokens, secondsPerStep, tokensPerSecond } = report.training ?? assert.fail();
  assert.strictEqual(trainable, "lora");
  assert.closeTo(tokensPerSecond * secondsPerStep, batch * tokens, 1e-6 * batch * tokens);
  assert.match(stderr, /Writing 8 samples at once/);
}, 60_000);
