/** The parts of the replay memory beside a plain array. */
import fc from "fast-check";
import { assert, describe, it } from "vitest";
import { Arena } from "../../src/replay/Arena.ts";
import { RowQueue } from "../../src/replay/RowQueue.ts";

const BLOCK = 16;

describe("Arena", () => {
  it("gives back every run that is not freed, and uses freed blocks again", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ arbitrary: fc.integer({ min: 1, max: 40 }), weight: 3 }, fc.constant(0))),
        (steps) => {
          const arena = new Arena((length) => new Int32Array(length), BLOCK);
          let live: Array<{ readonly at: number; readonly run: Array<number> }> = [];
          steps.forEach((length, step) => {
            if (length === 0) {
              const [oldest, ...rest] = live;
              if (oldest !== undefined) arena.free(oldest.at);
              live = rest;
            } else {
              const run = Array.from({ length }, (_, i) => 100 * step + i);
              live.push({ at: arena.add(run), run });
            }
            for (const { at, run } of live) {
              assert.deepStrictEqual(Array.from(arena.view(at, run.length)), run);
            }
          });
          arena.clear();
          assert.strictEqual(arena.allocated, 0);
        },
      ),
    );
  });

  it("does not grow where as much is freed as is added", () => {
    const arena = new Arena((length) => new Float32Array(length), BLOCK);
    const places = Array.from({ length: 20 }, () => arena.add([1, 2, 3]));
    const { allocated } = arena;
    for (let i = 0; i < 1000; i++) {
      arena.free(places.shift() as number);
      places.push(arena.add([i, i, i]));
    }
    assert.isAtMost(arena.allocated, allocated + 2 * BLOCK);
  });
});

describe("RowQueue", () => {
  it("is an array whose first can be taken out", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), (pushes) => {
        const queue = new RowQueue();
        const plain: Array<number> = [];
        pushes.forEach((push, row) => {
          if (push) {
            queue.push(row);
            plain.push(row);
          } else if (plain.length > 0) {
            queue.shift();
            plain.shift();
          }
          assert.strictEqual(queue.length, plain.length);
          assert.deepStrictEqual(
            Array.from({ length: plain.length + 1 }, (_, i) => queue.at(i)),
            [...plain, undefined],
          );
          assert.isUndefined(queue.at(-1));
        });
      }),
    );
  });
});
