/** Row numbers in the order in which they came; the first can go without moving the others. */
export class RowQueue {
  #rows: Array<number> = [];
  #start = 0;

  get length(): number {
    return this.#rows.length - this.#start;
  }

  at(index: number): number | undefined {
    return index < 0 ? undefined : this.#rows[this.#start + index];
  }

  push(row: number): void {
    this.#rows.push(row);
  }

  clear(): void {
    this.#rows = [];
    this.#start = 0;
  }

  /** Takes the first out. */
  shift(): void {
    this.#start += 1;
    // Half of it is gone: copying the rest costs no more than what was pushed since.
    if (2 * this.#start >= this.#rows.length) {
      this.#rows = this.#rows.slice(this.#start);
      this.#start = 0;
    }
  }
}
