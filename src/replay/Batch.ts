/**
 * From rows of the replay memory to the arrays that a training program is fed.
 *
 * A micro-batch of B sequences becomes B x T input ids (the last token of a program is an action, never an
 * input) and N actions laid end to end, each with the flat position of its state. Weights are normalised over
 * the whole batch, so that the sums of micro-batches add up to the batch's means.
 */
import * as Random from "../random/Random.ts";
import type { Parts, Pick } from "./Mixture.ts";

/** The static shape of a training program. */
export interface Layout {
  /** B. */
  readonly sequences: number;
  /** T: input tokens a sequence. */
  readonly time: number;
  /** N: actions of all sequences together. */
  readonly actions: number;
}

/** Feeds by column; see `Columns` in algorithms/Algorithm.ts. */
export interface Arrays {
  /** int32 [B, T]. */
  readonly tokens: Int32Array;
  /** int32 [N]: b * T + t of the state in which the action was taken. */
  readonly position: Int32Array;
  readonly action: Int32Array;
  readonly weight: Float32Array;
  readonly passingWeight: Float32Array;
  readonly return: Float32Array;
  readonly nonTerminal: Float32Array;
  readonly next: Int32Array;
  readonly passRate: Float32Array;
  readonly sequence: Int32Array;
  readonly sequenceWeight: Float32Array;
  readonly length: Float32Array;
  readonly programWeight: Float32Array;
  readonly groupMean: Float32Array;
  readonly groupStd: Float32Array;
  readonly groupSize: Float32Array;
  readonly behaviourLogProb: Float32Array;
  readonly behaviourKnown: Float32Array;
  /** [M, N]. */
  readonly bags: Float32Array;
}

/** Counts of a whole batch, by which its weights are normalised. */
export interface Totals {
  readonly sequences: number;
  readonly actions: number;
  /** Actions that are no reasoning. */
  readonly programActions: number;
  readonly passingActions: number;
  readonly offline: number;
  readonly passing: number;
  /** The rewards of each group, by its number. */
  readonly groups: ReadonlyArray<Group>;
}

/** Rewards of a group: mean, standard deviation (of the population), number of episodes. */
export interface Group {
  readonly mean: number;
  readonly std: number;
  readonly size: number;
}

const groupOf = (rewards: ReadonlyArray<number>): Group => {
  const size = rewards.length;
  const mean = rewards.reduce((a, b) => a + b, 0) / size;
  return { mean, std: Math.sqrt(rewards.reduce((sum, r) => sum + (r - mean) ** 2, 0) / size), size };
};

const NO_GROUP: Group = { mean: 0, std: 0, size: 0 };

const actionsOf = (parts: Parts, { part, row }: Pick): number =>
  parts[part].length(row) - parts[part].promptLength(row);

export const totals = (parts: Parts, picks: ReadonlyArray<Pick>): Totals => {
  let actions = 0;
  let passingActions = 0;
  let offline = 0;
  let passing = 0;
  let programActions = 0;
  const rewards: Array<Array<number>> = [];
  for (const pick of picks) {
    const n = actionsOf(parts, pick);
    const reward = parts[pick.part].reward(pick.row);
    actions += n;
    programActions += n - parts[pick.part].reasoningLength(pick.row);
    if (pick.part === "offline") offline += 1;
    if (reward === 1) {
      passing += 1;
      passingActions += n;
    }
    if (pick.group !== null) (rewards[pick.group] ??= []).push(reward);
  }
  const groups = rewards.map(groupOf);
  return { sequences: picks.length, actions, programActions, passingActions, offline, passing, groups };
};

/** What a micro-batch needs: input tokens of its longest sequence, and actions. */
export const needs = (
  parts: Parts,
  picks: ReadonlyArray<Pick>,
): { readonly time: number; readonly actions: number } => ({
  time: Math.max(...picks.map(({ part, row }) => parts[part].length(row) - 1)),
  actions: picks.reduce((sum, pick) => sum + actionsOf(parts, pick), 0),
});

/**
 * The picks in rising order of length, so that micro-batches of one length fill short programs. Stable; `unit` picks
 * at a time stay side by side.
 */
export const byLength = (parts: Parts, picks: ReadonlyArray<Pick>, unit = 1): Array<Pick> => {
  const units = Array.from({ length: Math.ceil(picks.length / unit) }, (_, i) =>
    picks.slice(i * unit, (i + 1) * unit),
  );
  const longest = (some: ReadonlyArray<Pick>): number =>
    Math.max(...some.map(({ part, row }) => parts[part].length(row)));
  return units.sort((a, b) => longest(a) - longest(b)).flat();
};

