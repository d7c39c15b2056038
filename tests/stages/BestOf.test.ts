/** Best-of-n in a round: what is verified, how the judges are measured, and that a resumed round chooses the same. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { Compute, type ProgramScore } from "../../src/compute/Compute.ts";
import * as Random from "../../src/random/Random.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import * as BestOf from "../../src/stages/BestOf.ts";
import * as Judges from "../../src/stages/Judges.ts";
import { passing, SafePoint, StopRequested } from "../../src/stages/SafePoint.ts";
import { headsOf, verifyRound } from "../../src/stages/VerifyRound.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "../store/Fixture.ts";
import * as StageFixture from "./Fixture.ts";

const TASKS = 6;
const SAMPLES = 4;
const context = StageFixture.context({ offline: [] });
const tasks = new Map(context.tasks.train.map((task) => [task.id, task]));

/** The samples of a problem: two pass, in turn with those that fail. The critic knows them, the policy is wrong. */
const program = (task: number, sample: number): string =>
  `const f = (x) => ${sample % 2 === 0 ? "x" : "x + 1"}; // ${task} ${sample}`;

const score = (text: string): ProgramScore => {
  const sample = Number(text.at(-1));
  const passes = sample % 2 === 0;
  return {
    logProb: passes ? -2 - sample : -1,
    tokens: 1,
    advantage: passes ? -sample : -10,
    value: 0.5,
    gain: null,
    disagreement: null,
    referenceLogProb: null,
  };
};

const compute = Layer.mock(Compute, {
  score: (items) => Effect.sync(() => items.map(({ program: text }) => score(text))),
});

/** A sandbox that counts, and a safe point that fails after some passes. */
const around = (passes: number, ran: Array<string>) => {
  let passed = 0;
  return Layer.mergeAll(
    compute,
    Layer.succeed(
      SafePoint,
      passing(
        Effect.suspend(() =>
          ++passed > passes ? Effect.fail(new StopRequested({ reason: "test" })) : Effect.void,
        ),
      ),
    ),
    Layer.effect(
      Sandbox,
      Effect.map(Sandbox, (inner) =>
        Sandbox.of({
          ...inner,
          verify: (task, text) =>
            Effect.sync(() => void ran.push(text)).pipe(Effect.andThen(inner.verify(task, text))),
        }),
      ),
    ),
  );
};

const bestOf = (random: number, judge: BestOf.BestOf["judge"] = "logProb"): BestOf.BestOf => ({
  judge,
  keep: 1,
  random,
  minPairs: 20,
});

const begin = Effect.gen(function* () {
  const store = yield* RunStore;
  yield* store.append(Fixture.started({ verifications: 100, generated: 100 }));
  const reservation = yield* store.reserve({ generated: TASKS * SAMPLES });
  yield* store.addCandidates(
    Array.from({ length: TASKS * SAMPLES }, (_, slot) => {
      const [i, sample] = [Math.floor(slot / SAMPLES), slot % SAMPLES];
      return { ...Fixture.candidate(0, slot, program(i, sample)), taskId: `t${i}` };
    }),
    reservation,
  );
});

const decide = (spec: BestOf.BestOf, soFar: Judges.Tallies = {}) =>
  Effect.gen(function* () {
    const store = yield* RunStore;
    const candidates = yield* store.candidates(0, 0);
    const random = Random.make(11);
    const choice = yield* BestOf.choose(context, tasks, {
      bestOf: spec,
      heads: headsOf(candidates),
      soFar,
      random,
    });
    yield* verifyRound(tasks, candidates, {
      slots: [...choice.allowed],
      most: Number.POSITIVE_INFINITY,
    });
    // CPU time is measured: no two runs have the same.
    const after = (yield* store.candidates(0, 0)).map((candidate) => ({ ...candidate, cpuSeconds: null }));
    return { choice, after, tallies: BestOf.measure(choice, after) };
  });

const verifiedSamples = (after: ReadonlyArray<{ readonly slot: number; readonly decision: string }>) =>
  after.filter(({ decision }) => decision === "verified").map(({ slot }) => slot % SAMPLES);

const quickJs = Effect.provide(SandboxQuickJs.layer({ workers: 2 }));
const always = Number.POSITIVE_INFINITY;

/** A round in a store of its own. */
const round = Effect.fn(function* (spec: BestOf.BestOf, soFar: Judges.Tallies = {}) {
  const directory = yield* Fixture.temporary;
  const body = begin.pipe(Effect.andThen(decide(spec, soFar)), Effect.provide(around(always, [])));
  return yield* StageFixture.inStore(directory, body);
});

