/**
 * Runs of numbers of different lengths in a few large blocks. Nothing moves when it grows; a block whose runs are all
 * freed is used again. Runs are freed in about the order in which they were added, so that blocks do become free.
 */

/** Numbers a block; a longer run has a block of its own length. */
const BLOCK = 1 << 18;

type Numbers = Int32Array | Float32Array;

interface Block<A> {
  readonly numbers: A;
  used: number;
  runs: number;
}

export class Arena<A extends Numbers> {
  readonly #make: (length: number) => A;
  #blocks: Array<Block<A>> = [];
  /** Places of blocks without runs. */
  #free: Array<number> = [];
  #current = -1;

  readonly #block: number;

  constructor(make: (length: number) => A, block = BLOCK) {
    this.#make = make;
    this.#block = block;
  }

  /** Numbers that there is memory for. */
  get allocated(): number {
    return this.#blocks.reduce((sum, { numbers }) => sum + numbers.length, 0);
  }

  /** Copies a run; where it is. */
  add(run: ArrayLike<number>): number {
    let block = this.#blocks[this.#current];
    // A longer block holds nothing but its one run, so that places within a block are below its usual length.
    if (
      block === undefined ||
      block.used + run.length > (block.used === 0 ? block.numbers.length : this.#block)
    ) {
      block = this.#open(run.length);
    }
    const { used, numbers } = block;
    numbers.set(run, used);
    block.used += run.length;
    block.runs += 1;
    return this.#current * this.#block + used;
  }

  /** The run at a place: a view, good until it is freed. */
  view(at: number, length: number): A {
    const start = at % this.#block;
    return this.#blocks[(at - start) / this.#block].numbers.subarray(start, start + length) as A;
  }

  free(at: number): void {
    const place = Math.floor(at / this.#block);
    const block = this.#blocks[place];
    block.runs -= 1;
    if (block.runs > 0) return;
    block.used = 0;
    if (place !== this.#current) this.#free.push(place);
  }

  /** Frees every run, and the memory. */
  clear(): void {
    this.#blocks = [];
    this.#free = [];
    this.#current = -1;
  }

  /** Makes a block current that has room for a run. */
  #open(length: number): Block<A> {
    const empty = this.#free.findIndex((place) => this.#blocks[place].numbers.length >= length);
    const left = this.#blocks[this.#current];
    if (left !== undefined && left.runs === 0) this.#free.push(this.#current);
    const [place = this.#blocks.length] = empty < 0 ? [] : this.#free.splice(empty, 1);
    this.#blocks[place] ??= { numbers: this.#make(Math.max(this.#block, length)), used: 0, runs: 0 };
    this.#current = place;
    return this.#blocks[place];
  }
}
