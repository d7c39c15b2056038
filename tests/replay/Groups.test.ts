/** Groups of a problem's passes and fails: drawn, mixed, laid out, and their statistics. */
import fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import * as Batch from "../../src/replay/Batch.ts";
import { Mixture, offlineCount, type Parts, type Pick } from "../../src/replay/Mixture.ts";
import { ReplayBuffer, type TokenisedEpisode } from "../../src/replay/ReplayBuffer.ts";
import { Sampler } from "../../src/replay/Sampler.ts";

const STRIDE = 12;
const CAPACITY = 40;

const arbitraryEpisodes = fc
  .array(
    fc.record({
      task: fc.integer({ min: 0, max: 5 }),
      reward: fc.constantFrom(0, 0.25, 1),
      length: fc.integer({ min: 3, max: STRIDE }),
    }),
    { maxLength: 50 },
  )
  .map((list) =>
    list.map(
      ({ task, reward, length }, serial): TokenisedEpisode => ({
        id: `e${serial}`,
        taskId: `t${task}`,
        tokens: Array.from({ length }, (_, i) => (serial * 31 + i) % 97),
        promptLength: 2,
        reward,
        behaviourLogProbs: null,
        policyVersion: null,
      }),
    ),
  );

/** Episodes of which at least one problem has a pass and a fail. */
const arbitraryMixed = arbitraryEpisodes.map((list) => {
  const pair = [1, 0].map(
    (reward): TokenisedEpisode => ({
      id: `pair${reward}`,
      taskId: "pair",
      tokens: Array.from({ length: 4 + reward }, () => reward),
      promptLength: 2,
      reward,
      behaviourLogProbs: null,
      policyVersion: null,
    }),
  );
  return [...list, ...pair];
});

const bufferOf = (episodes: ReadonlyArray<TokenisedEpisode>): ReplayBuffer => {
  const buffer = new ReplayBuffer({ capacity: CAPACITY, stride: STRIDE });
  for (const episode of episodes) buffer.add(episode);
  return buffer;
};

const mixedTasks = (buffer: ReplayBuffer): Array<string> =>
  buffer
    .tasks("passing")
    .map(({ id }) => id)
    .filter((task) => buffer.count(task, "failing") > 0);

const arbitrarySize = fc.integer({ min: 2, max: 6 });

