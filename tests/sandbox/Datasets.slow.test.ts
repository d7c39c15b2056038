/**
 * Tasks of real datasets, with programs whose verdict is known, through Docker and the datasets' own rules.
 * A sample by default; DRYDOCK_FULL=1 takes everything.
 */
import { assert, describe, it as plainIt, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type * as Schema from "effect/Schema";
import type { Attempt } from "../../src/domain/Attempt.ts";
import type { Task } from "../../src/domain/Task.ts";
import * as Docker from "../../src/sandbox/docker/Docker.ts";
import * as DockerSlot from "../../src/sandbox/docker/DockerSlot.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import * as SandboxImage from "../../src/sandbox/docker/SandboxImage.ts";
import * as Frames from "../../src/sandbox/judge/Frames.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as Contests from "./support/Contests.ts";
import * as HumanEval from "./support/HumanEval.ts";
import * as MbppPlus from "./support/MbppPlus.ts";
import * as Problems from "./support/Problems.ts";
import * as WithDocker from "./support/WithDocker.ts";

const humanEval = HumanEval.humanEval();
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

describe("HumanEval as tasks", () => {
  plainIt.skipIf(humanEval.length === 0)("has an assert a test where its check is nothing else", () => {
    const counts = humanEval.map(({ task }) =>
      task.tests.kind === "assert" ? task.tests.asserts.length : 0,
    );
    assert.strictEqual(counts.length, 164);
    assert.strictEqual(counts.filter((count) => count > 1).length, 156);
    assert.strictEqual(counts[0], 7);
    assert.deepStrictEqual(
      [32, 38, 44, 50, 53, 151].map((index) => counts[index]),
      [1, 1, 1, 1, 1, 1],
    );
  });
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
            const problems = sampled(HumanEval.pack("python"), 20, [38]);
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
            const problems = sampled(MbppPlus.problems(), 24);
            const answered = yield* Effect.scoped(
              Effect.gen(function* () {
                const slot = yield* DockerSlot.open({
                  docker: Docker.connect(),
                  image: yield* SandboxImage.ensure("python"),
                  seccomp: SandboxImage.seccompProfile("python"),
                  isolation: { namespaces: true },
                  memoryBytes: 512 << 20,
                });
                return yield* Effect.forEach(problems, (one) => answers(slot, one));
              }),
            );
            yield* passAll("MBPP+", answered);
          }),
        600_000,
      );
    },
  );
});

/** The problem with what its reference answers. */
const answers = Effect.fnUntraced(function* (slot: DockerSlot.Slot, one: MbppPlus.Unanswered) {
  const unanswered = MbppPlus.problem(one, []);
  const seen = yield* slot.run({
    kind: "call",
    launch: "python",
    program: one.reference,
    entry: one.entryPoint,
    calls: one.inputs,
    limits: unanswered.task.limits ?? assert.fail("no limits"),
  });
  const [, ...given] = Frames.parse(seen.answers)?.messages ?? [];
  // Some answers are too large to be told (Mbpp/255): the tests are those before.
  assert.isAbove(given.length, 0, one.id);
  return MbppPlus.problem(
    { ...one, inputs: one.inputs.slice(0, given.length) },
    given.map((answer) => (answer as { readonly r: Schema.Json }).r),
  );
});
