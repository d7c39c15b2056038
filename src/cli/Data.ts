/** `drydock data`: the table of its subcommands, one file each. */
import * as Command from "effect/cli/Command";
import { augment } from "./data/Augment.ts";
import { balance } from "./data/Balance.ts";
import { check } from "./data/Check.ts";
import { collect } from "./data/Collect.ts";
import { contamination } from "./data/Contamination.ts";
import { dedupe } from "./data/Dedupe.ts";
import { exportData } from "./data/Export.ts";
import { generate } from "./data/Generate.ts";
import { importCommand } from "./data/Import.ts";
import { inspect } from "./data/Inspect.ts";
import { mix } from "./data/Mix.ts";
import { split } from "./data/Split.ts";
import { stats } from "./data/Stats.ts";
import { verify } from "./data/Verify.ts";

export const data = Command.make("data").pipe(
  Command.withDescription("Datasets"),
  Command.withSubcommands([
    generate,
    importCommand,
    verify,
    augment,
    collect,
    check,
    exportData,
    dedupe,
    contamination,
    split,
    stats,
    inspect,
    mix,
    balance,
  ]),
);
