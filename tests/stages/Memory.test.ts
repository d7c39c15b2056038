/** What the replay memory holds of an online stage. Real store, a compute that only remembers. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { Compute } from "../../src/compute/Compute.ts";
import * as Memory from "../../src/stages/Memory.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "../store/Fixture.ts";
import * as StageFixture from "./Fixture.ts";

const context = StageFixture.context({ offline: ["key of old"] });

/** A compute whose replay memory is a list of ids. */
const remembering = (held: Map<string, ReadonlySet<string>>) =>
  Layer.mock(Compute, {
    clearEpisodes: (part) => Effect.sync(() => void held.delete(part)),
    addEpisodes: (part, episodes) =>
      Effect.sync(() => {
        const before = held.get(part) ?? new Set<string>();
        const after = new Set([...before, ...episodes.map(({ id }) => id)]);
        held.set(part, after);
        return { added: after.size - before.size, tooLong: 0 };
      }),
  });

type Keeping = Parameters<typeof Memory.grow>[1];

const keeping = (
  online: "all" | "latest",
  { repeats = "drop", offline = true }: { repeats?: "drop" | "keep"; offline?: boolean } = {},
): Keeping => ({ retain: { offline, online }, repeats });

/** Two rounds: the second repeats a program of the first, one of its own, and one of the offline data. */
const written = Effect.gen(function* () {
  const store = yield* RunStore;
  yield* store.append(Fixture.started({ verifications: 10, generated: 100 }));
  const rounds = [
    ["a", "b"],
    ["b", "c", "c", "old"],
  ];
  for (const [round, programs] of rounds.entries()) {
    const reservation = yield* store.reserve({ generated: programs.length });
    yield* store.addCandidates(
      programs.map((program, slot) => ({ ...Fixture.candidate(round, slot, program), taskId: "t0" })),
      reservation,
    );
    for (const candidate of yield* store.candidates(0, round))
      yield* store.recordCached(candidate, Fixture.verdict("Passed"), "repeat");
  }
});

/** What is held after each round, and how many episodes were new. */
const grown = (of: Keeping) =>
  Effect.gen(function* () {
    const held = new Map<string, ReadonlySet<string>>();
    const store = yield* RunStore;
    const after: Array<readonly [number, ReadonlyArray<string>]> = [];
    for (const round of [0, 1]) {
      const fresh = yield* Memory.grow(context, of, yield* store.candidates(0, round)).pipe(
        Effect.provide(remembering(held)),
      );
      after.push([fresh, [...(held.get("online") ?? [])]]);
    }
    const rebuilt = new Map<string, ReadonlySet<string>>();
    yield* Memory.replay(context, of, 0).pipe(Effect.provide(remembering(rebuilt)));
    assert.deepEqual([...(rebuilt.get("online") ?? [])], after[1]?.[1]);
    yield* Memory.replay(context, of, 0, 1).pipe(Effect.provide(remembering(rebuilt)));
    return after;
  });

const inStore = <A, E>(body: Effect.Effect<A, E, RunStore>) =>
  Effect.flatMap(Fixture.temporary, (directory) =>
    Fixture.session(directory, written.pipe(Effect.andThen(body))),
  ).pipe(Effect.scoped);

describe("the replay memory of an online stage", () => {
  it.live("holds all rounds, each program once, none of the offline data's", () =>
    inStore(
      Effect.gen(function* () {
        assert.deepEqual(yield* grown(keeping("all")), [
          [2, ["key of a", "key of b"]],
          [1, ["key of a", "key of b", "key of c"]],
        ]);
      }),
    ),
  );

  it.live("holds the latest round alone", () =>
    inStore(
      Effect.gen(function* () {
        assert.deepEqual(yield* grown(keeping("latest")), [
          [2, ["key of a", "key of b"]],
          [2, ["key of b", "key of c"]],
        ]);
      }),
    ),
  );

  it.live("has programs of the offline data where these were put away", () =>
    inStore(
      Effect.gen(function* () {
        const [, [, after]] = yield* grown(keeping("latest", { offline: false }));
        assert.deepEqual(after, ["key of b", "key of c", "key of old"]);
      }),
    ),
  );

  it.live("has exact repeats as episodes of their own", () =>
    inStore(
      Effect.gen(function* () {
        assert.deepEqual(yield* grown(keeping("all", { repeats: "keep" })), [
          [2, ["key of a/0/0/0", "key of b/0/0/1"]],
          [
            4,
            [
              "key of a/0/0/0",
              "key of b/0/0/1",
              "key of b/0/1/0",
              "key of c/0/1/1",
              "key of c/0/1/2",
              "key of old/0/1/3",
            ],
          ],
        ]);
      }),
    ),
  );
});
