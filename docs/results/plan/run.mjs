// Plans beside runs: ten configurations that differ in what they do, each planned (calibration included) and then run.
//
//   node docs/results/plan/run.mjs --work DIR [--smollm2 POLICY] [--only "default;grpo"]
//   node docs/results/plan/run.mjs --from DIR        Markdown of what is there
//
// Reports land in DIR/NAME-seed1.json; one that is there is not made again. POLICY: SmolLM2-135M as a policy directory
// (docs/policies.md), for the configuration in Python and Docker, which also needs ../shared/data.
import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { drydock, here, reportsOf } from "../runner.mjs";

const { values } = parseArgs({
  options: {
    work: { type: "string" },
    from: { type: "string" },
    smollm2: { type: "string" },
    only: { type: "string" },
  },
});
if (values.work === undefined && values.from === undefined) {
  console.error("usage: node run.mjs --work DIR | --from DIR (see the head of this file)");
  process.exit(1);
}

const read = (name) =>
  JSON.parse(fs.readFileSync(here("configs", name), "utf8").replaceAll(/^\s*\/\/.*$/gm, ""));
const base = read("default.json");
const evaluate = (label) => ({ kind: "evaluate", label });
const offline = (training, steps, learningRate, more = {}) => ({
  kind: "offline",
  label: training,
  training,
  steps,
  learningRate,
  ...more,
});
const online = (verifications, updates, more = {}) => ({
  kind: "online",
  label: "online",
  verifications,
  updates,
  ...more,
});
const sft = { algorithm: "sft", batchSize: 48, episodes: "passing" };
const cql = { algorithm: "cql", config: { steps: 60 }, batchSize: 48 };
const with_ = (name, more) => ({ ...base, name, ...more });

const mbpp = read("mbpp-smollm2.json");
const configs = {
  default: base,
  "one thread": with_("one-thread", {
    compute: { ...base.compute, threads: 1 },
    evaluation: { temperature: 0.7, samples: 4, greedy: false },
    budget: { verifications: 120, generated: 1000 },
  }),
  guarded: with_("guarded", {
    trainings: { sft },
    stages: [offline("sft", 200, 3e-4, { validation: { samples: 2, everySteps: 50 } }), evaluate("sft")],
  }),
  iql: with_("iql", {
    trainings: {
      iql: { algorithm: "iql", config: { steps: 120 }, batchSize: 48 },
      policy: { algorithm: "iql-policy", batchSize: 48 },
    },
    stages: [
      offline("iql", 120, 3e-3),
      offline("policy", 60, 3e-4, { also: [{ training: "iql", steps: 1, learningRate: 1e-3 }] }),
      evaluate("iql"),
    ],
  }),
  "cal-ql": with_("cal-ql", {
    trainings: { sft, critic: { algorithm: "cal-ql", config: { steps: 150, alpha: 20 }, batchSize: 48 } },
    evaluation: { temperature: [1, 0.5], samples: 5, greedy: true },
    stages: [
      offline("sft", 60, 3e-4),
      offline("critic", 150, 3e-3),
      { kind: "tilt", betas: [0, 2, 5, 10, 20, 50], samples: 2 },
      evaluate("tilted"),
    ],
  }),
  grpo: with_("grpo", {
    dataset: { ...base.dataset, attempts: "none" },
    trainings: { policy: { algorithm: "grpo", config: { groupSize: 8 }, batchSize: 48 } },
    budget: { verifications: 400, generated: 4000 },
    stages: [
      online(400, [{ training: "policy", steps: 4, learningRate: 1e-4 }], {
        temperature: 1,
        samplesPerProblem: 8,
        programsPerRound: 96,
        selector: "random",
        offlineFraction: 0,
        retain: { offline: false, online: "latest" },
        repeats: "keep",
      }),
      evaluate("grpo"),
    ],
  }),
  rft: with_("rft", {
    dataset: { ...base.dataset, attempts: "none" },
    trainings: { sft },
    budget: { verifications: 300, generated: 3000 },
    stages: [
      online(300, [{ training: "sft", updateToData: 4, learningRate: 1e-4 }], { offlineFraction: 0 }),
      evaluate("rft"),
    ],
  }),
  dpo: with_("dpo", {
    trainings: { policy: { algorithm: "dpo", config: { beta: 0.5 }, batchSize: 48 } },
    budget: { verifications: 150, generated: 3000 },
    stages: [
      offline("policy", 80, 3e-4),
      online(150, [{ training: "policy", steps: 10, learningRate: 1e-4 }], {
        samplesPerProblem: 4,
        selector: "posterior",
        pacing: { kind: "even", rounds: 5 },
      }),
      evaluate("dpo"),
    ],
  }),
  lora: with_("lora", {
    policy: { ...base.policy, trainable: { kind: "lora", rank: 8, alpha: 16, targets: ["q", "v"] } },
    trainings: { sft, cql },
    evaluation: { temperature: 1, samples: 6, greedy: true },
    budget: { verifications: 200, generated: 2000 },
    stages: [
      offline("sft", 60, 1e-3),
      offline("cql", 60, 2e-3),
      online(
        200,
        [
          { training: "sft", steps: 10, learningRate: 5e-4 },
          { training: "cql", steps: 5, learningRate: 1e-3 },
        ],
        { selector: "uncertainty", pacing: { kind: "even", rounds: 4 }, programsPerRound: 200 },
      ),
      evaluate("lora"),
    ],
  }),
  smollm2: {
    ...mbpp,
    name: "smollm2",
    policy: { ...mbpp.policy, path: path.resolve(values.smollm2 ?? mbpp.policy.path) },
    limit: { validation: 8, test: 12 },
    compute: { ...mbpp.compute, generationBatch: 16, maxNewTokens: 96 },
    budget: { verifications: 20, generated: 100 },
    evaluation: { temperature: 0.5, samples: 2, greedy: true },
    stages: [
      evaluate("base"),
      offline("sft", 10, 1e-3),
      online(20, [{ training: "sft", steps: 3, learningRate: 3e-4 }], {
        programsPerRound: 16,
        temperature: 0.5,
        validation: { samples: 1 },
      }),
      evaluate("online"),
    ],
    trainings: { sft: mbpp.trainings.sft },
  },
};

