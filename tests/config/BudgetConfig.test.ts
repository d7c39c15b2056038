/** Budgets that cannot be meant are refused before a run starts, with the place and what to change. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as ConfigFile from "../../src/config/ConfigFile.ts";

const config = (budget: unknown, stage: object = {}, online = true) => ({
  policy: { path: "p" },
  dataset: { kind: "drydock", path: "d" },
  compute: { maxNewTokens: 64 },
  budget,
  trainings: { sft: { algorithm: "sft" } },
  stages: [
    { kind: "evaluate", label: "base" },
    ...(online
      ? [
          {
            kind: "online",
            label: "online",
            samplesPerProblem: 4,
            updates: [{ training: "sft", steps: 1, learningRate: 0.1 }],
            ...stage,
          },
        ]
      : []),
  ],
});

const prices = { verification: 0.01, cpuSecond: 0, thousandTokens: 1, hour: 0 };

describe("a budget", () => {
  const refused: ReadonlyArray<readonly [string, unknown, object, RegExp]> = [
    ["negative", { cpuSeconds: -1 }, {}, /budget\.cpuSeconds.*found -1, must be > 0; for no limit/],
    ["zero", { money: 0, prices }, {}, /budget\.money.*found 0, must be > 0; for no limit/],
    [
      "no verification",
      { verifications: 0 },
      {},
      /budget\.verifications.*found 0, which is too small: stages\[1\] reserves up to 1 for one program/,
    ],
    [
      "a stage above the run",
      { verifications: 50 },
      { verifications: 60 },
      /stages\[1\]\.verifications.*found 60, above the limit of the whole run, budget\.verifications, which is 50/,
    ],
    [
      "a stage's tokens above the run's",
      { generatedTokens: 5000 },
      { budget: { generatedTokens: 6000 } },
      /stages\[1\]\.budget\.generatedTokens.*above the limit of the whole run/,
    ],
    ["money without prices", { money: 5 }, {}, /budget\.money.*add budget\.prices/],
    [
      "a stage's money without prices",
      {},
      { budget: { money: 5 } },
      /stages\[1\]\.budget\.money.*add budget\.prices/,
    ],
    [
      "a price that is missing",
      { money: 5, prices: { verification: 1 } },
      {},
      /the key "cpuSecond" is missing/,
    ],
    [
      "prices of nothing",
      { prices: { verification: 0, cpuSecond: 0, thousandTokens: 0, hour: 0 } },
      {},
      /budget\.prices.*every price is 0/,
    ],
    [
      "tokens for less than one problem",
      { generatedTokens: 255 },
      {},
      /budget\.generatedTokens.*found 255, which is too small: stages\[1\] reserves up to 256 for the 4 programs of one problem/,
    ],
    [
      "CPU for less than one verification",
      { cpuSeconds: 1.5 },
      {},
      /budget\.cpuSeconds.*found 1\.5, which is too small: stages\[1\] reserves up to 2 for one verification/,
    ],
    [
      "money for less than one problem",
      { money: 0.2, prices },
      {},
      /budget\.money.*found 0\.2, which is too small: .* 0\.266 for the 4 programs of one problem and one verification/,
    ],
    ["more than can be counted", { cpuSeconds: 1e300 }, {}, /budget\.cpuSeconds.*too large to be counted/],
    ["a unit that there is none of", { seconds: 3 }, {}, /budget\.seconds.*unknown key/],
  ];
  for (const [name, budget, stage, message] of refused) {
    it.effect(`is refused: ${name}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ConfigFile.fromValue("run.json", config(budget, stage)));
        assert.match(error.message, message);
      }),
    );
  }

  it.effect("may be of any unit, of the run and of a stage; nothing is needed where nothing is spent", () =>
    Effect.gen(function* () {
      const all = { generatedTokens: 5000, cpuSeconds: 60, wallSeconds: 600, money: 9, prices };
      const stage = { verifications: 20, budget: { cpuSeconds: 30, money: 4.5 } };
      yield* ConfigFile.fromValue("run.json", config(all, stage));
      yield* ConfigFile.fromValue("run.json", config({ verifications: 0, generated: 0 }, {}, false));
    }),
  );
});
