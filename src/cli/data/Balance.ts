/** `drydock data balance`: attempts chosen so that problems teach. */
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Balance from "../../dataset/curate/Balance.ts";
import * as Dedupe from "../../dataset/curate/Dedupe.ts";
import * as Groups from "../../dataset/curate/Groups.ts";
import { Outcome } from "../../domain/Verdict.ts";
import * as Inference from "../Inference.ts";
import { json, percent, print, table } from "../Output.ts";
import * as Curate from "./Curate.ts";
import * as Rewrite from "./Rewrite.ts";

interface Side {
  attempts: number;
  passed: number;
  failed: number;
  /** Tasks with attempts, and with a pass and a failure among them. */
  tasks: number;
  both: number;
}

interface Summary {
  readonly out: string;
  readonly before: Side;
  readonly after: Side;
}

const side = (): Side => ({ attempts: 0, passed: 0, failed: 0, tasks: 0, both: 0 });

const count = (into: Side, attempts: ReadonlyArray<Balance.Labelled>): void => {
  if (attempts.length === 0) return;
  const passed = attempts.filter(({ outcome }) => outcome === "Passed").length;
  const failed = attempts.filter(({ outcome }) => outcome !== undefined && outcome !== "Passed").length;
  into.attempts += attempts.length;
  into.passed += passed;
  into.failed += failed;
  into.tasks++;
  if (passed > 0 && failed > 0) into.both++;
};

const row = (name: string, { attempts, passed, failed, tasks, both }: Side): ReadonlyArray<string> => [
  name,
  String(attempts),
  String(passed),
  String(failed),
  percent(passed + failed === 0 ? null : passed / (passed + failed)),
  String(tasks),
  String(both),
];

const render = ({ out, before, after }: Summary): string =>
  [
    table(
      ["", "attempts", "passed", "failed", "pass rate", "tasks with attempts", "with both"],
      [row("before", before), row("after", after)],
    ),
    `Wrote ${out}`,
  ].join("\n");

export const balance = Command.make(
  "balance",
  {
    dataset: Curate.dataset,
    ...Curate.written,
    cap: Inference.count("cap").pipe(
      Flag.withDescription(
        "Attempts at a problem at most, a pass and a failure among them where it has both",
      ),
      Flag.withDefault(8),
    ),
    difficulty: Flag.Literals("difficulty", ["none", "medium"]).pipe(
      Flag.withDescription("medium: the cap shrinks as the problem's pass rate nears 0 or 1, down to 2"),
      Flag.withDefault("none"),
    ),
    weights: Flag.String("weights").pipe(
      Flag.withDescription(
        "Weights of outcomes in what is drawn beyond those two: pass=1,fail=2,TimedOut=0.5",
      ),
      Flag.withDefault(""),
    ),
    oneSided: Flag.Literals("one-sided", ["keep", "drop"]).pipe(
      Flag.withDescription("Attempts at problems that only pass or only fail"),
      Flag.withDefault("keep"),
    ),
    seed: Curate.seed,
    json,
  },
  Effect.fn(function* (options) {
    const { cap, difficulty, seed } = options;
    const outcomes = yield* Curate.parseWeights("weights", options.weights, [
      "pass",
      "fail",
      "unlabelled",
      ...Outcome.literals,
    ]);
    const source = yield* Rewrite.open(options.dataset);
    const chooser = { seed, cap, difficulty, outcomes, oneSided: options.oneSided === "keep" };
    const { keep, before, after } = yield* Curate.reading(() => {
      const { length } = source.attempts;
      // Of each attempt the outcome's number and one; 0: none.
      const outcomeOf = new Uint8Array(length);
      let number = 0;
      const groups = Groups.byTask(
        Groups.each(source.attempts, ({ taskId, outcome }) => {
          outcomeOf[number++] = outcome === undefined ? 0 : 1 + Outcome.literals.indexOf(outcome);
          return taskId;
        }),
        length,
      );
      const marks = new Uint8Array(length);
      const sides = { before: side(), after: side() };
      for (let at = 0; at < groups.size; at++) {
        const numbers = groups.at(at);
        const group = Array.from(
          numbers,
          (one): Balance.Labelled => ({ number: one, outcome: Outcome.literals[outcomeOf[one] - 1] }),
        );
        const { taskId } = source.attempts.at(numbers[0]);
        for (const chosen of Balance.choose(taskId, group, chooser)) marks[chosen] = 1;
        count(sides.before, group);
        count(
          sides.after,
          group.filter((one) => marks[one.number] === 1),
        );
      }
      return { keep: marks, ...sides };
    });
    const summary: Summary = { out: options.out, before, after };
    yield* Rewrite.write(source, options, {
      command: "balance",
      options: { cap, difficulty, weights: outcomes, oneSided: options.oneSided, seed },
      counts: { before: before.attempts, after: after.attempts, passed: after.passed, failed: after.failed },
      tasks: source.tasks,
      attempts: Dedupe.chosen(source.attempts, (index) => keep[index] === 1),
    });
    yield* print(options.json, summary, render);
  }, Effect.scoped),
).pipe(
  Command.withDescription("Choose attempts: a pass and a failure a problem, caps, weights"),
  Command.withExamples([
    {
      command: "drydock data balance mine --out mine-balanced --cap 4 --one-sided drop --seed 1",
      description: "Up to four attempts at each problem that has a pass and a failure",
    },
  ]),
);
