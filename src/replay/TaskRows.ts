/** The rows of one task in the replay memory, passing and failing ones apart, in the order in which they came. */
import { RowQueue } from "./RowQueue.ts";

/** Which rows: every one, the passing ones (reward 1) or the others. */
export type Kind = "all" | "passing" | "failing";

/** The rows of a task, to draw from: those that it has now. */
export class TaskRows {
  readonly id: string;
  readonly #passing = new RowQueue();
  readonly #failing = new RowQueue();
  /** Their lengths, which are asked for more often than the rows and lie nearer here. */
  #passes = 0;
  #fails = 0;

  constructor(id: string) {
    this.id = id;
  }

  add(row: number, passing: boolean): void {
    (passing ? this.#passing : this.#failing).push(row);
    this.#count();
  }

  /** Takes out the row that came first. */
  shift(passing: boolean): void {
    (passing ? this.#passing : this.#failing).shift();
    this.#count();
  }

  clear(): void {
    this.#passing.clear();
    this.#failing.clear();
    this.#count();
  }

  count(kind: Kind): number {
    return kind === "passing" ? this.#passes : kind === "failing" ? this.#fails : this.#passes + this.#fails;
  }

  /** The `index`-th row of a kind, passing rows first; undefined where there is none. */
  row(kind: Kind, index: number): number | undefined {
    if (kind === "failing") return this.#failing.at(index);
    return index < this.#passes || kind === "passing"
      ? this.#passing.at(index)
      : this.#failing.at(index - this.#passes);
  }

  #count(): void {
    this.#passes = this.#passing.length;
    this.#fails = this.#failing.length;
  }
}

/** Whether a task has a row of a kind, or a pass and a fail. */
export const hasRows = (task: TaskRows, kind: Kind | "both"): boolean =>
  kind === "both" ? task.count("passing") > 0 && task.count("failing") > 0 : task.count(kind) > 0;
