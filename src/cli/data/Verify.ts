/** `drydock data verify`: labels from sandboxes, beside those of the dataset, and how far the two agree. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Agreement from "../../dataset/verify/Agreement.ts";
import * as Jobs from "../../dataset/verify/Jobs.ts";
import * as Labels from "../../dataset/verify/Labels.ts";
import type { Share } from "../../domain/Interval.ts";
import { Outcome } from "../../domain/Verdict.ts";
import * as Inference from "../Inference.ts";
import { json, percent, print, table } from "../Output.ts";
import * as Rewrite from "./Rewrite.ts";
import * as Verification from "./Verification.ts";

/** "31.4 % (95 %: 28.1 to 34.9)". */
const withInterval = (share: Share | null): string =>
  share === null
    ? "-"
    : `${percent(share.share)} (95 % interval: ${percent(share.low)} to ${percent(share.high)})`;

const confusionTable = (confusion: Agreement.Report["agreement"]["confusion"]): string => {
  const columns = Outcome.literals.filter((outcome) =>
    Object.values(confusion).some((row) => row[outcome] !== undefined),
  );
  return table(
    ["dataset \\ sandbox", ...columns],
    Object.entries(confusion).map(([outcome, row]) => [
      outcome,
      ...columns.map((column) => String(row[column] ?? 0)),
    ]),
  );
};

const share = (part: number, of: number): string =>
  `${part} of ${of} (${percent(of === 0 ? null : part / of)})`;

/** The report as text for people. */
export const render = (report: Agreement.Report): string => {
  const { agreement, references, faults, unjudgeable, estimate } = report;
  const lines = [
    `${report.spent} verifications; ${report.judged} programs have a verdict, ${report.repeats} repeat another of their task${report.left === 0 ? "" : `, ${report.left} are left`}.`,
  ];
  if (Object.keys(report.outcomes).length > 0) {
    lines.push(
      table(
        ["sandbox", "attempts"],
        Object.entries(report.outcomes).map(([k, n]) => [k, String(n)]),
      ),
    );
  }
  if (agreement.compared > 0) {
    lines.push(
      `Dataset and sandbox agree on passing for ${share(agreement.agree, agreement.compared)}, on the outcome for ${share(agreement.sameOutcome, agreement.compared)}.`,
      confusionTable(agreement.confusion),
      table(
        ["origin", "attempts", "passed: dataset", "passed: sandbox", "agree"],
        agreement.origins.map((o) => [
          o.origin,
          String(o.attempts),
          String(o.datasetPassed),
          String(o.sandboxPassed),
          percent(o.agree / o.attempts),
        ]),
      ),
    );
  }
  if (agreement.examples.length > 0) {
    lines.push(
      table(
        ["disagree", "origin", "dataset", "sandbox", "detail"],
        agreement.examples.map((e) => [
          e.taskId,
          e.origin,
          e.dataset,
          e.sandbox,
          (e.detail ?? "").slice(0, 60),
        ]),
      ),
    );
  }
  if (references.verified > 0) {
    lines.push(
      `References: ${references.verified - references.failing.length} of ${references.verified} pass.`,
    );
  }
  if (references.failing.length > 0) {
    lines.push(
      table(
        ["reference fails", "outcome", "tests", "detail"],
        references.failing.map((f) => [
          f.taskId,
          f.outcome,
          `${f.testsPassed} of ${f.testsTotal}`,
          (f.detail ?? "").slice(0, 80),
        ]),
      ),
    );
  }
  if (faults.programs > 0) {
    lines.push(
      `Not judged, as the sandbox failed: ${faults.programs} programs.`,
      table(
        ["programs", "reason", "tasks"],
        faults.reasons.map((r) => [String(r.programs), r.reason.slice(0, 80), r.tasks.slice(0, 5).join(" ")]),
      ),
    );
  }
  if (unjudgeable.length > 0) {
    lines.push(
      `Tasks that cannot be judged: ${unjudgeable.length} (${unjudgeable.slice(0, 10).join(", ")}${unjudgeable.length > 10 ? ", …" : ""}).`,
    );
  }
  if (estimate !== undefined) {
    lines.push(
      `Estimate from ${estimate.judged} of ${estimate.sampled} sampled attempts: pass rate ${withInterval(estimate.passRate)}, agreement ${withInterval(estimate.agreement)}.`,
    );
  }
  return lines.join("\n");
};

