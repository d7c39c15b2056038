import * as Net from "node:net";
import { assert, describe, it } from "@effect/vitest";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Stream from "effect/Stream";
import * as RunFold from "../../src/domain/RunFold.ts";
import * as RunState from "../../src/domain/RunState.ts";
import * as ProgressClient from "../../src/progress/ProgressClient.ts";
import { ProgressServer } from "../../src/progress/ProgressServer.ts";
import { Commands } from "../../src/store/Commands.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as StoreFixture from "../store/Fixture.ts";
import * as Fixture from "./Fixture.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** A TCP relay whose connections a test cuts: what a bad network does. */
const relay = (target: string) =>
  Effect.gen(function* () {
    const pairs = new Set<readonly [Net.Socket, Net.Socket]>();
    const server = yield* Effect.acquireRelease(
      Effect.callback<Net.Server>((resume) => {
        const listening = Net.createServer((inner) => {
          const outer = Net.connect(Number(new URL(target).port), "127.0.0.1");
          const pair = [inner, outer] as const;
          pairs.add(pair);
          for (const [a, b] of [
            [inner, outer],
            [outer, inner],
          ] as const) {
            a.pipe(b);
            a.on("error", () => undefined);
            a.on("close", () => b.destroy());
          }
        });
        listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)));
      }),
      (made) =>
        Effect.sync(() => {
          made.close();
          for (const [a] of pairs) a.destroy();
        }),
    );
    const { port } = server.address() as Net.AddressInfo;
    return {
      url: `ws://127.0.0.1:${port}/`,
      cut: Effect.sync(() => {
        for (const [a] of pairs) a.destroy();
        pairs.clear();
      }),
    };
  });

