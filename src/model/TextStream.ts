/**
 * Text from tokens as they come, up to the first stop string.
 *
 * A character or a stop string may be spread over several tokens. Characters appear when their last
 * byte is there; text that could be the beginning of a stop string is held back until that is settled.
 */
import type { Tokenizer } from "./Tokenizer.ts";

export interface TextStream {
  /** Adds a token. True when a stop string is complete: later tokens are ignored. */
  readonly push: (id: number) => boolean;
  /** Everything so far, cut before the first stop string; an unfinished character is left out. */
  readonly text: () => string;
  /** As `text`, without what may yet turn out to be a stop string: only ever grows. */
  readonly settled: () => string;
  readonly stopped: () => boolean;
}

export const make = (tokenizer: Tokenizer, stops: ReadonlyArray<string>): TextStream => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const strings = stops.filter((stop) => stop.length > 0);
  const longest = strings.reduce((n, stop) => Math.max(n, stop.length), 0);
  let text = "";
  let stopped = false;
  return {
    push: (id) => {
      if (stopped) return true;
      const piece = decoder.decode(tokenizer.bytes(id), { stream: true });
      if (piece === "") return false;
      // A new match must end in the new piece.
      const from = Math.max(0, text.length - longest + 1);
      text += piece;
      let end = -1;
      for (const stop of strings) {
        const at = text.indexOf(stop, from);
        if (at >= 0 && (end < 0 || at < end)) end = at;
      }
      if (end < 0) return false;
      text = text.slice(0, end);
      stopped = true;
      return true;
    },
    text: () => text,
    settled: () => {
      if (stopped) return text;
      let held = 0;
      for (const stop of strings) {
        for (let n = Math.min(stop.length - 1, text.length); n > held; n--) {
          if (text.endsWith(stop.slice(0, n))) held = n;
        }
      }
      return text.slice(0, text.length - held);
    },
    stopped: () => stopped,
  };
};
