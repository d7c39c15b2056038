// Prints the Markdown tables of the effect of augmentation from its reports.
//   node docs/results/augment/table.mjs FOLDER
// FOLDER holds METHOD-DATA-seedS.json, as run.mjs leaves them.
import * as interval from "../interval.mjs";
import { reportsOf } from "../runner.mjs";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node table.mjs FOLDER");
  process.exit(1);
}
const DATA = ["none", "mutants", "cuts", "reformats", "statements", "renames", "both", "fresh"];
const COLUMNS = [
  ["T=1", 1, (e) => e.passAt1],
  ["greedy", 0, (e) => e.passAt1],
  ["pass@10, T=1", 1, (e) => e.passAt10],
];
const runs = reportsOf(folder).flatMap(({ method: name, seed, report }) => {
  const match = new RegExp(`^(.*)-(${DATA.join("|")})$`).exec(name);
  return match === null ? [] : [{ method: match[1], data: match[2], seed, report }];
});
// SFT is measured within the runs that go on to a critic.
const rows = runs.flatMap(({ method, data, seed, report }) =>
  [...new Set(report.evaluations.map(({ stage }) => stage))].map((stage) => ({
    method: stage === "sft" ? "sft" : method === "cql" ? "cql tilt" : method.replaceAll("-", " "),
    data,
    seed,
    labels: report.labels.offline,
    evaluations: report.evaluations.filter((e) => e.stage === stage),
  })),
);
const summary = (values) => (values.length === 0 ? "-" : interval.summary(values));
const print = (cells) => console.log(`| ${cells.join(" | ")} |`);

for (const method of ["sft", "cql tilt", "rloo normalised"]) {
  console.log(`\n**${method}**: held-out pass@1, mean and 95 % interval over seeds\n`);
  print(["data", "labels", "seeds", ...COLUMNS.map(([name]) => name), "against none: T=1", "greedy"]);
  print(Array(COLUMNS.length + 5).fill("---"));
  for (const data of DATA) {
    const of = (which) => rows.filter((row) => row.method === method && row.data === which);
    const own = of(data);
    if (own.length === 0) continue;
    const figure = (row, [, temperature, value]) => {
      const found = row.evaluations.find((e) => e.temperature === temperature);
      return found === undefined ? [] : [value(found)];
    };
    // The same seeds begin alike: their differences are paired.
    const against = COLUMNS.slice(0, 2).map((column) =>
      summary(
        own.flatMap((row) => {
          const base = of("none").find(({ seed }) => seed === row.seed);
          const [a] = figure(row, column);
          const [b] = base === undefined ? [] : figure(base, column);
          return a === undefined || b === undefined ? [] : [a - b];
        }),
      ),
    );
    print([
      data,
      own[0].labels,
      own.length,
      ...COLUMNS.map((column) => summary(own.flatMap((row) => figure(row, column)))),
      ...(data === "none" ? ["", ""] : against),
    ]);
  }
}
