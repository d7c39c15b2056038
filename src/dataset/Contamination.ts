/**
 * Contamination: a run that trains on a task which it evaluates measures nothing, and is refused.
 *
 * Two tasks are the same where their ids are equal, or their statements once letters, digits and their order are all
 * that counts. They are nearly the same where statements and solutions share most of their n-grams: statements alone
 * do not say it, as families of tasks are written from one template ("the sum of fourth/fifth powers").
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as Overlap from "./Overlap.ts";
import { normalise } from "./Statement.ts";

export { normalise };

export class Contaminated extends Schema.TaggedError<Contaminated>()("Contaminated", {
  /** How many evaluated tasks are trained on. */
  count: Schema.Int,
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.reason} ${this.remedy}`;
  }
}

export interface Same {
  readonly evaluated: Overlap.Problem;
  readonly trained: Overlap.Problem;
  readonly by: "id" | "statement";
}

/**
 * Pairs of an evaluated task and the training task that it equals, the last one of several. The training tasks are
 * gone through once.
 */
export const overlap = (
  trainTasks: Iterable<Overlap.Problem>,
  evalTasks: ReadonlyArray<Overlap.Problem>,
): ReadonlyArray<Same> => {
  const ids = new Map<string, Overlap.Problem | null>(evalTasks.map(({ id }) => [id, null]));
  const statements = new Map<string, Overlap.Problem | null>(
    evalTasks.map(({ statement }) => [normalise(statement), null]),
  );
  for (const trained of trainTasks) {
    if (ids.has(trained.id)) ids.set(trained.id, trained);
    const statement = normalise(trained.statement);
    if (statements.has(statement)) statements.set(statement, trained);
  }
  return evalTasks.flatMap((evaluated): ReadonlyArray<Same> => {
    const same = ids.get(evaluated.id);
    if (same) return [{ evaluated, trained: same, by: "id" }];
    const alike = statements.get(normalise(evaluated.statement));
    return alike ? [{ evaluated, trained: alike, by: "statement" }] : [];
  });
};

export interface Pair extends Overlap.Pair {
  readonly by: "id" | "statement" | "near";
  /** Whether a run that refuses near overlap refuses this one. */
  readonly refused: boolean;
}

/** A pair is refused from these shares on: both of the first, or a statement as alike as the last alone. */
export const REFUSED = { statement: 0.5, solution: 0.99, statementAlone: 0.95 } as const;

const isRefused = ({ statement, solution }: Overlap.Pair): boolean =>
  statement.share >= REFUSED.statementAlone ||
  (statement.share >= REFUSED.statement && (solution?.share ?? 0) >= REFUSED.solution);

/**
 * All pairs that share enough, the equal ones first, then by what they share. The training tasks are gone through
 * twice, and only those of a pair are held.
 */
export const pairs = (
  trainTasks: Iterable<Overlap.Problem>,
  evalTasks: ReadonlyArray<Overlap.Problem>,
  options: Overlap.Options = Overlap.OPTIONS,
): ReadonlyArray<Pair> => {
  const equal = overlap(trainTasks, evalTasks);
  const known = new Set(equal.map(({ evaluated, trained }) => JSON.stringify([evaluated.id, trained.id])));
  const near = Overlap.pairs(trainTasks, evalTasks, options)
    .filter(({ evaluated, trained }) => !known.has(JSON.stringify([evaluated.id, trained.id])))
    .map((pair): Pair => ({ ...pair, by: "near", refused: isRefused(pair) }));
  const weight = ({ statement, solution }: Pair): number => statement.share + (solution?.share ?? 0);
  return [
    ...equal.map(
      ({ evaluated, trained, by }): Pair => ({
        ...Overlap.compare(trained, evaluated, options),
        by,
        refused: true,
      }),
    ),
    ...near.sort((a, b) => weight(b) - weight(a)),
  ];
};

const percent = (share: number): string => `${Math.round(100 * share)} %`;

const told = ({ by, evaluated, trained, statement, solution }: Pair): string => {
  if (by === "id") return evaluated.id;
  if (by === "statement") return `${evaluated.id} (its statement equals that of ${trained.id})`;
  const also = solution === null ? "" : `, and ${percent(solution.share)} of its solution`;
  return `${evaluated.id} (it shares ${percent(statement.share)} of its statement${also} with ${trained.id}: "${statement.run}")`;
};

const list = (found: ReadonlyArray<Pair>): string => {
  const some = found.slice(0, 3).map(told);
  return `${some.join(", ")}${found.length > some.length ? ` and ${found.length - some.length} more` : ""}`;
};

/**
 * `refuse`: a run that would train on what it evaluates, or nearly, fails. `exact`: it fails for equal tasks, near
 * ones are told. `report`: both are told.
 */
export type Mode = "refuse" | "exact" | "report";

/** Fails where a task is both trained on and evaluated; what the mode lets pass is a warning in the log. */
export const check = Effect.fnUntraced(function* (
  trainTasks: Iterable<Overlap.Problem>,
  evalTasks: ReadonlyArray<Overlap.Problem>,
  mode: Mode = "refuse",
): Effect.fn.Return<void, Contaminated> {
  const found = pairs(trainTasks, evalTasks, {
    ...Overlap.OPTIONS,
    leastStatement: REFUSED.statement,
    leastSolution: REFUSED.solution,
    statementAlone: REFUSED.statementAlone,
  }).filter(({ refused }) => refused);
  const [fatal, warned] =
    mode === "refuse"
      ? [found, []]
      : mode === "report"
        ? [[], found]
        : [found.filter(({ by }) => by !== "near"), found.filter(({ by }) => by === "near")];
  if (warned.length > 0) {
    yield* Effect.logWarning(
      `The run trains on tasks that are (nearly) among the ${evalTasks.length} that it evaluates: ${list(warned)}.`,
    );
  }
  if (fatal.length === 0) return;
  const count = new Set(fatal.map(({ evaluated }) => evaluated.id)).size;
  const close = fatal.every(({ by }) => by === "near");
  return yield* new Contaminated({
    count,
    reason: `The run would train on ${count} of the ${evalTasks.length} tasks that it evaluates${close ? ", or nearly" : ""}: ${list(fatal)}.`,
    remedy: `Evaluate another split, or take these tasks out of the training data${close ? '; with "contamination": "exact" in "dataset", the run only tells of near overlap' : ""}.`,
  });
});
