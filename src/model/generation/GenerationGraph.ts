/**
 * The programs of batched generation with a key-value cache; Generation.ts calls them.
 *
 * A batch is a fixed number of slots with a row of the cache for each of their positions. Prefill computes
 * keys and values of prompts and writes them into free slots, decoding advances every slot by one token. A
 * prefix that all prompts begin with (few-shot examples) can be computed once, into buffers of its own, from
 * where it is copied into the slots while only the rest of each prompt is computed.
 */
import type { Graph, Value } from "../../tensor/Graph.ts";
import type * as Heads from "../Heads.ts";
import * as DecodeGraph from "./DecodeGraph.ts";
import * as Sampling from "./Sampling.ts";
import * as Rotary from "../Rotary.ts";
import * as Transformer from "../Transformer.ts";

/** Positions that the shortest decoding program attends to. */
const SMALLEST_WINDOW = 128;

export interface Spec {
  /** Prefix of the programs', feeds' and buffers' names; distinct within a graph. */
  readonly name: string;
  /** Slots: sequences decoded at once. */
  readonly batch: number;
  readonly maxPrompt: number;
  readonly maxNew: number;
  /** Positions of a prompt and what is written after it together; maxPrompt + maxNew by default. */
  readonly positions?: number;
  /** Attached heads allow a tilt; null for a policy without. */
  readonly heads: Heads.Heads | null;
  /** Prompts a prefill; by default as many as make 512 padded tokens (enough rows for a fast product), at most `batch`. */
  readonly prefillBatch?: number;
  /** Record what shares a common prefix; by default where prompts may have 256 tokens or more. */
  readonly sharePrefix?: boolean;
  /** Record the largest decoding program only; by default smaller ones too, for short sequences and few live slots. */
  readonly wholeWindow?: boolean;
  /** Modes to record; all by default. */
  readonly modes?: ReadonlyArray<Sampling.Mode>;
}

/** What was recorded: the spec with its defaults, and how its programs are called. */
export interface Programs {
  readonly name: string;
  readonly batch: number;
  readonly maxPrompt: number;
  readonly maxNew: number;
  /** S: positions a slot. The last one is never read: what must go nowhere goes there. */
  readonly length: number;
  readonly cache: DecodeGraph.Cache;
  /** Sizes of the decoding programs, the cheapest first; the last one holds everything. */
  readonly shapes: ReadonlyArray<DecodeGraph.Shape>;
  readonly vocabulary: number;
  readonly tilts: boolean;
  readonly prefillBatch: number;
  /** Slots that a prefill can fill where several samples share its prompts. */
  readonly fan: number;
  /** Padded prompt lengths, rising; a prefill uses the first that holds its prompts. */
  readonly lengths: ReadonlyArray<number>;
  /** Padded lengths of what follows a shared prefix; none where sharing was not recorded. */
  readonly suffixLengths: ReadonlyArray<number>;
  readonly keyValueHeads: number;
  readonly modes: ReadonlyArray<Sampling.Mode>;
}

export const prefillProgram = (name: string, length: number, fan: number): string =>
  `${name}/prefill-${length}-${fan}`;
export const prefixProgram = (name: string): string => `${name}/prefix`;
export const suffixProgram = (name: string, length: number, fan: number): string =>
  `${name}/suffix-${length}-${fan}`;
/** How a decoding program chooses tokens and what it gives beside them. */
export interface Decode {
  readonly shape: DecodeGraph.Shape;
  readonly mode: Sampling.Mode;
  readonly tilted: boolean;
  readonly report: boolean;
}
export const decodeProgram = (name: string, { shape, mode, tilted, report }: Decode): string =>
  `${name}/decode-${shape.batch}-${shape.chunks}-${mode}${tilted ? "-tilted" : ""}${report ? "-report" : ""}`;

/** Padded lengths for prompts up to `longest`: quarters of it, in multiples of 4. */
const paddedLengths = (longest: number): ReadonlyArray<number> => {
  const steps = [1, 2, 3, 4].map((q) => Math.min(longest, Math.ceil((longest * q) / 16) * 4));
  return [...new Set(steps)].sort((a, b) => a - b);
};

const iota = (g: Graph, count: number): Value =>
  g.constant(
    Int32Array.from({ length: count }, (_, i) => i),
    [count],
  );

/** The cache of one graph: writes rows of a layer's keys or values, and gives the whole back. */
type Write = (part: "keys" | "values", layer: number, rows: Value, values: Value) => Value;

