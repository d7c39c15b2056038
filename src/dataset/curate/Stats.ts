/** What a dataset holds, in figures. */
import type { Attempt } from "../../domain/Attempt.ts";
import { difficulty, type Task, testCount } from "../../domain/Task.ts";
import { Keys } from "../Keys.ts";

export interface Spread {
  readonly least: number;
  readonly median: number;
  readonly p95: number;
  readonly most: number;
}

export interface TaskRates {
  readonly passed: number;
  readonly labelled: number;
}

export interface Stats {
  readonly tasks: {
    readonly count: number;
    readonly split: Readonly<Record<string, number>>;
    readonly language: Readonly<Record<string, number>>;
    readonly difficulty: Readonly<Record<string, number>>;
    readonly kind: Readonly<Record<string, number>>;
    readonly withReference: number;
    /** Tasks whose statement an earlier one has, as it is. */
    readonly repeated: number;
    readonly tests: Spread | null;
    /** In characters. */
    readonly statement: Spread | null;
  };
  readonly attempts: {
    readonly count: number;
    readonly outcome: Readonly<Record<string, number>>;
    readonly origin: Readonly<Record<string, number>>;
    readonly labelSource: Readonly<Record<string, number>>;
    readonly withReasoning: number;
    /** Attempts whose program an earlier one at the task has, as it is. */
    readonly repeated: number;
    /** In characters. */
    readonly program: Spread | null;
  };
  readonly groups: {
    /** Tasks by their labelled attempts. */
    readonly passAndFail: number;
    readonly passOnly: number;
    readonly failOnly: number;
    readonly unlabelled: number;
    readonly attemptsPerTask: Spread | null;
    /** Tasks by pass rate: 0, then ten steps of which the last ends below 1, then 1. */
    readonly passRates: ReadonlyArray<{ readonly rate: string; readonly tasks: number }>;
  };
}

/** Least, median, 95th percentile and most; null of nothing. */
export const spread = (values: ReadonlyArray<number>): Spread | null => {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { least: sorted[0], median: at(0.5), p95: at(0.95), most: sorted[sorted.length - 1] };
};

const RATES = [
  "0 %",
  ...Array.from(
    { length: 10 },
    (_, i) => `${i === 0 ? ">0" : i * 10} to ${i === 9 ? "<100" : (i + 1) * 10} %`,
  ),
  "100 %",
];

const rateStep = ({ passed, labelled }: TaskRates): number =>
  passed === 0 ? 0 : passed === labelled ? RATES.length - 1 : 1 + Math.floor((10 * passed) / labelled);

const counter = () => {
  const counts = new Map<string, number>();
  return {
    add: (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1),
    /** The most frequent first. */
    record: (): Readonly<Record<string, number>> =>
      Object.fromEntries([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))),
  };
};

/** Holds a few numbers a record and a hash of each program; goes through each list once. */
export const of = (tasks: Iterable<Task>, attempts: Iterable<Attempt>): Stats => {
  const by = { split: counter(), language: counter(), difficulty: counter(), kind: counter() };
  const places = new Keys();
  const rates: Array<{ passed: number; labelled: number; attempts: number }> = [];
  const statements = new Keys();
  const tests: Array<number> = [];
  const lengths: Array<number> = [];
  let withReference = 0;
  let repeatedTasks = 0;
  let count = 0;
  for (const task of tasks) {
    count++;
    by.split.add(task.split);
    by.language.add(task.language);
    by.kind.add(task.tests.kind);
    by.difficulty.add(difficulty(task) ?? "not given");
    if (task.reference !== undefined) withReference++;
    tests.push(testCount(task.tests));
    lengths.push(task.statement.length);
    const key = `${task.language}\n${task.statement}`;
    if (statements.add(key, 0) !== undefined) repeatedTasks++;
    places.add(task.id, rates.length);
    rates.push({ passed: 0, labelled: 0, attempts: 0 });
  }
  const has = { outcome: counter(), origin: counter(), labelSource: counter() };
  const programs: Array<number> = [];
  const known = new Keys();
  let withReasoning = 0;
  let repeated = 0;
  for (const attempt of attempts) {
    has.outcome.add(attempt.outcome ?? "not labelled");
    has.origin.add(attempt.origin);
    if (attempt.outcome !== undefined) has.labelSource.add(attempt.labelSource ?? "not given");
    if (attempt.reasoning !== undefined && attempt.reasoning !== "") withReasoning++;
    programs.push(attempt.program.length);
    const place = places.get(attempt.taskId);
    if (place === undefined) continue;
    const task = rates[place];
    task.attempts++;
    if (known.add(`${place}\n${attempt.program}`, 0) !== undefined) repeated++;
    if (attempt.outcome === undefined) continue;
    task.labelled++;
    if (attempt.outcome === "Passed") task.passed++;
  }
  const labelled = rates.filter((task) => task.labelled > 0);
  const steps = new Uint32Array(RATES.length);
  for (const task of labelled) steps[rateStep(task)]++;
  return {
    tasks: {
      count,
      split: by.split.record(),
      language: by.language.record(),
      difficulty: by.difficulty.record(),
      kind: by.kind.record(),
      withReference,
      repeated: repeatedTasks,
      tests: spread(tests),
      statement: spread(lengths),
    },
    attempts: {
      count: programs.length,
      outcome: has.outcome.record(),
      origin: has.origin.record(),
      labelSource: has.labelSource.record(),
      withReasoning,
      repeated,
      program: spread(programs),
    },
    groups: {
      passAndFail: labelled.filter(({ passed, labelled: n }) => passed > 0 && passed < n).length,
      passOnly: labelled.filter(({ passed, labelled: n }) => passed === n).length,
      failOnly: labelled.filter(({ passed }) => passed === 0).length,
      unlabelled: rates.length - labelled.length,
      attemptsPerTask: spread(rates.map((task) => task.attempts)),
      passRates: RATES.map((rate, step) => ({ rate, tasks: steps[step] })),
    },
  };
};
