/** Settings that algorithms share: schemas and defaults. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";

export const Positive = Schema.Finite.check(Schema.isGreaterThan(0));
export const Rate = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0));
export const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1));
/** Strictly between 0 and 1. */
export const Inner = Positive.check(Schema.isLessThan(1));

/** A key that may be left out. */
export const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)));

/** What every critic takes. */
export const critic = {
  /** Each critic sees its own bootstrap sample of the episodes, so that they differ. */
  bagging: or(Schema.Boolean, false),
  /** Steps of the run that the target heads' rate is scaled to. */
  steps: or(Count, 200),
  /** Share of the initial target that is left after `steps` steps. */
  residual: or(Inner, 0.01),
};

/** Polyak rate a step: 1 - residual^(1 / steps). */
export const polyak = (config: { readonly steps: number; readonly residual: number }): number =>
  1 - config.residual ** (1 / config.steps);
