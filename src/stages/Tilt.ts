/**
 * The tilt stage: chooses how strongly the critic tilts decoding, on the validation split.
 *
 * logits' = log pi + beta (minQ - V). Beta 0 is the policy itself and wins ties, so a critic that does
 * not help is not used.
 */
import * as Effect from "effect/Effect";
import { temperatures } from "../config/RunConfig.ts";
import { meanPassAtK } from "../domain/PassAtK.ts";
import { RunStore } from "../store/RunStore.ts";
import { measure } from "./Evaluate.ts";
import type { RunContext } from "./RunContext.ts";

export interface TiltSpec {
  readonly index: number;
  readonly betas: ReadonlyArray<number>;
  readonly samples: number;
  readonly onProgress: (done: number) => Effect.Effect<void>;
}

/** The beta with the best validation pass@1 at the evaluation's first temperature; the smallest of equals. */
export const run = Effect.fn("Tilt.run")(function* (context: RunContext, spec: TiltSpec) {
  const store = yield* RunStore;
  const betas = [...new Set([0, ...spec.betas])].sort((a, b) => a - b);
  const tried: Array<{ readonly beta: number; readonly passAt1: number }> = [];
  const programs = context.tasks.validation.length * spec.samples;
  for (const beta of betas) {
    const start = tried.length * programs;
    const measured = yield* measure(context, {
      tasks: context.tasks.validation,
      samples: spec.samples,
      temperature: temperatures(context.config.evaluation)[0],
      tilt: beta,
      purpose: "tilt",
      onProgress: (done) => spec.onProgress(start + done),
    });
    tried.push({ beta, passAt1: meanPassAtK(measured.counts, 1) ?? 0 });
  }
  const best = tried.reduce((a, b) => (b.passAt1 > a.passAt1 ? b : a));
  yield* store.append({ _tag: "TiltChosen", beta: best.beta, tried });
  return best.beta;
});
