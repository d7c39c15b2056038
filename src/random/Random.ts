/**
 * The seeded generator: splittable, serialisable, fast.
 *
 * xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021) over four
 * 32-bit words. A generator also remembers the key it was made from: `split(label)` depends on the key and
 * the label only, never on how much was drawn, so a purpose gets the same stream whatever others do.
 *
 * A generator is mutable and belongs to one owner; `state()` is a string that goes into checkpoints.
 */

/** A generator. Every method but `split` and `state` advances it. */
export interface Random {
  /** Uniform in [0, 1), 32 bits. */
  readonly next: () => number;
  /** Uniform integer in [0, n), without modulo bias. `n` in 1 .. 2^32. */
  readonly int: (n: number) => number;
  /** Uniform unsigned 32-bit integer. */
  readonly uint32: () => number;
  /** True with probability `p`. */
  readonly chance: (p: number) => boolean;
  /** One element of a non-empty array. */
  readonly pick: <A>(items: ReadonlyArray<A>) => A;
  /** Index drawn in proportion to non-negative weights, not all zero. */
  readonly weighted: (weights: ArrayLike<number>) => number;
  /** A shuffled copy (Fisher-Yates). */
  readonly shuffle: <A>(items: ReadonlyArray<A>) => Array<A>;
  /** Standard normal (Box-Muller, one value a call so that the state is only the words). */
  readonly normal: () => number;
  /** Standard Gumbel: argmax of logits + gumbel is a sample of softmax(logits). */
  readonly gumbel: () => number;
  /** An independent generator for a purpose; the same key and label always give the same one. */
  readonly split: (label: string | number) => Random;
  /** Key and position, for `restore`. */
  readonly state: () => string;
}

/** MurmurHash3-style mix of a string into four words, with different seeds a word. */
const hash = (text: string): Uint32Array => {
  let h1 = 1779033703;
  let h2 = 3144134277;
  let h3 = 1013904242;
  let h4 = 2773480762;
  for (let i = 0; i < text.length; i++) {
    const k = text.charCodeAt(i);
    h1 = h2 ^ Math.imul(h1 ^ k, 597399067);
    h2 = h3 ^ Math.imul(h2 ^ k, 2869860233);
    h3 = h4 ^ Math.imul(h3 ^ k, 951274213);
    h4 = h1 ^ Math.imul(h4 ^ k, 2716044179);
  }
  const words = new Uint32Array([h1, h2, h3, h4]);
  let carry = 0x9e3779b9;
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 4; i++) {
      let z = words[i] ^ carry;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      z = (z ^ (z >>> 16)) >>> 0;
      words[i] = z;
      carry = (carry + z + 0x9e3779b9) >>> 0;
    }
  }
  if (words.every((w) => w === 0)) words[0] = 1;
  return words;
};

const toHex = (words: ReadonlyArray<number>): string =>
  words.map((w) => (w >>> 0).toString(16).padStart(8, "0")).join("");

const fromKey = (key: string, words: ArrayLike<number>): Random => {
  let a = words[0] | 0;
  let b = words[1] | 0;
  let c = words[2] | 0;
  let d = words[3] | 0;

  const uint32 = (): number => {
    const m = Math.imul(b, 5);
    const result = Math.imul((m << 7) | (m >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  const next = (): number => uint32() / 4294967296;
  const int = (n: number): number => {
    if (!(Number.isInteger(n) && n >= 1 && n <= 4294967296)) {
      throw new RangeError(`Random.int(n): n must be an integer in 1 .. 2^32, found ${n}`);
    }
    const limit = 4294967296 - (4294967296 % n);
    for (;;) {
      const x = uint32();
      if (x < limit) return x % n;
    }
  };
  /** In (0, 1): a logarithm of it is finite. */
  const open = (): number => (uint32() + 0.5) / 4294967296;

  return {
    next,
    int,
    uint32,
    chance: (p) => next() < p,
    pick: <A>(items: ReadonlyArray<A>): A => {
      if (items.length === 0) throw new RangeError("Random.pick: the array is empty");
      return items[int(items.length)];
    },
    weighted: (weights) => {
      let total = 0;
      for (let i = 0; i < weights.length; i++) total += weights[i];
      if (!(total > 0)) throw new RangeError("Random.weighted: the weights must have a positive sum");
      let x = next() * total;
      let last = 0;
      for (let i = 0; i < weights.length; i++) {
        const w = weights[i];
        if (w <= 0) continue;
        last = i;
        if (x < w) return i;
        x -= w;
      }
      return last;
    },
    shuffle: <A>(items: ReadonlyArray<A>): Array<A> => {
      const out = items.slice();
      for (let i = out.length - 1; i > 0; i--) {
        const j = int(i + 1);
        const x = out[i];
        out[i] = out[j];
        out[j] = x;
      }
      return out;
    },
    normal: () => Math.sqrt(-2 * Math.log(open())) * Math.cos(2 * Math.PI * next()),
    gumbel: () => -Math.log(-Math.log(open())),
    split: (label) => {
      const child = toHex(Array.from(hash(`${key}/${label}`)));
      return fromKey(child, hash(child));
    },
    state: () => `${key}${toHex([a, b, c, d])}`,
  };
};

/** A generator from a seed. */
export const make = (seed: number | string): Random => {
  const key = toHex(Array.from(hash(`drydock:${seed}`)));
  return fromKey(key, hash(key));
};

/** The generator whose `state()` this is. Throws a RangeError on anything else. */
export const restore = (state: string): Random => {
  if (!/^[0-9a-f]{64}$/.test(state)) {
    throw new RangeError(
      `Random.restore: expected 64 hexadecimal digits, found ${JSON.stringify(state.slice(0, 80))}`,
    );
  }
  const words = [32, 40, 48, 56].map((at) => Number.parseInt(state.slice(at, at + 8), 16));
  if (words.every((w) => w === 0)) throw new RangeError("Random.restore: the state is all zeros");
  return fromKey(state.slice(0, 32), words);
};
