/**
 * Seeded sampling from one part of the replay memory, problem by problem.
 *
 * Tasks are visited in shuffled order without replacement (an epoch over tasks, not over episodes), and an
 * episode of the visited task is drawn uniformly: a problem with a hundred attempts weighs no more than one
 * with three, and V(prompt) fits the problem's pass rate. A batch over all episodes holds at least one pass
 * and one fail wherever the part has both. Groups are drawn from the tasks that have both.
 *
 * `state()` is plain JSON: the tasks still to visit in this epoch and the generator's state. A sampler
 * restored over a buffer with the same episodes in the same order draws the same batches.
 */
import * as Random from "../random/Random.ts";
import type { ReplayBuffer } from "./ReplayBuffer.ts";
import { hasRows, type Kind, type TaskRows } from "./TaskRows.ts";

export interface SamplerState {
  readonly queue: ReadonlyArray<string>;
  readonly random: string;
}

export class Sampler {
  readonly kind: "all" | "passing" | "groups";
  readonly #buffer: ReplayBuffer;
  #random: Random.Random;
  /** Tasks still to visit, the next one last. */
  #queue: Array<TaskRows> = [];

  constructor(buffer: ReplayBuffer, kind: Sampler["kind"], random: Random.Random) {
    this.#buffer = buffer;
    this.kind = kind;
    this.#random = random;
  }

  /** Whether there is anything to draw. */
  get empty(): boolean {
    return this.#buffer.size === 0 || this.#tasks().length === 0;
  }

  /** `n` row numbers. Throws a RangeError where the buffer has no episode of this kind. */
  draw(n: number): Array<number> {
    if (n === 0) return [];
    if (this.kind === "groups") throw new RangeError("Sampler: this one draws groups");
    if (this.empty)
      throw new RangeError(`Sampler: the buffer holds no ${this.kind === "all" ? "" : "passing "}episodes`);
    const rows: Array<number> = [];
    while (rows.length < n) rows.push(this.#drawFrom(this.#nextTask(), this.kind));
    if (this.kind === "all" && n >= 2) this.#balance(rows);
    return rows;
  }

  /**
   * `n` groups of `size` row numbers of one task, a passing one first and a failing one second. The others are any
   * of the task's, none twice before all were drawn. Throws a RangeError where no task has both.
   */
  drawGroups(n: number, size: number): Array<Array<number>> {
    if (n === 0) return [];
    if (this.empty) throw new RangeError("Sampler: no problem of the buffer has both a pass and a fail");
    return Array.from({ length: n }, () => {
      const task = this.#nextTask();
      const group = [this.#drawFrom(task, "passing"), this.#drawFrom(task, "failing")];
      const all = Array.from({ length: task.count("all") }, (_, i) => task.row("all", i) as number);
      let left = this.#random.shuffle(all.filter((row) => !group.includes(row)));
      while (group.length < size) {
        if (left.length === 0) left = this.#random.shuffle(all);
        group.push(left.pop() as number);
      }
      return group;
    });
  }

  state(): SamplerState {
    return { queue: this.#queue.map(({ id }) => id), random: this.#random.state() };
  }

  restore(state: SamplerState): void {
    this.#queue = state.queue.map((id) => this.#buffer.taskFor(id));
    this.#random = Random.restore(state.random);
  }

  #nextTask(): TaskRows {
    for (;;) {
      const task = this.#queue.pop();
      // A task of the queue may have been overwritten since the epoch began.
      if (task !== undefined && hasRows(task, this.#tasksOf)) return task;
      if (this.#queue.length === 0) this.#queue = this.#random.shuffle(this.#tasks());
    }
  }

  get #tasksOf(): Kind | "both" {
    return this.kind === "groups" ? "both" : this.kind;
  }

  #tasks(): ReadonlyArray<TaskRows> {
    return this.#buffer.tasks(this.#tasksOf);
  }

  #drawFrom(task: TaskRows, kind: Kind): number {
    return task.row(kind, this.#random.int(task.count(kind))) as number;
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
