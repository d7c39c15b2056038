import * as Effect from "effect/Effect";
import { assert, describe, it } from "@effect/vitest";
import * as Choosing from "../../src/stages/Choosing.ts";
import { configured } from "../plan/Fixture.ts";

/** An online stage with a strategy of the critic beside one that needs none. */
const stageOf = (selection: object) =>
  Effect.map(
    configured((config) => ({
      ...config,
      stages: config.stages.map((stage) =>
        stage.kind === "online"
          ? { ...stage, selector: [{ strategy: "posterior" }, { strategy: "uncertainty" }], selection }
          : stage,
      ),
    })),
    ({ stages }) => {
      const found = stages.find((stage) => stage.kind === "online");
      if (found === undefined) throw new Error("there is no online stage");
      return found;
    },
  );

const names = (parts: ReturnType<typeof Choosing.followed>): ReadonlyArray<string> =>
  parts.map(({ strategy }) => strategy);

const tally = (won: number, pairs: number) => ({ won, pairs });

describe("which strategies are followed", () => {
  it.effect("the critic's own only once it beats the log-prob on enough pairs", () =>
    Effect.gen(function* () {
      const stage = yield* stageOf({ minPairs: 10 });
      assert.deepStrictEqual(names(Choosing.followed(stage, {})), ["posterior"]);
      const few = { critic: tally(9, 9), logProb: tally(0, 9) };
      assert.deepStrictEqual(names(Choosing.followed(stage, few)), ["posterior"]);
      const better = { critic: tally(9, 10), logProb: tally(5, 10) };
      assert.deepStrictEqual(names(Choosing.followed(stage, better)), ["posterior", "uncertainty"]);
      const worse = { critic: tally(5, 10), logProb: tally(9, 10) };
      assert.deepStrictEqual(names(Choosing.followed(stage, worse)), ["posterior"]);
    }),
  );

  it.effect("the critic's own from the start where it is always trusted", () =>
    Effect.gen(function* () {
      const stage = yield* stageOf({ trust: "always" });
      const worse = { critic: tally(0, 100), logProb: tally(100, 100) };
      for (const soFar of [{}, worse]) {
        assert.deepStrictEqual(names(Choosing.followed(stage, soFar)), ["posterior", "uncertainty"]);
      }
    }),
  );
});
