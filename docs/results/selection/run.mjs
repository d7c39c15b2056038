// What a verification buys, by how it was chosen: held-out pass@1 against verifications spent, a strategy each, with the
// same updates and number of verifications. A seed's offline training is made once: all strategies start from its policy
// and its critic.
//
//   node docs/results/algorithms/run.mjs prepare --work DIR       the dataset, and a base policy a seed
//   node docs/results/selection/run.mjs --work DIR [--only "breadth;posterior"] [--seeds 1,2] [--jobs 1]
//   node docs/results/selection/run.mjs --work DIR --table        Markdown of what is there
//
// Reports land in DIR/selection/METHOD-seedS.json, those of the offline training as start-seedS.json; the runs stay.
import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import * as interval from "../interval.mjs";
import { basePolicy, reportsOf, trainAll } from "../runner.mjs";

const { values } = parseArgs({
  options: {
    work: { type: "string" },
    only: { type: "string" },
    seeds: { type: "string", default: "1,2,3,4,5" },
    jobs: { type: "string", default: "1" },
    threads: { type: "string", default: "1" },
    table: { type: "boolean", default: false },
    from: { type: "string" },
  },
});
if (values.work === undefined && values.from === undefined) {
  console.error("usage: node run.mjs --work DIR [--table] (see the head of this file)");
  process.exit(1);
}

/** Verifications after which the policy is measured. */
const SHARES = [75, 150, 300];
/** Verified in a round, and written for it where something is chosen: four times as many. */
const ROUND = 38;
const WRITTEN = 150;

const one = (selector) => () => ({ selector, programsPerRound: WRITTEN });
/** Followed whatever the critic is worth: left to themselves these follow breadth, for want of measured pairs. */
const critical =
  (...names) =>
  () => ({
    ...one(names.map((strategy) => ({ strategy })))(),
    selection: { trust: "always" },
  });
const strategies = {
  /** As many programs as verifications, for any problems: nothing is chosen. */
  none: (verified) => ({ selector: "random", programsPerRound: verified }),
  random: one("random"),
  breadth: one("breadth"),
  likelihood: one("likelihood"),
  surprise: one("surprise"),
  "round-robin": one("round-robin"),
  posterior: one("posterior"),
  uncertainty: critical("uncertainty"),
  "value-of-information": critical("value-of-information"),
  "max-variance": critical("max-variance"),
  diversity: one("diversity"),
  "breadth + value-of-information": critical("breadth", "value-of-information"),
};
/** How many of the verifications, and how many sequences are trained on for each new episode. */
const usual = { part: 1, updateToData: 4 };
/** The same rounds and written programs: half of the verifications with as many updates, and all with twice as many. */
const variants = {
  ...Object.fromEntries(Object.keys(strategies).map((name) => [name, { ...usual, strategy: name }])),
  ...Object.fromEntries(
    ["none", "random", "breadth", "diversity"].map((name) => [
      `${name} half`,
      { part: 0.5, updateToData: 8, strategy: name },
    ]),
  ),
  ...Object.fromEntries(
    ["random", "breadth"].map((name) => [`${name} double`, { part: 1, updateToData: 8, strategy: name }]),
  ),
};

const shared = (seed, policy) => ({
  name: "selection",
  seed,
  policy: { path: policy, prompt: "plain", stop: ["\n"] },
  dataset: { kind: "drydock", path: path.resolve(values.work, "js-compose-labelled") },
  limit: { validation: 100, labels: 360 },
  compute: {
    maxTrainTokens: 112,
    maxPromptTokens: 64,
    maxNewTokens: 80,
    generationBatch: 128,
    threads: Number(values.threads),
  },
  sandbox: { slots: 2, cpuSeconds: 1, wallSeconds: 5, memoryBytes: 33554432 },
  evaluation: { temperature: [1, 0.5], samples: 10, greedy: true },
  trainings: {
    sft: { algorithm: "sft", batchSize: 48, episodes: "passing" },
    critic: { algorithm: "cql", config: { steps: 300, alpha: 20 }, batchSize: 48 },
  },
  checkpointEverySteps: 100000,
});

/** Offline training, and the policy measured before any verification. */
const start = (seed) => ({
  ...shared(seed, basePolicy(values.work, seed)),
  budget: { verifications: 0, generated: 0 },
  stages: [
    { kind: "offline", label: "sft", training: "sft", steps: 40, learningRate: 2e-4, warmupSteps: 5 },
    { kind: "offline", label: "critic", training: "critic", steps: 300, learningRate: 5e-3, warmupSteps: 5 },
    { kind: "evaluate", label: "0" },
  ],
});

/** The verifications of a variant at each point where the policy is measured. */
const totals = ({ part }) => SHARES.map((total) => Math.round(part * total));

const config = (variant, seed) => ({
  ...shared(seed, trained(seed)),
  budget: { verifications: totals(variant).at(-1), generated: 6000 },
  stages: totals(variant).flatMap((total, i, all) => {
    const verifications = total - (all[i - 1] ?? 0);
    return [
      {
        kind: "online",
        label: `online-${total}`,
        verifications,
        pacing: { kind: "even", rounds: Math.round(verifications / (variant.part * ROUND)) },
        temperature: 1,
        offlineFraction: 0.25,
        updates: [
          { training: "sft", updateToData: variant.updateToData, learningRate: 1e-4 },
          { training: "critic", updateToData: 2 * variant.updateToData, learningRate: 1e-3 },
        ],
        validation: null,
        ...strategies[variant.strategy](variant.part * ROUND),
      },
      { kind: "evaluate", label: String(total) },
    ];
  }),
});

