import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as FastCheck from "fast-check";
import * as Agreement from "../../../src/dataset/verify/Agreement.ts";
import * as Jobs from "../../../src/dataset/verify/Jobs.ts";
import * as Labels from "../../../src/dataset/verify/Labels.ts";
import * as VerdictLog from "../../../src/dataset/verify/VerdictLog.ts";
import * as Verify from "../../../src/dataset/verify/Verify.ts";
import { attempt, source, task, verify } from "./Fixture.ts";

const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-verify-"));
afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newLog = (): string => Path.join(folder, `${files++}.jsonl`);

const head: VerdictLog.Head = { dataset: "d", sandbox: "s", options: { what: "both" } };
const resume = { resume: true, overwrite: false };
const both: Jobs.Selection = { what: "both", unlabelled: false, sample: null, seed: 1 };
const options = (limit: number | null = null): Verify.Options => ({ limit, concurrency: 2, counts: false });

const data = source(
  [task("a"), task("b", "wrong reference"), task("c", "fault reference")],
  [
    attempt("a", "pass", "Passed", "reference"),
    attempt("a", "pass 1", "WrongAnswer"),
    attempt("a", "wrong 1", "WrongAnswer"),
    attempt("a", "wrong 1", "Passed", "model"),
    attempt("b", "slow", "WrongAnswer"),
    attempt("b", "pass 2"),
    attempt("c", "fault 1", "Passed"),
  ],
);

const verified = Effect.fnUntraced(function* (selection: Jobs.Selection, limit: number | null = null) {
  const plan = Jobs.plan(data, selection);
  const log = yield* VerdictLog.open(newLog(), head, resume);
  const ran = yield* Verify.run(data, plan.jobs, verify, log, options(limit));
  const facts = { plan, answers: log.answers, spent: log.spent(), sampled: selection.sample !== null };
  return { plan, log, ran, report: Agreement.report(data, facts) };
}, Effect.scoped);

describe("a verification of a dataset", () => {
  it.effect("runs equal programs of a task once, references first", () =>
    Effect.gen(function* () {
      const { plan, report } = yield* verified(both);
      assert.deepStrictEqual(
        plan.jobs.map((job) => Jobs.programOf(data, job)),
        ["pass", "wrong reference", "fault reference", "pass 1", "wrong 1", "slow", "pass 2", "fault 1"],
      );
      assert.strictEqual(report.spent, 8);
      assert.strictEqual(report.repeats, 2);
    }),
  );

  it.effect("says where dataset and sandbox agree, by outcome and by origin", () =>
    Effect.gen(function* () {
      const { report } = yield* verified(both);
      assert.deepStrictEqual(report.outcomes, { Passed: 3, WrongAnswer: 2, TimedOut: 1 });
      const { agreement } = report;
      assert.deepStrictEqual(agreement.confusion, {
        Passed: { Passed: 1, WrongAnswer: 1 },
        WrongAnswer: { Passed: 1, WrongAnswer: 1, TimedOut: 1 },
      });
      assert.deepInclude(agreement, { compared: 5, agree: 3, sameOutcome: 2 });
      assert.deepStrictEqual(
        agreement.examples.map(({ taskId, origin, dataset, sandbox }) => [taskId, origin, dataset, sandbox]),
        [
          ["a", "student", "WrongAnswer", "Passed"],
          ["a", "model", "Passed", "WrongAnswer"],
        ],
      );
      assert.deepStrictEqual(
        agreement.origins.find(({ origin }) => origin === "student"),
        { origin: "student", attempts: 3, datasetPassed: 0, sandboxPassed: 1, agree: 2 },
      );
    }),
  );

  it.effect("says which references fail, and which tasks cannot be judged", () =>
    Effect.gen(function* () {
      const { report } = yield* verified(both);
      assert.strictEqual(report.references.verified, 2);
      assert.deepStrictEqual(
        report.references.failing.map(({ taskId, outcome }) => [taskId, outcome]),
        [["b", "WrongAnswer"]],
      );
      assert.deepStrictEqual(report.unjudgeable, ["c"]);
      assert.deepStrictEqual(report.faults, {
        programs: 2,
        reasons: [{ reason: "the sandbox broke on fault", programs: 2, tasks: ["c"] }],
      });
    }),
  );

  it.effect("never runs more than the limit", () =>
    Effect.gen(function* () {
      for (const limit of [1, 3, 8, 20]) {
        const { report, ran } = yield* verified(both, limit);
        assert.strictEqual(report.spent, Math.min(limit, 8));
        assert.strictEqual(ran.left, 8 - Math.min(limit, 8));
      }
    }),
  );

  it.effect("takes those without a label alone", () =>
    Effect.gen(function* () {
      const { plan } = yield* verified({ ...both, what: "attempts", unlabelled: true });
      assert.deepStrictEqual(
        plan.jobs.map((job) => Jobs.programOf(data, job)),
        ["pass 2"],
      );
    }),
  );

  it.effect("ends where the sandbox breaks again and again", () =>
    Effect.gen(function* () {
      const attempts = Array.from({ length: 60 }, (_, i) => attempt("a", `fault ${i}`));
      const broken = source([task("a")], attempts);
      const log = yield* VerdictLog.open(newLog(), head, resume);
      const { jobs } = Jobs.plan(broken, { ...both, what: "attempts" });
      const error = yield* Effect.flip(Verify.run(broken, jobs, verify, log, options()));
      assert.include(error.message, "in a row failed in the sandbox");
      assert.isAtMost(log.spent(), 22);
    }).pipe(Effect.scoped),
  );
});

