/** `drydock sandbox`: the sandboxes by themselves. */
import * as Command from "effect/cli/Command";
import { bench } from "./SandboxBench.ts";
import { build, prune } from "./SandboxBuild.ts";
import { doctor } from "./SandboxDoctor.ts";
import { run } from "./SandboxRun.ts";

export const sandbox = Command.make("sandbox").pipe(
  Command.withDescription("The sandboxes: images, self-tests, speed, one program"),
  Command.withSubcommands([doctor, build, prune, bench, run]),
);
