/**
 * Batched generation with a key-value cache.
 *
 * A batch is a fixed number of slots. A prefill program computes keys and values of prompts and writes them
 * into free slots; a decoding program advances every slot by one token. Each slot has its own position, so
 * prompts of different lengths share a batch (right-padded: padding's keys are hidden by the mask until a
 * real token overwrites them), and a slot whose sequence ended is refilled from the queue while others run.
 * Samples of one prompt share its prefill. Prefill leaves out the prompt's last token: the first decoding
 * step reads it, so only that program samples.
 */
import * as Random from "../random/Random.ts";
import type { Graph, Value } from "../tensor/Graph.ts";
import type { Session } from "../tensor/Session.ts";
import type * as Heads from "./Heads.ts";
import * as Sampling from "./Sampling.ts";
import * as Stop from "./Stop.ts";
import * as Transformer from "./Transformer.ts";

export interface Spec {
  /** Prefix of the programs', feeds' and buffers' names; distinct within a graph. */
  readonly name: string;
  /** Slots: sequences decoded at once. */
  readonly batch: number;
  readonly maxPrompt: number;
  readonly maxNew: number;
  /** Attached heads allow a tilt; null for a policy without. */
  readonly heads: Heads.Heads | null;
  /** Prompts a prefill; by default as many as make 2,048 padded tokens, at most `batch`. */
  readonly prefillBatch?: number;
  /** Modes to record; all by default. */
  readonly modes?: ReadonlyArray<Sampling.Mode>;
}

/** What was recorded: the spec with its defaults, and how its programs are called. */
export interface Programs {
  readonly name: string;
  readonly batch: number;
  readonly maxPrompt: number;
  readonly maxNew: number;
  readonly vocabulary: number;
  readonly tilts: boolean;
  readonly prefillBatch: number;
  /** Padded prompt lengths, rising; a prefill uses the first that holds its prompts. */
  readonly lengths: ReadonlyArray<number>;
  readonly keyValueHeads: number;
  readonly modes: ReadonlyArray<Sampling.Mode>;
}

const prefillProgram = (name: string, length: number, fan: number): string =>
  `${name}/prefill-${length}-${fan}`;
const decodeProgram = (name: string, mode: Sampling.Mode, tilted: boolean): string =>
  `${name}/decode-${mode}${tilted ? "-tilted" : ""}`;

/** Padded lengths for prompts up to `longest`: quarters of it, in multiples of 8. */
const paddedLengths = (longest: number): ReadonlyArray<number> => {
  const steps = [1, 2, 3, 4].map((q) => Math.min(longest, Math.ceil((longest * q) / 32) * 8));
  return [...new Set(steps)].sort((a, b) => a - b);
};

