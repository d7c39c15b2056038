// Runs the comparison of algorithms: one `drydock train` for each method and seed, several at a time. What is there
// already is not run again.
//
//   node docs/results/algorithms/run.mjs prepare --work DIR       the dataset with labels, and a base policy a seed
//   node docs/results/algorithms/run.mjs offline --work DIR --labels full|tenth [--only "cql;sft"] [--seeds 1,2] [--jobs 2]
//   node docs/results/algorithms/run.mjs online  --work DIR --labels full|tenth ...
//   node docs/results/algorithms/run.mjs tuning --work DIR --seeds 1 ...     settings of the baselines, tried
//   node docs/results/algorithms/run.mjs baselines --work DIR ...
//
// Reports land in DIR/KIND-LABELS/METHOD-seedS.json; table.mjs prints them.
import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { basePolicy, drydock, trainAll } from "../runner.mjs";
import { baselines, methods, online, steps, tuning } from "./methods.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    work: { type: "string" },
    labels: { type: "string", default: "full" },
    only: { type: "string" },
    seeds: { type: "string", default: "1,2,3,4,5" },
    jobs: { type: "string", default: "2" },
    threads: { type: "string", default: "1" },
    keep: { type: "boolean", default: false },
  },
});
const kind = positionals[0];
if (values.work === undefined || !["prepare", "offline", "online", "tuning", "baselines"].includes(kind)) {
  console.error(
    "usage: node run.mjs prepare|offline|online|tuning|baselines --work DIR (see the head of this file)",
  );
  process.exit(1);
}
const work = path.resolve(values.work);
const seeds = values.seeds.split(",").map(Number);
const dataset = path.join(work, "js-compose-labelled");

const base = (seed) => basePolicy(work, seed);

const shared = (name, seed, labels) => ({
  name,
  seed,
  policy: { path: base(seed), prompt: "plain", stop: ["\n"] },
  dataset: { kind: "drydock", path: dataset, ...(labels === "none" ? { attempts: "none" } : {}) },
  limit: { validation: 100, ...(labels === "tenth" ? { labels: 360 } : {}) },
  compute: {
    maxTrainTokens: 112,
    maxPromptTokens: 64,
    maxNewTokens: 80,
    generationBatch: 128,
    threads: Number(values.threads),
  },
  sandbox: { slots: 2, cpuSeconds: 1, wallSeconds: 5, memoryBytes: 33554432 },
  budget: { verifications: 0, generated: 0 },
  evaluation: { temperature: [1, 0.5], samples: 10, greedy: true, rerank: true },
  checkpointEverySteps: 100000,
});
const evaluate = (label) => ({ kind: "evaluate", label });
const trainingsOf = ({ trainings }, n) => (typeof trainings === "function" ? trainings(n) : trainings);

const configs = {
  offline: (name, seed, labels) => {
    const n = steps(labels);
    const method = methods[name];
    return {
      ...shared(`offline-${labels}`, seed, labels),
      trainings: trainingsOf(method, n),
      stages: [...method.stages(n), evaluate("offline")],
    };
  },
  online: (name, seed, labels) => {
    const n = steps(labels);
    const method = methods[name];
    const { trainings, stages, budget } = online(name, n);
    return {
      ...shared(`online-${labels}`, seed, labels),
      // Reranking is compared offline; here it would be a third of the time.
      evaluation: { temperature: [1, 0.5], samples: 10, greedy: true },
      budget,
      trainings: { ...trainingsOf(method, n), ...trainings },
      stages: [...method.stages(n), evaluate("offline"), ...stages],
    };
  },
  baselines: (name, seed) => ({ ...shared("baseline", seed, "none"), ...baselines[name] }),
  tuning: (name, seed) => ({ ...shared("tuning", seed, "none"), ...tuning[name] }),
};

const prepare = async () => {
  fs.mkdirSync(work, { recursive: true });
  if (!fs.existsSync(path.join(dataset, "dataset.json"))) {
    const made = await drydock([
      "data",
      "generate",
      "--labelled-problems",
      "600",
      "--attempts",
      "6",
      "--out",
      dataset,
    ]);
    if (made.code !== 0) throw new Error(made.said);
  }
  for (const seed of seeds.filter((s) => s !== 1 && !fs.existsSync(base(s)))) {
    const runs = path.join(work, `base-${seed}.runs`);
    const made = await drydock([
      "train",
      "configs/js-compose-base.json",
      "--seed",
      String(seed),
      "--output",
      runs,
    ]);
    if (made.code !== 0) throw new Error(made.said);
    fs.renameSync(path.join(runs, fs.readdirSync(runs)[0], "policy"), base(seed));
    fs.rmSync(runs, { recursive: true });
  }
};

if (kind === "prepare") await prepare();
else {
  const fromNothing = { baselines, tuning }[kind];
  const labels = fromNothing === undefined ? values.labels : "none";
  const folder = path.join(work, fromNothing === undefined ? `${kind}-${labels}` : kind);
  const all = Object.keys(fromNothing ?? methods);
  const chosen = values.only === undefined ? all : values.only.split(";");
  const specs = seeds.flatMap((seed) =>
    chosen.map((name) => ({ name, seed, config: configs[kind](name, seed, labels), keep: values.keep })),
  );
  await trainAll(folder, specs, Number(values.jobs));
}
