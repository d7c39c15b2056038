/**
 * The js-compose dataset from a seed: problems with tests in three splits, labelled attempts at some of the
 * training problems, and a corpus of attempts at other problems for behaviour cloning.
 *
 * Pure: the same seed and options give the same values. Expected values and labels come from the trusted
 * twins of the renderings; `Relabel.check` runs every program in a sandbox and compares.
 */
import type { Attempt } from "../../domain/Attempt.ts";
import type { Split, Task } from "../../domain/Task.ts";
import * as Random from "../../random/Random.ts";
import * as Attempts from "./Attempts.ts";
import type { Kind, Tier, Value } from "./Operation.ts";
import * as Operations from "./Operations.ts";
import * as Problems from "./Problems.ts";

export interface Options extends Attempts.StudentOptions {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  /** Problems of the pretraining corpus, apart from the above. */
  readonly corpusProblems: number;
  readonly corpusAttemptsPerProblem: number;
  /** Training problems with labelled attempts, and how many attempts each. */
  readonly labelledProblems: number;
  readonly attemptsPerProblem: number;
  /** Test cases a problem (two more where telling mistakes apart needs them). */
  readonly cases: number;
  readonly lengths: ReadonlyArray<number>;
  readonly inputs: Record<Kind, number>;
  readonly butFirst: number;
  /** How often operations of a tier occur, relative to each other. */
  readonly tierWeights: Record<Tier, number>;
}

export const defaults: Options = {
  train: 1700,
  validation: 200,
  test: 200,
  corpusProblems: 12000,
  corpusAttemptsPerProblem: 1,
  labelledProblems: 180,
  attemptsPerProblem: 2,
  cases: 8,
  lengths: [0.15, 0.25, 0.25, 0.2, 0.15],
  inputs: { list: 0.6, text: 0.15, words: 0.15, number: 0.1 },
  butFirst: 0.12,
  tierWeights: { easy: 1.6, medium: 1, tough: 0.6, hard: 0.5 },
  rates: { easy: 0.93, medium: 0.62, tough: 0.38, hard: 0.2 },
  ability: 0.6,
  misorder: 0.8,
  cutEarly: 0.15,
  forget: 0.1,
};

export interface Part {
  readonly tasks: ReadonlyArray<Task>;
  readonly attempts: ReadonlyArray<Attempt>;
}

export interface Generated {
  /** The dataset proper: all splits, labelled attempts at training problems. */
  readonly main: Part;
  /** Other problems with attempts, right and wrong, for behaviour cloning. */
  readonly corpus: Part;
}

/** The prompt a policy sees: the sentence and a line end. The program follows, then end of sequence. */
export const prompt = (task: Task): string => `${task.statement}\n`;

interface Made {
  readonly problem: Problems.Problem;
  readonly task: Task;
}

const MAX_TRIES = 400;

/** Makes `count` problems of one part; sequences and behaviours of other parts are refused. */
const makeProblems = (
  random: Random.Random,
  options: Options,
  part: string,
  split: Split,
  count: number,
  owners: Map<string, string>,
): Array<Made> => {
  const weights = new Map(
    Operations.all.map((operation) => [
      operation.id,
      options.tierWeights[operation.tier] * (operation.role === "convert" ? 1.5 : 1),
    ]),
  );
  const probes = probeInputs();
  const seen = new Set<string>();
  const made: Array<Made> = [];
  let tries = 0;
  while (made.length < count) {
    if (++tries > count * MAX_TRIES) {
      throw new RangeError(
        `js-compose: only ${made.length} of ${count} "${part}" problems found in ${tries} tries; ask for fewer`,
      );
    }
    const problem = Problems.propose(random, { ...options, weights });
    if (problem === undefined) continue;
    const sequence = Problems.sequence(problem);
    const owner = owners.get(sequence);
    if (owner !== undefined && owner !== part) continue;
    const statement = Problems.statement(problem);
    if (seen.has(statement)) continue;
    const kind = problem.steps[0].operation.from;
    const tests = Problems.tell(random, problem, probes[kind], options.cases);
    if (tests === undefined) continue;
    const behaviourOwner = owners.get(tests.behaviour);
    if (behaviourOwner !== undefined) continue;
    owners.set(sequence, part);
    owners.set(tests.behaviour, part);
    seen.add(statement);
    made.push({
      problem,
      task: {
        id: `js-compose/${part}/${String(made.length + 1).padStart(4, "0")}`,
        source: "js-compose",
        split,
        language: "javascript",
        statement,
        entryPoint: "f",
        reference: Problems.program(kind, Problems.referencePlan(problem)),
        tests: { kind: "call", cases: tests.cases, visible: 2 },
        meta: { operations: sequence, steps: problem.steps.length },
      },
    });
  }
  return made;
};

