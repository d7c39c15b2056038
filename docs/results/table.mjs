// Prints the Markdown table of several runs' reports: mean over seeds and 95 % t-interval of the mean.
// node docs/results/table.mjs docs/results/default-seed*.json
import { readFileSync } from "node:fs";

const reports = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, "utf8")));
if (reports.length === 0) {
  console.error("usage: node docs/results/table.mjs REPORT.json [REPORT.json ...]");
  process.exit(1);
}
/** Student's t, 97.5 % quantile, for 1 to 9 degrees of freedom. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

const percent = (x) => (100 * x).toFixed(1);
const summary = (values) => {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  if (n === 1) return percent(mean);
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1));
  return `${percent(mean)} ± ${percent((T[Math.min(n - 2, T.length - 1)] * deviation) / Math.sqrt(n))} (${values.map(percent).join(", ")})`;
};

const stages = [...new Set(reports[0].evaluations.map((e) => e.stage))];
const of = (stage, greedy) =>
  reports
    .map((r) => r.evaluations.find((e) => e.stage === stage && (e.temperature === 0) === greedy))
    .filter(Boolean);
console.log(`| policy | pass@1, T=${reports[0].evaluations[0].temperature} | pass@1, greedy | pass@10 |`);
console.log("|---|---|---|---|");
for (const stage of stages) {
  const sampled = of(stage, false);
  const greedy = of(stage, true);
  const ten = sampled.map((e) => e.passAt10).filter((x) => x !== null);
  const cell = (list) => (list.length === 0 ? "-" : summary(list));
  console.log(
    `| ${stage} | ${cell(sampled.map((e) => e.passAt1))} | ${cell(greedy.map((e) => e.passAt1))} | ${cell(ten)} |`,
  );
}
const reranked = stages.filter((stage) => of(stage, false).every((e) => e.rerank !== undefined));
if (reranked.length > 0) {
  console.log(
    "\n| policy | best by log-prob | by the critic's score | by both | AUROC log-prob | AUROC critic |",
  );
  console.log("|---|---|---|---|---|---|");
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  for (const stage of reranked) {
    const judges = of(stage, false).map((e) => e.rerank);
    const cell = (judge) =>
      judges.some((j) => j[judge] === null) ? "-" : percent(mean(judges.map((j) => j[judge].passAt1)));
    const auroc = (judge) =>
      judges.some((j) => (j[judge]?.auroc ?? null) === null)
        ? "-"
        : mean(judges.map((j) => j[judge].auroc)).toFixed(2);
    console.log(
      `| ${stage} | ${cell("logProb")} | ${cell("critic")} | ${cell("both")} | ${auroc("logProb")} | ${auroc("critic")} |`,
    );
  }
}
if (stages.includes("control") && stages.includes("online")) {
  const gain = (greedy) => {
    const [online, control] = [of("online", greedy), of("control", greedy)];
    return summary(online.map((e, i) => e.passAt1 - control[i].passAt1));
  };
  console.log(`\nonline - control, paired by seed, points: T > 0 ${gain(false)}; greedy ${gain(true)}.`);
}
console.log(`\n${reports.length} seed(s); ${reports[0].evaluations[0].tasks} held-out tasks.`);
for (const r of reports) {
  const { verifications, generated } = r.budget;
  console.log(
    `seed ${r.seed}: verifications ${verifications.spent} of ${verifications.limit}, labels offline ${r.labels.offline}, programs written ${generated.spent}, cache hits ${r.cacheHits}, faults ${r.faults}, roll-backs ${r.rollbacks}, tilt ${r.tilt}, ${Math.round(r.seconds)} s`,
  );
}
