/**
 * TensorFlow's CPU allocator, without the memory: best fit with coalescing (tsl/framework/bfc_allocator.cc). It never
 * gives memory back, and its holes are why a process grows further than the values that are alive at once.
 */

/** Sizes are rounded up to this many bytes. */
const UNIT = 256;
/** A chunk is split where it is at least twice what is asked for, or larger by this many bytes. */
const SLACK = 134_217_728;

export interface Chunk {
  readonly begin: number;
  readonly bytes: number;
}

export class Heap {
  /** Free chunks in order of their addresses; no two touch. */
  readonly #free: Array<Chunk> = [];
  #size = 0;

  /** Bytes from the first to the last that was ever used. */
  get size(): number {
    return this.#size;
  }

  take(bytes: number): Chunk {
    const wanted = Math.max(UNIT, Math.ceil(bytes / UNIT) * UNIT);
    let at = -1;
    let smallest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#free.length; i++) {
      const size = this.#free[i].bytes;
      if (size >= wanted && size < smallest) {
        smallest = size;
        at = i;
      }
    }
    if (at < 0) return this.grow(wanted);
    const { begin } = this.#free[at];
    if (smallest < 2 * wanted && smallest - wanted < SLACK) {
      this.#free.splice(at, 1);
      return { begin, bytes: smallest };
    }
    this.#free[at] = { begin: begin + wanted, bytes: smallest - wanted };
    return { begin, bytes: wanted };
  }

  /** At the end, which may be free already. */
  private grow(wanted: number): Chunk {
    const last = this.#free.at(-1);
    const begin = last !== undefined && last.begin + last.bytes === this.#size ? last.begin : this.#size;
    if (begin < this.#size) this.#free.pop();
    this.#size = begin + wanted;
    return { begin, bytes: wanted };
  }

  free({ begin, bytes }: Chunk): void {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#free[middle].begin < begin) low = middle + 1;
      else high = middle;
    }
    const before = this.#free[low - 1];
    const after = this.#free[low];
    const joinsBefore = before !== undefined && before.begin + before.bytes === begin;
    const joinsAfter = after !== undefined && begin + bytes === after.begin;
    const from = joinsBefore ? before.begin : begin;
    const to = joinsAfter ? after.begin + after.bytes : begin + bytes;
    this.#free.splice(joinsBefore ? low - 1 : low, Number(joinsBefore) + Number(joinsAfter), {
      begin: from,
      bytes: to - from,
    });
  }
}
