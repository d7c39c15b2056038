/** The monitors of a stage: their schemas, from the table of monitors. */
import * as Schema from "effect/Schema";
import * as Monitor from "../domain/Monitor.ts";
import { or, Rate } from "./Fields.ts";

const compared: { readonly [C in Monitor.Comparison]: string } = {
  fall: "a fall from the stage's start",
  rise: "a rise from the stage's start",
  errors: "a fall from the stage's start in standard errors of the difference",
  growth: "how many times the value at the stage's start",
  change: "how many times the value at the stage's start, or its inverse",
  above: "the value itself",
};

const does: { readonly [A in Monitor.Action]: string } = {
  continue: "continue",
  "raise-offline": "raise-offline: a quarter more offline data from now on",
  rollback: "rollback: restore the stage's best checkpoint and halve the learning rates from now on",
  stop: "stop: restore it and end the stage",
};

/** A monitor that may do one of `actions`, by default `action`. */
const monitor = <A extends Monitor.Action>(name: Monitor.Name, actions: ReadonlyArray<A>, action: A) => {
  const { about, unit, compare, limit } = Monitor.monitors[name];
  const settings = Schema.Struct({
    limit: or(Rate, limit, `Alarm past it: ${compared[compare]}.`),
    action: or(
      Schema.Literals(actions),
      action,
      `What an alarm does: ${actions.map((each) => does[each]).join("; ")}.`,
    ),
  });
  return or(Schema.NullOr(settings), {}, `${about} (${unit}); null: not watched.`);
};

type Fields<N extends Monitor.Name, A extends Monitor.Action> = {
  readonly [K in N]: ReturnType<typeof monitor<A>>;
};

/** Those of an online stage. */
export const Monitors = Schema.Struct(
  Object.fromEntries(
    Monitor.names.map((name) => [name, monitor(name, Monitor.actions, Monitor.monitors[name].action)]),
  ) as Fields<Monitor.Name, Monitor.Action>,
);

/** Those of an offline stage. */
export const OfflineMonitors = Schema.Struct(
  Object.fromEntries(
    Monitor.offlineNames.map((name) => [
      name,
      monitor(name, Monitor.offlineActions, Monitor.offlineAction(name)),
    ]),
  ) as Fields<Monitor.OfflineName, Monitor.OfflineAction>,
);
