/**
 * Seeded sampling from one part of the replay memory, problem by problem.
 *
 * Tasks are visited in shuffled order without replacement (an epoch over tasks, not over episodes), and an
 * episode of the visited task is drawn uniformly: a problem with a hundred attempts weighs no more than one
 * with three, and V(prompt) fits the problem's pass rate. A batch over all episodes holds at least one pass
 * and one fail wherever the part has both.
 *
 * `state()` is plain JSON: the tasks still to visit in this epoch and the generator's state. A sampler
 * restored over a buffer with the same episodes in the same order draws the same batches.
 */
import * as Random from "../random/Random.ts";
import type { Kind, ReplayBuffer } from "./ReplayBuffer.ts";

export interface SamplerState {
  readonly queue: ReadonlyArray<string>;
  readonly random: string;
}

export class Sampler {
  readonly kind: "all" | "passing";
  readonly #buffer: ReplayBuffer;
  #random: Random.Random;
  /** Tasks still to visit, the next one last. */
  #queue: Array<string> = [];

  constructor(buffer: ReplayBuffer, kind: "all" | "passing", random: Random.Random) {
    this.#buffer = buffer;
    this.kind = kind;
    this.#random = random;
  }

  /** Whether there is anything to draw. */
  get empty(): boolean {
    return this.#buffer.size === 0 || this.#buffer.tasks(this.kind).length === 0;
  }

  /** `n` row numbers. Throws a RangeError where the buffer has no episode of this kind. */
  draw(n: number): Array<number> {
    if (n === 0) return [];
    if (this.empty)
      throw new RangeError(`Sampler: the buffer holds no ${this.kind === "all" ? "" : "passing "}episodes`);
    const rows: Array<number> = [];
    while (rows.length < n) rows.push(this.#drawFrom(this.#nextTask(), this.kind));
    if (this.kind === "all" && n >= 2) this.#balance(rows);
    return rows;
  }

  state(): SamplerState {
    return { queue: this.#queue.slice(), random: this.#random.state() };
  }

  restore(state: SamplerState): void {
    this.#queue = state.queue.slice();
    this.#random = Random.restore(state.random);
  }

  #nextTask(): string {
    for (;;) {
      const task = this.#queue.pop();
      // A task of the queue may have been overwritten since the epoch began.
      if (task !== undefined && this.#buffer.count(task, this.kind) > 0) return task;
      if (this.#queue.length === 0) this.#queue = this.#random.shuffle(this.#buffer.tasks(this.kind));
    }
  }

  #drawFrom(task: string, kind: Kind): number {
    return this.#buffer.row(task, kind, this.#random.int(this.#buffer.count(task, kind)));
  }

  /** Puts a pass (or a fail) in the last place where the draw has none and the buffer does. */
  #balance(rows: Array<number>): void {
    const passes = rows.filter((row) => this.#buffer.reward(row) === 1).length;
    const missing: Kind | undefined =
      passes === 0 ? "passing" : passes === rows.length ? "failing" : undefined;
    if (missing === undefined) return;
    const tasks = this.#buffer.tasks(missing);
    if (tasks.length === 0) return;
    rows[rows.length - 1] = this.#drawFrom(this.#random.pick(tasks), missing);
  }
}
