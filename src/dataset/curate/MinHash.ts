/**
 * MinHash and locality-sensitive hashing: which of many sets are alike, without comparing all pairs.
 *
 * A signature is, for each of k hash functions, the least value over the set; two signatures agree in a place with
 * probability J, the Jaccard similarity of the sets, so their share of agreement estimates J with a standard error
 * of sqrt(J (1 - J) / k) (Broder, "On the resemblance and containment of documents", 1997). The index cuts
 * signatures into b bands of r places and proposes what agrees in a whole band: with probability 1 - (1 - J^r)^b
 * (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4). What is proposed is compared exactly.
 */
import * as Random from "../../random/Random.ts";

/** Hashes of a set's elements, ascending, each once. */
export type HashSet = Uint32Array;

const mix = (value: number): number => {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

/** 32-bit hash of a text. */
export const hashText = (text: string, seed = 0): number => {
  let h = (seed ^ 0x811c9dc5) | 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h ^ text.length);
};

export const setOf = (hashes: Iterable<number>): HashSet => Uint32Array.from(new Set(hashes)).sort();

/** Hashes of all runs of `size` items; of fewer items, that of the whole list. None of an empty list. */
export const shingles = (items: ReadonlyArray<string>, size: number): Array<number> => {
  if (items.length === 0) return [];
  const hashes = items.map((item) => hashText(item));
  const width = Math.min(size, hashes.length);
  return Array.from({ length: hashes.length - width + 1 }, (_, start) => {
    let h = 0x9e3779b9;
    for (let i = start; i < start + width; i++) h = mix(Math.imul(h, 31) + hashes[i]);
    return h;
  });
};

/** Jaccard similarity; of two empty sets 1. */
export const jaccard = (a: HashSet, b: HashSet): number => {
  let i = 0;
  let j = 0;
  let both = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      both++;
      i++;
      j++;
    } else if (a[i] < b[j]) i++;
    else j++;
  }
  const all = a.length + b.length - both;
  return all === 0 ? 1 : both / all;
};

export interface Hasher {
  readonly size: number;
  readonly signature: (set: HashSet) => Uint32Array;
}

/** `size` hash functions from a seed. */
export const hasher = (size: number, seed: number): Hasher => {
  const random = Random.make(seed).split("minhash");
  const keys = Uint32Array.from({ length: size }, () => random.uint32());
  return {
    size,
    signature: (set) => {
      const out = new Uint32Array(size).fill(0xffffffff);
      for (let k = 0; k < size; k++) {
        const key = keys[k];
        let least = 0xffffffff;
        for (let i = 0; i < set.length; i++) {
          const value = mix(set[i] ^ key);
          if (value < least) least = value;
        }
        out[k] = least;
      }
      return out;
    },
  };
};

/** The share of places in which two signatures agree: estimates the Jaccard similarity. */
export const agreement = (a: Uint32Array, b: Uint32Array): number => {
  let same = 0;
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) same++;
  return same / a.length;
};

/** The probability that the index proposes a pair of similarity `j`. */
export const recallAt = (j: number, bands: number, rows: number): number => 1 - (1 - j ** rows) ** bands;

/** Bands and rows for a threshold: the most rows (fewest false candidates) that find it with probability 0.99. */
export const banding = (
  size: number,
  threshold: number,
): { readonly bands: number; readonly rows: number } => {
  for (let rows = size; rows > 1; rows--) {
    const bands = Math.floor(size / rows);
    if (recallAt(threshold, bands, rows) >= 0.99) return { bands, rows };
  }
  return { bands: size, rows: 1 };
};

export interface Near {
  /** Number that `add` was given. */
  readonly id: number;
  readonly similarity: number;
}

export interface Index {
  /** What was added before and is at least as similar as the threshold, most similar first, then earliest. */
  readonly near: (set: HashSet) => ReadonlyArray<Near>;
  readonly add: (id: number, set: HashSet) => void;
}

/** Elements of sets that are kept one behind the other, in blocks that never move. */
const BLOCK = 1 << 18;

const keptSets = () => {
  const blocks = [new Uint32Array(0)];
  /** Of each set its block, and from where to where it is. */
  const where: Array<number> = [];
  let used = 0;
  return {
    at: (place: number): HashSet =>
      blocks[where[3 * place]].subarray(where[3 * place + 1], where[3 * place + 2]),
    push: (set: HashSet): void => {
      const { length } = blocks[blocks.length - 1];
      if (used + set.length > length) {
        // Of few sets a small block: an index is made for each task's attempts, too.
        blocks.push(new Uint32Array(Math.max(set.length, Math.min(BLOCK, 4 * length))));
        used = 0;
      }
      blocks[blocks.length - 1].set(set, used);
      where.push(blocks.length - 1, used, used + set.length);
      used += set.length;
    },
  };
};

const longer = (words: Uint32Array): Uint32Array<ArrayBuffer> => {
  const out = new Uint32Array(2 * words.length);
  out.set(words);
  return out;
};

/**
 * Holds the added sets (4 bytes an element) and of each some 16 bytes a band, in typed arrays: the places that agree
 * in a band are chained, from a table of heads by the band's key.
 */
export const index = (threshold: number, seed = 1, size = 128): Index => {
  const { bands, rows } = banding(size, threshold);
  const { signature } = hasher(bands * rows, seed);
  const sets = keptSets();
  const ids: Array<number> = [];
  let most = 8;
  /** Of each place its key in each band, and the place before it in its chain and one (0: none). */
  let keys = new Uint32Array(most * bands);
  let next = new Uint32Array(most * bands);
  /** Of each band `most` chains: the last place in it and one. */
  let heads = new Uint32Array(most * bands);
  const chain = (place: number): void => {
    for (let band = 0; band < bands; band++) {
      const head = band * most + (keys[place * bands + band] & (most - 1));
      next[place * bands + band] = heads[head];
      heads[head] = place + 1;
    }
  };
  const grow = (): void => {
    most *= 2;
    keys = longer(keys);
    next = longer(next);
    heads = new Uint32Array(most * bands);
    for (let place = 0; place < ids.length; place++) chain(place);
  };
  let last: { readonly set: HashSet; readonly keys: Uint32Array } | undefined;
  /** A set is looked for and then added: its keys are made once. */
  const keysOf = (set: HashSet): Uint32Array => {
    if (last?.set === set) return last.keys;
    const places = signature(set);
    const own = Uint32Array.from({ length: bands }, (_, band) => {
      let h = 0;
      for (let row = 0; row < rows; row++) h = mix(Math.imul(h, 31) + places[band * rows + row]);
      return h;
    });
    last = { set, keys: own };
    return own;
  };
  return {
    near: (set) => {
      const candidates = new Set<number>();
      for (const [band, key] of keysOf(set).entries()) {
        let place = heads[band * most + (key & (most - 1))];
        for (; place !== 0; place = next[(place - 1) * bands + band]) {
          if (keys[(place - 1) * bands + band] === key) candidates.add(place - 1);
        }
      }
      return [...candidates]
        .map((place): Near => ({ id: ids[place], similarity: jaccard(set, sets.at(place)) }))
        .filter(({ similarity }) => similarity >= threshold)
        .sort((a, b) => b.similarity - a.similarity || a.id - b.id);
    },
    add: (id, set) => {
      if (ids.length === most) grow();
      keys.set(keysOf(set), ids.length * bands);
      sets.push(set);
      ids.push(id);
      chain(ids.length - 1);
    },
  };
};
