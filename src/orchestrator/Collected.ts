/** What a run wrote online, as attempts of a dataset. Pure. */
import type { Attempt } from "../domain/Attempt.ts";
import * as Labels from "../dataset/verify/Labels.ts";
import type { JudgedCandidate } from "../store/CandidateRows.ts";

export interface Options {
  /** Who wrote them; null: the policy version of each. A candidate that names its writer keeps that. */
  readonly origin: string | null;
  /** Keep programs that no sandbox judged, without a label. */
  readonly unverified: boolean;
  /** Keep the tokens of each program and their log-probs under the policy that wrote it. */
  readonly logProbs: boolean;
  /** The run's id. */
  readonly run: string;
}

export interface Collected {
  readonly attempts: ReadonlyArray<Attempt>;
  readonly counts: {
    readonly written: number;
    /** Programs that repeat an earlier one of their task. */
    readonly repeats: number;
    readonly passed: number;
    readonly failed: number;
    /** Without a verdict: over the budget, or the sandbox failed. */
    readonly unverified: number;
  };
}

const originOf = (candidate: JudgedCandidate, origin: string | null): string =>
  candidate.origin ?? origin ?? `policy:${candidate.policyVersion ?? "?"}`;

/**
 * One attempt for each distinct program of a task and writer, in the order in which they were first written;
 * `meta.samples` says how often it was. Its label is the sandbox's.
 */
export const attempts = (candidates: ReadonlyArray<JudgedCandidate>, options: Options): Collected => {
  const groups = new Map<string, Array<JudgedCandidate>>();
  for (const candidate of candidates) {
    const key = `${candidate.taskId}\n${originOf(candidate, options.origin)}\n${candidate.program}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [candidate]);
    else group.push(candidate);
  }
  const found: Array<Attempt> = [];
  let [passed, failed, unverified] = [0, 0, 0];
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const verdict = group.find((candidate) => candidate.verdict !== null)?.verdict ?? null;
    if (verdict === null) unverified += 1;
    else if (verdict.outcome === "Passed") passed += 1;
    else failed += 1;
    if (verdict === null && !options.unverified) continue;
    const { taskId, program, temperature, policyVersion, tokens, logProbs } = first;
    const attempt: Attempt = {
      taskId,
      program,
      origin: originOf(first, options.origin),
      meta: {
        run: options.run,
        samples: group.length,
        temperature,
        ...(policyVersion === null ? {} : { policyVersion }),
        // A text that was cut at a stop string has no tokens of its own.
        ...(options.logProbs && tokens.length > 0 ? { tokens, logProbs } : {}),
      },
    };
    found.push(verdict === null ? attempt : Labels.labelled(attempt, verdict));
  }
  const counts = {
    written: candidates.length,
    repeats: candidates.length - groups.size,
    passed,
    failed,
    unverified,
  };
  return { attempts: found, counts };
};
