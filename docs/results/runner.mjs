// What the experiments of this folder share: one `drydock train` for each method and seed, several at a time. A report
// that is there already is not made again, so an experiment that was cut off goes on.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");

/** Runs a command of Drydock to its end: its exit code and the last that it said. */
export const drydock = (args) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, ["bin/drydock.mjs", ...args], { cwd: root });
    let said = "";
    const hear = (data) => {
      said = (said + data).slice(-4000);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("close", (code) => resolve({ code, said }));
  });

/** A path of the repository. */
export const here = (...parts) => path.join(root, ...parts);

/** The base policy of a seed, as `algorithms/run.mjs prepare` makes them in `work`: the shipped one is seed 1's. */
export const basePolicy = (work, seed) =>
  seed === 1 ? here("policies/js-compose") : path.join(work, `base-${seed}`);

/** A method's name as part of a file's. */
export const slug = (name) => name.replaceAll(/[^A-Za-z0-9-]+/g, "-");
const slugOf = (name, seed) => `${slug(name)}-seed${seed}`;

/** Trains one configuration; its report lands in folder/METHOD-seedS.json. */
const trainOne = async (folder, { name, seed, config, keep }) => {
  const stem = slugOf(name, seed);
  const report = path.join(folder, `${stem}.json`);
  if (fs.existsSync(report)) return;
  const file = path.join(folder, `${stem}.config.json`);
  const runs = path.join(folder, `${stem}.runs`);
  fs.rmSync(runs, { recursive: true, force: true });
  fs.writeFileSync(file, JSON.stringify(config, null, 2));
  const started = Date.now();
  const { code, said } = await drydock(["train", file, "--output", runs]);
  const [directory] = fs.existsSync(runs) ? fs.readdirSync(runs) : [];
  const made = directory === undefined ? "" : path.join(runs, directory, "report.json");
  if (code !== 0 || !fs.existsSync(made)) {
    console.error(`FAILED ${stem} (exit ${code})\n${said}`);
    process.exitCode = 1;
    return;
  }
  fs.copyFileSync(made, `${report}.tmp`);
  fs.renameSync(`${report}.tmp`, report);
  if (!keep) fs.rmSync(runs, { recursive: true });
  const figures = JSON.parse(fs.readFileSync(report, "utf8"))
    .evaluations.map((e) => `${e.stage}@${e.temperature} ${(100 * e.passAt1).toFixed(1)}`)
    .join("  ");
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  console.log(`${new Date().toISOString().slice(11, 19)} ${stem} ${seconds} s  ${figures}`);
};

/** Trains every `{name, seed, config}`, `jobs` at a time, in order. */
export const trainAll = async (folder, specs, jobs) => {
  fs.mkdirSync(folder, { recursive: true });
  const queue = [...specs];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await trainOne(folder, next);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
};

/** Reports of a folder: their method, their seed, and what they say. */
export const reportsOf = (folder) =>
  fs
    .readdirSync(folder)
    .map((file) => ({ file, match: /^(.*)-seed(\d+)\.json$/.exec(file) }))
    .filter(({ match }) => match !== null)
    .map(({ file, match }) => ({
      method: match[1],
      seed: Number(match[2]),
      report: JSON.parse(fs.readFileSync(path.join(folder, file), "utf8")),
    }));
