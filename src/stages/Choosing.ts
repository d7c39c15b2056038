/**
 * What a round writes programs for, and which of them are verified: views of problems and programs, a strategy's order,
 * and the draw (budget/selection).
 *
 * Everything follows from the round's candidates, the weights at its start and the seed, so a resumed round chooses
 * the same. A strategy that leans on the critic is followed once the critic beats the policy's log-prob on verdicts
 * that no strategy chose.
 */
import * as Effect from "effect/Effect";
import * as Draw from "../budget/selection/Draw.ts";
import * as Novelty from "../budget/selection/Novelty.ts";
import * as Order from "../budget/selection/Order.ts";
import type { Problem, Program } from "../budget/selection/Strategy.ts";
import { Compute, type ProgramScore } from "../compute/Compute.ts";
import type { OnlineStage } from "../config/RunConfig.ts";
import type { RunEvent } from "../domain/RunEvent.ts";
import type { Task } from "../domain/Task.ts";
import type { Random } from "../random/Random.ts";
import type { StoredCandidate } from "../store/RunStore.ts";
import * as Judges from "./Judges.ts";
import * as ProblemViews from "./ProblemViews.ts";
import type { RunContext } from "./RunContext.ts";

type Choosing = Pick<OnlineStage, "selector" | "selection">;

/** A stage's strategies with their weights. */
export const partsOf = ({ selector }: Choosing): ReadonlyArray<Order.Part> =>
  typeof selector === "string" ? [{ strategy: selector, weight: 1 }] : selector;

/** Those that are followed now. `soFar`: how the judges did on the random share. */
export const followed = (stage: Choosing, soFar: Judges.Tallies): ReadonlyArray<Order.Part> => {
  const { trust, minPairs, fallback } = stage.selection;
  const earned = trust === "always" || Judges.choosing("critic", soFar, minPairs) === "critic";
  return Order.followed(partsOf(stage), earned, fallback);
};

/** The problems of a round, distinct, at most `count`. */
export const problems = (spec: {
  readonly stage: Choosing;
  readonly tasks: ReadonlyArray<Task>;
  readonly views: ReadonlyMap<string, Problem>;
  readonly soFar: Judges.Tallies;
  readonly count: number;
  readonly random: Random;
}): ReadonlyArray<Task> => {
  const { stage, tasks, views } = spec;
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const seen = tasks.flatMap(({ id }) => views.get(id) ?? []);
  const settings = ProblemViews.settingsOf(stage.selection);
  return Order.problems(seen, followed(stage, spec.soFar), settings, spec.random)
    .slice(0, spec.count)
    .flatMap(({ taskId }) => byId.get(taskId) ?? []);
};

const clamp = (x: number): number => Math.min(1, Math.max(0, x));

/**
 * The critic's prediction that a program passes: the value of its prompt and the losses on the way, sum_t min(0, Q -
 * E_pi Q). Null without a critic.
 */
const prediction = (score: ProgramScore | null): number | null =>
  score === null || score.value === null || score.advantage === null
    ? null
    : clamp(score.value + score.advantage);

export interface Selected {
  readonly drawn: ReadonlyArray<Draw.Drawn<Program>>;
  readonly by: ReadonlyArray<string>;
  /** Whether programs were scored. */
  readonly scored: boolean;
}

/** The slots that are paid for, the best first. */
export const slots = ({ drawn }: Selected): ReadonlyArray<number> =>
  drawn.filter(({ chosen }) => chosen).map(({ item }) => item.slot);

/**
 * Chooses among a round's programs. `heads`: those that a verification could be spent on, by slot; `known`: the
 * programs judged before, which novelty is about.
 */
