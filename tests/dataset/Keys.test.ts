import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import { Keys } from "../../src/dataset/Keys.ts";
import * as Groups from "../../src/dataset/curate/Groups.ts";

describe("Keys", () => {
  it("are what a map of the texts would be, where each text keeps its first number", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "a", "b", "constructor"));
    fc.assert(
      fc.property(fc.array(fc.tuple(text, fc.nat(2 ** 32 - 2)), { maxLength: 60 }), (entries) => {
        const keys = new Keys();
        const map = new Map<string, number>();
        for (const [one, number] of entries) {
          assert.strictEqual(keys.add(one, number), map.get(one));
          if (!map.has(one)) map.set(one, number);
        }
        assert.strictEqual(keys.size, map.size);
        for (const [one, number] of map) assert.strictEqual(keys.get(one), number);
        assert.isFalse(keys.has("not there, whatever was added before"));
      }),
    );
  });
});

describe("Groups", () => {
  it("are the numbers of each task's attempts, in order, tasks by their first one", () => {
    const ids = fc.array(fc.constantFrom("a", "b", "c", "toString"), { maxLength: 40 });
    fc.assert(
      fc.property(ids, (taskIds) => {
        const groups = Groups.byTask(taskIds, taskIds.length);
        const expected = [...new Set(taskIds)].map((id) => ({
          id,
          numbers: taskIds.flatMap((other, number) => (other === id ? [number] : [])),
        }));
        assert.strictEqual(groups.size, expected.length);
        for (const [group, { id, numbers }] of expected.entries()) {
          assert.deepEqual([...groups.at(group)], numbers);
          assert.deepEqual([...groups.of(id)], numbers);
        }
        assert.isEmpty(groups.of("none"));
      }),
    );
  });
});
