/** Pieces that the schemas of a configuration share. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";

export const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));
export const Positive = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1));
export const Rate = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0));
export const PositiveNumber = Schema.Finite.check(Schema.isGreaterThan(0));
export const Fraction = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }));
export const Label = Schema.NonEmptyString;

export const describe = <S extends Schema.Top>(schema: S, description: string): S["Rebuild"] =>
  schema.annotate({ description });

/** A key that may be left out: described, with its default in the JSON Schema too. */
export const or = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) => {
  const fallback: Effect.Effect<S["Rebuild"]["Encoded"]> = Effect.succeed(value);
  return schema.annotate({ description, default: value }).pipe(Schema.withDecodingDefaultKey(fallback));
};
