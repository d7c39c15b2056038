/** The monitors of an online stage: their schema, from the table of monitors. */
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

const monitor = (name: Monitor.Name) => {
  const { about, unit, compare, limit, action } = Monitor.monitors[name];
  const settings = Schema.Struct({
    limit: or(Rate, limit, `Alarm past it: ${compared[compare]}.`),
    action: or(
      Schema.Literals(Monitor.actions),
      action,
      "What an alarm does: continue; raise-offline: a quarter more offline data from now on; rollback: restore the stage's best checkpoint and halve the learning rates from now on; stop: restore it and end the stage.",
    ),
  });
  return or(Schema.NullOr(settings), {}, `${about} (${unit}); null: not watched.`);
};

type Fields = { readonly [N in Monitor.Name]: ReturnType<typeof monitor> };

export const Monitors = Schema.Struct(
  Object.fromEntries(Monitor.names.map((name) => [name, monitor(name)])) as Fields,
);
