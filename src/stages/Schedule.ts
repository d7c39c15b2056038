/** Learning-rate schedules: pure functions of the step. */

export interface Schedule {
  readonly learningRate: number;
  readonly finalLearningRate: number;
  readonly warmupSteps: number;
  readonly kind: "constant" | "cosine";
}

/**
 * Learning rate of a step (0-based) of `steps`: linear warm-up, then constant, or cosine decay to the
 * final rate (Loshchilov & Hutter 2017, SGDR, equation 5 without restarts).
 */
export const learningRateAt = (schedule: Schedule, step: number, steps: number): number => {
  const { learningRate: peak, finalLearningRate: final, warmupSteps } = schedule;
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  if (schedule.kind === "constant") return peak;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
  return final + 0.5 * (peak - final) * (1 + Math.cos(Math.PI * progress));
};
