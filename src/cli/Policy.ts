/** `drydock policy …`: the commands about policies, each in a file of its own. */
import * as Command from "effect/cli/Command";
import { exportPolicy, merge } from "./PolicyExport.ts";
import { importPolicy } from "./PolicyImport.ts";
import { init } from "./PolicyInit.ts";
import { inspect } from "./PolicyInspect.ts";
import { list } from "./PolicyList.ts";

export const policy = Command.make("policy").pipe(
  Command.withDescription("Import, list, inspect, export and merge policies"),
  Command.withSubcommands([importPolicy, list, inspect, exportPolicy, merge, init]),
);
