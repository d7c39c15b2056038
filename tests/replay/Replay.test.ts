import fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import { Mixture, offlineCount } from "../../src/replay/Mixture.ts";
import { ReplayBuffer, type TokenisedEpisode } from "../../src/replay/ReplayBuffer.ts";
import type { Kind } from "../../src/replay/TaskRows.ts";
import { Sampler } from "../../src/replay/Sampler.ts";

const STRIDE = 12;

const episode = (
  task: number,
  serial: number,
  reward: number,
  length = 5,
  version: number | null = null,
): TokenisedEpisode => ({
  id: `e${serial}`,
  taskId: `t${task}`,
  tokens: Array.from({ length }, (_, i) => (serial * 31 + i) % 97),
  promptLength: 2,
  reward,
  behaviourLogProbs:
    version === null ? null : Array.from({ length: length - 2 }, (_, i) => -0.5 * (i + serial)),
  policyVersion: version,
});

const arbitraryEpisodes = fc
  .array(
    fc.record({
      task: fc.integer({ min: 0, max: 5 }),
      reward: fc.constantFrom(0, 0.25, 1),
      length: fc.integer({ min: 3, max: STRIDE }),
      version: fc.option(fc.integer({ min: 0, max: 9 }), { nil: null }),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((list) => list.map((x, serial) => episode(x.task, serial, x.reward, x.length, x.version)));

const fill = (buffer: ReplayBuffer, episodes: ReadonlyArray<TokenisedEpisode>): void => {
  for (const e of episodes) buffer.add(e);
};

const ids = (buffer: ReplayBuffer, kind: Kind): ReadonlyArray<string> =>
  buffer.tasks(kind).map(({ id }) => id);

describe("ReplayBuffer", () => {
  it("holds the newest episodes, each as it was given, and indexes them by task", () => {
    fc.assert(
      fc.property(arbitraryEpisodes, fc.integer({ min: 1, max: 40 }), (episodes, capacity) => {
        const buffer = new ReplayBuffer({ capacity, stride: STRIDE });
        fill(buffer, episodes);
        const kept = episodes.slice(-capacity);
        assert.strictEqual(buffer.size, kept.length);
        const rows = new Map<string, number>();
        for (const kind of ["passing", "failing"] as const) {
          for (const task of ids(buffer, kind)) {
            for (let i = 0; i < buffer.count(task, kind); i++) {
              const row = buffer.row(task, kind, i);
              assert.strictEqual(buffer.taskId(row), task);
              assert.strictEqual(buffer.reward(row) === 1, kind === "passing");
              rows.set(buffer.id(row), row);
            }
          }
        }
        assert.deepStrictEqual([...rows.keys()].sort(), kept.map((e) => e.id).sort());
        for (const e of kept) {
          const row = rows.get(e.id) as number;
          assert.deepStrictEqual([...buffer.tokens(row)], [...(e.tokens as Array<number>)]);
          assert.strictEqual(buffer.promptLength(row), e.promptLength);
          assert.strictEqual(buffer.policyVersion(row), e.policyVersion);
          const logProbs = buffer.behaviourLogProbs(row);
          assert.deepStrictEqual(logProbs === null ? null : [...logProbs], e.behaviourLogProbs);
        }
        for (const task of ids(buffer, "all")) {
          const mine = kept.filter((e) => e.taskId === task);
          assert.closeTo(
            buffer.passRate(task),
            mine.filter((e) => e.reward === 1).length / mine.length,
            1e-12,
          );
        }
      }),
    );
  });

  it("ignores a known id, refuses a long episode, and rejects malformed ones", () => {
    const buffer = new ReplayBuffer({ capacity: 4, stride: STRIDE });
    assert.strictEqual(buffer.add(episode(0, 0, 1)), "added");
    assert.strictEqual(buffer.add(episode(1, 0, 0)), "known");
    assert.strictEqual(buffer.add(episode(0, 1, 1, STRIDE + 1)), "tooLong");
    assert.strictEqual(buffer.size, 1);
    assert.throws(() => buffer.add({ ...episode(0, 2, 1), promptLength: 5 }), RangeError);
    assert.throws(() => buffer.add({ ...episode(0, 3, 1), behaviourLogProbs: [0] }), RangeError);
    assert.throws(() => buffer.add({ ...episode(0, 4, 1), reward: 2 }), RangeError);
  });
});

describe("Sampler", () => {
  it("visits every task once an epoch, whatever its number of attempts", () => {
    fc.assert(
      fc.property(arbitraryEpisodes, fc.integer(), (episodes, seed) => {
        const buffer = new ReplayBuffer({ capacity: 100, stride: STRIDE });
        fill(buffer, episodes);
        const tasks = ids(buffer, "all");
        const sampler = new Sampler(buffer, "all", Random.make(seed));
        // One row a draw: balancing does not apply.
        const seen = tasks.map(() => buffer.taskId(sampler.draw(1)[0]));
        assert.deepStrictEqual(seen.sort(), tasks.toSorted());
      }),
    );
  });

  it("draws passing episodes only where asked, and both kinds in a batch of all", () => {
    fc.assert(
      fc.property(arbitraryEpisodes, fc.integer(), fc.integer({ min: 2, max: 20 }), (episodes, seed, n) => {
        const buffer = new ReplayBuffer({ capacity: 100, stride: STRIDE });
        fill(buffer, episodes);
        const passes = episodes.filter((e) => e.reward === 1).length;
        const passing = new Sampler(buffer, "passing", Random.make(seed));
        assert.strictEqual(passing.empty, passes === 0);
        if (passes === 0) assert.throws(() => passing.draw(1), RangeError);
        else for (const row of passing.draw(n)) assert.strictEqual(buffer.reward(row), 1);
        const rewards = new Sampler(buffer, "all", Random.make(seed))
          .draw(n)
          .map((row) => buffer.reward(row) === 1);
        if (passes > 0) assert.include(rewards, true);
        if (passes < episodes.length) assert.include(rewards, false);
      }),
    );
  });

  it("goes on from its state as if it had not stopped, through JSON, over a buffer filled again", () => {
    fc.assert(
      fc.property(arbitraryEpisodes, fc.integer(), fc.nat({ max: 15 }), (episodes, seed, before) => {
        const one = new ReplayBuffer({ capacity: 30, stride: STRIDE });
        fill(one, episodes);
        const sampler = new Sampler(one, "all", Random.make(seed));
        for (let i = 0; i < before; i++) sampler.draw(3);
        const state = JSON.parse(JSON.stringify(sampler.state()));
        const two = new ReplayBuffer({ capacity: 30, stride: STRIDE });
        fill(two, episodes);
        const resumed = new Sampler(two, "all", Random.make(seed + 1));
        resumed.restore(state);
        for (let i = 0; i < 5; i++) {
          assert.deepStrictEqual(
            resumed.draw(4).map((row) => two.id(row)),
            sampler.draw(4).map((row) => one.id(row)),
          );
        }
      }),
    );
  });
});

describe("Mixture", () => {
  it("draws exactly the offline share where both parts have episodes", () => {
    fc.assert(
      fc.property(
        arbitraryEpisodes,
        arbitraryEpisodes,
        fc.integer({ min: 1, max: 64 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer(),
        (off, on, n, fraction, seed) => {
          const parts = {
            offline: new ReplayBuffer({ capacity: 100, stride: STRIDE }),
            online: new ReplayBuffer({ capacity: 100, stride: STRIDE }),
          };
          fill(parts.offline, off);
          fill(parts.online, on);
          const picks = new Mixture(parts, { kind: "all" }, Random.make(seed)).draw(n, fraction);
          assert.strictEqual(picks.length, n);
          assert.strictEqual(picks.filter((p) => p.part === "offline").length, offlineCount(n, fraction));
          assert.closeTo(offlineCount(n, fraction), n * fraction, 0.5 + 1e-9);
        },
      ),
    );
  });

  it("gives an empty part's share to the other, and says when both are empty", () => {
    const parts = {
      offline: new ReplayBuffer({ capacity: 8, stride: STRIDE }),
      online: new ReplayBuffer({ capacity: 8, stride: STRIDE }),
    };
    const mixture = new Mixture(parts, { kind: "all" }, Random.make(1));
    assert.throws(() => mixture.draw(2, 0.5), RangeError);
    parts.online.add(episode(0, 0, 1));
    assert.isTrue(mixture.draw(4, 0.5).every((p) => p.part === "online"));
    assert.throws(() => offlineCount(4, 1.5), RangeError);
  });
});
