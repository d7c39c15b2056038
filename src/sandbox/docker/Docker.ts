/**
 * The Docker engine, with a deadline on every call: over a connection that died, dockerode's promises never settle.
 */
import Dockerode from "dockerode";
import * as Effect from "effect/Effect";
import { SandboxFault } from "../../domain/Verdict.ts";

/** From DOCKER_HOST and its kin, or the usual socket. */
export const connect = (): Dockerode => new Dockerode();

/** Settles as `call` does or rejects after `seconds`, whichever comes first. */
export const within = <A>(seconds: number, what: string, call: () => Promise<A>): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`Docker did not answer within ${seconds} s: ${what}`)),
      seconds * 1000,
    );
    call()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });

/** As an effect; it ends by its deadline even where it cannot be interrupted. */
export const ask = <A>(
  seconds: number,
  what: string,
  call: () => Promise<A>,
): Effect.Effect<A, SandboxFault> =>
  Effect.tryPromise({
    try: () => within(seconds, what, call),
    catch: (error) => new SandboxFault({ reason: `${what}: ${message(error)}` }),
  });

export const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whether an engine answers. */
export const ping = (docker: Dockerode): Effect.Effect<void, SandboxFault> =>
  Effect.asVoid(ask(5, "ping", () => docker.ping()));
