/** A report for people: figures of the policies, what was spent and spared, what was planned. */
import * as SandboxMetrics from "../domain/SandboxMetrics.ts";
import type { Report } from "../orchestrator/Report.ts";
import * as Output from "./Output.ts";
import * as PlanView from "./PlanView.ts";

const decoding = (temperature: number): string => (temperature === 0 ? "greedy" : `T=${temperature}`);

/** Best of the samples by judge, where a run asked for it. */
const rerankTable = (report: Report): ReadonlyArray<string> => {
  const judge = (of: { readonly passAt1: number; readonly auroc: number | null } | null): string =>
    of === null
      ? "-"
      : `${Output.percent(of.passAt1)} (AUROC ${of.auroc === null ? "-" : of.auroc.toFixed(2)})`;
  const rows = report.evaluations.flatMap(({ stage, temperature, samplesPerTask, rerank }) =>
    rerank === undefined
      ? []
      : [
          [
            stage,
            decoding(temperature),
            String(samplesPerTask),
            judge(rerank.logProb),
            judge(rerank.critic),
            judge(rerank.both),
          ],
        ],
  );
  return rows.length === 0
    ? []
    : [Output.table(["policy", "decoding", "best of", "by log-prob", "by critic's score", "by both"], rows)];
};

/** "12 (4 %)" of so many. */
const share = (part: number, whole: number): string =>
  whole === 0 ? String(part) : `${part} (${Output.percent(part / whole)})`;

/** What was spared and what was not worth it, where programs were written online. */
const savingsTable = ({ generated, savings }: Report): ReadonlyArray<string> => {
  if (generated === 0) return [];
  const { free, tests, verdicts } = savings;
  return [
    Output.table(
      [
        "free: repeats",
        "equal programs",
        "syntax",
        "other runs",
        "tests not run",
        "same outcome as before",
        "changed nothing",
      ],
      [
        [
          ...[free.repeat, free.equal, free.syntax, free.shared].map(String),
          share(tests.skipped, tests.run + tests.skipped),
          share(verdicts.sameOutcome, verdicts.paid),
          share(verdicts.unchanged, verdicts.paid),
        ],
      ],
    ),
  ];
};

/** What was planned beside what it came to, where a plan was made. */
const planTable = ({ plan }: Report): ReadonlyArray<string> =>
  plan === null
    ? []
    : [
        Output.table(
          ["planned and actual", "planned (80 % interval)", "actual", ""],
          plan.map(({ what, unit, planned, actual, inside }) => {
            const show = PlanView.showing(unit);
            return [
              what,
              PlanView.range(planned, show),
              actual === null ? "-" : show(actual),
              inside === false ? "outside" : "",
            ];
          }),
        ),
      ];

/** The report as a table for people. */
const render = (report: Report): string => {
  const rows = report.evaluations.map((e) => [
    e.stage,
    decoding(e.temperature),
    Output.percent(e.passAt1),
    `${Output.percent(e.interval[0])} – ${Output.percent(e.interval[1])}`,
    Output.percent(e.passAt10),
    String(e.tasks),
    String(e.tilt),
  ]);
  const { verifications } = report.budget;
  return [
    Output.table(["policy", "decoding", "pass@1", "95 % interval", "pass@10", "tasks", "tilt"], rows),
    ...rerankTable(report),
    Output.table(
      ["verifications", "labels offline", "cache hits", "programs written", "faults", "roll-backs", "time"],
      [
        [
          `${verifications.spent} of ${verifications.limit}`,
          String(report.labels.offline),
          String(report.cacheHits),
          String(report.generated),
          String(report.faults),
          String(report.rollbacks),
          Output.duration(report.seconds),
        ],
      ],
    ),
    ...savingsTable(report),
    ...planTable(report),
    ...(report.sandbox === null ? [] : [`Sandboxes: ${SandboxMetrics.describe(report.sandbox)}`]),
  ].join("\n");
};

/** Prints a report to stdout. */
export const print = (asJson: boolean, report: Report, directory: string) =>
  Output.print(asJson, report, (value) => `${render(value)}\nReport: ${directory}/report.json`);
