// What a verification buys, by how it was chosen: held-out pass@1 against verifications spent, a strategy each, with the
// same updates and number of verifications. A seed's offline training is made once: all strategies start from its policy
// and its critic.
//
//   node docs/results/algorithms/run.mjs prepare --work DIR       the dataset, and a base policy a seed
//   node docs/results/selection/run.mjs --work DIR [--only "many, 16, breadth;few, 16, groups"] [--seeds 1,2] [--jobs 1]
//   node docs/results/selection/run.mjs --work DIR --table        Markdown of what is there
//
// --only: problems, sequences for each new episode, strategy. Reports land in DIR/selection, PROBLEMS-UPDATES-STRATEGY-seedS.json,
// those of the offline training as start-PROBLEMS-seedS.json; the runs stay.
import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import * as interval from "../interval.mjs";
import { basePolicy, reportsOf, slug, trainAll } from "../runner.mjs";

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

const one = (selector) => ({ selector, programsPerRound: WRITTEN });
/** Followed whatever the critic is worth: left to themselves these follow breadth, for want of measured pairs. */
const critical = (...names) => ({
  ...one(names.map((strategy) => ({ strategy }))),
  selection: { trust: "always" },
});
const strategies = {
  /** As many programs as verifications, for any problems: nothing is chosen. */
  none: { selector: "random", programsPerRound: ROUND },
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
  /** Four programs of each problem, all of them verified: what policy gradients compare. */
  groups: { selector: "random", programsPerRound: 40, samplesPerProblem: 4 },
};
/** Many problems: all 1,700, 360 labels at 60 of them. Few: 150, 120 labels at 20: a budget of two verifications a problem. */
const LIMITS = { many: { labels: 360 }, few: { train: 150, labels: 120 } };
const ALL = Object.keys(strategies).filter((name) => name !== "groups");
/** What is compared: the problems, how many sequences are trained on for each new episode, and the strategies. */
const SETTINGS = [
  { problems: "many", updates: 4, names: ALL },
  { problems: "many", updates: 16, names: ["none", "random", "breadth", "posterior", "diversity"] },
  { problems: "many", updates: 32, names: ["random", "breadth"] },
  { problems: "few", updates: 16, names: ["none", "random", "groups", "breadth", "diversity", "posterior"] },
];
const nameOf = ({ problems, updates }, strategy) => `${problems}, ${updates}, ${strategy}`;
const slugged = (setting, strategy) => slug(nameOf(setting, strategy));
const variants = Object.fromEntries(
  SETTINGS.flatMap(({ names, ...setting }) =>
    names.map((strategy) => [nameOf(setting, strategy), { ...setting, strategy }]),
  ),
);

