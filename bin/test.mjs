// `npm test [-- FILES...] [-- --quick] [-- --backend gpu]`: prepares native TensorFlow, runs vitest, and ends with a line of counts.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { register } from "tsx/esm/api";

register();
const { nativeBackend, takeBackend } = await import("./backend.mjs");
const args = takeBackend(process.argv.slice(2));
const { prepare } = await import("./setup.mjs");
await prepare({ quiet: true, backend: nativeBackend() });

const here = dirname(fileURLToPath(import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "drydock-test-"));
const summaryFile = join(scratch, "summary.json");
const reasonsFile = join(scratch, "reasons.txt");
const quick = args.includes("--quick");
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");

const outcome = spawnSync(
  process.execPath,
  [
    vitest,
    "run",
    "--reporter=default",
    `--reporter=${join(here, "reporter.mjs")}`,
    ...(quick ? ["--exclude=**/*.slow.test.ts"] : []),
    ...args.filter((each) => each !== "--quick"),
  ],
  {
    cwd: join(here, ".."),
    stdio: "inherit",
    env: { ...process.env, DRYDOCK_TEST_SUMMARY: summaryFile, DRYDOCK_SKIP_REASONS: reasonsFile },
  },
);

let summary = { passed: 0, failed: 0, skipped: 0, reasons: {} };
const complete = existsSync(summaryFile);
if (complete) summary = JSON.parse(readFileSync(summaryFile, "utf8"));
const stated = existsSync(reasonsFile) ? readFileSync(reasonsFile, "utf8").split("\n").filter(Boolean) : [];
rmSync(scratch, { recursive: true, force: true });

let status = outcome.status ?? 1;
if (status !== 0 && summary.failed === 0) {
  console.log(complete ? `vitest ended with status ${status}.` : "vitest ended before its tests did.");
  summary.failed = 1;
}
if (summary.failed > 0 && status === 0) status = 1;
for (const reason of new Set([...stated, ...Object.keys(summary.reasons)])) console.log(`Skipped: ${reason}`);
console.log(`${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`);
process.exit(status);
