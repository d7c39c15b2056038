import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Order from "../../../src/budget/selection/Order.ts";
import * as Strategy from "../../../src/budget/selection/Strategy.ts";
import * as Random from "../../../src/random/Random.ts";

const settings: Strategy.Settings = {
  target: 0.5,
  band: [0.05, 0.95],
  evidence: 5,
  prior: 1,
  ambiguity: 1,
  price: 0,
};
const problem = (taskId: string, some: Partial<Strategy.Problem> = {}): Strategy.Problem => ({
  taskId,
  written: 0,
  judged: 0,
  solved: false,
  failed: false,
  posterior: { a: 1, b: 1 },
  cost: 1,
  ...some,
});
const program = (
  slot: number,
  of: Strategy.Problem,
  some: Partial<Strategy.Program> = {},
): Strategy.Program => ({
  slot,
  problem: of,
  turn: 0,
  novelty: 1,
  logProb: null,
  predicted: null,
  disagreement: null,
  ...some,
});
const one = (strategy: Strategy.Name) => [{ strategy, weight: 1 }];
const slots = (programs: ReadonlyArray<Strategy.Program>) => programs.map(({ slot }) => slot);
const names = Object.keys(Strategy.strategies) as ReadonlyArray<Strategy.Name>;

/** Programs of a few problems in any state. */
const round = fc
  .array(
    fc.record({
      solved: fc.boolean(),
      failed: fc.boolean(),
      judged: fc.nat(4),
      a: fc.integer({ min: 1, max: 30 }),
      b: fc.integer({ min: 1, max: 30 }),
      programs: fc.array(
        fc.record({
          predicted: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
          disagreement: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
          novelty: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((problems) => {
    let slot = 0;
    return problems.flatMap(({ programs, a, b, ...state }, i) => {
      const of = problem(`t${i}`, { ...state, posterior: { a, b } });
      return programs.map((some, turn) => program(slot++, of, { ...some, turn }));
    });
  });

describe("orders of programs", () => {
  for (const name of names) {
    it(`${name}: every program once, the same for the same seed, whatever order they come in`, () => {
      fc.assert(
        fc.property(round, fc.nat(), (programs, seed) => {
          const of = (list: ReadonlyArray<Strategy.Program>) =>
            slots(Order.programs(list, one(name), settings, Random.make(seed)));
          assert.deepStrictEqual(of(programs), of(programs));
          assert.sameMembers(of(programs), slots(programs));
        }),
      );
    });
  }

  it("breadth: one for each unsolved problem before any second one, solved ones last", () => {
    fc.assert(
      fc.property(round, fc.nat(), (programs, seed) => {
        const order = Order.programs(programs, one("breadth"), settings, Random.make(seed));
        const open = new Set(programs.filter((p) => !p.problem.solved).map((p) => p.problem.taskId));
        const head = order.slice(0, open.size).map((p) => p.problem.taskId);
        assert.deepStrictEqual(new Set(head), open);
      }),
    );
  });

  it("likelihood and surprise: unsolved problems' programs, the likeliest first or last", () => {
    const open = problem("open");
    const solved = problem("solved", { solved: true });
    const list = [
      program(0, solved, { logProb: -0.1 }),
      program(1, open, { logProb: -2 }),
      program(2, open, { logProb: -0.5, turn: 1 }),
      program(3, problem("other"), { logProb: -1 }),
    ];
    const order = Order.programs(list, one("likelihood"), settings, Random.make(1));
    assert.deepStrictEqual(slots(order), [2, 3, 1, 0]);
    const reverse = Order.programs(list, one("surprise"), settings, Random.make(1));
    assert.deepStrictEqual(slots(reverse), [1, 3, 2, 0]);
    assert.isTrue(Order.needsScores(one("likelihood")));
    // No critic is asked, so none has to earn it.
    assert.deepStrictEqual(Order.followed(one("likelihood"), false, "breadth"), one("likelihood"));
  });

  it("posterior: what rests comes last, and programs of one problem stay together", () => {
    const hopeless = problem("hopeless", { posterior: { a: 1, b: 40 } });
    const solved = problem("solved", { posterior: { a: 40, b: 1 } });
    const even = problem("even", { posterior: { a: 20, b: 20 } });
    const list = [hopeless, solved, even].flatMap((of, i) =>
      [0, 1].map((turn) => program(2 * i + turn, of, { turn })),
    );
    for (let seed = 0; seed < 20; seed++) {
      const order = Order.programs(list, one("posterior"), settings, Random.make(seed));
      assert.deepStrictEqual(slots(order.slice(0, 2)), [4, 5]);
      const [a, b, c, d] = order.slice(2).map((p) => p.problem.taskId);
      assert.isTrue(a === b && c === d);
    }
  });

  it("posterior: of the problems and of their programs the same draw", () => {
    const list = Array.from({ length: 12 }, (_, i) => problem(`t${i}`));
    const random = Random.make(5);
    const byProblem = Order.problems(list, one("posterior"), settings, random);
    const byProgram = Order.programs(
      list.map((of, i) => program(i, of)),
      one("posterior"),
      settings,
      random,
    );
    assert.deepStrictEqual(
      byProgram.map((p) => p.problem.taskId),
      byProblem.map(({ taskId }) => taskId),
    );
  });

  it("uncertainty: disagreement and p(1-p); value of information: only where a group lacks an outcome, less its cost", () => {
    const lacking = problem("lacking");
    const complete = problem("complete", { solved: true, failed: true });
    const list = [
      program(0, complete, { predicted: 0.5, disagreement: 0 }),
      program(1, lacking, { predicted: 0.4, disagreement: 0 }),
      program(2, lacking, { predicted: 0.99, disagreement: 0.3 }),
      program(3, lacking, { predicted: 0.99, disagreement: 0 }),
    ];
    const by = (name: Strategy.Name, some: Partial<Strategy.Settings> = {}) =>
      slots(Order.programs(list, one(name), { ...settings, ...some }, Random.make(2)));
    assert.deepStrictEqual(by("uncertainty"), [2, 0, 1, 3]);
    assert.deepStrictEqual(by("value-of-information").slice(0, 2), [1, 2]);
    const dear = list.map((p) => (p.slot === 1 ? { ...p, problem: { ...p.problem, cost: 9 } } : p));
    const priced = Order.programs(
      dear,
      one("value-of-information"),
      { ...settings, price: 0.1 },
      Random.make(2),
    );
    assert.strictEqual(slots(priced).at(-1), 1);
  });

  it("several together: the weighted sum of places", () => {
    const a = problem("a");
    const list = [
      program(0, a, { novelty: 1, predicted: 0.9 }),
      program(1, a, { novelty: 0.5, predicted: 0.5 }),
      program(2, a, { novelty: 0, predicted: 0.5 }),
    ];
    const by = (weight: number) =>
      slots(
        Order.programs(
          list,
          [
            { strategy: "diversity", weight },
            { strategy: "uncertainty", weight: 1 },
          ],
          settings,
          Random.make(3),
        ),
      );
    assert.deepStrictEqual(by(9), [0, 1, 2]);
    assert.deepStrictEqual(by(1), [1, 0, 2]);
    assert.strictEqual(by(0.1).at(-1), 0);
  });

  it("a strategy that leans on the critic is left out until the critic has earned it", () => {
    const parts = [...one("uncertainty"), ...one("breadth")];
    assert.deepStrictEqual(Order.followed(parts, false, "random"), one("breadth"));
    assert.deepStrictEqual(Order.followed(one("value-of-information"), false, "breadth"), one("breadth"));
    assert.deepStrictEqual(Order.followed(parts, true, "random"), parts);
  });
});
