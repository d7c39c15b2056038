/** The sandboxes of a run, as its configuration and its tasks ask for them. */
import { programLimits, type RunConfig } from "../config/RunConfig.ts";
import type { Loaded } from "../orchestrator/Prepare.ts";
import * as SandboxFor from "../sandbox/SandboxFor.ts";
import * as Slots from "../sandbox/Slots.ts";
import * as Screen from "./Screen.ts";

export const layer = (config: RunConfig, { tasks }: Loaded) => {
  const { slots = Slots.byDefault(config.compute.threads), javascript, runtime } = config.sandbox;
  const languages = new Set(tasks.map(({ language }) => language));
  return SandboxFor.layer(languages, {
    slots,
    limits: programLimits(config.sandbox),
    javascript: SandboxFor.javascriptFor(javascript, tasks),
    onProgress: Screen.say,
    ...(runtime === undefined ? {} : { runtime }),
  });
};