export const verify = Command.make(
  "verify",
  {
    dataset: Argument.String("dataset").pipe(Argument.withDescription("A dataset directory")),
    out: Flag.String("out").pipe(Flag.withDescription("Dataset directory to write")),
    what: Flag.Literals("what", ["attempts", "references", "both"]).pipe(
      Flag.withDescription("Whose programs are run"),
      Flag.withDefault("both"),
    ),
    unlabelled: Flag.Boolean("unlabelled").pipe(
      Flag.withDescription("Only attempts without a label"),
      Flag.withDefault(false),
    ),
    sample: Inference.count("sample").pipe(
      Flag.withDescription("Run a random sample of N attempts, and estimate pass rate and agreement from it"),
      Flag.optional,
    ),
    seed: Flag.Int("seed").pipe(Flag.withDescription("Seed of the sample"), Flag.withDefault(1)),
    ...Verification.flags,
    json,
  },
  Effect.fn(function* (options) {
    yield* Verification.checkOut(options.out, options.overwrite);
    const source = yield* Rewrite.open(options.dataset);
    const selection: Jobs.Selection = {
      what: options.what,
      unlabelled: options.unlabelled,
      sample: Option.getOrNull(options.sample),
      seed: options.seed,
    };
    const plan = Jobs.plan(source, selection);
    const request = {
      source,
      jobs: plan.jobs,
      dataset: source.fingerprint,
      decides: { command: "verify", ...selection },
    };
    const ran = yield* Verification.run(request, options);
    if (ran.stopped) return;
    const report = Agreement.report(source, {
      plan,
      answers: ran.answers,
      spent: ran.spent,
      sampled: selection.sample !== null,
    });
    const verdictOf = (key: string) => {
      const answer = ran.answers.get(key);
      return answer !== undefined && "verdict" in answer ? answer.verdict : undefined;
    };
    yield* Rewrite.write(source, options, {
      command: "verify",
      options: {
        ...selection,
        counts: options.counts,
        limit: Option.getOrNull(options.limit),
        sandbox: ran.sandbox,
      },
      counts: {
        verifications: ran.spent,
        judged: report.judged,
        faults: report.faults.programs,
        compared: report.agreement.compared,
        agree: report.agreement.agree,
        failingReferences: report.references.failing.length,
      },
      tasks: source.tasks,
      attempts: Rewrite.mapped(source.attempts, (attempt) => {
        const verdict = verdictOf(Jobs.key(attempt.taskId, attempt.program));
        return verdict === undefined ? attempt : Labels.labelled(attempt, verdict);
      }),
    });
    yield* Effect.sync(() =>
      Fs.writeFileSync(Path.join(options.out, "verification.json"), `${JSON.stringify(report, null, 2)}\n`),
    );
    yield* Verification.forget(options.out);
    yield* print(options.json, report, (it) => `${render(it)}\nWrote ${options.out}`);
  }, Effect.scoped),
).pipe(
  Command.withDescription("Run a dataset's programs in sandboxes: make labels, or check the ones it has"),
  Command.withExamples([
    {
      command: "drydock data verify datasets/js-compose --out /tmp/verified",
      description: "Every reference and attempt; the dataset's labels are kept beside the sandbox's",
    },
    {
      command: "drydock data verify mine --out /tmp/sampled --what attempts --sample 200",
      description: "Pass rate and agreement, estimated from 200 attempts with a 95 % interval",
    },
    {
      command: "drydock data verify mine --out mine-verified --unlabelled --limit 1000 --resume",
      description: "Labels where there are none, 1,000 verifications at most, going on where it was stopped",
    },
  ]),
);
