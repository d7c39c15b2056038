/** A field that holds JSON as a string, as many published rows do, or the value itself. */
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type { Flaw } from "../Problem.ts";
import * as Format from "../Format.ts";

/** The field's value by the schema; `empty` where it is absent, null or blank. */
export const read = <A>(
  name: string,
  field: unknown,
  schema: Schema.Decoder<A>,
  empty: A,
): Result.Result<A, Flaw> => {
  if (field === undefined || field === null || (typeof field === "string" && field.trim() === "")) {
    return Result.succeed(empty);
  }
  return Result.flatMap(parsed(name, field), (value) =>
    Result.mapError(Schema.decodeUnknownResult(schema)(value), (error): Flaw => {
      const flaw = Format.schemaFlaw(error.issue, value);
      return { ...flaw, reason: `${name}: ${flaw.reason}` };
    }),
  );
};

const parsed = (name: string, field: unknown): Result.Result<unknown, Flaw> =>
  typeof field !== "string"
    ? Result.succeed(field)
    : Result.try({
        try: () => JSON.parse(field) as unknown,
        catch: (cause) => ({
          kind: "does not parse" as const,
          reason: `${name} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
        }),
      });
