// Prints the Markdown tables of the comparison from its reports.
//   node docs/results/algorithms/table.mjs FOLDER [STAGE ...]
// FOLDER holds METHOD-seedS.json, as run.mjs leaves them. STAGE: evaluations to print; all of them by default.
import * as interval from "../interval.mjs";
import { reportsOf } from "../runner.mjs";

const [folder, ...wanted] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node table.mjs FOLDER [STAGE ...]");
  process.exit(1);
}
const ORDER = [
  "base",
  "sft",
  "rloo-leave-one-out",
  "rloo-normalised",
  "rloo-exponential",
  "dpo",
  "awac",
  "iql",
  "cql",
  "cal-ql",
];
const summary = (values) => (values.length === 0 ? "-" : interval.summary(values));

const runs = reportsOf(folder);
const place = (method) => (ORDER.includes(method) ? ORDER.indexOf(method) : ORDER.length);
const methods = [...new Set(runs.map(({ method }) => method))].sort((a, b) => place(a) - place(b));
const stages =
  wanted.length > 0
    ? wanted
    : [...new Set(runs.flatMap(({ report }) => report.evaluations.map((e) => e.stage)))];

/** A figure of a method's evaluations, by seed. */
const figures = (method, stage, temperature, of) =>
  new Map(
    runs
      .filter((run) => run.method === method)
      .flatMap(({ seed, report }) => {
        const found = report.evaluations.find((e) => e.stage === stage && e.temperature === temperature);
        const value = found === undefined ? null : of(found);
        return value === null || value === undefined ? [] : [[seed, value]];
      }),
  );
const passAt1 = (e) => e.passAt1;
const columns = [
  ["T=1", 1, passAt1],
  ["T=.5", 0.5, passAt1],
  ["greedy", 0, passAt1],
  ["pass@10, T=1", 1, (e) => e.passAt10],
];
const levels = [
  ...new Set(
    runs.flatMap(({ report }) => report.evaluations.flatMap((e) => Object.keys(e.byDifficulty ?? {}))),
  ),
].sort();
const row = (cells) => console.log(`| ${cells.join(" | ")} |`);

for (const stage of stages) {
  console.log(`\n**${stage}**: held-out pass@1, mean and 95 % interval over seeds\n`);
  row(["method", "seeds", ...columns.map(([name]) => name), "against SFT: T=1", "T=.5", "greedy"]);
  row(Array(columns.length + 5).fill("---"));
  for (const method of methods) {
    const found = columns.map(([, temperature, of]) => figures(method, stage, temperature, of));
    if (found[0].size === 0) continue;
    // The same seeds have the same base: their differences are paired.
    const against = [1, 0.5, 0].map((temperature) => {
      const sft = figures("sft", stage, temperature, passAt1);
      const own = figures(method, stage, temperature, passAt1);
      return summary([...own].filter(([seed]) => sft.has(seed)).map(([seed, x]) => x - sft.get(seed)));
    });
    row([
      method,
      found[0].size,
      ...found.map((f) => summary([...f.values()])),
      ...(method === "sft" ? ["", "", ""] : against),
    ]);
  }
  if (levels.length === 0) continue;
  console.log(`\nBy difficulty (operations of the problem), T=1\n`);
  row(["method", ...levels]);
  row(Array(levels.length + 1).fill("---"));
  for (const method of methods) {
    const found = levels.map((level) => figures(method, stage, 1, (e) => e.byDifficulty?.[level]?.passAt1));
    if (found[0].size > 0) row([method, ...found.map((f) => summary([...f.values()]))]);
  }
}