export const programs = Effect.fn("Choosing.programs")(function* (
  context: RunContext,
  tasks: ReadonlyMap<string, Task>,
  spec: {
    readonly stage: Choosing;
    readonly heads: ReadonlyArray<StoredCandidate>;
    readonly known: ReadonlyArray<Pick<StoredCandidate, "taskId" | "program">>;
    readonly views: ReadonlyMap<string, Problem>;
    readonly soFar: Judges.Tallies;
    readonly count: number;
    /** Share that is drawn from all programs. */
    readonly share: number;
    readonly random: Random;
  },
) {
  const compute = yield* Compute;
  const { stage, heads, views } = spec;
  // Scores are wanted before the critic may choose too: it is measured by them. Where all are verified nothing chooses.
  const scored = Order.needsScores(partsOf(stage));
  const scores = scored
    ? yield* compute.score(
        heads.map(({ taskId, program }) => {
          const task = tasks.get(taskId);
          return {
            prompt: task === undefined ? "" : context.prompt(task),
            program: context.completion(program),
          };
        }),
      )
    : heads.map(() => null);
  const parts = followed(stage, spec.soFar);
  const novelty = parts.some(({ strategy }) => strategy === "diversity")
    ? noveltyOf(heads, spec.known)
    : new Map<number, number>();
  const turns = new Map<string, number>();
  const seen = heads.flatMap(({ slot, taskId }, i): ReadonlyArray<Program> => {
    const problem = views.get(taskId);
    if (problem === undefined) return [];
    const turn = turns.get(taskId) ?? 0;
    turns.set(taskId, turn + 1);
    const score = scores[i];
    return [
      {
        slot,
        problem,
        turn,
        novelty: novelty.get(slot) ?? 1,
        logProb: score === null ? null : score.logProb / score.tokens,
        predicted: prediction(score),
        disagreement: score?.disagreement ?? null,
      },
    ];
  });
  const ordered = Order.programs(seen, parts, ProblemViews.settingsOf(stage.selection), spec.random);
  const drawn = Draw.draw(ordered, {
    count: spec.count,
    share: spec.share,
    random: spec.random.split("draw"),
  });
  return { drawn, by: parts.map(({ strategy }) => strategy), scored } satisfies Selected;
});

const noveltyOf = (
  heads: ReadonlyArray<Pick<StoredCandidate, "slot" | "taskId" | "program">>,
  known: ReadonlyArray<Pick<StoredCandidate, "taskId" | "program">>,
): ReadonlyMap<number, number> => {
  const found = new Map<number, number>();
  const before = new Map(Judges.byTask(known).map((group) => [group[0]?.taskId, group]));
  for (const group of Judges.byTask(heads)) {
    const others = before.get(group[0]?.taskId) ?? [];
    const values = Novelty.of(
      group.map(({ program }) => program),
      others.map(({ program }) => program),
    );
    group.forEach(({ slot }, i) => found.set(slot, values[i]));
  }
  return found;
};

/** What a round's verdicts say of the choice: its event, the judges' counts, and the critic's error. */
export const measure = (
  index: number,
  round: number,
  selected: Selected,
  candidates: ReadonlyArray<StoredCandidate>,
): {
  readonly event: Extract<RunEvent, { readonly _tag: "ProgramsSelected" }>;
  readonly tallies: Judges.Tallies;
  readonly brier: number | null;
} => {
  const outcomes = new Map(
    candidates
      .filter(({ decision }) => decision === "verified")
      .map(({ slot, outcome }) => [slot, outcome === "Passed"]),
  );
  const judged = selected.drawn.flatMap((drawn) => {
    const passed = outcomes.get(drawn.item.slot);
    return passed === undefined || !drawn.chosen ? [] : [{ ...drawn, passed }];
  });
  const tallyOf = (score: (program: Program) => number | null): Judges.Tally =>
    Judges.tally(
      judged
        .filter(({ atRandom }) => atRandom)
        .flatMap(({ item, passed }) => {
          const value = score(item);
          return value === null ? [] : [{ passed, score: value }];
        }),
    );
  const tallies: Judges.Tallies = selected.scored
    ? { logProb: tallyOf(({ logProb }) => logProb), critic: tallyOf(({ predicted }) => predicted) }
    : {};
  const brier = brierOf(judged);
  return {
    tallies,
    brier,
    event: {
      _tag: "ProgramsSelected",
      index,
      round,
      by: selected.by,
      among: selected.drawn.length,
      chosen: selected.drawn
        .filter(({ chosen }) => chosen)
        .map(({ item, probability, atRandom }) => ({ slot: item.slot, probability, atRandom })),
      ...(selected.scored
        ? {
            judges: Object.fromEntries(
              Object.entries(tallies).map(([judge, tally]) => [
                judge,
                { auroc: Judges.auroc(tally), pairs: tally.pairs },
              ]),
            ),
            brier,
          }
        : {}),
    },
  };
};

/** Mean squared error of the predictions over all programs, from the chosen ones, each weighted by 1 / probability. */
const brierOf = (
  judged: ReadonlyArray<{ readonly item: Program; readonly probability: number; readonly passed: boolean }>,
): number | null => {
  let weights = 0;
  let errors = 0;
  for (const { item, probability, passed } of judged) {
    if (item.predicted === null) continue;
    weights += 1 / probability;
    errors += (item.predicted - Number(passed)) ** 2 / probability;
  }
  return weights === 0 ? null : errors / weights;
};
