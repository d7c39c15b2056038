/** `drydock budget RUN`: what a run may spend, has spent, and how long that lasts; and changing it, running or not. */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Budget from "../domain/Budget.ts";
import * as Forecast from "../domain/Forecast.ts";
import type { RunCommand } from "../domain/RunCommand.ts";
import type { RunState } from "../domain/RunState.ts";
import * as RunControl from "../orchestrator/RunControl.ts";
import * as ProgressClient from "../progress/ProgressClient.ts";
import * as RunDirectory from "../store/RunDirectory.ts";
import * as RunReader from "../store/RunReader.ts";
import { RunStore, StoreError } from "../store/RunStore.ts";
import * as RunStoreLive from "../store/RunStoreLive.ts";
import { duration, json, print, table } from "./Output.ts";
import { root } from "./RunsRoot.ts";
import * as Steering from "./Steering.ts";

const change = (name: "set" | "add") =>
  Flag.String(name).pipe(
    Flag.withDescription(
      name === "set" ? "unit=N: a new limit, in units" : "unit=N: so many units more, or with -N fewer",
    ),
    Flag.optional,
  );

const isUnit = (name: string): name is Budget.Unit => Budget.units.some((unit) => unit === name);

type LimitCommand = Extract<RunCommand, { readonly _tag: "SetBudget" | "AddBudget" }>;

/** What "cpuSeconds=60" asks for, of the run or of a stage. */
export const parse = (
  option: "set" | "add",
  text: string,
  stage?: string,
): Effect.Effect<LimitCommand, StoreError> => {
  const [name = "", value = "", ...more] = text.split("=");
  const number = Number(value);
  const wrong = (reason: string, remedy: string) =>
    Effect.fail(new StoreError({ reason: `--${option} ${text}: ${reason}`, remedy }));
  if (!isUnit(name))
    return wrong(`there is no unit ${JSON.stringify(name)}`, `use one of ${Budget.units.join(", ")}`);
  if (value.trim() === "" || more.length > 0 || !Number.isFinite(number)) {
    return wrong("this is no number", `give it as --${option} ${name}=100`);
  }
  if (!Number.isSafeInteger(Budget.toParts(name, number)))
    return wrong("it is too large to be counted", "give less");
  if (option === "set" && number < 0) return wrong("a limit is not below 0", "give 0 or more");
  if (option === "add" && Budget.toParts(name, number) === 0)
    return wrong("that changes nothing", "give more");
  const of = stage === undefined ? {} : { stage };
  return Effect.succeed(
    option === "set"
      ? { _tag: "SetBudget", unit: name, limit: number, ...of }
      : { _tag: "AddBudget", unit: name, amount: number, ...of },
  );
};

/** Changes the budget of a run that no process runs, with the same events. */
const changeAtRest = (directory: string, command: LimitCommand): Effect.Effect<void, StoreError> =>
  Effect.gen(function* () {
    const store = yield* RunStore;
    const from = Steering.me();
    yield* store.append({ _tag: "CommandReceived", command: JSON.stringify(command), from });
    yield* RunControl.changeLimit(store, command);
  }).pipe(
    Effect.provide(RunStoreLive.layer({ directory, mode: "open" })),
    Effect.scoped,
    Effect.catchTag("BudgetExhausted", (error) =>
      Effect.fail(
        new StoreError({
          reason: RunControl.describe(error),
          remedy: "give a limit of what is spent, or more",
        }),
      ),
    ),
  );

const number = (value: number | null): string =>
  value === null ? "-" : String(Number(value >= 1000 ? value.toFixed(0) : value.toPrecision(4)));

export const render = ({ rows, first }: Forecast.Forecast): string =>
  [
    table(
      ["unit", "limit", "spent", "reserved", "left", "per hour", "lasts"],
      rows.map((row) => [
        row.unit,
        row.limit === null ? "none" : number(row.limit),
        number(row.spent),
        number(row.reserved),
        number(row.left),
        number(row.ratePerHour),
        row.secondsLeft === null ? "-" : duration(row.secondsLeft),
      ]),
    ),
    ...(first === null
      ? []
      : [`At this rate ${first.unit} is spent first, in ${duration(first.secondsLeft)} of work.`]),
  ].join("\n");

const shown = Effect.fnUntraced(function* (state: RunState, running: boolean, stage: string | undefined) {
  const now = yield* Clock.currentTimeMillis;
  const at = running ? now : (state.updatedAt ?? now);
  if (stage === undefined) return { status: state.status, ...Forecast.of(state, at) };
  const index = state.stages.findIndex(({ kind, label }) => kind === "online" && label === stage);
  if (index === -1) return yield* RunControl.noStage(state, stage);
  return { status: state.status, stage, ...Forecast.of(state, at, index) };
});

export const budget = Command.make(
  "budget",
  {
    run: Steering.run,
    set: change("set"),
    add: change("add"),
    stage: Flag.String("stage").pipe(
      Flag.withDescription("The label of an online stage: its own limits in place of the run's"),
      Flag.optional,
    ),
    token: Steering.token,
    root,
    json,
  },
  Effect.fn(function* (options) {
    const stage = Option.getOrUndefined(options.stage);
    const commands: Array<LimitCommand> = [];
    if (Option.isSome(options.set)) commands.push(yield* parse("set", options.set.value, stage));
    if (Option.isSome(options.add)) commands.push(yield* parse("add", options.add.value, stage));
    if (Steering.isAddress(options.run)) {
      for (const command of commands) yield* Steering.tellAddress(options.run, options.token, command);
      return yield* print(
        options.json,
        yield* shown(yield* ProgressClient.state(options.run), true, stage),
        render,
      );
    }
    const directory = yield* RunDirectory.find(options.run, options.root);
    const running = (yield* RunDirectory.holder(directory)) !== null;
    for (const command of commands) {
      if (running) yield* Steering.tell(directory, command);
      else yield* changeAtRest(directory, command);
    }
    const state = yield* Effect.scoped(Effect.flatMap(RunReader.open(directory), (reader) => reader.state));
    yield* print(options.json, yield* shown(state, running, stage), render);
  }),
).pipe(
  Command.withDescription("What a run may spend, has spent and how long that lasts; or change it"),
  Command.withExamples([
    { command: "drydock budget latest", description: "Spent, reserved, left, rate and forecast" },
    { command: "drydock budget latest --add verifications=100", description: "A hundred more" },
    {
      command: "drydock budget RUN --set cpuSeconds=600 --json",
      description: "A limit, and the budget as JSON",
    },
    {
      command: "drydock budget RUN --set cpuSeconds=60 --stage online",
      description: "A limit of one stage alone",
    },
  ]),
);
