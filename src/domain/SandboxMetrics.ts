/** How the sandboxes of a process are doing: what is so now, and counts since they were opened. */
import * as Schema from "effect/Schema";

export const SandboxMetrics = Schema.Struct({
  /** Now: verifications that wait for a slot, and slots (containers, worker threads) by what they do. */
  queued: Schema.Int,
  busy: Schema.Int,
  idle: Schema.Int,
  opening: Schema.Int,
  /** Slots opened, and those of them that replaced another. */
  opened: Schema.Int,
  recycled: Schema.Int,
  /** Runs of programs, those of them that the sandbox failed, and those that repeated an earlier one. */
  attempts: Schema.Int,
  faults: Schema.Int,
  retries: Schema.Int,
  /** Programs that were never judged. */
  lost: Schema.Int,
  /** Verdicts by outcome; an outcome that there was none of is absent. */
  outcomes: Schema.Record(Schema.String, Schema.Int),
  /** Compilations asked for: answered without one, and made. */
  compileHits: Schema.Int,
  compileMisses: Schema.Int,
});
export type SandboxMetrics = typeof SandboxMetrics.Type;

export const none: SandboxMetrics = {
  queued: 0,
  busy: 0,
  idle: 0,
  opening: 0,
  opened: 0,
  recycled: 0,
  attempts: 0,
  faults: 0,
  retries: 0,
  lost: 0,
  outcomes: {},
  compileHits: 0,
  compileMisses: 0,
};

/** Several sandboxes as one. */
export const add = (a: SandboxMetrics, b: SandboxMetrics): SandboxMetrics => {
  const { outcomes: _, ...numbers } = a;
  const sums = Object.fromEntries(
    Object.keys(numbers).map((key) => {
      const name = key as keyof typeof numbers;
      return [name, a[name] + b[name]] as const;
    }),
  ) as Omit<SandboxMetrics, "outcomes">;
  const outcomes: Record<string, number> = { ...a.outcomes };
  for (const [outcome, count] of Object.entries(b.outcomes)) {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
  }
  return { ...sums, outcomes };
};

/** Verdicts given. */
export const verdicts = ({ outcomes }: SandboxMetrics): number =>
  Object.values(outcomes).reduce((sum, count) => sum + count, 0);

/** "412 verdicts (Passed 200, …), 3 faults, 3 retries, 5 slots replaced", for a person. */
export const describe = (metrics: SandboxMetrics): string => {
  const kinds = Object.entries(metrics.outcomes)
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${outcome} ${count}`);
  const { faults, lost, retries, recycled, compileHits, compileMisses } = metrics;
  return [
    `${verdicts(metrics)} verdicts${kinds.length === 0 ? "" : ` (${kinds.join(", ")})`}`,
    `${faults} faults of ${metrics.attempts} runs`,
    ...(lost > 0 ? [`${lost} programs not judged`] : []),
    ...(retries > 0 ? [`${retries} retries`] : []),
    ...(recycled > 0 ? [`${recycled} slots replaced`] : []),
    ...(compileHits + compileMisses > 0
      ? [`${compileMisses} compilations, ${compileHits} more from the cache`]
      : []),
  ].join(", ");
};
