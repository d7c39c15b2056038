/**
 * Scores of given programs: the policy's log-prob, the critic's judgement, and the predicted pass rate.
 *
 * The critic's score is sum_t min(0, Q(s_t, a_t) - E_pi Q(s_t, .)) with Q = min_i Q_i over the candidate
 * tokens: it counts the steps that lose value. Q at the program's end is no judge.
 *
 * pi is the policy as it decodes: with a tilt beta its log-probs are those of logits + beta (minQ - V) on the k most
 * probable tokens (generation/Sampling.ts), at temperature 1. Over the vocabulary their normaliser changes by
 * 1 + sum_top p (exp(beta (minQ - V)) - 1), so that nothing but the candidates is needed.
 */
import type { Graph, Value } from "../tensor/Graph.ts";
import type { Session } from "../tensor/Session.ts";
import * as Heads from "./Heads.ts";
import * as Transformer from "./Transformer.ts";

export interface Spec {
  /** Prefix of the programs' and feeds' names; distinct within a graph. */
  readonly name: string;
  /** Sequences scored at once. */
  readonly batch: number;
  /** Longest prompt + program in tokens. */
  readonly maxTokens: number;
  readonly heads: Heads.Heads | null;
}

export interface Programs extends Spec {
  /** Padded sequence lengths, rising, and for each the most program tokens of a batch. */
  readonly shapes: ReadonlyArray<{ readonly length: number; readonly rows: number }>;
}

const programName = (name: string, length: number): string => `${name}/score-${length}`;

/** The candidates' log-probs [n, k + 1] under the tilted policy; the policy's own, bit for bit, where beta [n] is 0. */
const tilted = (g: Graph, { logProbs, counted }: Heads.Candidates, advantage: Value, beta: Value): Value => {
  const [n, columns] = logProbs.shape as readonly [number, number];
  const top = (x: Value): Value => g.slice(x, [0, 0], [n, columns - 1]);
  // The last column is the data token: tilted where it is one of the top tokens too.
  const last = g.sub(g.scalar(1), g.slice(counted, [0, columns - 1], [n, 1]));
  const reached = g.concat([top(counted), last], 1);
  const added = g.mul(g.mul(advantage, reached), g.reshape(beta, [n, 1]));
  const growth = g.sum(g.mul(g.exp(top(logProbs)), g.sub(g.exp(top(added)), 1)), 1, true);
  return g.sub(g.add(logProbs, added), g.log(g.add(growth, 1)));
};

/** Records the programs of a scorer. */
export const record = (g: Graph, model: Transformer.Model, spec: Spec): Programs => {
  const { name, batch, maxTokens, heads } = spec;
  const lengths = [...new Set([Math.ceil(maxTokens / 2), maxTokens])];
  const shapes = lengths.map((length) => ({ length, rows: Math.max(length, (batch * length) >> 1) }));
  for (const { length, rows: count } of shapes) {
    const ids = g.feed(`${name}/ids-${length}`, [batch, length], "int32");
    const rows = g.feed(`${name}/rows-${length}`, [count], "int32");
    const labels = g.feed(`${name}/labels-${length}`, [count], "int32");
    const last = g.feed(`${name}/last-${length}`, [batch], "int32");
    const all = Transformer.forward(g, model, ids);
    const hidden = g.gather(all, rows);
    if (heads === null) {
      g.program(programName(name, length), {
        fetches: { logProbs: Transformer.logProbs(g, model, hidden, labels) },
      });
      continue;
    }
    const among = Heads.candidates(g, model, heads, hidden, labels);
    const { min: q, max: most } = Heads.extremeQ(g, model, heads, hidden, among.ids);
    const k = among.ids.shape[1];
    const taken = (x: Value) => g.reshape(g.slice(x, [0, k - 1], [count, 1]), [count]);
    const v = g.reshape(g.sigmoid(Heads.valueLogits(g, model, heads, hidden)), [count, 1]);
    const beta = g.feed(`${name}/beta-${length}`, [count], "float32");
    const logProbs = tilted(g, among, g.sub(q, v), beta);
    const gains = g.sub(taken(q), Heads.expectation(g, { ...among, logProbs }, q));
    g.program(programName(name, length), {
      fetches: {
        logProbs: taken(logProbs),
        gains,
        spread: g.sub(taken(most), taken(q)),
        values: g.sigmoid(Heads.valueLogits(g, model, heads, g.gather(all, last))),
      },
    });
  }
  return { ...spec, shapes };
};

