// A vitest reporter for bin/test.mjs: counts, and why tests were skipped, as JSON in $DRYDOCK_TEST_SUMMARY.
import { writeFileSync } from "node:fs";

export default class Summary {
  onTestRunEnd(modules, unhandledErrors) {
    const summary = { passed: 0, failed: 0, skipped: 0, reasons: {} };
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state, note } = test.result();
        if (state === "passed") summary.passed++;
        else if (state === "failed") failedHere++;
        else {
          summary.skipped++;
          const reason = note ?? test.meta().skipped;
          if (reason) summary.reasons[reason] = (summary.reasons[reason] ?? 0) + 1;
        }
      }
      // A file that cannot be loaded, or whose hook throws, fails without a failed test of its own.
      if (failedHere === 0 && module.state() === "failed") failedHere = 1;
      summary.failed += failedHere;
    }
    if (summary.failed === 0 && unhandledErrors.length > 0) summary.failed = unhandledErrors.length;
    const file = process.env.DRYDOCK_TEST_SUMMARY;
    if (file) writeFileSync(file, JSON.stringify(summary));
  }
}
