/**
 * The whole application on one page: the commands, and the layers that a run is made of.
 *
 *     config --> tasks, offline episodes (orchestrator/Prepare)
 *     Commands <-- terminal, WebSocket clients        RunStore <-- every fact of the run
 *     Compute  (worker thread: model, learner)        Sandbox  (QuickJS workers, Docker slots)
 *        \________ stages, driven by orchestrator/Run at safe points ________/
 *     progress server: cursors over RunStore's log
 */
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import { bench } from "./cli/Bench.ts";
import { budget } from "./cli/Budget.ts";
import { config } from "./cli/Config.ts";
import { data } from "./cli/Data.ts";
import { doctor } from "./cli/Doctor.ts";
import { evaluate } from "./cli/Eval.ts";
import { generate } from "./cli/Generate.ts";
import { pause } from "./cli/Pause.ts";
import { planCommand } from "./cli/Plan.ts";
import { policy } from "./cli/Policy.ts";
import { resume } from "./cli/Resume.ts";
import { runs } from "./cli/Runs.ts";
import { sandbox } from "./cli/Sandbox.ts";
import { select } from "./cli/Select.ts";
import { serve } from "./cli/Serve.ts";
import { start } from "./cli/Start.ts";
import { stop } from "./cli/Stop.ts";
import { train } from "./cli/Train.ts";
import { watch } from "./cli/Watch.ts";
import { VERSION } from "./cli/Version.ts";

const drydock = Command.make("drydock").pipe(
  Command.withDescription(
    "Offline-to-online reinforcement learning for code models, with a hard budget of sandbox verifications",
  ),
  Command.withSubcommands([
    start,
    train,
    resume,
    runs,
    watch,
    budget,
    pause,
    stop,
    evaluate,
    select,
    generate,
    serve,
    policy,
    data,
    sandbox,
    config,
    planCommand,
    bench,
    doctor,
  ]),
);

/** The command line, as one effect. */
export const app = drydock.pipe(Command.run({ version: VERSION }), Effect.scoped);