/** Whole prompts [prefillBatch, length] into the slots that the fed rows name. */
const recordPrefill = (g: Graph, model: Transformer.Model, p: Programs, write: Write): void => {
  const { name, prefillBatch: prompts, keyValueHeads: KV } = p;
  for (const length of p.lengths) {
    for (const fan of new Set([prompts, p.fan])) {
      const ids = g.feed(`${name}/prompts-${length}`, [prompts, length], "int32");
      // Cache rows of each target slot's positions, and the prompt that it takes them from.
      const rows = g.feed(`${name}/rows-${length}-${fan}`, [fan * KV * length], "int32");
      const source = g.feed(`${name}/source-${fan}`, [fan], "int32");
      const spread = (x: Value): Value =>
        g.reshape(g.gather(x, source), [fan * KV * length, model.config.head_dim]);
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
};

/** A shared prefix into buffers of its own, and what follows it, with the prefix copied, into slots. */
const recordShared = (g: Graph, model: Transformer.Model, p: Programs, write: Write): void => {
  const { name, prefillBatch: prompts, keyValueHeads: KV, maxPrompt: P } = p;
  const { head_dim: hd } = model.config;
  const buffer = (part: string, layer: number): Value =>
    g.buffer(`${name}/prefix-${part}${layer}`, [KV * P, hd]);
  const prefix = g.feed(`${name}/prefix`, [1, P], "int32");
  const every = iota(g, KV * P);
  Transformer.layers(g, model, Transformer.embed(g, model, g.reshape(prefix, [P])), {
    ...Transformer.causal(g, model, 1, P),
    cache: (layer, keys, values) => {
      g.updateRows(buffer("keys", layer), every, g.reshape(keys, [KV * P, hd]));
      g.updateRows(buffer("values", layer), every, g.reshape(values, [KV * P, hd]));
      return [keys, values];
    },
  });
  g.program(prefixProgram(name), { fetches: {} });

  const tables = Rotary.tables(model.config, p.length);
  for (const length of p.suffixLengths) {
    for (const fan of new Set([prompts, p.fan])) {
      const ids = g.feed(`${name}/suffixes-${length}`, [prompts, length], "int32");
      const rows = g.feed(`${name}/rows-${length}-${fan}`, [fan * KV * length], "int32");
      const prefixRows = g.feed(`${name}/prefix-rows-${fan}`, [fan * KV * P], "int32");
      const source = g.feed(`${name}/source-${fan}`, [fan], "int32");
      const start = g.feed(`${name}/prefix-length`, [], "int32");
      const positions = g.minimum(g.add(iota(g, length), start), g.scalar(p.length - 1, "int32"));
      const at = (table: Float32Array): Value => g.gather(g.constant(table, [p.length, hd]), positions);
      const whole = Transformer.causal(g, model, prompts, length);
      const seen = g.reshape(g.less(iota(g, P), start), [1, P]);
      const before = g.broadcastTo(g.select(seen, g.scalar(0), g.scalar(Transformer.HIDDEN)), [length, P]);
      const both = (part: "keys" | "values", layer: number, fresh: Value): Value => {
        const shared = g.reshape(buffer(part, layer), [1, KV, P, hd]);
        const copied = g.reshape(g.broadcastTo(shared, [fan, KV, P, hd]), [fan * KV * P, hd]);
        const written = write(part, layer, prefixRows, copied);
        g.updateRows(written, rows, g.reshape(g.gather(fresh, source), [fan * KV * length, hd]));
        return g.concat([g.broadcastTo(shared, [prompts, KV, P, hd]), fresh], 2);
      };
      Transformer.layers(g, model, Transformer.embed(g, model, g.reshape(ids, [prompts * length])), {
        ...whole,
        cos: at(tables.cos),
        sin: at(tables.sin),
        mask: g.concat([before, whole.mask], 1),
        cache: (layer, keys, values) => [both("keys", layer, keys), both("values", layer, values)],
      });
      g.program(suffixProgram(name, length, fan), { fetches: {} });
    }
  }
};

/** One step of a shape's rows: their tokens in, the next ones out, as each row's settings say. */
const recordDecode = (
  g: Graph,
  model: Transformer.Model,
  p: Programs,
  heads: Heads.Heads | null,
  write: Write,
  shape: DecodeGraph.Shape,
): void => {
  const { batch } = shape;
  const feed = (what: string, dtype: "int32" | "float32" = "float32", size = batch): Value =>
    g.feed(`${p.name}/${what}-${batch}`, [size], dtype);
  // The programs of a shape differ in what they do with the last hidden state only.
  const hidden = g.stopGradient(
    DecodeGraph.hidden(
      g,
      model,
      p.cache,
      shape,
      {
        tokens: feed("tokens", "int32"),
        positions: feed("positions", "int32"),
        slots: feed("slots", "int32"),
        rows: feed("rows", "int32", batch * p.keyValueHeads),
      },
      write,
    ),
  );
  const controls: Sampling.Controls = {
    uniform: feed("uniform"),
    temperature: feed("temperature"),
    topK: feed("topK", "int32"),
    topP: feed("topP"),
  };
  const beta = feed("beta");
  const logits = Transformer.logits(g, model, hidden);
  const logZ = Sampling.logSum(g, logits);
  for (const mode of p.modes) {
    for (const tilted of heads === null ? [false] : [false, true]) {
      const scores = heads !== null && tilted ? Sampling.tilt(g, model, heads, hidden, logits, beta) : logits;
      const next = Sampling.choose(g, mode, scores, controls);
      const chosen = g.gatherBatch(logits, g.reshape(next, [batch, 1]));
      const fetches = { next, logProb: g.reshape(g.sub(chosen, logZ), [batch]) };
      const decode = { mode, tilted, shape };
      g.program(decodeProgram(p.name, { ...decode, report: false }), { fetches });
      const report = Sampling.report(g, model, heads, hidden, logits, logZ, next);
      g.program(decodeProgram(p.name, { ...decode, report: true }), { fetches: { ...fetches, ...report } });
    }
  }
};

/**
 * Sizes of decoding programs, the cheapest first: few, because each costs time to open and at its first run. The
 * windows are powers of two chunks and the whole; a large batch has its half and its eighth for when slots are
 * empty, with the smallest window and the whole.
 */
const decodeShapes = (batch: number, chunks: number): ReadonlyArray<DecodeGraph.Shape> => {
  const windows: Array<number> = [];
  for (let n = SMALLEST_WINDOW / DecodeGraph.CHUNK; n < chunks; n *= 2) windows.push(n);
  windows.push(chunks);
  const few = [...new Set([windows[0], chunks])];
  const fewer = batch >= 16 ? [batch >> 3, batch >> 1] : [];
  const small = fewer.flatMap((rows) => few.map((n) => ({ batch: rows, chunks: n })));
  return [...small, ...windows.map((n) => ({ batch, chunks: n }))];
};

/** Records the programs of a generator. @throws RangeError where the model has too few positions. */
export const record = (g: Graph, model: Transformer.Model, spec: Spec): Programs => {
  const { config } = model;
  const { name, batch, maxPrompt, maxNew, heads } = spec;
  const length = spec.positions ?? maxPrompt + maxNew;
  if (length > config.max_position_embeddings) {
    throw new RangeError(
      `prompts of ${maxPrompt} and ${maxNew} new tokens need ${length} positions; the model has ${config.max_position_embeddings}. Lower generation.maxPromptTokens or maxNewTokens.`,
    );
  }
  const lengths = paddedLengths(maxPrompt);
  const prefillBatch = Math.min(batch, spec.prefillBatch ?? Math.max(1, Math.floor(512 / maxPrompt)));
  const cache: DecodeGraph.Cache = {
    slots: batch,
    chunks: Math.ceil(length / DecodeGraph.CHUNK),
    keyValueHeads: config.num_key_value_heads,
  };
  const programs: Programs = {
    cache,
    shapes: spec.wholeWindow === true ? [{ batch, chunks: cache.chunks }] : decodeShapes(batch, cache.chunks),
    name,
    batch,
    maxPrompt,
    maxNew,
    length,
    vocabulary: config.vocab_size,
    tilts: heads !== null,
    prefillBatch,
    fan: Math.min(batch, 8 * prefillBatch),
    lengths,
    suffixLengths: (spec.sharePrefix ?? maxPrompt >= 256) ? lengths.slice(0, 2) : [],
    keyValueHeads: config.num_key_value_heads,
    modes: spec.modes ?? Sampling.MODES,
  };
  const write: Write = (part, layer, rows, values) => {
    const shape = [DecodeGraph.rows(cache), config.head_dim];
    return g.updateRows(g.buffer(`${name}/${part}${layer}`, shape), rows, values);
  };
  recordPrefill(g, model, programs, write);
  if (programs.suffixLengths.length > 0) recordShared(g, model, programs, write);
  for (const shape of programs.shapes) recordDecode(g, model, programs, heads, write, shape);
  return programs;
};
