/**
 * Run control: turns commands into what the stages see at their next safe point.
 *
 * A command is acknowledged in the log at once, whatever the stages are doing; it takes effect at the
 * next safe point.
 */
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Latch from "effect/Latch";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import * as Ref from "effect/Ref";
import * as Semaphore from "effect/Semaphore";
import * as Budget from "../domain/Budget.ts";
import type { RunCommand } from "../domain/RunCommand.ts";
import type { RunState } from "../domain/RunState.ts";
import { SafePoint, StopRequested } from "../stages/SafePoint.ts";
import { Commands, type Submitted } from "../store/Commands.ts";
import { RunStore, StoreError } from "../store/RunStore.ts";

/** Provides SafePoint and reads the commands of the run for as long as its scope lives. */
export const layer = Layer.effect(
  SafePoint,
  Effect.gen(function* () {
    const store = yield* RunStore;
    const commands = yield* Commands;
    const running = yield* Latch.make(true);
    const stop = yield* Deferred.make<string>();
    const paused = yield* Ref.make(false);
    /** Held by a command while it is carried out, and by a reservation. */
    const turn = yield* Semaphore.make(1);

    const handle = Effect.fn("RunControl.handle")(function* ({ command, from }: Submitted) {
      const logged = store.append({ _tag: "CommandReceived", command: JSON.stringify(command), from });
      // A stop is obeyed even where the log cannot be written any more.
      yield* command._tag === "Stop" ? Effect.ignore(logged) : logged;
      switch (command._tag) {
        case "Pause":
          // A run that was told to stop must reach its next safe point.
          if (yield* Deferred.isDone(stop)) return;
          if (!(yield* Ref.getAndSet(paused, true))) {
            yield* running.close;
            yield* store.append({ _tag: "RunPaused" });
          }
          return;
        case "Resume":
          if (yield* Ref.getAndSet(paused, false)) {
            yield* store.append({ _tag: "RunUnpaused" });
            yield* running.open;
          }
          return;
        case "Stop":
          yield* Deferred.succeed(stop, `stopped by ${from}`);
          yield* running.open;
          return;
        case "SetBudget":
        case "AddBudget":
          yield* changeLimit(store, command);
          return;
      }
    });

    yield* commands.take.pipe(
      Effect.flatMap((submitted) =>
        turn.withPermit(handle(submitted)).pipe(
          Effect.as(null),
          // A command that cannot be carried out (a limit below what is spent) must not end the run.
          Effect.catch((error) => {
            const reason = describe(error);
            const command = JSON.stringify(submitted.command);
            const refused = store.append({ _tag: "CommandRefused", command, reason });
            return Effect.as(Effect.ignore(refused), reason);
          }),
          Effect.tap((reason) =>
            submitted.outcome === undefined ? Effect.void : Deferred.succeed(submitted.outcome, reason),
          ),
        ),
      ),
      Effect.forever,
      Effect.forkScoped,
    );

    const pass = Effect.gen(function* () {
      yield* running.await;
      if (yield* Deferred.isDone(stop)) {
        return yield* new StopRequested({ reason: yield* Deferred.await(stop) });
      }
    });
    /** Holds no command up: a reservation is one transaction. A pause or stop that came first sends it back to `pass`. */
    const reserving = <A, E, R>(reserve: Effect.Effect<A, E, R>): Effect.Effect<A, E | StopRequested, R> =>
      Effect.andThen(
        pass,
        turn.withPermit(
          Effect.suspend(() =>
            Ref.getUnsafe(paused) || Deferred.isDoneUnsafe(stop)
              ? Effect.succeedNone
              : Effect.asSome(reserve),
          ),
        ),
      ).pipe(
        Effect.flatMap(
          Option.match({ onNone: () => reserving(reserve), onSome: (value) => Effect.succeed(value) }),
        ),
      );
    return SafePoint.of({ pass, reserving });
  }),
);

type LimitCommand = Extract<RunCommand, { readonly _tag: "SetBudget" | "AddBudget" }>;

/** Says that a run has no such online stage, and which it has. */
export const noStage = ({ stages }: RunState, label: string): StoreError => {
  const labels = stages.flatMap((stage) => (stage.kind === "online" ? [JSON.stringify(stage.label)] : []));
  return new StoreError({
    reason: `the run has no online stage ${JSON.stringify(label)}`,
    remedy: labels.length === 0 ? "leave --stage out" : `use one of ${labels.join(", ")}`,
  });
};

/** The index of the online stage with this label, which must not be over. */
const stageOf = (state: RunState, label: string): Effect.Effect<number, StoreError> => {
  const index = state.stages.findIndex((stage) => stage.kind === "online" && stage.label === label);
  if (index === -1) return Effect.fail(noStage(state, label));
  if (state.stages[index].status !== "done") return Effect.succeed(index);
  return Effect.fail(
    new StoreError({
      reason: `the stage ${JSON.stringify(label)} is over`,
      remedy: "give the label of one that is not, or change the run's own limit",
    }),
  );
};

/** Sets a limit of the run or of a stage, or changes it by so many units. */
export const changeLimit = Effect.fnUntraced(function* (
  store: Pick<RunStore["Service"], "accounts" | "budget" | "setLimit" | "state">,
  command: LimitCommand,
) {
  const { unit, stage: label } = command;
  const stage = label === undefined ? undefined : yield* stageOf(yield* store.state, label);
  if (command._tag === "SetBudget") {
    return yield* store.setLimit(unit, Budget.toParts(unit, command.limit), stage);
  }
  const { limit } =
    stage === undefined ? yield* store.budget(unit) : (yield* store.accounts(stage)).stage[unit];
  if (limit === null) {
    const option = label === undefined ? "" : ` --stage ${label}`;
    return yield* new StoreError({
      reason: `there is no limit of ${unit} to add to`,
      remedy: `set one: drydock budget RUN --set ${unit}=N${option}`,
    });
  }
  yield* store.setLimit(unit, limit + Budget.toParts(unit, command.amount), stage);
});

/** Why a command is not carried out, for a person. */
export const describe = (error: {
  readonly _tag: string;
  readonly unit?: Budget.Unit;
  readonly limit?: number;
  readonly taken?: number;
  readonly reason?: string;
  readonly remedy?: string;
}): string => {
  const { unit = "verifications", limit = 0, taken = 0, reason, remedy } = error;
  if (error._tag !== "BudgetExhausted") {
    return [reason ?? error._tag, remedy].filter((part) => part !== undefined).join("; ");
  }
  const show = (parts: number): string => Budget.show(unit, parts);
  return `${show(taken)} ${unit} are spent or reserved already, a limit of ${show(limit)} is below that`;
};
