/**
 * Tasks of real datasets, with programs whose verdict is known, through Docker and the datasets' own rules.
 * A sample by default; DRYDOCK_FULL=1 takes everything.
 */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Attempt } from "../../src/domain/Attempt.ts";
import type { Task } from "../../src/domain/Task.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as Contests from "./support/Contests.ts";
import * as Imported from "./support/Imported.ts";
import * as Problems from "./support/Problems.ts";
import * as WithDocker from "./support/WithDocker.ts";

const humanEval = Imported.problems(await Imported.load("humaneval", ["humaneval", "HumanEval.jsonl.gz"]));
const pack = Imported.problems(await Imported.load("humanevalpack", ["humanevalpack", "python.jsonl"]));
const sampled = <A>(
  all: ReadonlyArray<A>,
  usual: number,
  always: ReadonlyArray<number> = [],
): ReadonlyArray<A> =>
  all.filter((_, index) => index % Problems.stride(usual) === 0 || always.includes(index));

/** Faults of the sample, each of which CodeContests' own grader would have too. */
const UNJUDGEABLE: Readonly<Record<string, string>> = {
  "1041_e_tree_reconstruction_8858": "several right answers",
  "464_b_restore_cube__2130": "several right answers",
  "521_d_shop_3485": "several right answers",
  "925_c_big_secret_3711": "several right answers",
  "1427_e_xum_2840": "several right answers",
  "1521_d_nastia_plays_with_a_tree_11693": "several right answers",
  "680_c_bear_and_prime_100_4430": "interactive",
  "1118_f1_tree_cutting_easy_version_12195": "a generated test that is none of the problem",
  "1176_e_cover_it_10635": "a solution that reads no number of tests",
  "1056_d_decorate_apple_tree_1782": "a test without its empty second line",
  "1264_c_beautiful_mirrors_with_queries_6684": "a solution of another problem",
};

/** Lines of MBPP+ whose task has an oracle of its own. */
const hasOracle = (line: string): boolean =>
  /"entry_point": ?"(?:similar_elements|find_char_long|common_in_nested_lists|extract_singly|larg_nnum|intersection_array|find_dissimilar|Diff|check_str|text_match_three|text_starta_endb|surface_Area|digit_distance_nums|sum_div|are_equivalent)"/.test(
    line,
  );

/** It needs a package, or CodeRL says of the same program both that it passes and that it fails. */
const isUnjudgeable = (task: Task, { program, origin }: Attempt): boolean =>
  program.includes("numpy") || (task.id === "apps/train/0001" && origin === "baseline");

/** What became of each program, as "id: outcome passed/total". */
const verdicts = Effect.fnUntraced(function* (
  programs: ReadonlyArray<{ readonly task: Task; readonly program: string }>,
) {
  const sandbox = yield* Sandbox;
  return yield* Effect.forEach(
    programs,
    ({ task, program }) =>
      sandbox.verify(task, program).pipe(
        Effect.map(({ outcome, detail }) => ({ id: task.id, outcome, detail: detail ?? "" })),
        Effect.catchTag("SandboxFault", ({ reason }) =>
          Effect.succeed({ id: task.id, outcome: "SandboxFault" as const, detail: reason }),
        ),
      ),
    { concurrency: sandbox.parallelism },
  );
});

const passAll = Effect.fnUntraced(function* (name: string, problems: ReadonlyArray<Problems.Problem>) {
  const ended = yield* verdicts(problems.map(({ task, reference }) => ({ task, program: reference })));
  const failed = ended.filter(({ outcome }) => outcome !== "Passed");
  console.log(`${name}: ${ended.length - failed.length} of ${ended.length} references pass`);
  assert.deepStrictEqual(failed, []);
});

