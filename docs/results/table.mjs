// Prints the Markdown table of several runs' reports: mean over seeds and 95 % t-interval of the mean.
// node docs/results/table.mjs docs/results/default-seed*.json
import { readFileSync } from "node:fs";
import * as interval from "./interval.mjs";

const reports = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, "utf8")));
if (reports.length === 0) {
  console.error("usage: node docs/results/table.mjs REPORT.json [REPORT.json ...]");
  process.exit(1);
}
const percent = (x) => (100 * x).toFixed(1);
/** With each seed's figure. */
const cellOf = (values) =>
  values.length === 1
    ? interval.summary(values)
    : `${interval.summary(values)} (${values.map(percent).join(", ")})`;

const stages = [...new Set(reports[0].evaluations.map((e) => e.stage))];
const temperatures = [...new Set(reports[0].evaluations.map((e) => e.temperature))];
/** Sampled decoding, the first temperature being the main one. */
const sampled = temperatures.filter((t) => t > 0);
const greedy = temperatures.filter((t) => t === 0);
const of = (stage, temperature) =>
  reports
    .map((r) => r.evaluations.find((e) => e.stage === stage && e.temperature === temperature))
    .filter(Boolean);
const decoding = (t) => (t === 0 ? "greedy" : `T=${t}`);
const cell = (list) => (list.length === 0 ? "-" : cellOf(list));
const ten = (list) => list.map((e) => e.passAt10 ?? null).filter((x) => x !== null);
const row = (cells) => console.log(`| ${cells.join(" | ")} |`);
const header = (cells) => {
  row(cells);
  console.log(`|${"---|".repeat(cells.length)}`);
};
const tens = sampled.length > 1 ? sampled.map((t) => `pass@10, ${decoding(t)}`) : ["pass@10"];
header(["policy", ...[...sampled, ...greedy].map((t) => `pass@1, ${decoding(t)}`), ...tens]);
for (const stage of stages) {
  row([
    stage,
    ...[...sampled, ...greedy].map((t) => cell(of(stage, t).map((e) => e.passAt1))),
    ...(sampled.length === 0 ? ["-"] : sampled.map((t) => cell(ten(of(stage, t))))),
  ]);
}
const levels = Object.keys(reports[0].evaluations[0].byDifficulty ?? {});
for (const t of levels.length === 0 ? [] : temperatures) {
  console.log(`\nBy difficulty, ${decoding(t)}: pass@1${t === 0 ? "" : " / pass@10"}, mean over seeds.\n`);
  header(["policy", ...levels]);
  for (const stage of stages) {
    const mean = (values) => percent(values.reduce((a, b) => a + b, 0) / values.length);
    const level = (name) => {
      const list = of(stage, t).map((e) => e.byDifficulty?.[name]);
      if (list.length === 0 || list.includes(undefined)) return "-";
      const one = mean(list.map((l) => l.passAt1));
      return ten(list).length === 0 ? one : `${one} / ${mean(ten(list))}`;
    };
    row([stage, ...levels.map(level)]);
  }
}
const [main] = sampled;
const reranked = stages.filter(
  (stage) => main !== undefined && of(stage, main).every((e) => e.rerank !== undefined),
);
if (reranked.length > 0) {
  console.log(
    "\n| policy | best by log-prob | by the critic's score | by both | AUROC log-prob | AUROC critic |",
  );
  console.log("|---|---|---|---|---|---|");
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  for (const stage of reranked) {
    const judges = of(stage, main).map((e) => e.rerank);
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
  const gain = (t) => {
    const [online, control] = [of("online", t), of("control", t)];
    return `${decoding(t)} ${cellOf(online.map((e, i) => e.passAt1 - control[i].passAt1))}`;
  };
  console.log(`\nonline - control, paired by seed, points: ${[...sampled, ...greedy].map(gain).join("; ")}.`);
}
console.log(`\n${reports.length} seed(s); ${reports[0].evaluations[0].tasks} held-out tasks.`);
for (const r of reports) {
  const { verifications, generated } = r.budget;
  console.log(
    `seed ${r.seed}: verifications ${verifications.spent} of ${verifications.limit}, labels offline ${r.labels.offline}, programs written ${generated.spent}, cache hits ${r.cacheHits}, faults ${r.faults}, roll-backs ${r.rollbacks}, tilt ${r.tilt}, ${Math.round(r.seconds)} s`,
  );
}
