/**
 * Compiled programs by the hash of what they were made of: image, flags and source.
 *
 * Bounded by bytes, least recently used out first. Requests for a source that is being compiled wait for that one
 * compilation; it goes on for as long as anybody waits. Only what would come out the same again is kept.
 */
import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import type * as Scope from "effect/Scope";
import type { SandboxError } from "../Sandbox.ts";
import type { Compiled } from "./Protocol.ts";

export interface CompileCache {
  readonly get: (source: string, flags: ReadonlyArray<string>) => Effect.Effect<Compiled, SandboxError>;
  readonly figures: () => Figures;
}

export interface Figures {
  /** Requests answered without a compilation of their own. */
  readonly hits: number;
  readonly misses: number;
  readonly entries: number;
  readonly bytes: number;
}

export interface Options {
  /** What compiles: part of every key. */
  readonly image: string;
  readonly maxBytes: number;
  readonly compile: (source: string, flags: ReadonlyArray<string>) => Effect.Effect<Compiled, SandboxError>;
}

interface Flight {
  readonly fiber: Fiber.Fiber<Compiled, SandboxError>;
  waiting: number;
}

/** Whether compiling again would give the same: not where it ran into a limit. */
const isLasting = ({ binary, killed, oomKilled, ended }: Compiled): boolean =>
  binary !== null || (killed === null && !oomKilled && "exit" in ended);

const sizeOf = ({ binary, errors }: Compiled): number => (binary?.length ?? 0) + errors.length;

/** The cache; compilations under way end with the scope. */
export const make = Effect.fnUntraced(function* ({
  image,
  maxBytes,
  compile,
}: Options): Effect.fn.Return<CompileCache, never, Scope.Scope> {
  const scope = yield* Effect.scope;
  // In order of use, the least recent first.
  const kept = new Map<string, Compiled>();
  const flights = new Map<string, Flight>();
  let [hits, misses, bytes] = [0, 0, 0];

  const keep = (key: string, compiled: Compiled): void => {
    if (!isLasting(compiled) || sizeOf(compiled) > maxBytes) return;
    kept.set(key, compiled);
    bytes += sizeOf(compiled);
    for (const [oldest, old] of kept) {
      if (bytes <= maxBytes) break;
      kept.delete(oldest);
      bytes -= sizeOf(old);
    }
  };

  const take = (key: string): Compiled | undefined => {
    const found = kept.get(key);
    if (found === undefined) return undefined;
    kept.delete(key);
    kept.set(key, found);
    return found;
  };

  const begin = Effect.fnUntraced(function* (key: string, source: string, flags: ReadonlyArray<string>) {
    const fiber = yield* Effect.forkIn(
      compile(source, flags).pipe(Effect.tap((compiled) => Effect.sync(() => keep(key, compiled)))),
      scope,
    );
    const flight: Flight = { fiber, waiting: 0 };
    flights.set(key, flight);
    return flight;
  });

  const get: CompileCache["get"] = (source, flags) =>
    Effect.uninterruptibleMask(
      Effect.fnUntraced(function* (restore) {
        const key = createHash("sha256")
          .update(JSON.stringify([image, flags, source]))
          .digest("base64");
        const found = take(key);
        const flying = flights.get(key);
        if (found !== undefined || flying !== undefined) hits += 1;
        else misses += 1;
        if (found !== undefined) return found;
        const flight = flying ?? (yield* begin(key, source, flags));
        flight.waiting += 1;
        return yield* restore(Fiber.join(flight.fiber)).pipe(
          Effect.ensuring(
            Effect.suspend(() => {
              flight.waiting -= 1;
              if (flight.waiting > 0) return Effect.void;
              if (flights.get(key) === flight) flights.delete(key);
              return Fiber.interrupt(flight.fiber);
            }),
          ),
        );
      }),
    );

  return { get, figures: () => ({ hits, misses, entries: kept.size, bytes }) };
});