const shared = (problems, seed, policy) => ({
  name: "selection",
  seed,
  policy: { path: policy, prompt: "plain", stop: ["\n"] },
  dataset: { kind: "drydock", path: path.resolve(values.work, "js-compose-labelled") },
  limit: { validation: 100, ...LIMITS[problems] },
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
const start = (problems, seed) => ({
  ...shared(problems, seed, basePolicy(values.work, seed)),
  budget: { verifications: 0, generated: 0 },
  stages: [
    { kind: "offline", label: "sft", training: "sft", steps: 40, learningRate: 2e-4, warmupSteps: 5 },
    { kind: "offline", label: "critic", training: "critic", steps: 300, learningRate: 5e-3, warmupSteps: 5 },
    { kind: "evaluate", label: "0" },
  ],
});

const config = ({ problems, strategy, updates }, seed) => ({
  ...shared(problems, seed, trained(problems, seed)),
  budget: { verifications: SHARES.at(-1), generated: 6000 },
  stages: SHARES.flatMap((total, i) => {
    const verifications = total - (SHARES[i - 1] ?? 0);
    return [
      {
        kind: "online",
        label: `online-${total}`,
        verifications,
        pacing: { kind: "even", rounds: Math.round(verifications / ROUND) },
        temperature: 1,
        offlineFraction: 0.25,
        updates: [
          { training: "sft", updateToData: updates, learningRate: 1e-4 },
          { training: "critic", updateToData: 8, learningRate: 1e-3 },
        ],
        validation: null,
        ...strategies[strategy],
      },
      { kind: "evaluate", label: String(total) },
    ];
  }),
});

const folder = values.from ?? path.join(path.resolve(values.work), "selection");

/** The policy that a seed's offline training left. */
const trained = (problems, seed) => {
  const runs = path.join(folder, `start-${problems}-seed${seed}.runs`);
  const [run] = fs.existsSync(runs) ? fs.readdirSync(runs) : [];
  return path.join(runs, run ?? "", "policy");
};

const TEMPERATURES = [
  [1, "T=1"],
  [0.5, "T=.5"],
  [0, "greedy"],
];

const print = () => {
  const all = reportsOf(folder);
  const reports = (slug) => all.filter(({ method }) => method === slug);
  /** pass@1 by seed. */
  const at = (setting, strategy, total, temperature) =>
    new Map(
      reports(slugged(setting, strategy)).flatMap(({ seed, report }) => {
        const before = reports(`start-${setting.problems}`).find((start) => start.seed === seed)?.report;
        const { evaluations } = total === 0 ? (before ?? report) : report;
        const found = evaluations.find((e) => e.stage === String(total) && e.temperature === temperature);
        return found === undefined ? [] : [[seed, found.passAt1]];
      }),
    );
  const last = SHARES.at(-1);
  const half = SHARES.at(-2);
  for (const { names, ...setting } of SETTINGS) {
    for (const [temperature, called] of TEMPERATURES) {
      console.log(
        `\n${titleOf(setting)}, ${called}: held-out pass@1 after so many verifications; paired by seed: the last against random's, and that after ${half} against random's after ${last}\n`,
      );
      row([
        "strategy",
        "seeds",
        "0",
        ...SHARES,
        `${last} against random`,
        `${half} against random's ${last}`,
      ]);
      row(Array(SHARES.length + 5).fill("---"));
      const reference = at(setting, "random", last, temperature);
      for (const strategy of names) {
        const of = (total) => at(setting, strategy, total, temperature);
        if (of(last).size === 0) continue;
        row([
          strategy,
          of(last).size,
          ...[0, ...SHARES].map((total) => summary([...of(total).values()])),
          strategy === "random" ? "" : summary(paired(of(last), reference)),
          summary(paired(of(half), reference)),
        ]);
      }
    }
  }
  for (const { names, ...setting } of SETTINGS) printSavings(setting, names, all);
};
const titleOf = ({ problems, updates }) => `${problems} problems, ${updates} sequences for each new episode`;
const paired = (ours, theirs) =>
  [...ours].filter(([seed]) => theirs.has(seed)).map(([seed, x]) => x - theirs.get(seed));
/** What was spared, and what of what was paid for changed nothing: means over the seeds. */
const printSavings = (setting, names, all) => {
  const columns = [
    ["programs written", ({ generated }) => generated],
    ["verified", ({ budget }) => budget.verifications.spent],
    ["repeats", ({ savings }) => savings.free.repeat],
    ["equal programs", ({ savings }) => savings.free.equal],
    ["syntax", ({ savings }) => savings.free.syntax],
    ["tests not run", ({ savings: { tests } }) => share(tests.skipped, tests.run + tests.skipped)],
    ["same outcome", ({ savings: { verdicts } }) => share(verdicts.sameOutcome, verdicts.paid)],
  ];
  console.log(
    `\n${titleOf(setting)}, program by program, means over the seeds: answered without a sandbox; tests that a first failure spared; verdicts that their problem had had already (docs/verification.md)\n`,
  );
  row(["strategy", ...columns.map(([name]) => name)]);
  row(Array(columns.length + 1).fill("---"));
  for (const strategy of names) {
    const of = all.filter(({ method }) => method === slugged(setting, strategy));
    if (of.length === 0) continue;
    row([
      strategy,
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

if (values.table || values.work === undefined) print();
else {
  const seeds = values.seeds.split(",").map(Number);
  const chosen = values.only === undefined ? Object.keys(variants) : values.only.split(";");
  for (const seed of seeds) {
    for (const problems of new Set(chosen.map((name) => variants[name].problems)))
      await trainAll(
        folder,
        [{ name: `start-${problems}`, seed, config: start(problems, seed), keep: true }],
        1,
      );
    const specs = chosen.map((name) => ({ name, seed, config: config(variants[name], seed), keep: true }));
    await trainAll(folder, specs, Number(values.jobs));
  }
}