/** Fills a micro-batch, with bags for M `critics`. Throws a RangeError where the picks do not fit the layout. */
export const fill = (
  parts: Parts,
  picks: ReadonlyArray<Pick>,
  layout: Layout,
  batch: Totals,
  critics = 2,
): Arrays => {
  const { sequences: B, time: T, actions: N } = layout;
  const need = needs(parts, picks);
  if (picks.length > B || need.time > T || need.actions > N) {
    throw new RangeError(
      `Batch: ${picks.length} sequences of ${need.time} tokens with ${need.actions} actions do not fit ${B} x ${T} with ${N}`,
    );
  }
  const out: Arrays = {
    tokens: new Int32Array(B * T),
    position: new Int32Array(N),
    action: new Int32Array(N),
    weight: new Float32Array(N),
    passingWeight: new Float32Array(N),
    return: new Float32Array(N),
    nonTerminal: new Float32Array(N),
    next: new Int32Array(N),
    passRate: new Float32Array(N),
    sequence: new Int32Array(N),
    sequenceWeight: new Float32Array(N),
    length: new Float32Array(N),
    programWeight: new Float32Array(N),
    groupMean: new Float32Array(N),
    groupStd: new Float32Array(N),
    groupSize: new Float32Array(N),
    behaviourLogProb: new Float32Array(N),
    behaviourKnown: new Float32Array(N),
    bags: new Float32Array(critics * N),
  };
  for (let i = 0; i < N; i++) out.next[i] = i;
  let n = 0;
  picks.forEach(({ part, row, group: number }, b) => {
    const buffer = parts[part];
    const tokens = buffer.tokens(row);
    const reward = buffer.reward(row);
    const known = buffer.behaviourLogProbs(row);
    const rate = passRate(parts, buffer.taskId(row));
    const group = (number === null ? undefined : batch.groups[number]) ?? NO_GROUP;
    const counts = bags(buffer.id(row), critics);
    const from = n;
    out.tokens.set(tokens.subarray(0, tokens.length - 1), b * T);
    const first = buffer.promptLength(row);
    const programFrom = first + buffer.reasoningLength(row);
    for (let t = first; t < tokens.length; t++, n++) {
      const last = t === tokens.length - 1;
      out.position[n] = b * T + t - 1;
      out.action[n] = tokens[t];
      out.weight[n] = 1 / batch.actions;
      if (reward === 1) out.passingWeight[n] = 1 / batch.passingActions;
      out.return[n] = reward;
      out.nonTerminal[n] = last ? 0 : 1;
      if (!last) out.next[n] = n + 1;
      out.passRate[n] = rate;
      out.sequence[n] = b;
      out.sequenceWeight[n] = 1 / batch.sequences;
      out.length[n] = tokens.length - first;
      if (t >= programFrom) out.programWeight[n] = 1 / batch.programActions;
      out.groupMean[n] = group.mean;
      out.groupStd[n] = group.std;
      out.groupSize[n] = group.size;
      if (known !== null) {
        out.behaviourLogProb[n] = known[t - first];
        out.behaviourKnown[n] = 1;
      }
    }
    counts.forEach((count, i) => out.bags.fill(count, i * N + from, i * N + n));
  });
  return out;
};

/** Share of a problem's episodes, offline and online together, that pass. */
const passRate = (parts: Parts, taskId: string): number => {
  const { offline, online } = parts;
  const passing = offline.count(taskId, "passing") + online.count(taskId, "passing");
  return passing / (offline.count(taskId, "all") + online.count(taskId, "all"));
};

/** Only split, never drawn from. */
const BAGS = Random.make(0);

/**
 * How often an episode is in each critic's bootstrap sample: Poisson(1) counts fixed by its id, so that a critic sees
 * the same episodes in every epoch, after a resumption too (online bagging, Oza and Russell 2001). More critics have
 * the same first counts.
 */
export const bags = (id: string, critics: number): ReadonlyArray<number> => {
  const random = BAGS.split(id);
  return Array.from({ length: critics }, () => poisson(random));
};

/** Poisson(1) by multiplication of uniforms (Knuth). */
const poisson = (random: Random.Random): number => {
  let count = 0;
  for (let left = random.next(); left > Math.exp(-1); left *= random.next()) count += 1;
  return count;
};

/** Times of the layouts, as shares of the longest sequence. */
const TIME_SHARES = [0.25, 0.35, 0.5, 0.7, 1];
/** Room for actions, as shares of all positions: programs beside short prompts, and beside long ones (few-shot). */
const ACTION_SHARE = 0.65;
const ACTION_SHARE_LONG = 0.35;
const LONG = 256;

/**
 * The layouts that a training is recorded for: `maxTokens` is its longest sequence. Shorter ones cost less, and each
 * costs its recording once. Only the longest has room for sequences that are actions nearly throughout: a
 * micro-batch that has more actions than its own length allows for takes the next one up.
 */
export const layouts = (maxTokens: number, sequences: number): ReadonlyArray<Layout> => {
  const eights = (x: number): number => Math.max(8, Math.ceil(x / 8) * 8);
  const share = maxTokens >= LONG ? ACTION_SHARE_LONG : ACTION_SHARE;
  const times = [...new Set(TIME_SHARES.map((part) => eights((maxTokens - 1) * part)))];
  const list = times.map((time) => ({ sequences, time, actions: eights(sequences * time * share) }));
  const time = eights(maxTokens - 1);
  const full = { sequences, time, actions: sequences * time };
  // A few sequences of a few tokens have room for no more in the layout before.
  return [...list.filter((l) => l.time !== time || l.actions !== full.actions), full];
};

/** The cheapest layout that a micro-batch fits. */
export const layoutFor = (
  list: ReadonlyArray<Layout>,
  need: { readonly time: number; readonly actions: number },
): Layout => {
  const fits = list.filter((l) => l.time >= need.time && l.actions >= need.actions);
  const cost = (l: Layout): number => l.sequences * l.time + l.actions;
  const best = fits.sort((a, b) => cost(a) - cost(b))[0];
  if (best === undefined)
    throw new RangeError(`Batch: no layout fits ${need.time} tokens and ${need.actions} actions`);
  return best;
};
