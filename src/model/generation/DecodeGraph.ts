/**
 * The recorded step of decoding: one new position of each of some slots, attending to the cache.
 *
 * The cache of a layer's keys (and of its values) is one buffer of rows [hd], in chunks of CHUNK positions:
 * first the chunk, then the slot, then the key-value head, then the position within the chunk. So the first
 * chunks of all slots are one piece of memory that a program may take without copying, and a program exists for
 * each of a few numbers of chunks: attention costs what the longest live sequence needs, not what the longest
 * possible one would. With few live slots a program of fewer rows gathers their chunks instead.
 */
import type { Graph, Value } from "../../tensor/Graph.ts";
import * as Rotary from "../Rotary.ts";
import * as Transformer from "../Transformer.ts";

/** Positions a chunk. */
export const CHUNK = 64;

export interface Cache {
  readonly slots: number;
  readonly chunks: number;
  readonly keyValueHeads: number;
}

export const rows = ({ slots, chunks, keyValueHeads }: Cache): number =>
  chunks * slots * keyValueHeads * CHUNK;

/** The cache's row of a slot's head at a position. */
export const rowOf = (
  { slots, keyValueHeads }: Cache,
  slot: number,
  head: number,
  position: number,
): number =>
  ((Math.floor(position / CHUNK) * slots + slot) * keyValueHeads + head) * CHUNK + (position % CHUNK);

/** A program's size: rows of its batch, and chunks that it attends to. */
export interface Shape {
  readonly batch: number;
  readonly chunks: number;
}

export interface Feeds {
  /** int32 [B]: the token to read, and its position. */
  readonly tokens: Value;
  readonly positions: Value;
  /** int32 [B]: the slots; every slot in its place where B is their number. */
  readonly slots: Value;
  /** int32 [B * KV]: the cache's rows of the positions. */
  readonly rows: Value;
}

const iota = (g: Graph, count: number): Value =>
  g.constant(
    Int32Array.from({ length: count }, (_, i) => i),
    [count],
  );

/** Hidden states [B, d] of the tokens' positions, written into the cache by `write`. */
export const hidden = (
  g: Graph,
  model: Transformer.Model,
  cache: Cache,
  { batch: B, chunks: n }: Shape,
  feeds: Feeds,
  write: (part: "keys" | "values", layer: number, rows: Value, values: Value) => Value,
): Value => {
  const { num_attention_heads: H, num_key_value_heads: KV, head_dim: hd } = model.config;
  const G = H / KV;
  const { positions } = feeds;
  const tables = Rotary.tables(model.config, cache.chunks * CHUNK);
  const length = cache.chunks * CHUNK;
  const at = (table: Float32Array): Value =>
    g.reshape(g.gather(g.constant(table, [length, hd]), positions), [B, 1, hd]);
  // Queries take the scores' scale with their rotation.
  const scale = Float32Array.from({ length: H + KV }, (_, h) => (h < H ? 1 / Math.sqrt(hd) : 1));
  const scaled = (x: Value): Value => g.mul(x, g.constant(scale, [1, H + KV, 1]));
  const [cos, sin] = [scaled(at(tables.cos)), scaled(at(tables.sin))];
  const places = g.constant(
    Int32Array.from({ length: n * CHUNK }, (_, s) => s),
    [n, 1, CHUNK],
  );
  const seen = g.lessEqual(places, g.reshape(positions, [1, B, 1]));
  const mask = g.reshape(g.select(seen, g.scalar(0), g.scalar(Transformer.HIDDEN)), [n, B, 1, 1, CHUNK]);
  // Chunks of the slots, chunk by chunk.
  const gathered = g.add(g.mul(g.reshape(iota(g, n), [n, 1]), g.scalar(cache.slots, "int32")), feeds.slots);
  const chunksOf = (buffer: Value): Value => {
    const all = g.reshape(buffer, [cache.chunks * cache.slots, KV * CHUNK * hd]);
    const taken =
      B === cache.slots
        ? g.slice(all, [0, 0], [n * B, KV * CHUNK * hd])
        : g.gather(all, g.reshape(gathered, [n * B]));
    return g.reshape(taken, [n, B * KV, CHUNK, hd]);
  };
  const attention = (layer: number, qkv: Value): Value => {
    const heads = g.reshape(qkv, [B, H + 2 * KV, hd]);
    const [queryKey, newValues] = g.split(heads, [H + KV, KV], 1) as [Value, Value];
    const turned = g.add(g.mul(queryKey, cos), g.mul(g.roll(queryKey, hd / 2, 2), sin));
    const [query, newKeys] = g.split(turned, [H, KV], 1) as [Value, Value];
    const fill = (part: "keys" | "values", fresh: Value): Value =>
      chunksOf(write(part, layer, feeds.rows, g.reshape(fresh, [B * KV, hd])));
    const [keys, values] = [fill("keys", newKeys), fill("values", newValues)];
    const products = g.batchMatMul(g.reshape(query, [1, B * KV, G, hd]), keys, { adjointB: true });
    const scores = g.add(g.reshape(products, [n, B, KV, G, CHUNK]), mask);
    if (n === 1) {
      const weights = g.reshape(g.softmax(scores), [1, B * KV, G, CHUNK]);
      return g.reshape(g.batchMatMul(weights, values), [B, H * hd]);
    }
    const flat = g.reshape(scores, [n, B * H, CHUNK]);
    const e = g.exp(g.sub(flat, g.max(flat, [0, 2], true)));
    const total = g.reshape(g.sum(e, [0, 2]), [B * H, 1]);
    const mixed = g.sum(g.batchMatMul(g.reshape(e, [n, B * KV, G, CHUNK]), values), 0);
    return g.reshape(g.div(g.reshape(mixed, [B * H, hd]), total), [B, H * hd]);
  };
  const x = Transformer.layers(g, model, Transformer.embed(g, model, feeds.tokens), {
    batch: B,
    time: 1,
    cos,
    sin,
    mask,
    attention,
  });
  return Transformer.finalNorm(g, model, x);
};
