/** `drydock data augment`: more and better-balanced data without new problems, judged in sandboxes. */
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Augment from "../../dataset/augment/Augment.ts";
import * as Jobs from "../../dataset/verify/Jobs.ts";
import type { Attempt } from "../../domain/Attempt.ts";
import type { Task } from "../../domain/Task.ts";
import * as Inference from "../Inference.ts";
import { json, print, table } from "../Output.ts";
import * as Curate from "./Curate.ts";
import * as Rewrite from "./Rewrite.ts";
import * as Verification from "./Verification.ts";

interface Row {
  readonly origin: string;
  made: number;
  passed: number;
  failed: number;
  unlabelled: number;
  dropped: number;
}

/** What became of the generated records, by origin. */
const tally = () => {
  const rows = new Map<string, Row>();
  const reasons = new Map<string, number>();
  const of = (origin: string): Row => {
    const row = rows.get(origin) ?? { origin, made: 0, passed: 0, failed: 0, unlabelled: 0, dropped: 0 };
    rows.set(origin, row);
    row.made += 1;
    return row;
  };
  return {
    keep: ({ origin, outcome }: Attempt): void => {
      of(origin)[outcome === undefined ? "unlabelled" : outcome === "Passed" ? "passed" : "failed"] += 1;
    },
    drop: (origin: string, reason: string): void => {
      of(origin).dropped += 1;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    },
    rows: () => [...rows.values()].sort((a, b) => (a.origin < b.origin ? -1 : 1)),
    reasons: () => Object.fromEntries(reasons),
  };
};

interface Summary {
  readonly out: string;
  readonly verifications: number;
  readonly tasks: { readonly before: number; readonly variants: number; readonly withoutPassing: number };
  readonly attempts: { readonly before: number; readonly after: number };
  readonly origins: ReadonlyArray<Row>;
  readonly dropped: Readonly<Record<string, number>>;
}

const render = ({ out, verifications, tasks, attempts, origins, dropped }: Summary): string =>
  [
    table(
      ["origin", "made", "passed", "failed", "unlabelled", "dropped"],
      origins.map((row) => [
        row.origin,
        String(row.made),
        String(row.passed),
        String(row.failed),
        String(row.unlabelled),
        String(row.dropped),
      ]),
    ),
    ...(Object.keys(dropped).length === 0
      ? []
      : [
          `Dropped: ${Object.entries(dropped)
            .map(([reason, n]) => `${n} ${reason}`)
            .join(", ")}.`,
        ]),
    `${attempts.before} attempts before, ${attempts.after} after; ${tasks.variants} tasks added to ${tasks.before}; ${tasks.withoutPassing} training tasks have no passing attempt. ${verifications} verifications.`,
    `Wrote ${out}`,
  ].join("\n");

/** `mutants,renames` as kinds. */
const parseKinds = Effect.fnUntraced(function* (text: string) {
  const words = text.split(",").map((word) => word.trim());
  const wrong = words.find((word) => !Augment.kinds.some((kind) => kind === word));
  if (wrong !== undefined) {
    return yield* new Inference.InferenceError({
      reason: `--kinds: there is no kind ${JSON.stringify(wrong)}`,
      remedy: `give some of ${Augment.kinds.join(", ")}, with commas between them`,
    });
  }
  return Augment.kinds.filter((kind) => words.includes(kind));
});

