// What augmented data does to offline training: one `drydock train` for each method, dataset and seed. What is there
// already is not run again.
//
//   node docs/results/augment/run.mjs prepare --work DIR     the datasets: as shipped, with mutants, renamed, with
//                                                          both; --data fresh,reformats,cuts,statements: fresh has
//                                                          names and spacing that the data never uses
//   node docs/results/augment/run.mjs train --work DIR [--only "cql"] [--data none,both] [--seeds 1,2] [--jobs 1]
//
// Reports land in DIR/METHOD-DATA-seedS.json; table.mjs prints them. Data, model, steps and methods are those of
// docs/results/algorithms with 360 labels, from the shipped base policy.
import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { methods as all, steps } from "../algorithms/methods.mjs";
import { drydock, here, trainAll } from "../runner.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    work: { type: "string" },
    only: { type: "string", default: "cql;rloo, normalised" },
    data: { type: "string", default: "none,mutants,renames,both" },
    seeds: { type: "string", default: "1,2,3,4,5" },
    jobs: { type: "string", default: "1" },
    threads: { type: "string", default: "1" },
  },
});
const kind = positionals[0];
if (values.work === undefined || !["prepare", "train"].includes(kind)) {
  console.error("usage: node run.mjs prepare|train --work DIR (see the head of this file)");
  process.exit(1);
}
const work = path.resolve(values.work);
fs.mkdirSync(work, { recursive: true });

const shipped = here("datasets/js-compose");
const kinds = {
  mutants: ["mutants"],
  renames: ["renames"],
  both: ["mutants,renames"],
  fresh: ["renames,reformats", "--names", "fresh"],
  reformats: ["reformats"],
  cuts: ["cuts"],
  statements: ["statements"],
};
const dataset = (data) => (data === "none" ? shipped : path.join(work, `js-compose-${data}`));

const prepare = async () => {
  for (const [data, made] of Object.entries(kinds)) {
    if (!values.data.split(",").includes(data) || fs.existsSync(dataset(data))) continue;
    const args = ["--out", dataset(data), "--kinds", ...made, "--per-task", "4", "--seed", "1"];
    const { code, said } = await drydock(["data", "augment", shipped, ...args]);
    if (code !== 0) throw new Error(said);
    console.log(said);
  }
};

const evaluate = (label) => ({ kind: "evaluate", label });
/** The method's stages; where it begins with SFT, that is measured too. */
const stagesOf = (name, n) =>
  all[name].stages(n).flatMap((stage) => (stage.label === "sft" ? [stage, evaluate("sft")] : [stage]));

const config = (name, data, seed) => {
  const n = steps("tenth");
  const { trainings } = all[name];
  return {
    name: "augment",
    seed,
    policy: { path: here("policies/js-compose"), prompt: "plain", stop: ["\n"] },
    dataset: { kind: "drydock", path: dataset(data) },
    limit: { validation: 100 },
    compute: {
      maxTrainTokens: 112,
      maxPromptTokens: 64,
      maxNewTokens: 80,
      generationBatch: 128,
      threads: Number(values.threads),
    },
    sandbox: { slots: 2, cpuSeconds: 1, wallSeconds: 5, memoryBytes: 33554432 },
    budget: { verifications: 0, generated: 0 },
    evaluation: { temperature: 1, samples: 10, greedy: true },
    checkpointEverySteps: 100000,
    trainings: typeof trainings === "function" ? trainings(n) : trainings,
    stages: [...stagesOf(name, n), evaluate("offline")],
  };
};

await prepare();
if (kind === "train") {
  const names = values.only.split(";");
  const specs = values.seeds
    .split(",")
    .map(Number)
    .flatMap((seed) =>
      names.flatMap((name) =>
        values.data
          .split(",")
          .map((data) => ({ name: `${name}-${data}`, seed, config: config(name, data, seed) })),
      ),
    );
  await trainAll(work, specs, Number(values.jobs));
}