describe("Sampler.drawGroups", () => {
  it("gives each group one problem, a pass first and a fail second, none twice before all were drawn", () => {
    fc.assert(
      fc.property(arbitraryMixed, arbitrarySize, fc.integer(), (episodes, size, seed) => {
        const buffer = bufferOf(episodes);
        const groups = new Sampler(buffer, "groups", Random.make(seed)).drawGroups(7, size);
        assert.strictEqual(groups.length, 7);
        for (const group of groups) {
          assert.strictEqual(group.length, size);
          const [task, ...others] = new Set(group.map((row) => buffer.taskId(row)));
          assert.deepStrictEqual(others, []);
          assert.strictEqual(buffer.reward(group[0]), 1);
          assert.isBelow(buffer.reward(group[1]), 1);
          assert.strictEqual(new Set(group).size, Math.min(size, buffer.count(task, "all")));
        }
      }),
    );
  });

  it("visits every problem that has both once an epoch, and no other", () => {
    fc.assert(
      fc.property(arbitraryMixed, arbitrarySize, fc.integer(), (episodes, size, seed) => {
        const buffer = bufferOf(episodes);
        const tasks = mixedTasks(buffer);
        const groups = new Sampler(buffer, "groups", Random.make(seed)).drawGroups(tasks.length, size);
        assert.deepStrictEqual(groups.map(([row]) => buffer.taskId(row)).sort(), tasks.sort());
      }),
    );
  });

  it("draws every one of a problem's programs in time", () => {
    const episodes = Array.from(
      { length: 9 },
      (_, i): TokenisedEpisode => ({
        id: `e${i}`,
        taskId: "t",
        tokens: [1, 2, 3],
        promptLength: 1,
        reward: i < 3 ? 1 : 0,
        behaviourLogProbs: null,
        policyVersion: null,
      }),
    );
    const rows = new Sampler(bufferOf(episodes), "groups", Random.make(1)).drawGroups(60, 4).flat();
    assert.strictEqual(new Set(rows).size, 9);
  });

  it("says where no problem has both, and draws none", () => {
    fc.assert(
      fc.property(arbitraryEpisodes, fc.integer(), (episodes, seed) => {
        const buffer = bufferOf(episodes);
        const sampler = new Sampler(buffer, "groups", Random.make(seed));
        assert.strictEqual(sampler.empty, mixedTasks(buffer).length === 0);
        assert.deepStrictEqual(sampler.drawGroups(0, 4), []);
        if (sampler.empty) assert.throws(() => sampler.drawGroups(1, 4), /both a pass and a fail/);
        assert.throws(() => sampler.draw(1), /draws groups/);
      }),
    );
  });

  it("goes on from its state as if it had not stopped, through JSON, over a buffer filled again", () => {
    fc.assert(
      fc.property(
        arbitraryMixed,
        arbitrarySize,
        fc.integer(),
        fc.nat({ max: 9 }),
        (episodes, size, seed, before) => {
          const [one, two] = [bufferOf(episodes), bufferOf(episodes)];
          const sampler = new Sampler(one, "groups", Random.make(seed));
          for (let i = 0; i < before; i++) sampler.drawGroups(2, size);
          const resumed = new Sampler(two, "groups", Random.make(seed + 1));
          resumed.restore(JSON.parse(JSON.stringify(sampler.state())));
          for (let i = 0; i < 4; i++)
            assert.deepStrictEqual(resumed.drawGroups(3, size), sampler.drawGroups(3, size));
        },
      ),
    );
  });
});

const partsOf = (
  offline: ReadonlyArray<TokenisedEpisode>,
  online: ReadonlyArray<TokenisedEpisode>,
): Parts => ({ offline: bufferOf(offline), online: bufferOf(online) });

/** A batch of groups, as a training draws it. */
const arbitraryBatch = fc
  .record({
    offline: arbitraryMixed,
    online: arbitraryMixed,
    size: arbitrarySize,
    groups: fc.integer({ min: 1, max: 8 }),
    fraction: fc.double({ min: 0, max: 1, noNaN: true }),
    seed: fc.integer(),
  })
  .map(({ offline, online, size, groups, fraction, seed }) => {
    const parts = partsOf(offline, online);
    const mixture = new Mixture(parts, { kind: "groups", size }, Random.make(seed));
    return { parts, size, groups, fraction, picks: mixture.draw(groups * size, fraction) };
  });

const byGroup = (picks: ReadonlyArray<Pick>): Map<number, Array<Pick>> => {
  const groups = new Map<number, Array<Pick>>();
  for (const pick of picks) {
    assert.isNotNull(pick.group);
    groups.set(pick.group ?? -1, [...(groups.get(pick.group ?? -1) ?? []), pick]);
  }
  return groups;
};

describe("Mixture of groups", () => {
  it("holds whole groups side by side, each of one part and one problem, exactly the offline share of them", () => {
    fc.assert(
      fc.property(arbitraryBatch, ({ parts, size, groups, fraction, picks }) => {
        assert.deepStrictEqual(
          picks.map(({ group }) => group),
          Array.from({ length: groups * size }, (_, i) => Math.floor(i / size)),
        );
        for (const group of byGroup(picks).values()) {
          const [{ part, row }] = group;
          assert.isTrue(group.every((pick) => pick.part === part));
          const task = parts[part].taskId(row);
          assert.isTrue(group.every((pick) => parts[part].taskId(pick.row) === task));
          assert.strictEqual(parts[part].reward(row), 1);
        }
        const offline = picks.filter(({ part }) => part === "offline").length;
        assert.strictEqual(offline, size * offlineCount(groups, fraction));
      }),
    );
  });

  it("gives the share of a part without groups to the other, and goes on from its state", () => {
    fc.assert(
      fc.property(arbitraryMixed, arbitrarySize, fc.integer(), (episodes, size, seed) => {
        const passing = episodes.filter(({ reward }) => reward === 1);
        const parts = partsOf(passing, episodes);
        const mixture = new Mixture(parts, { kind: "groups", size }, Random.make(seed));
        assert.isFalse(mixture.empty);
        assert.isTrue(mixture.draw(3 * size, 0.5).every(({ part }) => part === "online"));
        const again = new Mixture(parts, { kind: "groups", size }, Random.make(seed + 1));
        again.restore(JSON.parse(JSON.stringify(mixture.state())));
        assert.deepStrictEqual(again.draw(2 * size, 0.5), mixture.draw(2 * size, 0.5));
        const none = new Mixture(partsOf(passing, passing), { kind: "groups", size }, Random.make(seed));
        assert.isTrue(none.empty);
      }),
    );
  });
});