describe("a sample", () => {
  it("is as many distinct attempts as asked, the same for a seed", () => {
    const attempts = Array.from({ length: 500 }, (_, i) => attempt("a", `pass ${i}`));
    const many = source([task("a")], attempts);
    const draw = (seed: number) => Jobs.plan(many, { what: "attempts", unlabelled: false, sample: 60, seed });
    assert.strictEqual(draw(1).chosen.size, 60);
    assert.deepStrictEqual([...draw(1).chosen], [...draw(1).chosen]);
    assert.notDeepEqual([...draw(1).chosen].sort(), [...draw(2).chosen].sort());
  });

  it("brings the references of its own tasks alone", () => {
    const tasks = Array.from({ length: 50 }, (_, i) => task(`t${i}`, "pass reference"));
    const many = source(
      tasks,
      tasks.map(({ id }) => attempt(id, "wrong")),
    );
    const plan = Jobs.plan(many, { what: "both", unlabelled: false, sample: 3, seed: 1 });
    assert.strictEqual(plan.jobs.length, 6);
    assert.strictEqual(new Set(plan.jobs.map((job) => job.task)).size, 3);
  });

  it("holds the true pass rate in about 95 of 100 intervals", () => {
    const attempts = Array.from({ length: 400 }, (_, i) =>
      attempt("a", `${i % 4 === 0 ? "pass" : "wrong"} ${i}`),
    );
    const many = source([task("a")], attempts);
    let held = 0;
    for (let seed = 0; seed < 100; seed++) {
      const plan = Jobs.plan(many, { what: "attempts", unlabelled: false, sample: 50, seed });
      const passing = [...plan.chosen].filter((i) => i % 4 === 0).length;
      const answers = new Map(
        plan.jobs.map((job) => [
          job.key,
          Effect.runSync(verify(many.tasks.at(0), Jobs.programOf(many, job))),
        ]),
      );
      const { estimate } = Agreement.report(many, { plan, answers, spent: 50, sampled: true });
      assert.strictEqual(estimate?.passRate?.share, passing / 50);
      if ((estimate?.passRate?.low ?? 1) <= 0.25 && (estimate?.passRate?.high ?? 0) >= 0.25) held += 1;
    }
    assert.isAtLeast(held, 90);
  });
});

describe("labels", () => {
  const outcomeOf = (program: string) => {
    const found = Effect.runSync(verify(task("a"), program));
    if (!("verdict" in found)) throw new Error("a fault");
    return found.verdict;
  };

  it("are the sandbox's, with the dataset's beside them", () => {
    const before = attempt("a", "wrong", "Passed");
    const after = Labels.labelled(before, outcomeOf("wrong"));
    assert.deepStrictEqual(after, {
      taskId: "a",
      program: "wrong",
      origin: "student",
      outcome: "WrongAnswer",
      testsPassed: 0,
      testsTotal: 1,
      labelSource: "sandbox",
      failingTests: [0],
      cpuSeconds: 0.5,
      memoryBytes: 1000,
      datasetLabel: { outcome: "Passed" },
    });
  });

  it("of a second verification keep what the dataset said at first", () => {
    const once = Labels.labelled(attempt("a", "pass", "WrongAnswer"), outcomeOf("wrong"));
    const twice = Labels.labelled(once, outcomeOf("pass"));
    assert.deepInclude(twice, { outcome: "Passed", datasetLabel: { outcome: "WrongAnswer" } });
    assert.notProperty(twice, "failingTests");
    assert.deepStrictEqual(Labels.compared(twice), { outcome: "WrongAnswer" });
  });

  it("of a sandbox alone are compared with a later one's, and are no dataset's", () => {
    const made = Labels.labelled(attempt("a", "pass"), outcomeOf("pass"));
    assert.deepStrictEqual(Labels.compared(made), { outcome: "Passed", testsPassed: 1, testsTotal: 1 });
    assert.notProperty(Labels.labelled(made, outcomeOf("wrong")), "datasetLabel");
  });
});

