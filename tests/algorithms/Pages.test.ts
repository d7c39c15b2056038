/** Each algorithm has its page in docs/algorithms, which explains in its tables every setting and every logged part. */
import * as Fs from "node:fs";
import { assert, describe, it } from "vitest";
import * as Table from "../../src/algorithms/Table.ts";
import * as Learner from "../../src/learner/Learner.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import * as Trainings from "../support/trainings.ts";

const folder = new URL("../../docs/algorithms/", import.meta.url);
const read = (name: string): string => {
  const page = new URL(name, folder);
  assert.isTrue(Fs.existsSync(page), `docs/algorithms/${name} is missing`);
  return Fs.readFileSync(page, "utf8");
};

/** What the first cells of a page's tables name. */
const explained = (page: string): ReadonlyArray<string> =>
  page
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .flatMap((line) =>
      [...(line.split("|")[1] ?? "").matchAll(/`(?:config\.)?([^`]+)`/g)].map(([, name]) => name),
    );

/** Of an algorithm's page and the algorithms' pages that it refers to. */
const explainedFor = (algorithm: string): ReadonlySet<string> => {
  const own = read(`${algorithm}.md`);
  const others = [...own.matchAll(/\]\(([a-z-]+\.md)(?:#[^)]*)?\)/g)].map(([, name]) => name);
  return new Set([own, ...others.map(read)].flatMap(explained));
};

/** The parts that a training's steps fetch. */
const partsOf = ({ training, learner }: Trainings.Row): ReadonlyArray<string> => {
  const g = new Graph();
  Learner.record(g, Trainings.policy, {
    init: "random",
    seed: 1,
    trainable: { kind: "full" },
    frozenType: "float32",
    heads: true,
    trainings: [training],
    maxTrainTokens: Trainings.LONGEST,
    ...learner,
  });
  return [...g.programs.values()].flatMap(({ fetches }) => Object.keys(fetches));
};

const missing = (names: Iterable<string>, from: ReadonlySet<string>): ReadonlyArray<string> =>
  [...new Set(names)].filter((name) => !from.has(name));

describe("docs/algorithms", () => {
  const every = new Set(explained(read("sft.md")));

  it("sft.md explains what every training logs", () => {
    const shared = [
      "loss",
      "gradient_norm",
      "learning_rate",
      "offline_fraction",
      "passing_fraction",
      "tokens",
    ];
    assert.deepStrictEqual(missing(shared, every), []);
  });

  for (const { name, settings } of Table.algorithms) {
    it(`${name}.md explains its settings and what it logs`, () => {
      const page = explainedFor(name);
      assert.deepStrictEqual(missing(settings, page), [], "settings");
      const rows = [...Trainings.defaults, ...Trainings.optional].filter(
        ({ training }) => training.algorithm === name,
      );
      const parts = rows.flatMap(partsOf).filter((part) => part !== "loss" && part !== "gradient_norm");
      assert.deepStrictEqual(missing(parts, page), [], "parts");
    });
  }
});