const probeInputs = (): Record<Kind, ReadonlyArray<Value>> => {
  const random = Random.make("js-compose probes");
  const probes = (kind: Kind) => Array.from({ length: 14 }, (_, i) => Problems.input(random, kind, i % 9));
  return { list: probes("list"), text: probes("text"), words: probes("words"), number: probes("number") };
};

const attemptAt = (random: Random.Random, options: Options, { problem, task }: Made): Attempt => {
  const kind = problem.steps[0].operation.from;
  const plan = Attempts.attempt(random, problem, options);
  return { taskId: task.id, program: Problems.program(kind, plan), origin: "student", ...label(task, plan) };
};

const attemptsAt = (
  random: Random.Random,
  options: Options,
  made: ReadonlyArray<Made>,
  perProblem: number,
): Array<Attempt> =>
  made.flatMap((one) => Array.from({ length: perProblem }, () => attemptAt(random, options, one)));

const byId = (a: Made, b: Made): number => (a.task.id < b.task.id ? -1 : 1);

/**
 * The labelled attempts. Up to the default numbers they come from one stream; each attempt beyond those has a
 * stream of its own and comes after them, so that larger numbers only add to what the defaults give.
 * `order`: the training problems in the order in which they get labels.
 */
const labelledAttempts = (
  random: Random.Random,
  options: Options,
  order: ReadonlyArray<Made>,
): Array<Attempt> => {
  const { labelledProblems, attemptsPerProblem } = options;
  const first = order.slice(0, Math.min(labelledProblems, defaults.labelledProblems)).sort(byId);
  const each = Math.min(attemptsPerProblem, defaults.attemptsPerProblem);
  const more = order
    .slice(0, labelledProblems)
    .sort(byId)
    .flatMap((one) => {
      const have = first.includes(one) ? each : 0;
      return Array.from({ length: attemptsPerProblem - have }, (_, i) =>
        attemptAt(random.split(`${one.task.id}/${have + i}`), options, one),
      );
    });
  return [...attemptsAt(random, options, first, each), ...more];
};

/** The label that the trusted twins give. */
const label = (
  task: Task,
  plan: Problems.Plan,
): Pick<Attempt, "outcome" | "testsPassed" | "testsTotal" | "labelSource"> => {
  if (task.tests.kind !== "call") throw new RangeError(`${task.id}: js-compose tasks have call tests`);
  const { cases } = task.tests;
  const outputs = cases.map(({ args }) => Problems.evaluate(plan, args[0] as Value));
  const right = outputs.map((output, i) => output === JSON.stringify(cases[i]?.expected));
  const failing = right.indexOf(false);
  return {
    outcome: failing === -1 ? "Passed" : outputs[failing] === "error" ? "RuntimeError" : "WrongAnswer",
    testsPassed: right.filter(Boolean).length,
    testsTotal: cases.length,
    labelSource: "dataset",
  };
};

/** The whole family from a seed. Throws a RangeError where the options ask for more problems than there are. */
export const generate = (seed: number, overrides: Partial<Options> = {}): Generated => {
  const options = { ...defaults, ...overrides };
  if (options.labelledProblems > options.train) {
    throw new RangeError(
      `js-compose: ${options.labelledProblems} labelled problems asked for, but there are ${options.train} training problems`,
    );
  }
  const random = Random.make(seed).split("js-compose");
  const owners = new Map<string, string>();
  const make = (part: string, split: Split, count: number) =>
    makeProblems(random.split(part), options, part, split, count, owners);
  const test = make("test", "test", options.test);
  const validation = make("validation", "validation", options.validation);
  const train = make("train", "train", options.train);
  const corpus = make("corpus", "train", options.corpusProblems);
  const order = random.split("labelled").shuffle(train);
  return {
    main: {
      tasks: [...train, ...validation, ...test].map(({ task }) => task),
      attempts: labelledAttempts(random.split("attempts"), options, order),
    },
    corpus: {
      tasks: corpus.map(({ task }) => task),
      attempts: attemptsAt(
        random.split("corpus attempts"),
        options,
        corpus,
        options.corpusAttemptsPerProblem,
      ),
    },
  };
};