/** Records the programs of a generator. */
export const record = (g: Graph, model: Transformer.Model, spec: Spec): Programs => {
  const { config } = model;
  const { name, batch, maxPrompt, maxNew, heads } = spec;
  const { num_key_value_heads: KV, head_dim: hd } = config;
  const S = maxPrompt + maxNew;
  if (S > config.max_position_embeddings) {
    throw new RangeError(
      `prompts of ${maxPrompt} and ${maxNew} new tokens need ${S} positions; the model has ${config.max_position_embeddings}. Lower generation.maxPromptTokens or maxNewTokens.`,
    );
  }
  const programs: Programs = {
    name,
    batch,
    maxPrompt,
    maxNew,
    vocabulary: config.vocab_size,
    tilts: heads !== null,
    prefillBatch: Math.min(batch, spec.prefillBatch ?? Math.max(1, Math.floor(2048 / maxPrompt))),
    lengths: paddedLengths(maxPrompt),
    keyValueHeads: KV,
    modes: spec.modes ?? Sampling.MODES,
  };
  const write = (part: string, layer: number, rows: Value, values: Value): Value =>
    g.updateRows(g.buffer(`${name}/${part}${layer}`, [batch * KV * S, hd]), rows, values);

  for (const length of programs.lengths) {
    for (const fan of new Set([programs.prefillBatch, batch])) {
      const prompts = programs.prefillBatch;
      const ids = g.feed(`${name}/prompts-${length}`, [prompts, length], "int32");
      // Cache rows of each target slot's positions, and the prompt that it takes them from.
      const rows = g.feed(`${name}/rows-${length}-${fan}`, [fan * KV * length], "int32");
      const source = g.feed(`${name}/source-${fan}`, [fan], "int32");
      const spread = (x: Value): Value => g.reshape(g.gather(x, source), [fan * KV * length, hd]);
      Transformer.layers(g, model, Transformer.embed(g, model, g.reshape(ids, [prompts * length])), {
        ...Transformer.causal(g, model, prompts, length),
        cache: (layer, keys, values) => {
          write("keys", layer, rows, spread(keys));
          write("values", layer, rows, spread(values));
          return [keys, values];
        },
      });
      g.program(prefillProgram(name, length, fan), { fetches: {} });
    }
  }

  const tokens = g.feed(`${name}/tokens`, [batch], "int32");
  const positions = g.feed(`${name}/positions`, [batch], "int32");
  const controls: Sampling.Controls = {
    uniform: g.feed(`${name}/uniform`, [batch]),
    temperature: g.feed(`${name}/temperature`, []),
    topK: g.feed(`${name}/topK`, [], "int32"),
    topP: g.feed(`${name}/topP`, []),
  };
  const beta = g.feed(`${name}/beta`, []);
  const base = Int32Array.from({ length: batch * KV }, (_, i) => i * S);
  const rows = g.reshape(g.add(g.constant(base, [batch, KV]), g.reshape(positions, [batch, 1])), [
    batch * KV,
  ]);
  for (const mode of programs.modes) {
    for (const tilted of heads === null ? [false] : [false, true]) {
      const attend = Transformer.decoding(g, model, positions, S, (layer, keys, values) => {
        const all = (part: string, fresh: Value): Value =>
          g.reshape(write(part, layer, rows, g.reshape(fresh, [batch * KV, hd])), [batch, KV, S, hd]);
        return [all("keys", keys), all("values", values)];
      });
      const x = Transformer.layers(g, model, Transformer.embed(g, model, tokens), attend);
      const hidden = Transformer.finalNorm(g, model, x);
      const logProbs = g.logSoftmax(Transformer.logits(g, model, hidden));
      const scores =
        heads !== null && tilted ? Sampling.tilt(g, model, heads, hidden, logProbs, beta) : logProbs;
      const next = Sampling.choose(g, mode, scores, controls);
      const logProb = g.reshape(g.gatherBatch(logProbs, g.reshape(next, [batch, 1])), [batch]);
      g.program(decodeProgram(name, mode, tilted), { fetches: { next, logProb } });
    }
  }
  return programs;
};

export interface Item {
  /** At least one token, at most maxPrompt. */
  readonly promptIds: ReadonlyArray<number>;
  /** The sample's own seed: its tokens do not depend on what else is in the batch. */
  readonly seed: number;
}

export interface Settings {
  /** 0 is greedy. */
  readonly temperature: number;
  /** At most Sampling.WINDOW. */
  readonly topK?: number;
  readonly topP?: number;
  /** beta of the tilt; 0 is the policy itself. */
  readonly tilt: number;
  /** New tokens at most; not above the spec's. */
  readonly maxNewTokens: number;
  readonly eos: number;
  readonly stop?: Stop.Stop;
}

export interface Sample {
  /** What was sampled, with the end-of-sequence token or the tokens that completed a stop string. */
  readonly tokens: ReadonlyArray<number>;
  /** log pi(token) of the untilted policy at temperature 1, one a token. */
  readonly logProbs: ReadonlyArray<number>;
  readonly finished: "stop" | "end" | "length";
}

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Tokens sampled so far. */
  readonly tokens: number;
}

interface Running {
  readonly index: number;
  readonly random: Random.Random;
  readonly prompt: number;
  readonly tokens: Array<number>;
  readonly logProbs: Array<number>;
}

