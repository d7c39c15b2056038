/**
 * Merges of a SentencePiece vocabulary, which has none: it has a score for each token instead, and joins the two
 * neighbours whose joint token has the highest one.
 *
 * As transformers converts such a vocabulary (convert_slow_tokenizer.py, generate_merges): every way to cut a token
 * into two tokens, in the order of the joint token's score; of equal ones those with a longer left part first, and
 * of these those with the smaller ids.
 */

interface Merge {
  readonly left: string;
  readonly right: string;
  readonly score: number;
  /** Lengths in code points. */
  readonly lengths: readonly [left: number, right: number];
  readonly ids: readonly [left: number, right: number];
}

export const fromScores = (
  tokens: ReadonlyArray<string>,
  scores: ReadonlyArray<number>,
): ReadonlyArray<readonly [string, string]> => {
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const merges: Array<Merge> = [];
  for (const [id, token] of tokens.entries()) {
    const characters = Array.from(token);
    const cuts: Array<Merge> = [];
    let left = "";
    for (let at = 1; at < characters.length; at++) {
      left += characters[at - 1];
      const right = token.slice(left.length);
      const [a, b] = [idOf.get(left), idOf.get(right)];
      if (a === undefined || b === undefined) continue;
      const lengths = [at, characters.length - at] as const;
      cuts.push({ left, right, score: scores[id], lengths, ids: [a, b] });
    }
    merges.push(...cuts.sort((x, y) => x.ids[0] - y.ids[0] || x.ids[1] - y.ids[1]));
  }
  merges.sort((x, y) => y.score - x.score || y.lengths[0] - x.lengths[0] || y.lengths[1] - x.lengths[1]);
  return merges.map(({ left, right }) => [left, right]);
};