const folder = path.resolve(values.from ?? values.work);

const one = async (name) => {
  const report = path.join(folder, `${name.replaceAll(" ", "-")}-seed1.json`);
  if (fs.existsSync(report)) return;
  const file = path.join(folder, `${name.replaceAll(" ", "-")}.config.json`);
  const runs = path.join(folder, `${name.replaceAll(" ", "-")}.runs`);
  fs.rmSync(runs, { recursive: true, force: true });
  fs.writeFileSync(file, JSON.stringify(configs[name], null, 2));
  for (const command of ["plan", "train"]) {
    const { code, said } = await drydock([command, file, "--output", runs]);
    if (code !== 0) {
      console.error(`FAILED ${command} ${name} (exit ${code})\n${said}`);
      process.exitCode = 1;
      return;
    }
  }
  const [run] = fs.readdirSync(runs).filter((entry) => entry !== "calibrations");
  fs.copyFileSync(path.join(runs, run, "report.json"), `${report}.tmp`);
  fs.renameSync(`${report}.tmp`, report);
  const whole = JSON.parse(fs.readFileSync(report, "utf8")).plan.find(({ what }) => what === "the whole run");
  console.log(`${name}: ${show(whole.planned)}, took ${whole.actual.toFixed(0)} s`);
};

const show = ({ low, mid, high }, unit = 1) =>
  `${(mid / unit).toFixed(0)} (${(low / unit).toFixed(0)} to ${(high / unit).toFixed(0)})`;

const print = () => {
  const row = (cells) => console.log(`| ${cells.join(" | ")} |`);
  row([
    "configuration",
    "seconds planned (80 %)",
    "took",
    "",
    "stages inside",
    "memory, MB",
    "took",
    "disk, MB",
    "took",
  ]);
  row(Array(9).fill("---"));
  let inside = 0;
  const reports = reportsOf(folder).filter(({ report }) => Array.isArray(report.plan));
  for (const { method, report } of reports) {
    const of = (what) => report.plan.find((compared) => compared.what === what);
    const whole = of("the whole run");
    if (whole.inside) inside++;
    const stages = report.plan.slice(0, report.plan.indexOf(whole));
    const memory = of("memory");
    const disk = of("disk");
    row([
      method,
      show(whole.planned),
      whole.actual.toFixed(0),
      whole.inside ? "inside" : "outside",
      `${stages.filter((stage) => stage.inside).length} of ${stages.length}`,
      show(memory.planned, 1e6),
      (memory.actual / 1e6).toFixed(0),
      show(disk.planned, 1e6),
      (disk.actual / 1e6).toFixed(0),
    ]);
  }
  console.log(`\n${inside} of ${reports.length} inside.`);
};

if (values.from !== undefined) print();
else {
  fs.mkdirSync(folder, { recursive: true });
  const names = values.only?.split(";") ?? Object.keys(configs);
  for (const name of names) await one(name);
  print();
}