describe("Batch of groups", () => {
  it("in order of length, groups that stay together do, in their order", () => {
    fc.assert(
      fc.property(arbitraryBatch, ({ parts, size, groups, picks }) => {
        const ordered = Batch.byLength(parts, picks, size);
        const longest: Array<number> = [];
        for (let i = 0; i < groups; i++) {
          const unit = ordered.slice(i * size, (i + 1) * size);
          const [{ group }] = unit;
          assert.deepStrictEqual(
            unit,
            picks.filter((pick) => pick.group === group),
          );
          longest.push(Math.max(...unit.map(({ part, row }) => parts[part].length(row))));
        }
        assert.deepStrictEqual(
          longest,
          longest.toSorted((a, b) => a - b),
        );
        const alone = Batch.byLength(parts, picks).map(({ part, row }) => parts[part].length(row));
        assert.deepStrictEqual(
          alone,
          alone.toSorted((a, b) => a - b),
        );
      }),
    );
  });

  it("each row has the statistics of its group in the whole batch, in whichever micro-batch it is", () => {
    fc.assert(
      fc.property(arbitraryBatch, ({ parts, size, picks }) => {
        const rewards = (some: ReadonlyArray<Pick>) => some.map(({ part, row }) => parts[part].reward(row));
        const expected = new Map(
          [...byGroup(picks)].map(([group, members]) => {
            const own = rewards(members);
            const mean = own.reduce((a, b) => a + b) / size;
            const std = Math.sqrt(own.map((r) => (r - mean) ** 2).reduce((a, b) => a + b) / size);
            return [group, { mean, std }];
          }),
        );
        const ordered = Batch.byLength(parts, picks);
        const totals = Batch.totals(parts, ordered);
        let sequenceWeight = 0;
        for (const micro of [ordered.slice(0, size), ordered.slice(size)]) {
          if (micro.length === 0) continue;
          const layout = { sequences: micro.length, time: STRIDE, actions: STRIDE * micro.length };
          const arrays = Batch.fill(parts, micro, layout, totals);
          let row = 0;
          micro.forEach(({ part, row: at, group }, b) => {
            const length = parts[part].length(at) - parts[part].promptLength(at);
            const { mean, std } = expected.get(group ?? -1) ?? { mean: Number.NaN, std: Number.NaN };
            for (let t = 0; t < length; t++, row++) {
              assert.closeTo(arrays.groupMean[row], mean, 1e-6);
              assert.closeTo(arrays.groupStd[row], std, 1e-6);
              assert.strictEqual(arrays.groupSize[row], size);
              assert.strictEqual(arrays.sequence[row], b);
              assert.strictEqual(arrays.length[row], length);
              sequenceWeight += arrays.sequenceWeight[row] / length;
            }
          });
          const filling = arrays.length.subarray(row);
          assert.isTrue(filling.every((length) => length === 0));
          assert.isTrue(arrays.sequenceWeight.subarray(row).every((weight) => weight === 0));
        }
        assert.closeTo(sequenceWeight, 1, 1e-5);
      }),
    );
  });
});
