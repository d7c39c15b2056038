/** What a verification showed of a dataset: how far its labels agree with the sandbox's. Pure. */
import * as Interval from "../../domain/Interval.ts";
import { Outcome } from "../../domain/Verdict.ts";
import * as Jobs from "./Jobs.ts";
import * as Labels from "./Labels.ts";
import type { Answer } from "./VerdictLog.ts";

/** Examples of each kind that a report holds. */
const EXAMPLES = 10;

export interface Disagreement {
  readonly taskId: string;
  readonly origin: string;
  /** Index among the attempts. */
  readonly attempt: number;
  readonly dataset: Outcome;
  readonly sandbox: Outcome;
  readonly detail?: string;
}

export interface OfOrigin {
  readonly origin: string;
  readonly attempts: number;
  readonly datasetPassed: number;
  readonly sandboxPassed: number;
  readonly agree: number;
}

export interface Report {
  /** Verifications spent, those that a crash left open included, and the distinct programs with a verdict. */
  readonly spent: number;
  readonly judged: number;
  /** Programs that another one's verdict answered. */
  readonly repeats: number;
  /** Programs without an answer: the limit was reached, or the work was stopped. */
  readonly left: number;
  /** Attempts asked for by what the sandbox said. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly agreement: {
    /** Attempts with both labels. */
    readonly compared: number;
    /** Both say that it passes, or both that it does not. */
    readonly agree: number;
    /** Both name the same outcome. */
    readonly sameOutcome: number;
    /** The dataset's outcome, then the sandbox's. */
    readonly confusion: Readonly<Record<string, Readonly<Record<string, number>>>>;
    readonly origins: ReadonlyArray<OfOrigin>;
    /** The first of those that disagree on passing. */
    readonly examples: ReadonlyArray<Disagreement>;
  };
  readonly references: {
    readonly verified: number;
    readonly failing: ReadonlyArray<{
      readonly taskId: string;
      readonly outcome: Outcome;
      readonly testsPassed: number;
      readonly testsTotal: number;
      readonly detail?: string;
    }>;
  };
  readonly faults: {
    readonly programs: number;
    /** By reason, the most frequent first. */
    readonly reasons: ReadonlyArray<{
      readonly reason: string;
      readonly programs: number;
      readonly tasks: ReadonlyArray<string>;
    }>;
  };
  /** Tasks that cannot be judged: every one of their programs ended in a fault. */
  readonly unjudgeable: ReadonlyArray<string>;
  /** Of a sample: shares with 95 % intervals. */
  readonly estimate?: {
    readonly sampled: number;
    readonly judged: number;
    readonly passRate: Interval.Share | null;
    readonly agreement: Interval.Share | null;
  };
}

const count = (table: Map<string, number>, name: string): void =>
  void table.set(name, (table.get(name) ?? 0) + 1);