describe("events", () => {
  it.live("folded from 0 are the run's own state", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const { url } = yield* ProgressServer;
        const store = yield* RunStore;
        const following = yield* ProgressClient.events({ url, untilEnd: true }).pipe(
          Stream.runFold(() => RunState.initial, RunFold.evolve),
          Effect.forkChild,
        );
        yield* Fixture.play();
        assert.deepStrictEqual(yield* Fiber.join(following), yield* store.state);
        const late = yield* ProgressClient.events({ url, untilEnd: true }).pipe(
          Stream.runFold(() => RunState.initial, RunFold.evolve),
        );
        assert.deepStrictEqual(late, yield* store.state);
      }),
    ),
  );

  it.live("go on without gap or repetition when the connection is cut again and again", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const store = yield* RunStore;
        const through = yield* relay((yield* ProgressServer).url);
        const count = 300;
        const seen: Array<number> = [];
        const following = yield* ProgressClient.events({ url: through.url }).pipe(
          Stream.take(count),
          Stream.runForEach((logged) =>
            Effect.suspend(() => {
              seen.push(logged.seq);
              return logged.seq % 50 === 0 ? through.cut : Effect.void;
            }),
          ),
          Effect.forkChild,
        );
        for (const i of range(1, count / 3)) {
          yield* store.append(...range(1, 3).map((j) => Fixture.metrics(3 * i + j)));
        }
        yield* Fiber.join(following);
        assert.deepStrictEqual(seen, range(1, count));
      }),
    ),
  );

  it.live("go on when the run is resumed by another process at the same address", () =>
    Effect.gen(function* () {
      const directory = yield* StoreFixture.temporary;
      const port = yield* freePort;
      const live = (event: number) =>
        Effect.provide(
          Effect.gen(function* () {
            yield* (yield* RunStore).append(Fixture.metrics(event));
            yield* Deferred.await(got[event]);
          }),
          Fixture.served(directory, { port }),
        );
      const got = yield* Effect.forEach(range(0, 2), () => Deferred.make<void>());
      const follow = ProgressClient.events({ url: `ws://127.0.0.1:${port}/` }).pipe(
        Stream.tap(({ seq }) => Deferred.succeed(got[seq], undefined)),
        Stream.take(2),
        Stream.runCollect,
      );
      const following = yield* Effect.forkChild(
        Effect.retry(follow, { while: (error) => /ECONNREFUSED/.test(error.reason) }),
      );
      yield* live(1);
      yield* live(2);
      const events = yield* Fiber.join(following);
      assert.deepStrictEqual(
        events.map(({ seq }) => seq),
        [1, 2],
      );
    }),
  );

  it.live("a reader that is slow makes the server wait", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const store = yield* RunStore;
        const { url } = yield* ProgressServer;
        const wide = Object.fromEntries(range(1, 100).map((i) => [`figure-${i}`, i / 3]));
        for (const i of range(1, 40)) {
          yield* store.append(...range(1, 100).map((j) => Fixture.metrics(100 * i + j, wide)));
        }
        const gate = yield* Deferred.make<void>();
        const slow = yield* ProgressClient.events({ url }).pipe(
          Stream.tap(() => Deferred.await(gate)),
          Stream.take(4000),
          Stream.runCount,
          Effect.forkChild,
        );
        // A reader beside it that is done has seen the server work for as long as 4000 events take.
        yield* ProgressClient.events({ url }).pipe(Stream.take(4000), Stream.runDrain);
        const { buffered } = yield* (yield* ProgressServer).clients;
        assert.isAbove(Math.max(...buffered), 0);
        yield* Deferred.succeed(gate, undefined);
        assert.strictEqual(yield* Fiber.join(slow), 4000);
      }),
    ),
  );

  it.live("where nobody answers, it says so at once", () =>
    Effect.gen(function* () {
      const url = `ws://127.0.0.1:${yield* freePort}/`;
      const error = yield* Effect.flip(Stream.runDrain(ProgressClient.events({ url })));
      assert.match(error.reason, /no progress server answers at .*ECONNREFUSED/);
      assert.match(error.remedy, /id or directory/);
      const wrong = yield* Effect.flip(Stream.runDrain(ProgressClient.events({ url: "ftp://x" })));
      assert.match(wrong.remedy, /ws:\/\/host:port/);
    }),
  );

  it.live("a lost server is tried again for a while, not for ever", () =>
    Effect.gen(function* () {
      yield* Fixture.withServer(
        Effect.gen(function* () {
          const { url } = yield* ProgressServer;
          yield* (yield* RunStore).append(Fixture.metrics(1));
          yield* Effect.forkScoped(
            Effect.flip(Stream.runDrain(ProgressClient.events({ url, patience: 200 }))).pipe(
              Effect.flatMap((error) => Deferred.succeed(ended, error.reason)),
            ),
          );
          yield* Fixture.greeted(url);
          while ((yield* (yield* ProgressServer).clients).count < 2) yield* Effect.yieldNow;
        }),
      );
      assert.match(yield* Deferred.await(ended), /tried again for/);
    }),
  );
  const ended = Deferred.makeUnsafe<string>();
});

describe("commands", () => {
  it.live("reach the run with the token, and are refused without", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const { url, token } = yield* ProgressServer;
        yield* Fixture.play();
        const command = { _tag: "SetBudget", unit: "verifications", limit: 50, stage: "online" } as const;
        const error = yield* Effect.flip(ProgressClient.command({ url, token: "no", command }));
        assert.match(error.reason, /token is wrong/);
        const { take } = yield* Commands;
        // Who carries it out says what came of it, and the client waits for that.
        const carryOut = (refused: string | null) =>
          Effect.forkChild(
            Effect.gen(function* () {
              const taken = yield* take;
              assert.deepStrictEqual(taken.command, command);
              assert.match(taken.from, /^ann@desk\/1 \(.*127\.0\.0\.1:\d+\)$/);
              if (taken.outcome !== undefined) yield* Deferred.succeed(taken.outcome, refused);
            }),
          );
        yield* carryOut(null);
        yield* ProgressClient.command({ url, token, command, as: "ann@desk/1" });
        yield* carryOut("40 are spent");
        const refused = yield* Effect.flip(ProgressClient.command({ url, token, command, as: "ann@desk/1" }));
        assert.strictEqual(refused.reason, "the run refused the command: 40 are spent");
        assert.strictEqual((yield* ProgressClient.state(url)).budgets.verifications.limit, 40);
      }),
    ),
  );
});

const freePort = Effect.callback<number>((resume) => {
  const server = Net.createServer();
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as Net.AddressInfo;
    server.close(() => resume(Effect.succeed(port)));
  });
});
