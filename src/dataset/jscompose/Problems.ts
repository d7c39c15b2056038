/**
 * Problems of the js-compose family: a pipeline of operations, its English, its program, and tests that
 * tell it from its near misses.
 */
import type { Json } from "effect/Schema";
import type * as Random from "../../random/Random.ts";
import {
  type Constant,
  type Kind,
  type Operation,
  type Rendering,
  say,
  type Value,
  write,
} from "./Operation.ts";
import * as Operations from "./Operations.ts";

export interface Step {
  readonly operation: Operation;
  readonly k: Constant;
  /** Index of the phrase. */
  readonly phrase: number;
}

/** How the steps are told: in order, or with the last one named first ("… but first …"). */
export type Telling = "commas" | "then" | "butFirst";

export interface Problem {
  readonly steps: ReadonlyArray<Step>;
  readonly telling: Telling;
}

export interface Case {
  readonly args: ReadonlyArray<Json>;
  readonly expected: Json;
}

/** A way to carry out a problem: renderings in the order in which they run. */
export type Plan = ReadonlyArray<{ readonly way: Rendering; readonly k: Constant }>;

export const parameter: Record<Kind, string> = { list: "xs", text: "s", words: "ws", number: "n" };
const opening: Record<Kind, string> = {
  list: "Given numbers xs",
  text: "Given text s",
  words: "Given words ws",
  number: "Given a number n",
};

const first = (problem: Problem): Step => problem.steps[0];

/** Operation ids in order: what may not occur in two splits. */
export const sequence = (problem: Problem): string =>
  problem.steps.map((step) => step.operation.id).join(" ");

/** The problem in English, one sentence. */
export const statement = (problem: Problem): string => {
  const phrases = problem.steps.map((step) => say(step.operation.phrases[step.phrase], step.k));
  const given = opening[first(problem).operation.from];
  switch (problem.telling) {
    case "commas":
      return `${given}, ${phrases.join(", ")}.`;
    case "then":
      return `${given}: ${phrases.join(", then ")}.`;
    case "butFirst":
      return `${given}, ${phrases.at(-1)} but first ${phrases.slice(0, -1).join(", ")}.`;
  }
};

export const referencePlan = (problem: Problem): Plan =>
  problem.steps.map((step) => ({ way: step.operation.right, k: step.k }));

/** The program that carries out a plan. */
export const program = (input: Kind, plan: Plan): string => {
  const body = plan.reduce((expression, { way, k }) => write(way, expression, k), parameter[input]);
  return `function f(${parameter[input]}) { return ${body}; }`;
};

/**
 * The value that a plan gives, as JSON text; "error" where it throws or gives something that is no JSON.
 * This is the trusted twin of running `program(plan)`.
 */
export const evaluate = (plan: Plan, input: Value): string => {
  try {
    let value: Value = typeof input === "object" ? input.slice() : input;
    for (const { way, k } of plan) value = way.run(value, k);
    return JSON.stringify(value) ?? "error";
  } catch {
    return "error";
  }
};

/** Joining and splitting again, or the other way round, says nothing. */
const undoes = (before: Operation | undefined, operation: Operation): boolean =>
  before?.role === "convert" && before.from === operation.to && before.to === operation.from;

const canFollow = (kind: Kind, operation: Operation): boolean => operation.from === kind;

const draw = (
  random: Random.Random,
  weights: ReadonlyMap<string, number>,
  kind: Kind,
  count: number,
): Array<Operation> => {
  const chosen: Array<Operation> = [];
  let current = kind;
  for (let i = 0; i < count; i++) {
    const lastStep = i === count - 1;
    const open = Operations.all.filter(
      (operation) =>
        canFollow(current, operation) &&
        !chosen.includes(operation) &&
        (operation.role !== "end" || lastStep) &&
        !undoes(chosen.at(-1), operation),
    );
    if (open.length === 0) return [];
    const next = open[random.weighted(open.map((operation) => weights.get(operation.id) ?? 1))];
    chosen.push(next);
    current = next.to;
  }
  return chosen;
};

export interface ProblemOptions {
  /** Weights of 2, 3, 4, 5 and 6 steps. */
  readonly lengths: ReadonlyArray<number>;
  readonly inputs: Record<Kind, number>;
  /** Weight of an operation, by id. */
  readonly weights: ReadonlyMap<string, number>;
  /** Share of problems that name the last step first, where the types allow it. */
  readonly butFirst: number;
}

const kinds: ReadonlyArray<Kind> = ["list", "text", "words", "number"];

/** A pipeline at random; it may be degenerate, which `tell` finds out. */
export const propose = (random: Random.Random, options: ProblemOptions): Problem | undefined => {
  const kind = kinds[random.weighted(kinds.map((k) => options.inputs[k]))];
  const count = 2 + random.weighted(options.lengths);
  const operations = draw(random, options.weights, kind, count);
  if (operations.length === 0) return undefined;
  const steps = operations.map((operation) => ({
    operation,
    k: operation.constants.length === 0 ? 0 : random.pick(operation.constants),
    phrase: random.int(operation.phrases.length),
  }));
  const lastStep = operations.at(-1) as Operation;
  const mayInvert = lastStep.from === kind && lastStep.to === kind;
  const inverted = random.chance(options.butFirst);
  const telling: Telling = inverted && mayInvert ? "butFirst" : random.chance(0.5) ? "commas" : "then";
  return { steps, telling };
};

