/** Stop strings over a growing token sequence; a stop string may begin in one token and end in another. */

export interface Stop {
  readonly strings: ReadonlyArray<string>;
  /** Text of token ids. */
  readonly decode: (ids: ReadonlyArray<number>) => string;
}

/** A `Stop` made ready for many sequences. */
export interface Detector {
  readonly stop: Stop;
  /** Tokens from the end that surely hold any stop string that the last token completes. */
  readonly window: number;
  /** Whether a token may complete a stop string; what was found out so far. */
  readonly mayEnd: Map<number, boolean>;
}

/** Last characters by which a token can be ruled out from its own text: one byte, and never stripped. */
const RELIABLE = /^[!-~\n]$/;

export const make = (stop: Stop): Detector => ({
  stop,
  // Every token adds a byte or more, except special ones, of which a few are allowed for.
  window: Math.max(0, ...stop.strings.map((s) => Buffer.byteLength(s))) + 8,
  mayEnd: new Map(),
});

const canEnd = ({ stop, mayEnd }: Detector, token: number): boolean => {
  const known = mayEnd.get(token);
  if (known !== undefined) return known;
  const text = stop.decode([token]);
  const may = stop.strings.some((s) => {
    const last = s.slice(-1);
    return !RELIABLE.test(last) || text.includes(last);
  });
  mayEnd.set(token, may);
  return may;
};

/** Whether the last token completed a stop string. Call it after each token. */
export const reached = (detector: Detector, tokens: ReadonlyArray<number>): boolean => {
  const { stop, window } = detector;
  const last = tokens.at(-1);
  if (last === undefined || stop.strings.length === 0 || !canEnd(detector, last)) return false;
  const found = (text: string): boolean => stop.strings.some((s) => text.includes(s));
  // A decoder may treat the beginning of a text in a special way: a match at a window is confirmed on the whole.
  return found(stop.decode(tokens.slice(-window))) && found(stop.decode(tokens));
};

/** The text before the first stop string. */
export const cut = (text: string, strings: ReadonlyArray<string>): string => {
  const at = strings.map((s) => text.indexOf(s)).filter((i) => i >= 0);
  return at.length === 0 ? text : text.slice(0, Math.min(...at));
};

/** Length of the longest end of `text` that a stop string begins with. */
const mayBegin = (text: string, strings: ReadonlyArray<string>): number => {
  let most = 0;
  for (const s of strings) {
    for (let n = Math.min(s.length - 1, text.length); n > most; n--) {
      if (s.startsWith(text.slice(-n))) most = n;
    }
  }
  return most;
};

/**
 * The text of a growing sequence as far as it is certain: whole characters, and nothing that may begin a stop
 * string. All that `push` gives and then `end` is the text of the tokens, cut at the first stop string.
 */
export class Certain {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #strings: ReadonlyArray<string>;
  #held = "";

  constructor(strings: ReadonlyArray<string>) {
    this.#strings = strings;
  }

  /** What became certain with a token's bytes. */
  push(bytes: Uint8Array): string {
    this.#held += this.#decoder.decode(bytes, { stream: true });
    if (this.#strings.some((s) => this.#held.includes(s))) return "";
    const certain = this.#held.slice(0, this.#held.length - mayBegin(this.#held, this.#strings));
    this.#held = this.#held.slice(certain.length);
    return certain;
  }

  /** What was held back and belongs to the text after all. */
  end(): string {
    return cut(this.#held + this.#decoder.decode(), this.#strings);
  }
}
