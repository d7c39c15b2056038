/** `drydock data`: the table of its subcommands, one file each. */
import * as Command from "effect/cli/Command";
import { generate } from "./data/Generate.ts";

export const data = Command.make("data").pipe(
  Command.withDescription("Datasets"),
  Command.withSubcommands([generate]),
);
