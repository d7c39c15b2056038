/** A verdict as an attempt's label, with the dataset's own kept beside it. */
import type { Attempt } from "../../domain/Attempt.ts";
import type { Verdict } from "../../domain/Verdict.ts";

type Label = NonNullable<Attempt["datasetLabel"]>;

const own = ({ outcome, testsPassed, testsTotal }: Attempt): Label | undefined =>
  outcome === undefined
    ? undefined
    : {
        outcome,
        ...(testsPassed === undefined ? {} : { testsPassed }),
        ...(testsTotal === undefined ? {} : { testsTotal }),
      };

/** What the dataset said of an attempt: its label, or the one that an earlier verification put aside. */
export const datasetLabel = (attempt: Attempt): Label | undefined =>
  attempt.labelSource === "sandbox" ? attempt.datasetLabel : own(attempt);

/** What a new verdict is compared with: the dataset's label, or else an earlier sandbox's. */
export const compared = (attempt: Attempt): Label | undefined => datasetLabel(attempt) ?? own(attempt);

/** What a verdict says, as an attempt's keys; of failing tests all where all were run, and else the first. */
export const fields = (verdict: Verdict) => {
  const { firstFailing: first, failing = first === undefined ? undefined : [first] } = verdict;
  return {
    outcome: verdict.outcome,
    testsPassed: verdict.testsPassed,
    testsTotal: verdict.testsTotal,
    labelSource: "sandbox" as const,
    ...(failing === undefined ? {} : { failingTests: failing }),
    cpuSeconds: verdict.cpuSeconds,
    ...(verdict.memoryBytes === undefined ? {} : { memoryBytes: verdict.memoryBytes }),
  };
};

/** The attempt with a sandbox's label in place of the one it had. */
export const labelled = (attempt: Attempt, verdict: Verdict): Attempt => {
  const { failingTests: _, cpuSeconds: __, memoryBytes: ___, ...rest } = attempt;
  const said = datasetLabel(attempt);
  return { ...rest, ...fields(verdict), ...(said === undefined ? {} : { datasetLabel: said }) };
};