const check = (programs: Programs, items: ReadonlyArray<Item>, s: Settings): void => {
  const fail = (message: string): never => {
    throw new RangeError(`generate: ${message}`);
  };
  if (!(s.temperature >= 0)) fail(`the temperature must be 0 or more, found ${s.temperature}`);
  if (s.topP !== undefined && !(s.topP > 0 && s.topP <= 1)) fail(`top-p must be in (0, 1], found ${s.topP}`);
  const window = Math.min(Sampling.WINDOW, programs.vocabulary);
  if (s.topK !== undefined && !(Number.isInteger(s.topK) && s.topK >= 1)) {
    fail(`top-k must be an integer of 1 or more, found ${s.topK}`);
  }
  if (s.topK !== undefined && s.topK > window && s.topK < programs.vocabulary) {
    fail(`top-k may be at most ${window}, found ${s.topK}`);
  }
  if (!(Number.isInteger(s.maxNewTokens) && s.maxNewTokens >= 1 && s.maxNewTokens <= programs.maxNew)) {
    fail(`the number of new tokens must be in 1 .. ${programs.maxNew}, found ${s.maxNewTokens}`);
  }
  if (s.tilt !== 0 && !programs.tilts) fail("a tilt needs value heads, and this policy has none");
  items.forEach(({ promptIds }, i) => {
    if (promptIds.length < 1 || promptIds.length > programs.maxPrompt) {
      fail(`prompt ${i} has ${promptIds.length} tokens, expected 1 .. ${programs.maxPrompt}`);
    }
    const wrong = promptIds.find((id) => !(Number.isInteger(id) && id >= 0 && id < programs.vocabulary));
    if (wrong !== undefined)
      fail(`prompt ${i} holds token ${wrong}; the vocabulary is ${programs.vocabulary}`);
  });
};

const modeOf = (programs: Programs, s: Settings): Sampling.Mode => {
  if (s.temperature === 0) return "greedy";
  const cuts = (s.topK !== undefined && s.topK < programs.vocabulary) || (s.topP !== undefined && s.topP < 1);
  return cuts ? "truncated" : "full";
};

/** Generates with recorded programs. One owner; a session's buffers serve one `steps` at a time. */
export class Generator {
  readonly #session: Session;
  readonly #programs: Programs;

  constructor(session: Session, programs: Programs) {
    this.#session = session;
    this.#programs = programs;
  }