export interface Item {
  /** At least one token. */
  readonly promptIds: ReadonlyArray<number>;
  /** The program's tokens with its end-of-sequence token. */
  readonly programIds: ReadonlyArray<number>;
  /** beta of the policy's tilt; default 0. Needs heads. */
  readonly tilt?: number;
}

export interface Score {
  readonly logProb: number;
  readonly tokens: number;
  /** sum_t min(0, Q - E_pi Q); null without heads. */
  readonly advantage: number | null;
  /** sum_t (Q - E_pi Q): its mean over programs of pi is 0; null without heads. */
  readonly gain: number | null;
  /** Mean over the program's tokens of max_i Q_i - min_i Q_i, the critics' disagreement; null without heads. */
  readonly disagreement: number | null;
  /** V at the prompt's last token; null without heads. */
  readonly value: number | null;
}

/** Scores, in the items' order. @throws RangeError on an item that is too long or without a prompt. */
export const score = (
  session: Session,
  programs: Programs,
  items: ReadonlyArray<Item>,
): ReadonlyArray<Score> => {
  const lengthOf = (i: number): number => {
    const { promptIds, programIds } = items[i];
    return promptIds.length + programIds.length;
  };
  items.forEach((item, i) => {
    if (item.promptIds.length === 0) throw new RangeError(`score: item ${i} has no prompt`);
    if ((item.tilt ?? 0) !== 0 && programs.heads === null) {
      throw new RangeError(`score: item ${i} asks for a tilt, but there are no value heads`);
    }
    if (lengthOf(i) > programs.maxTokens) {
      throw new RangeError(
        `score: item ${i} has ${lengthOf(i)} tokens, at most ${programs.maxTokens} are possible`,
      );
    }
  });
  const order = items.map((_, i) => i).sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  const scores: Array<Score | undefined> = items.map(() => undefined);
  let next = 0;
  while (next < order.length) {
    // As many as fit: sequences of a batch, and program tokens of the shape that the longest one needs.
    const batch: Array<number> = [];
    let shape = programs.shapes[0];
    let rows = 0;
    while (next < order.length && batch.length < programs.batch) {
      const index = order[next];
      const fit = programs.shapes.find(({ length }) => length >= lengthOf(index)) as typeof shape;
      const count = rows + items[index].programIds.length;
      if (batch.length > 0 && (fit !== shape || count > fit.rows)) break;
      shape = fit;
      rows = count;
      batch.push(index);
      next++;
    }
    scoreBatch(session, programs, shape, items, batch).forEach((one, i) => {
      scores[batch[i]] = one;
    });
  }
  return scores as ReadonlyArray<Score>;
};

const scoreBatch = (
  session: Session,
  programs: Programs,
  { length, rows: count }: Programs["shapes"][number],
  items: ReadonlyArray<Item>,
  batch: ReadonlyArray<number>,
): ReadonlyArray<Score> => {
  const ids = new Int32Array(programs.batch * length);
  const rows = new Int32Array(count);
  const labels = new Int32Array(count);
  const beta = new Float32Array(count);
  const last = new Int32Array(programs.batch);
  let at = 0;
  batch.forEach((index, b) => {
    const { promptIds, programIds, tilt = 0 } = items[index];
    ids.set(promptIds, b * length);
    ids.set(programIds, b * length + promptIds.length);
    last[b] = b * length + promptIds.length - 1;
    programIds.forEach((id, t) => {
      rows[at] = last[b] + t;
      labels[at] = id;
      beta[at] = tilt;
      at++;
    });
  });
  const withHeads = programs.heads !== null;
  const out = session.run(programName(programs.name, length), {
    [`${programs.name}/ids-${length}`]: ids,
    [`${programs.name}/rows-${length}`]: rows,
    [`${programs.name}/labels-${length}`]: labels,
    ...(withHeads
      ? { [`${programs.name}/last-${length}`]: last, [`${programs.name}/beta-${length}`]: beta }
      : {}),
  });
  let row = 0;
  return batch.map((index, b) => {
    const tokens = items[index].programIds.length;
    let logProb = 0;
    let advantage = 0;
    let gain = 0;
    let spread = 0;
    for (let t = 0; t < tokens; t++, row++) {
      logProb += out["logProbs"]?.[row];
      if (!withHeads) continue;
      advantage += Math.min(0, out["gains"]?.[row]);
      gain += out["gains"]?.[row];
      spread += out["spread"]?.[row];
    }
    return {
      logProb,
      tokens,
      advantage: withHeads ? advantage : null,
      gain: withHeads ? gain : null,
      disagreement: withHeads ? spread / tokens : null,
      value: withHeads ? out["values"]?.[b] : null,
    };
  });
};
