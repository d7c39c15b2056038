/**
 * Numbers by text, without the texts: of each its 128-bit hash, in typed arrays, so that ten million ids or programs
 * fit where their strings would not. Two of ten million texts share a hash with a probability of 1e-25.
 */
import { hash } from "node:crypto";

/** Of the slots at most this share is taken: open addressing finds a place in a few steps. */
const LOAD = 0.7;

export class Keys {
  /** Four words a slot. */
  #words = new Uint32Array(4 * 16);
  /** The number and one; 0: the slot is free. */
  #numbers = new Uint32Array(16);
  #size = 0;
  readonly #wanted = new Uint32Array(4);

  get size(): number {
    return this.#size;
  }

  /** The text's number; undefined where it has none. */
  get(text: string): number | undefined {
    const number = this.#numbers[this.#slot(this.#hash(text))];
    return number === 0 ? undefined : number - 1;
  }

  has(text: string): boolean {
    return this.get(text) !== undefined;
  }

  /** Gives the text the number, from 0 to 2^32 - 2, unless it has one already; that one, or undefined. */
  add(text: string, number: number): number | undefined {
    if (this.#size >= LOAD * this.#numbers.length) this.#grow();
    const wanted = this.#hash(text);
    const slot = this.#slot(wanted);
    const there = this.#numbers[slot];
    if (there !== 0) return there - 1;
    this.#words.set(wanted, 4 * slot);
    this.#numbers[slot] = number + 1;
    this.#size += 1;
    return undefined;
  }

  #hash(text: string): Uint32Array {
    const bytes = hash("sha256", text, "binary");
    for (let word = 0; word < 4; word++) {
      let value = 0;
      for (let byte = 4 * word; byte < 4 * word + 4; byte++) value = (value << 8) | bytes.charCodeAt(byte);
      this.#wanted[word] = value;
    }
    return this.#wanted;
  }

  /** Where these four words are, or else belong. */
  #slot(wanted: Uint32Array): number {
    const words = this.#words;
    const last = this.#numbers.length - 1;
    let slot = wanted[0] & last;
    for (; this.#numbers[slot] !== 0; slot = (slot + 1) & last) {
      const at = 4 * slot;
      const same =
        words[at] === wanted[0] &&
        words[at + 1] === wanted[1] &&
        words[at + 2] === wanted[2] &&
        words[at + 3] === wanted[3];
      if (same) break;
    }
    return slot;
  }

  #grow(): void {
    const [words, numbers] = [this.#words, this.#numbers];
    this.#words = new Uint32Array(2 * words.length);
    this.#numbers = new Uint32Array(2 * numbers.length);
    for (let slot = 0; slot < numbers.length; slot++) {
      if (numbers[slot] === 0) continue;
      const key = words.subarray(4 * slot, 4 * slot + 4);
      const to = this.#slot(key);
      this.#words.set(key, 4 * to);
      this.#numbers[to] = numbers[slot];
    }
  }
}
