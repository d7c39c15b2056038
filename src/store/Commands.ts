/**
 * Commands on their way to a run: the inbox that the terminal and the WebSocket server write to and
 * that the orchestrator alone reads. Bounded, so that a client cannot fill memory.
 */
import * as Context from "effect/Context";
import type * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Queue from "effect/Queue";
import type { RunCommand } from "../domain/RunCommand.ts";

export interface Submitted {
  readonly command: RunCommand;
  /** Who gave it: "terminal", or what a client calls itself and its address. */
  readonly from: string;
  /** Completed once the command is carried out (null), or with why it is not. */
  readonly outcome?: Deferred.Deferred<string | null>;
}

export class Commands extends Context.Service<
  Commands,
  {
    /** Hands a command over; false where the inbox is full. */
    readonly submit: (submitted: Submitted) => Effect.Effect<boolean>;
    /** The next command; waits for one. */
    readonly take: Effect.Effect<Submitted>;
  }
>()("drydock/store/Commands") {
  static readonly layer = Layer.effect(
    Commands,
    Effect.gen(function* () {
      const inbox = yield* Queue.dropping<Submitted>(64);
      return Commands.of({ submit: (submitted) => Queue.offer(inbox, submitted), take: Queue.take(inbox) });
    }),
  );
}
