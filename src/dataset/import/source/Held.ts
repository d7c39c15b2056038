/** The pieces of one record's text while it is read: held up to a bound, only counted past it. */

export interface Held {
  readonly add: (part: Buffer) => void;
  /** How long it is so far. */
  readonly length: () => number;
  /** The whole, undefined past the bound, and its length; what comes next is another record. */
  readonly take: () => { readonly text: Buffer | undefined; readonly length: number };
}

export const make = (bound: number): Held => {
  let parts: Array<Buffer> = [];
  let length = 0;
  return {
    add: (part) => {
      length += part.length;
      if (length > bound) parts = [];
      else if (part.length > 0) parts.push(part);
    },
    length: () => length,
    take: () => {
      const [only] = parts;
      const text = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
      const taken = { text: length > bound ? undefined : text, length };
      parts = [];
      length = 0;
      return taken;
    },
  };
};
