/**
 * A server's tokens and our own: log-probs are of use only where both cut a text at the same places.
 *
 * A behaviour log-prob belongs to one action, and an action is a token of our vocabulary. Where a server's tokens are
 * cut otherwise there is no log-prob of ours to be had from them; a sum over a stretch would not be one.
 */
import type { Tokenizer } from "../model/tokenizer/Tokenizer.ts";

/** A token as a server reports it. */
export interface ServerToken {
  readonly text: string;
  /** Null where the server gives the text alone, in which bytes that are no whole character are lost. */
  readonly bytes: ReadonlyArray<number> | null;
  /** Null: not known. */
  readonly logProb: number | null;
}

const utf8 = new TextEncoder();

const bytesOf = ({ bytes, text }: ServerToken): ArrayLike<number> => bytes ?? utf8.encode(text);

const same = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};

/** Servers give the end as a token without text, or by its name. */
const isEnd = (tokenizer: Tokenizer, { text }: ServerToken): boolean =>
  text === "" || text === tokenizer.specialText.eos_token;

/**
 * One log-prob for each of our tokens of a whole completion, the end included; null where the server's tokens are not
 * exactly these, where it did not report the end, or where a log-prob is missing.
 */
export const logProbs = (
  tokenizer: Tokenizer,
  own: ReadonlyArray<number>,
  server: ReadonlyArray<ServerToken>,
): ReadonlyArray<number> | null => {
  if (own.length !== server.length) return null;
  const out: Array<number> = [];
  for (const [i, token] of server.entries()) {
    const last = i === own.length - 1;
    const matches = last ? isEnd(tokenizer, token) : same(bytesOf(token), tokenizer.bytes(own[i]));
    if (!matches || token.logProb === null || !Number.isFinite(token.logProb)) return null;
    out.push(token.logProb);
  }
  return out;
};
