/** The option that says where run directories are. */
import * as Flag from "effect/cli/Flag";

export const root = Flag.String("root").pipe(
  Flag.withDescription("Directory that holds the run directories"),
  Flag.withDefault("runs"),
);
