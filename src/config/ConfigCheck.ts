/** What a schema cannot say: checks between the parts of a configuration. Pure. */
import * as BudgetConfig from "./BudgetConfig.ts";
import type { Path } from "./ConfigSource.ts";
import * as OfflineCheck from "./OfflineCheck.ts";
import * as OnlineCheck from "./OnlineCheck.ts";
import {
  extractionAlgorithms,
  type RunConfig,
  type Stage,
  temperatures,
  valueAlgorithms,
} from "./RunConfig.ts";

export interface Problem {
  readonly path: Path;
  readonly problem: string;
}

const names = (values: Iterable<string>): string => {
  const all = [...values];
  return all.length === 0 ? "there are none" : all.map((v) => JSON.stringify(v)).join(", ");
};

/** The trainings of a stage in the order in which they are first stepped. */
const trainingsOf = (stage: Stage, index: number): ReadonlyArray<readonly [Path, string]> => {
  switch (stage.kind) {
    case "offline":
      return [
        ...stage.also.map((u, i) => [["stages", index, "also", i, "training"], u.training] as const),
        [["stages", index, "training"], stage.training],
      ];
    case "online":
      return stage.updates.map((u, i) => [["stages", index, "updates", i, "training"], u.training] as const);
    default:
      return [];
  }
};

/** Whether a stop string occurs in every text with comment lines, of one language or the other. */
const endsComments = (stop: string): boolean => "\n// ".includes(stop) || "\n# ".includes(stop);

export const check = (config: RunConfig): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = [];
  const seen = new Map<string, number>();
  const online = config.stages.flatMap((s) => (s.kind === "online" ? [s.label] : []));
  let critic = false;

  for (const [id, training] of Object.entries(config.trainings)) {
    const { batchSize, microBatch, algorithm, episodes } = training;
    if (valueAlgorithms.has(algorithm) && episodes === "passing") {
      problems.push({
        path: ["trainings", id, "episodes"],
        problem: `found "passing"; ${JSON.stringify(algorithm)} is a critic, which learns nothing where it sees no failure: use "all"`,
      });
    }
    if (config.policy.trainable.kind === "heads" && !valueAlgorithms.has(algorithm)) {
      problems.push({
        path: ["trainings", id, "algorithm"],
        problem: `${JSON.stringify(algorithm)} trains the policy, of which nothing trains where policy.trainable is "heads"; use one of ${names(valueAlgorithms)}, or train the policy "full" or with "lora"`,
      });
    }
    if (microBatch !== undefined && batchSize % microBatch !== 0) {
      problems.push({
        path: ["trainings", id, "microBatch"],
        problem: `found ${microBatch}, must divide batchSize, which is ${batchSize}`,
      });
    }
  }

  const spenders = config.stages.flatMap((stage, index): ReadonlyArray<BudgetConfig.Spender> => {
    if (stage.kind !== "online") return [];
    const { generator } = stage;
    const own = config.compute.maxNewTokens;
    return [{ ...stage, index, maxTokens: generator.kind === "own" ? own : (generator.maxTokens ?? own) }];
  });
  for (const [path, problem] of BudgetConfig.check(config.budget, config.sandbox.cpuSeconds, spenders)) {
    problems.push({ path, problem });
  }

  const { critics, subset } = config.policy.heads;
  if (subset !== null && subset > critics) {
    problems.push({
      path: ["policy", "heads", "subset"],
      problem: `found ${subset}, must be at most critics, which is ${critics}`,
    });
  }

  const wanted = temperatures(config.evaluation);
  if (new Set(wanted).size < wanted.length) {
    problems.push({
      path: ["evaluation", "temperature"],
      problem: `found ${wanted.join(", ")}; give each temperature once`,
    });
  }
  if (wanted.includes(0) && config.evaluation.greedy) {
    problems.push({
      path: ["evaluation", "temperature"],
      problem: "found 0, which is greedy decoding; evaluation.greedy has that measured already: remove it",
    });
  }

  const { reasoning, stop } = config.policy;
  const stopping = reasoning === "comments" ? stop.findIndex(endsComments) : -1;
  if (stopping >= 0) {
    problems.push({
      path: ["policy", "stop", stopping],
      problem: `found ${JSON.stringify(stop[stopping])}, which would end a program within the comment lines of its reasoning; remove it, or set policy.reasoning to "none"`,
    });
  }

  config.stages.forEach((stage, index) => {
    const key = `${stage.kind} ${stage.label}`;
    const other = seen.get(key);
    if (other !== undefined) {
      problems.push({
        path: ["stages", index, "label"],
        problem: `stages[${other}] is already ${JSON.stringify(stage.label)} of kind ${stage.kind}; give each its own label`,
      });
    } else seen.set(key, index);

    for (const [path, name] of trainingsOf(stage, index)) {
      const training = config.trainings[name];
      if (training === undefined) {
        critic = true; // not known: one complaint is enough
        problems.push({
          path,
          problem: `unknown training ${JSON.stringify(name)}; defined under "trainings": ${names(Object.keys(config.trainings))}`,
        });
      } else if (valueAlgorithms.has(training.algorithm)) critic = true;
      else if (extractionAlgorithms.has(training.algorithm) && !critic) {
        problems.push({
          path,
          problem: `${JSON.stringify(training.algorithm)} needs a critic, which nothing before it trains; put a training whose algorithm is one of ${names(valueAlgorithms)} before it`,
        });
      }
    }

    if (stage.kind === "offline") {
      for (const [path, problem] of OfflineCheck.check(stage)) {
        problems.push({ path: ["stages", index, ...path], problem });
      }
    }
    if (stage.kind === "tilt") {
      if (!critic) {
        problems.push({
          path: ["stages", index],
          problem: `a tilt needs value heads, which no stage before it trains; put a stage whose training's algorithm is one of ${names(valueAlgorithms)} before it, or remove it`,
        });
      }
      if (!stage.betas.includes(0)) {
        problems.push({
          path: ["stages", index, "betas"],
          problem:
            "0, the untilted policy, must be among them: else a useless critic could not be turned down",
        });
      }
    }
    if (stage.kind === "control") {
      const before = config.stages.slice(0, index).filter((s) => s.kind === "online");
      const missing = [stage.of].flat().find((label) => !before.some((s) => s.label === label));
      if (missing !== undefined) {
        problems.push({
          path: ["stages", index, "of"],
          problem: `no online stage ${JSON.stringify(missing)} before this one; online stages: ${names(online)}`,
        });
      }
    }
    if (stage.kind === "online") {
      for (const [path, problem] of OnlineCheck.check(stage, critic, names(valueAlgorithms))) {
        problems.push({ path: ["stages", index, ...path], problem });
      }
    }
  });
  return problems;
};