const folder = values.from ?? path.join(path.resolve(values.work), "selection");

/** The policy that a seed's offline training left. */
const trained = (seed) => {
  const runs = path.join(folder, `start-seed${seed}.runs`);
  const [run] = fs.existsSync(runs) ? fs.readdirSync(runs) : [];
  return path.join(runs, run ?? "", "policy");
};

const print = () => {
  const all = reportsOf(folder);
  const reports = all.filter(({ method }) => method !== "start");
  const before = new Map(
    all.filter(({ method }) => method === "start").map(({ seed, report }) => [seed, report]),
  );
  const known = Object.keys(strategies);
  const methods = [...new Set(reports.map(({ method }) => method))].sort(
    (a, b) => place(known, a) - place(known, b),
  );
  const at = (method, total, temperature) =>
    new Map(
      reports.flatMap(({ method: its, seed, report }) => {
        const { evaluations } = total === 0 ? (before.get(seed) ?? report) : report;
        const found = evaluations.find((e) => e.stage === String(total) && e.temperature === temperature);
        return its === method && found !== undefined ? [[seed, found.passAt1]] : [];
      }),
    );
  for (const [temperature, called] of [
    [1, "T=1"],
    [0.5, "T=.5"],
    [0, "greedy"],
  ]) {
    console.log(
      `\nHeld-out pass@1, ${called}, after so many verifications; the last column paired by seed\n`,
    );
    row(["strategy", "seeds", "0", ...SHARES, `${SHARES.at(-1)} against none`]);
    row(Array(SHARES.length + 4).fill("---"));
    for (const method of methods) {
      const last = at(method, SHARES.at(-1), temperature);
      const none = at("none", SHARES.at(-1), temperature);
      const paired = [...last].filter(([seed]) => none.has(seed)).map(([seed, x]) => x - none.get(seed));
      row([
        method,
        last.size,
        ...[0, ...SHARES].map((total) => summary([...at(method, total, temperature).values()])),
        method === "none" ? "" : summary(paired),
      ]);
    }
  }
  printSavings(methods, reports);
};
/** What was spared, and what of what was paid for changed nothing: means over the seeds. */
const printSavings = (methods, reports) => {
  const columns = [
    ["programs written", ({ generated }) => generated],
    ["verified", ({ budget }) => budget.verifications.spent],
    ["repeats", ({ savings }) => savings.free.repeat],
    ["equal programs", ({ savings }) => savings.free.equal],
    ["syntax", ({ savings }) => savings.free.syntax],
    ["other runs", ({ savings }) => savings.free.shared],
    ["tests not run", ({ savings: { tests } }) => share(tests.skipped, tests.run + tests.skipped)],
    ["same outcome", ({ savings: { verdicts } }) => share(verdicts.sameOutcome, verdicts.paid)],
    ["no update learns from it", ({ savings: { verdicts } }) => share(verdicts.unusable, verdicts.paid)],
    ["changed nothing", ({ savings: { verdicts } }) => share(verdicts.unchanged, verdicts.paid)],
  ];
  console.log(
    "\nProgram by program, means over the seeds: answered without a sandbox; tests that a first failure spared; and what the verdicts changed (docs/verification.md)\n",
  );
  row(["strategy", "seeds", ...columns.map(([name]) => name)]);
  row(Array(columns.length + 2).fill("---"));
  for (const method of methods) {
    // Reports from before savings were counted have none.
    const of = reports.filter(({ method: its, report }) => its === method && report.savings !== undefined);
    row([
      method,
      of.length,
      ...columns.map(([, value]) => mean(of.map(({ report }) => value(report)).filter((x) => x !== null))),
    ]);
  }
};
/** A share as "12.3 %"; null of nothing. */
const share = (part, whole) => (whole === 0 ? null : { percent: (100 * part) / whole });
const mean = (list) => {
  if (list.length === 0) return "-";
  const isShare = typeof list[0] === "object";
  const values = list.map((x) => (isShare ? x.percent : x));
  const value = values.reduce((a, b) => a + b, 0) / values.length;
  return `${value.toFixed(1)}${isShare ? " %" : ""}`;
};
const summary = (list) => (list.length === 0 ? "-" : interval.summary(list));
const row = (cells) => console.log(`| ${cells.join(" | ")} |`);
const place = (known, method) =>
  known.findIndex((name) => name.replaceAll(/[^A-Za-z0-9-]+/g, "-") === method);

if (values.table || values.work === undefined) print();
else {
  const seeds = values.seeds.split(",").map(Number);
  const chosen = values.only === undefined ? Object.keys(variants) : values.only.split(";");
  for (const seed of seeds) {
    await trainAll(folder, [{ name: "start", seed, config: start(seed), keep: true }], 1);
    const specs = chosen.map((name) => ({ name, seed, config: config(variants[name], seed), keep: true }));
    await trainAll(folder, specs, Number(values.jobs));
  }
}