/** Dies at the n-th program: the process ends with reservations open. */
const dyingAt = (n: number, executed: Array<string>) => {
  let calls = 0;
  return (of: ReturnType<typeof task>, program: string) =>
    Effect.suspend(() => {
      executed.push(`${of.id}/${program}`);
      calls += 1;
      return calls === n ? Effect.die(new Error("killed")) : verify(of, program);
    });
};

describe("a verification that is killed", () => {
  it.effect("pays for nothing twice but what was open, never exceeds its limit, and comes to the same", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(FastCheck.integer({ min: 1, max: 12 }), { maxLength: 5 }),
          FastCheck.array(FastCheck.nat(), { maxLength: 5 }),
          FastCheck.constantFrom(null, 8, 15, 30),
          async (kills, cuts, limit) => {
            const words = ["pass", "wrong", "slow", "fault"];
            const attempts = Array.from({ length: 20 }, (_, i) => attempt("a", `${words[i % 4]} ${i % 16}`));
            const many = source([task("a")], attempts);
            const { jobs } = Jobs.plan(many, both);
            const whole = await Effect.runPromise(
              Effect.gen(function* () {
                const log = yield* VerdictLog.open(newLog(), head, resume);
                yield* Verify.run(many, jobs, verify, log, options());
                return new Map(log.answers);
              }).pipe(Effect.scoped),
            );
            const path = newLog();
            const executed: Array<string> = [];
            let spent = 0;
            const once = (n: number) =>
              Effect.gen(function* () {
                const log = yield* VerdictLog.open(path, head, resume);
                yield* Verify.run(many, jobs, dyingAt(n, executed), log, options(limit)).pipe(
                  Effect.catchDefect(() => Effect.void),
                );
                spent = log.spent();
                return new Map(log.answers);
              }).pipe(Effect.scoped, Effect.runPromise);
            for (const [i, n] of kills.entries()) {
              await once(n);
              // What a crash cuts off of the last line, an answer that was not flushed.
              const text = Fs.readFileSync(path, "utf8");
              const last = text.slice(text.lastIndexOf("\n", text.length - 2) + 1);
              const cut = (cuts[i] ?? 0) % Math.max(1, last.length);
              if (last.startsWith('{"key"')) Fs.truncateSync(path, Buffer.byteLength(text) - cut);
            }
            const answers = await once(0);
            assert.isAtMost(executed.length, spent);
            if (limit !== null) assert.isAtMost(spent, limit);
            // Two are open at once where the process dies.
            assert.isAtMost(executed.length - new Set(executed).size, 2 * kills.length);
            if (limit === null) {
              const sorted = (map: typeof answers) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
              assert.deepStrictEqual(sorted(answers), sorted(whole));
            }
          },
        ),
        { numRuns: 15 },
      ),
    ),
  );

  it.effect("is gone on with by its own dataset, sandbox and options alone", () =>
    Effect.gen(function* () {
      const path = newLog();
      yield* Effect.scoped(VerdictLog.open(path, head, resume));
      const other = yield* Effect.flip(
        Effect.scoped(VerdictLog.open(path, { ...head, sandbox: "another" }, resume)),
      );
      assert.include(other.message, "the log of another verification");
      const again = yield* Effect.flip(
        Effect.scoped(VerdictLog.open(path, head, { resume: false, overwrite: false })),
      );
      assert.include(again.message, "--resume");
      Fs.appendFileSync(path, '{"nonsense":1}\n');
      const damaged = yield* Effect.flip(Effect.scoped(VerdictLog.open(path, head, resume)));
      assert.include(damaged.message, ":2: not a line");
    }),
  );
});
