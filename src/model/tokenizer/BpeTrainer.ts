/**
 * Trains a byte-level BPE tokenizer and writes it as a Hugging Face `tokenizer.json`.
 *
 * Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (2016), over bytes as in
 * GPT-2. Text is cut into pieces first; merges stay inside a piece. The default pieces are made for short
 * prompts and method chains: a digit alone, and otherwise everything from one delimiter to the next, so that
 * `.filter((x) => x > ` can become one token and a step of a program costs few.
 *
 * Deterministic: ties go to the pair that comes first in the order of token ids.
 */
import * as TokenizerJson from "./TokenizerJson.ts";

export const END_OF_TEXT = "<|endoftext|>";

/** A digit; or a run of anything but digits and delimiters, with the delimiter in front of it. */
export const CODE_PIECES = "\\d|[.,:;\\n]?[^\\d.,:;\\n]+|[.,:;\\n]";

export interface Options {
  /** All tokens: the special one, 256 bytes, and merges. At least 257. */
  readonly vocabSize: number;
  /** Regular expression (no named groups) whose matches are the pieces. */
  readonly pieces?: string;
}

interface Piece {
  ids: Array<number>;
  readonly count: number;
}

/** Trains on texts. Throws a RangeError where `vocabSize` is below 257. */
export const train = (texts: Iterable<string>, options: Options): TokenizerJson.TokenizerJson => {
  if (!Number.isInteger(options.vocabSize) || options.vocabSize < 257) {
    throw new RangeError(
      `vocabSize must be an integer of at least 257 (bytes and end of text), found ${options.vocabSize}`,
    );
  }
  const source = options.pieces ?? CODE_PIECES;
  const pattern = new RegExp(source, "gu");
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const match of text.matchAll(pattern)) counts.set(match[0], (counts.get(match[0]) ?? 0) + 1);
  }

  const alphabet = TokenizerJson.byteAlphabet();
  const tokens: Array<string> = [END_OF_TEXT, ...alphabet];
  const encoder = new TextEncoder();
  const pieces: Array<Piece> = Array.from(counts, ([text, count]) => ({
    ids: Array.from(encoder.encode(text), (b) => b + 1),
    count,
  }));
  const merges: Array<readonly [string, string]> = [];
  const known = new Set(tokens);
  while (tokens.length < options.vocabSize) {
    const pair = mostFrequent(pieces, tokens, known);
    if (pair === undefined) break;
    const [left, right] = pair;
    const id = tokens.length;
    tokens.push(`${tokens[left]}${tokens[right]}`);
    known.add(tokens[id]);
    merges.push([tokens[left], tokens[right]]);
    for (const piece of pieces) merge(piece, left, right, id);
  }
  return TokenizerJson.byteLevel({
    addedTokens: [TokenizerJson.addedToken(0, END_OF_TEXT, true)],
    pieces: {
      type: "Sequence",
      pretokenizers: [TokenizerJson.splitPieces(source), TokenizerJson.byteLevelPieces(false)],
    },
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
  });
};

/** The most frequent pair that occurs at least twice and whose merge is a new token. */
const mostFrequent = (
  pieces: ReadonlyArray<Piece>,
  tokens: ReadonlyArray<string>,
  known: ReadonlySet<string>,
): readonly [number, number] | undefined => {
  const pairs = new Map<number, number>();
  for (const { ids, count } of pieces) {
    for (let i = 0; i + 1 < ids.length; i++) {
      const key = ids[i] * 65536 + ids[i + 1];
      pairs.set(key, (pairs.get(key) ?? 0) + count);
    }
  }
  let best = -1;
  let most = 1;
  for (const [key, count] of pairs) {
    if (count < most || (count === most && (best === -1 || key > best))) continue;
    if (known.has(`${tokens[Math.floor(key / 65536)]}${tokens[key % 65536]}`)) continue;
    best = key;
    most = count;
  }
  return best === -1 ? undefined : [Math.floor(best / 65536), best % 65536];
};

const merge = (piece: Piece, left: number, right: number, id: number): void => {
  const { ids } = piece;
  let write = 0;
  for (let read = 0; read < ids.length; write++) {
    if (ids[read] === left && ids[read + 1] === right) {
      ids[write] = id;
      read += 2;
    } else {
      ids[write] = ids[read];
      read++;
    }
  }
  ids.length = write;
};