describe.skipIf(WithDocker.skip || humanEval.length === 0)("datasets", () => {
  const limits = { cpuSeconds: 2, wallSeconds: 60 };
  layer(SandboxDocker.layer(Languages.python, { limits }), { timeout: 300_000, excludeTestServices: true })(
    "Python in Docker",
    (it) => {
      it.effect(
        "HumanEval: references pass",
        () => passAll("HumanEval", sampled(humanEval, 12, [33, 38, 50])),
        600_000,
      );

      it.effect(
        "HumanEvalPack: references pass and buggy solutions fail",
        () =>
          Effect.gen(function* () {
            const problems = sampled(pack, 20, [38]);
            yield* passAll("HumanEvalPack", problems);
            const buggy = problems.map(({ task, buggy: program = "" }) => ({ task, program }));
            const ended = yield* verdicts(buggy);
            const passing = ended.filter(({ outcome }) => outcome === "Passed" || outcome === "SandboxFault");
            console.log(
              `HumanEvalPack: ${ended.length - passing.length} of ${ended.length} buggy solutions fail`,
            );
            assert.deepStrictEqual(passing, []);
          }),
        600_000,
      );

      it.effect(
        "APPS: graded as by CodeRL",
        () =>
          Effect.gen(function* () {
            const graded = yield* Effect.promise(Contests.apps);
            const chosen = sampled(
              graded.filter(({ task, attempt }) => !isUnjudgeable(task, attempt)),
              12,
            );
            const ended = yield* verdicts(
              chosen.map(({ task, attempt }) => ({ task, program: attempt.program })),
            );
            const differing = ended.flatMap((verdict, index) => {
              const { attempt } = chosen[index] ?? assert.fail("one verdict a program");
              const agreed = (attempt.outcome === "Passed") === (verdict.outcome === "Passed");
              return agreed ? [] : [{ ...verdict, said: attempt.outcome }];
            });
            console.log(`APPS: ${ended.length - differing.length} of ${ended.length} labels agreed with`);
            assert.deepStrictEqual(differing, []);
          }),
        600_000,
      );

      it.effect(
        "CodeContests: solutions pass, and fail the tests of another problem",
        () =>
          Effect.gen(function* () {
            const problems = sampled(yield* Effect.promise(Contests.codeContests), 6);
            yield* passAll(
              "CodeContests",
              problems.filter(({ task }) => !((task.id.split("/")[1] ?? "") in UNJUDGEABLE)),
            );
            const others = problems.map(({ task }, index) => ({
              task,
              program: problems.at(index - 1)?.reference ?? "",
            }));
            const passing = (yield* verdicts(others)).filter(({ outcome }) => outcome === "Passed");
            assert.deepStrictEqual(passing, []);
          }),
        600_000,
      );

      it.effect(
        "MBPP+: references pass by EvalPlus' rules, on their own answers from another slot",
        () =>
          Effect.gen(function* () {
            const imported = yield* Effect.promise(() =>
              Imported.load("mbpp+", ["evalplus", "MbppPlus.jsonl.gz"], {
                where: (line, index) => index % Problems.stride(24) === 0 || hasOracle(line),
              }),
            );
            const problems = Imported.problems(imported);
            yield* passAll("MBPP+", problems);
            const byOracle = problems.filter(
              ({ task: { tests } }) =>
                tests.kind === "call" && typeof tests.comparison === "object" && "oracle" in tests.comparison,
            );
            assert.lengthOf(byOracle, problems.length === 0 ? 0 : 12);
            // Where an oracle takes another order, or another type: what the ordinary comparison would refuse.
            const wrapped = (task: Task, answer: string): string =>
              `${task.reference}\n_first = ${task.entryPoint}\ndef ${task.entryPoint}(*a):\n    x = _first(*a)\n    return ${answer}\n`;
            const told = yield* verdicts(
              byOracle.flatMap(({ task }) => [
                { task, program: wrapped(task, "sorted(x, key=repr)[::-1] if hasattr(x, '__len__') else x") },
                { task, program: wrapped(task, "None if x else 7") },
              ]),
            );
            const outcomes = told.map(({ outcome }, i) => [i % 2, outcome] as const);
            assert.isTrue(
              outcomes.every(([wrong, outcome]) => (outcome === "Passed") === (wrong === 0)),
              JSON.stringify(told),
            );
          }),
        600_000,
      );
    },
  );
});