const vocabulary = [
  "a",
  "to",
  "set",
  "tree",
  "stone",
  "oat",
  "test",
  "sea",
  "toast",
  "to",
  "east",
  "Art",
  "box",
  "eel",
];

/** An input of a kind; `size` 0 gives the empty one. */
export const input = (random: Random.Random, kind: Kind, size: number): Value => {
  switch (kind) {
    case "list": {
      const xs = Array.from({ length: size }, () => random.int(17) - 5);
      // Equal neighbours and far repeats decide between the several ways to drop duplicates.
      if (size >= 3 && random.chance(0.7)) xs[random.int(size)] = xs[random.int(size)];
      if (size >= 4 && random.chance(0.5)) xs[1] = xs[0];
      if (size >= 5 && random.chance(0.3)) xs[size - 1] = 10 + random.int(15);
      return xs;
    }
    case "words":
      return Array.from({ length: size }, () => random.pick(vocabulary));
    case "text":
      return Array.from({ length: Math.ceil(size / 2) }, () => random.pick(vocabulary)).join(" ");
    case "number":
      return size === 0 ? 0 : size < 4 ? 1 + random.int(9) : 3 + random.int(10);
  }
};

/** Near misses: one mistake in one step, two neighbours swapped, one step left out. */
export const nearMisses = (
  problem: Problem,
): { readonly omissions: Array<Plan>; readonly others: Array<Plan> } => {
  const right = referencePlan(problem);
  const omissions: Array<Plan> = [];
  const others: Array<Plan> = [];
  problem.steps.forEach((step, i) => {
    for (const way of step.operation.mistakes) others.push(right.with(i, { way, k: step.k }));
    if (step.operation.from === step.operation.to && problem.steps.length > 1)
      omissions.push(right.toSpliced(i, 1));
    const after = problem.steps[i + 1];
    if (after !== undefined && canSwap(step.operation, after.operation)) {
      others.push(right.toSpliced(i, 2, right[i + 1], right[i]));
    }
  });
  return { omissions, others };
};

/** Whether two neighbours may change places without a clash of types. */
export const canSwap = (a: Operation, b: Operation): boolean =>
  a.from === a.to && b.from === b.to && a.from === b.from;

export interface TellingTests {
  readonly cases: ReadonlyArray<Case>;
  /** Outputs on inputs that are the same for every problem of this kind: equal text, equal behaviour. */
  readonly behaviour: string;
}

const POOL = 36;
const LARGEST = 100_000;

const tooLarge = (output: string): boolean =>
  (output.match(/\d+(\.\d+)?(e\+?\d+)?/g) ?? []).some((digits) => Number(digits) > LARGEST) ||
  output.length > 120;

/**
 * Test cases that tell the reference from every near miss that differs from it on some input of a pool of
 * 36, `count` cases, the first two (the visible ones) ordinary. Undefined where the problem is degenerate:
 * a step that changes nothing, nearly constant outputs, or very large values.
 */
export const tell = (
  random: Random.Random,
  problem: Problem,
  probes: ReadonlyArray<Value>,
  count: number,
): TellingTests | undefined => {
  const kind = first(problem).operation.from;
  const right = referencePlan(problem);
  const pool = Array.from({ length: POOL }, (_, i) =>
    input(random, kind, i === 0 ? 0 : i < 4 ? i : 4 + random.int(4)),
  );
  const outputs = pool.map((value) => evaluate(right, value));
  if (outputs.some((output) => output === "error" || tooLarge(output))) return undefined;
  const ordinary = outputs.slice(4);
  const common = new Map<string, number>();
  for (const output of ordinary) common.set(output, (common.get(output) ?? 0) + 1);
  if (Math.max(...common.values()) > ordinary.length * 0.5) return undefined;

  const { omissions, others } = nearMisses(problem);
  const killers = (plan: Plan): Array<number> =>
    pool.flatMap((value, i) => (evaluate(plan, value) === outputs[i] ? [] : [i]));
  const unlike: Array<Array<number>> = [];
  for (const plan of omissions) {
    const at = killers(plan);
    if (at.length < 4) return undefined;
    unlike.push(at);
  }
  for (const plan of others) {
    const at = killers(plan);
    if (at.length > 0) unlike.push(at);
  }

  const chosen: Array<number> = [];
  let left = unlike;
  const take = (i: number) => {
    chosen.push(i);
    left = left.filter((at) => !at.includes(i));
  };
  const best = (from: number): number => {
    let winner = -1;
    let most = -1;
    for (let i = from; i < POOL; i++) {
      if (chosen.includes(i)) continue;
      const kills = left.reduce((sum, at) => sum + (at.includes(i) ? 1 : 0), 0);
      if (kills > most) {
        most = kills;
        winner = i;
      }
    }
    return winner;
  };
  take(best(4));
  take(best(4));
  take(0);
  while (left.length > 0 && chosen.length < count + 2) take(best(0));
  while (chosen.length < count) take(best(1));
  return {
    cases: chosen.map((i) => ({
      args: [pool[i] as Json],
      expected: JSON.parse(outputs[i]) as Json,
    })),
    behaviour: `${kind} ${probes.map((value) => evaluate(right, value)).join(" ")}`,
  };
};