export const augment = Command.make(
  "augment",
  {
    dataset: Argument.String("dataset").pipe(Argument.withDescription("A dataset directory")),
    out: Flag.String("out").pipe(Flag.withDescription("Dataset directory to write")),
    kinds: Flag.String("kinds").pipe(
      Flag.withDescription(`What to make, with commas between: ${Augment.kinds.join(", ")}`),
    ),
    perTask: Inference.count("per-task").pipe(
      Flag.withDescription("New records of each kind for a task, at most"),
      Flag.withDefault(4),
    ),
    seed: Flag.Int("seed").pipe(Flag.withDescription("Seed of everything that is made"), Flag.withDefault(1)),
    verify: Flag.Boolean("verify").pipe(
      Flag.withDescription("Have sandboxes judge what is made; --no-verify leaves it without labels"),
      Flag.withDefault(true),
    ),
    equivalents: Flag.Literals("equivalents", ["keep", "drop"]).pipe(
      Flag.withDescription(
        "Mutants that pass all the same: kept as positives of an origin of their own, or dropped",
      ),
      Flag.withDefault("keep"),
    ),
    names: Flag.Literals("names", ["dataset", "fresh"]).pipe(
      Flag.withDescription("New names of renamed programs: those that the dataset's programs use, or others"),
      Flag.withDefault("dataset"),
    ),
    ...Verification.flags,
    json,
  },
  Effect.fn(function* (options) {
    yield* Verification.checkOut(options.out, options.overwrite);
    const kinds = yield* parseKinds(options.kinds);
    const source = yield* Rewrite.open(options.dataset);
    const { perTask, seed, equivalents, counts, names } = options;
    const maker = yield* Curate.reading(() => Augment.maker(source, { kinds, perTask, seed, names }));
    const programKinds = kinds.filter((kind) => Augment.PROGRAM_KINDS.some((one) => one === kind));
    // What sandboxes judge is in memory; all else is made anew where it is written, as datasets may be large.
    const toJudge: Array<Attempt> = [];
    if (options.verify) {
      yield* Curate.reading(() => {
        for (const made of maker(programKinds)) toJudge.push(...made.programs);
      });
    }
    const decides = { command: "augment", kinds, perTask, seed, names };
    const programs = { tasks: source.tasks, attempts: Rewrite.records(toJudge) };
    const { jobs } = Jobs.plan(programs, { what: "attempts", unlabelled: false, sample: null, seed });
    const ran = options.verify
      ? yield* Verification.run({ source: programs, jobs, dataset: source.fingerprint, decides }, options)
      : null;
    if (ran?.stopped === true) return;

    const figures = tally();
    let [variants, fresh, without] = [0, 0, 0];
    function* tasks(): Iterable<Task> {
      yield* source.tasks;
      for (const made of maker(kinds.filter((kind) => kind === "statements"))) {
        variants += made.variants.length;
        if (made.passing === 0) without += 1;
        for (const { task } of made.variants) yield task;
      }
    }
    function* generated(): Iterable<Attempt> {
      if (ran === null) for (const made of maker(programKinds)) yield* made.programs;
      for (const attempt of toJudge) {
        const answer = ran?.answers.get(Jobs.key(attempt.taskId, attempt.program));
        const settled = Augment.settle(attempt, answer, { equivalents });
        if ("kept" in settled) yield settled.kept;
        else figures.drop(attempt.origin, settled.dropped);
      }
      for (const made of maker(kinds.filter((kind) => kind === "repairs"))) yield* made.repairs;
    }
    function* attempts(): Iterable<Attempt> {
      yield* source.attempts;
      for (const attempt of generated()) {
        figures.keep(attempt);
        fresh += 1;
        yield attempt;
      }
      for (const made of maker(kinds.filter((kind) => kind === "statements"))) {
        for (const variant of made.variants) {
          fresh += variant.attempts.length;
          yield* variant.attempts;
        }
      }
    }
    const verifications = ran?.spent ?? 0;
    yield* Rewrite.write(source, options, {
      command: "augment",
      options: {
        ...decides,
        equivalents,
        counts,
        verify: options.verify,
        limit: Option.getOrNull(options.limit),
        ...(ran === null ? {} : { sandbox: ran.sandbox }),
      },
      counts: () => ({
        verifications,
        variants,
        kept: fresh,
        ...Object.fromEntries(Object.entries(figures.reasons()).map(([k, n]) => [`dropped ${k}`, n])),
      }),
      tasks: tasks(),
      attempts: attempts(),
    });
    const summary: Summary = {
      out: options.out,
      verifications,
      tasks: { before: source.tasks.length, variants, withoutPassing: without },
      attempts: { before: source.attempts.length, after: source.attempts.length + fresh },
      origins: figures.rows(),
      dropped: figures.reasons(),
    };
    yield* Verification.forget(options.out);
    yield* print(options.json, summary, render);
  }, Effect.scoped),
).pipe(
  Command.withDescription(
    "Make more data of a dataset's own programs: near misses, renamings, repairs, cuts",
  ),
  Command.withExamples([
    {
      command: "drydock data augment datasets/js-compose --out /tmp/mutated --kinds mutants --per-task 4",
      description: "Near-miss negatives: mutants of passing programs, judged by QuickJS",
    },
    {
      command:
        "drydock data augment mine --out mine-more --kinds mutants,renames,repairs --seed 2 --limit 2000",
      description: "Several kinds, with a limit on what is run; --resume goes on where it was stopped",
    },
  ]),
);