describe("best-of-n in a round", () => {
  it("keeps the best of each problem, and all of a share of the problems", () => {
    const candidates = Array.from({ length: 400 }, (_, slot) => ({ slot, taskId: `t${slot % 100}` }));
    const { allowed, whole } = BestOf.select(
      candidates,
      (slot) => (slot < 100 ? 0 : Math.floor(slot / 200)),
      { keep: 2, random: 0.3 },
      Random.make(1),
    );
    assert.isAbove(whole.size, 15);
    assert.isBelow(whole.size, 45);
    for (let t = 0; t < 100; t++) {
      const slots = [t, t + 100, t + 200, t + 300];
      const expected = whole.has(`t${t}`) ? slots : [t + 200, t + 300];
      assert.deepEqual(
        slots.filter((slot) => allowed.has(slot)),
        expected,
      );
    }
    // A problem's turn depends on the seed and itself, not on what else was written.
    const fewer = BestOf.select(candidates.slice(50), () => 0, { keep: 2, random: 0.3 }, Random.make(1));
    assert.deepEqual([...fewer.whole].sort(), [...whole].sort());
  });

  it.live("verifies the best by the judge; the others stay unverified", () =>
    Effect.gen(function* () {
      const { choice, after } = yield* round(bestOf(0));
      assert.strictEqual(choice.by, "logProb");
      assert.deepEqual(
        verifiedSamples(after),
        Array.from({ length: TASKS }, () => 1),
      );
      assert.strictEqual(after.filter(({ decision }) => decision === "unverified").length, TASKS * 3);
    }).pipe(quickJs, Effect.scoped),
  );

  it.live("lets a critic choose once it beat the log-prob on verdicts that no judge chose", () =>
    Effect.gen(function* () {
      const first = yield* round(bestOf(1, "critic"));
      assert.strictEqual(first.choice.by, "logProb");
      assert.deepEqual(first.tallies, {
        logProb: { won: 0, pairs: TASKS * 4 },
        critic: { won: TASKS * 4, pairs: TASKS * 4 },
        // Ranks of samples 0 to 3: 3+1, 0+2, 2+0, 0+2; a tie counts half.
        both: { won: TASKS * 3, pairs: TASKS * 4 },
      });
      const second = yield* round(bestOf(0, "critic"), first.tallies);
      assert.strictEqual(second.choice.by, "critic");
      assert.deepEqual(
        verifiedSamples(second.after),
        Array.from({ length: TASKS }, () => 0),
      );
      // Verdicts that a judge chose measure nobody.
      assert.isTrue(Object.values(second.tallies).every(({ pairs }) => pairs === 0));
      assert.strictEqual(Judges.choosing("critic", Judges.add(first.tallies, second.tallies), 20), "critic");
      const equal = { logProb: { won: 1, pairs: 2 }, critic: { won: 1, pairs: 2 } };
      assert.strictEqual(Judges.choosing("critic", equal, 0), "logProb");
      // Too few pairs say nothing.
      assert.strictEqual(Judges.choosing("critic", first.tallies, TASKS * 4 + 1), "logProb");
      assert.deepEqual(BestOf.event(0, 3, "critic", second.tallies).judges["critic"], {
        auroc: null,
        pairs: 0,
      });
    }).pipe(quickJs, Effect.scoped),
  );

  it.live("spends nothing on a program that is known, and goes to the next best", () =>
    Effect.gen(function* () {
      const directory = yield* Fixture.temporary;
      const ran: Array<string> = [];
      const body = Effect.gen(function* () {
        yield* begin;
        const store = yield* RunStore;
        const key = `key of ${program(0, 1)}`;
        yield* store.cachePut([{ key, verdict: Fixture.verdict("WrongAnswer"), origin: "test" }]);
        return yield* decide(bestOf(0));
      });
      const { after } = yield* StageFixture.inStore(
        directory,
        body.pipe(Effect.provide(around(always, ran))),
      );
      assert.strictEqual(after[1]?.decision, "cached");
      assert.strictEqual(after[3]?.decision, "verified");
      assert.strictEqual(ran.length, TASKS);
    }).pipe(quickJs, Effect.scoped),
  );

  it.live("chooses the same after a stop at any point", () =>
    Effect.gen(function* () {
      const spec = bestOf(0.4);
      const whole = yield* round(spec);
      const verified = verifiedSamples(whole.after).length;
      assert.isAbove(verified, TASKS);
      assert.isBelow(verified, TASKS * SAMPLES);
      // The first pass is before the scores.
      for (let passes = 0; passes <= verified; passes += 3) {
        const directory = yield* Fixture.temporary;
        const ran: Array<string> = [];
        yield* StageFixture.inStore(
          directory,
          begin.pipe(Effect.andThen(Effect.flip(decide(spec))), Effect.provide(around(passes, ran))),
        );
        const resumed = yield* StageFixture.inStore(
          directory,
          decide(spec).pipe(Effect.provide(around(always, ran))),
        );
        assert.deepEqual(resumed, whole, `stopped after ${passes}`);
        assert.strictEqual(new Set(ran).size, ran.length);
      }
    }).pipe(quickJs, Effect.scoped),
  );
});
