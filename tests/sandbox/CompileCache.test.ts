import { assert, describe, it } from "@effect/vitest";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as CompileCache from "../../src/sandbox/docker/CompileCache.ts";
import type { Compiled } from "../../src/sandbox/docker/Protocol.ts";

const compiled = (change: Partial<Compiled> = {}): Compiled => ({
  id: 1,
  binary: "b".repeat(100),
  errors: "",
  ended: { exit: 0 },
  killed: null,
  oomKilled: false,
  cpuSeconds: 1,
  wallSeconds: 1,
  ...change,
});

const make = (compile: CompileCache.Options["compile"], maxBytes = 1000) =>
  CompileCache.make({ image: "image:1", maxBytes, compile });

describe("CompileCache", () => {
  it.effect("compiles a source once, whoever asks for it while it is compiled", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>();
      let times = 0;
      const cache = yield* make(() =>
        Effect.suspend(() => {
          times += 1;
          return Effect.as(Deferred.await(gate), compiled());
        }),
      );
      const all = yield* Effect.forkChild(
        Effect.forEach([1, 2, 3], () => cache.get("int f();", ["-O2"]), { concurrency: "unbounded" }),
      );
      yield* Effect.yieldNow;
      yield* Deferred.succeed(gate, undefined);
      assert.lengthOf(yield* Fiber.join(all), 3);
      yield* cache.get("int f();", ["-O2"]);
      assert.strictEqual(times, 1);
      yield* cache.get("int f();", ["-O3"]);
      yield* cache.get("int g();", ["-O2"]);
      assert.strictEqual(times, 3);
      assert.include(cache.figures(), { hits: 3, misses: 3, entries: 3 });
    }).pipe(Effect.scoped),
  );

  it.effect("goes on while one still waits, and stops when nobody does", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>();
      let [begun, stopped] = [0, 0];
      const cache = yield* make(() =>
        Effect.sync(() => void (begun += 1)).pipe(
          Effect.andThen(Deferred.await(gate)),
          Effect.as(compiled()),
          Effect.onInterrupt(() => Effect.sync(() => void (stopped += 1))),
        ),
      );
      const [one, two] = yield* Effect.forEach([1, 2], () => Effect.forkChild(cache.get("a", [])));
      yield* Effect.yieldNow;
      yield* Effect.yieldNow;
      yield* Fiber.interrupt(one as Fiber.Fiber<unknown>);
      assert.deepStrictEqual([begun, stopped], [1, 0]);
      yield* Fiber.interrupt(two as Fiber.Fiber<unknown>);
      assert.deepStrictEqual([begun, stopped], [1, 1]);
      yield* Deferred.succeed(gate, undefined);
      assert.strictEqual((yield* cache.get("a", [])).binary?.length, 100);
    }).pipe(Effect.scoped),
  );

  it.effect("keeps what fits, the last used longest, and nothing that ran into a limit", () =>
    Effect.gen(function* () {
      const made: Array<string> = [];
      const cache = yield* make((source) => {
        made.push(source);
        const limit = { binary: null, ended: { signal: 9 } } as const;
        if (source === "slow") return Effect.succeed(compiled({ ...limit, killed: "cpu" }));
        if (source === "big") return Effect.succeed(compiled({ ...limit, oomKilled: true }));
        if (source === "wrong")
          return Effect.succeed(compiled({ binary: null, errors: "error: no", ended: { exit: 1 } }));
        return Effect.succeed(compiled());
      }, 250);
      for (const source of ["slow", "slow", "big", "big", "wrong", "wrong"]) yield* cache.get(source, []);
      assert.deepStrictEqual(made.splice(0), ["slow", "slow", "big", "big", "wrong"]);
      for (const source of ["a", "b", "a", "c", "a", "b"]) yield* cache.get(source, []);
      assert.deepStrictEqual(made, ["a", "b", "c", "b"]);
      assert.isAtMost(cache.figures().bytes, 250);
    }).pipe(Effect.scoped),
  );
});