  /** Samples for the items, in their order. @throws RangeError on items or settings that do not fit. */
  generate(
    items: ReadonlyArray<Item>,
    settings: Settings,
    onProgress?: (progress: Progress) => void,
  ): ReadonlyArray<Sample> {
    const steps = this.steps(items, settings);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      onProgress?.(step.value);
    }
  }

  /** As `generate`, yielding after each decoding step, so that the owner can do something in between or give up. */
  *steps(
    items: ReadonlyArray<Item>,
    settings: Settings,
  ): globalThis.Generator<Progress, ReadonlyArray<Sample>, void> {
    const p = this.#programs;
    check(p, items, settings);
    const mode = modeOf(p, settings);
    const tilted = settings.tilt !== 0;
    if (!p.modes.includes(mode)) throw new RangeError(`generate: the mode ${mode} was not recorded`);
    const program = decodeProgram(p.name, mode, tilted);
    const stop = settings.stop === undefined ? null : Stop.make(settings.stop);
    const samples: Array<Sample | undefined> = items.map(() => undefined);
    const slots: Array<Running | null> = Array.from({ length: p.batch }, () => null);
    const tokens = new Int32Array(p.batch);
    const positions = new Int32Array(p.batch);
    // Longest first, and samples of one prompt side by side.
    const keys = items.map(({ promptIds }) => promptIds.join(","));
    const queue = items
      .map((_, i) => i)
      .sort((a, b) => {
        const byLength = (items[b] as Item).promptIds.length - (items[a] as Item).promptIds.length;
        if (byLength !== 0) return byLength;
        const [x, y] = [keys[a] as string, keys[b] as string];
        return x < y ? -1 : x > y ? 1 : a - b;
      });
    let active = 0;
    let done = 0;
    let sampled = 0;
    while (done < items.length) {
      const free = p.batch - active;
      if (queue.length > 0 && (active === 0 || free >= Math.min(queue.length, Math.ceil(p.batch / 4)))) {
        const taken = queue.splice(0, free);
        const targets: Array<{ readonly slot: number; readonly item: number }> = [];
        for (let slot = 0; slot < p.batch && targets.length < taken.length; slot++) {
          if (slots[slot] !== null) continue;
          const index = taken[targets.length] as number;
          const { promptIds, seed } = items[index] as Item;
          slots[slot] = {
            index,
            random: Random.make(seed),
            prompt: promptIds.length,
            tokens: [],
            logProbs: [],
          };
          tokens[slot] = promptIds.at(-1) as number;
          positions[slot] = promptIds.length - 1;
          targets.push({ slot, item: index });
          active++;
        }
        this.#prefill(items, keys, targets);
      }
      const uniform = new Float32Array(p.batch);
      slots.forEach((running, slot) => {
        if (running !== null && mode !== "greedy") uniform[slot] = Sampling.uniform(running.random.next());
      });
      const { next, logProb } = this.#session.run(program, {
        [`${p.name}/tokens`]: tokens.slice(),
        [`${p.name}/positions`]: positions.slice(),
        ...(mode === "greedy"
          ? {}
          : {
              [`${p.name}/uniform`]: uniform,
              [`${p.name}/temperature`]: Float32Array.of(settings.temperature),
            }),
        ...(mode === "truncated"
          ? {
              [`${p.name}/topK`]: Int32Array.of(Math.min(settings.topK ?? p.vocabulary, p.vocabulary)),
              [`${p.name}/topP`]: Float32Array.of(settings.topP ?? 1),
            }
          : {}),
        ...(tilted ? { [`${p.name}/beta`]: Float32Array.of(settings.tilt) } : {}),
      }) as { readonly next: Int32Array; readonly logProb: Float32Array };
      for (let slot = 0; slot < p.batch; slot++) {
        const running = slots[slot];
        if (running === null || running === undefined) continue;
        const token = next[slot] as number;
        running.tokens.push(token);
        running.logProbs.push(logProb[slot] as number);
        sampled++;
        const finished =
          token === settings.eos
            ? "end"
            : stop !== null && Stop.reached(stop, running.tokens)
              ? "stop"
              : running.tokens.length >= settings.maxNewTokens
                ? "length"
                : null;
        if (finished === null) {
          tokens[slot] = token;
          positions[slot] = (positions[slot] as number) + 1;
        } else {
          samples[running.index] = { tokens: running.tokens, logProbs: running.logProbs, finished };
          slots[slot] = null;
          tokens[slot] = 0;
          positions[slot] = 0;
          active--;
          done++;
        }
      }
      yield { done, total: items.length, tokens: sampled };
    }
    return samples as ReadonlyArray<Sample>;
  }

  /** Fills the caches of slots with their items' prompts, each distinct prompt computed once. */
  #prefill(
    items: ReadonlyArray<Item>,
    keys: ReadonlyArray<string>,
    targets: ReadonlyArray<{ readonly slot: number; readonly item: number }>,
  ): void {
    const p = this.#programs;
    const S = p.maxPrompt + p.maxNew;
    const KV = p.keyValueHeads;
    // Runs of at most `prefillBatch` distinct prompts; targets are ordered by prompt.
    let begin = 0;
    while (begin < targets.length) {
      const prompts = new Map<string, { readonly row: number; readonly ids: ReadonlyArray<number> }>();
      let end = begin;
      for (; end < targets.length; end++) {
        const { item } = targets[end] as (typeof targets)[number];
        const key = keys[item] as string;
        if (prompts.has(key)) continue;
        if (prompts.size === p.prefillBatch) break;
        prompts.set(key, { row: prompts.size, ids: (items[item] as Item).promptIds });
      }
      const group = targets.slice(begin, end);
      begin = end;
      const longest = Math.max(...[...prompts.values()].map(({ ids }) => ids.length - 1));
      if (longest === 0) continue;
      const length = p.lengths.find((l) => l >= longest) as number;
      const fan = group.length <= p.prefillBatch ? p.prefillBatch : p.batch;
      const ids = new Int32Array(p.prefillBatch * length);
      for (const { row, ids: prompt } of prompts.values()) {
        ids.set(prompt.slice(0, Math.min(prompt.length, length)), row * length);
      }
      const rows = new Int32Array(fan * KV * length);
      const source = new Int32Array(fan);
      for (let i = 0; i < fan; i++) {
        // What is left of the fan writes the first target again.
        const { slot, item } = (group[i] ?? group[0]) as (typeof targets)[number];
        source[i] = prompts.get(keys[item] as string)?.row as number;
        for (let h = 0; h < KV; h++) {
          for (let t = 0; t < length; t++) rows[(i * KV + h) * length + t] = (slot * KV + h) * S + t;
        }
      }
      this.#session.run(prefillProgram(p.name, length, fan), {
        [`${p.name}/prompts-${length}`]: ids,
        [`${p.name}/rows-${length}-${fan}`]: rows,
        [`${p.name}/source-${fan}`]: source,
      });
    }
  }
}