/** Outcomes in the order of their schema. */
const ordered = (table: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries(
    Outcome.literals.flatMap((outcome) => {
      const n = table.get(outcome);
      return n === undefined ? [] : [[outcome, n]];
    }),
  );

/** A fault's reason without the task that it names, so that equal ones meet. */
const general = (reason: string, taskId: string): string => reason.replace(`${taskId}: `, "");

export interface Facts {
  readonly plan: Jobs.Plan;
  readonly answers: ReadonlyMap<string, Answer>;
  readonly spent: number;
  readonly sampled: boolean;
}

export const report = (source: Jobs.Source, facts: Facts): Report => {
  const { plan, answers } = facts;
  const verdictOf = (key: string) => {
    const answer = answers.get(key);
    return answer !== undefined && "verdict" in answer ? answer.verdict : undefined;
  };

  const outcomes = new Map<string, number>();
  const confusion = new Map<Outcome, Map<string, number>>();
  const origins = new Map<string, { -readonly [K in keyof OfOrigin]: OfOrigin[K] }>();
  const examples: Array<Disagreement> = [];
  let [judged, passed, compared, agree, sameOutcome] = [0, 0, 0, 0, 0];
  let index = -1;
  for (const attempt of source.attempts) {
    index += 1;
    if (!plan.chosen.has(index)) continue;
    const verdict = verdictOf(Jobs.key(attempt.taskId, attempt.program));
    if (verdict === undefined) continue;
    const sandbox = verdict.outcome;
    judged += 1;
    passed += sandbox === "Passed" ? 1 : 0;
    count(outcomes, sandbox);
    const said = Labels.compared(attempt);
    if (said === undefined) continue;
    const dataset = said.outcome;
    compared += 1;
    const agreed = (dataset === "Passed") === (sandbox === "Passed");
    agree += agreed ? 1 : 0;
    sameOutcome += dataset === sandbox ? 1 : 0;
    const row = confusion.get(dataset) ?? new Map<string, number>();
    confusion.set(dataset, row);
    count(row, sandbox);
    const { origin, taskId } = attempt;
    const of = origins.get(origin) ?? { origin, attempts: 0, datasetPassed: 0, sandboxPassed: 0, agree: 0 };
    origins.set(origin, of);
    of.attempts += 1;
    of.datasetPassed += dataset === "Passed" ? 1 : 0;
    of.sandboxPassed += sandbox === "Passed" ? 1 : 0;
    of.agree += agreed ? 1 : 0;
    if (!agreed && examples.length < EXAMPLES) {
      const { detail } = verdict;
      examples.push({
        taskId,
        origin,
        attempt: index,
        dataset,
        sandbox,
        ...(detail === undefined ? {} : { detail }),
      });
    }
  }

  const failing: Array<Report["references"]["failing"][number]> = [];
  const reasons = new Map<string, { programs: number; readonly tasks: Set<string> }>();
  const answered = new Map<number, boolean>();
  let [references, faults] = [0, 0];
  for (const job of plan.jobs) {
    const answer = answers.get(job.key);
    if (answer === undefined) continue;
    const isVerdict = "verdict" in answer;
    answered.set(job.task, isVerdict || (answered.get(job.task) ?? false));
    const { id: taskId } = source.tasks.at(job.task);
    if (!isVerdict) {
      faults += 1;
      const reason = general(answer.fault, taskId);
      const known = reasons.get(reason) ?? { programs: 0, tasks: new Set<string>() };
      reasons.set(reason, known);
      known.programs += 1;
      if (known.tasks.size < EXAMPLES) known.tasks.add(taskId);
    } else if (job.attempt === null) {
      references += 1;
      const { outcome, testsPassed, testsTotal, detail } = answer.verdict;
      if (outcome === "Passed") continue;
      const why = detail === undefined ? {} : { detail };
      failing.push({ taskId, outcome, testsPassed, testsTotal, ...why });
    }
  }

  return {
    spent: facts.spent,
    judged: plan.jobs.filter(({ key }) => verdictOf(key) !== undefined).length,
    repeats: plan.repeats,
    left: plan.jobs.filter(({ key }) => !answers.has(key)).length,
    outcomes: ordered(outcomes),
    agreement: {
      compared,
      agree,
      sameOutcome,
      confusion: Object.fromEntries(
        Outcome.literals.flatMap((outcome) => {
          const row = confusion.get(outcome);
          return row === undefined ? [] : [[outcome, ordered(row)]];
        }),
      ),
      origins: [...origins.values()].sort((a, b) => (a.origin < b.origin ? -1 : 1)),
      examples,
    },
    references: { verified: references, failing },
    faults: {
      programs: faults,
      reasons: [...reasons]
        .map(([reason, { programs, tasks }]) => ({ reason, programs, tasks: [...tasks] }))
        .sort((a, b) => b.programs - a.programs),
    },
    unjudgeable: [...answered].flatMap(([task, any]) => (any ? [] : [source.tasks.at(task).id])),
    ...(facts.sampled
      ? {
          estimate: {
            sampled: plan.chosen.size,
            judged,
            passRate: Interval.wilson(passed, judged),
            agreement: Interval.wilson(agree, compared),
          },
        }
      : {}),
  };
};
