/** The feeds of a micro-batch: what its programs read, and their values. */
import type { Columns } from "../algorithms/Algorithm.ts";
import * as Heads from "../model/Heads.ts";
import * as Batch from "../replay/Batch.ts";
import type { Parts, Pick } from "../replay/Mixture.ts";
import type { Random } from "../random/Random.ts";
import type { Graph, Value } from "../tensor/Graph.ts";

/** What the names of a layout's feeds begin with. */
export const prefix = (layout: Batch.Layout): string =>
  `batch/${layout.sequences}x${layout.time}x${layout.actions}`;

const floatColumns = [
  "weight",
  "passingWeight",
  "return",
  "nonTerminal",
  "passRate",
  "behaviourLogProb",
  "behaviourKnown",
  "sequenceWeight",
  "length",
  "programWeight",
  "groupMean",
  "groupStd",
  "groupSize",
] as const;
const intColumns = ["position", "action", "next", "sequence"] as const;

/** Feed of the critics that a step's backups look at: see `Critic.subset`. Where the heads have one. */
export const SUBSET = "criticSubset";

/** [M]: 1 for the critics of a subset, drawn without replacement, 0 for the others; null: there is no subset. */
export const drawSubset = (heads: Heads.Heads | null, random: Random): Float32Array | null => {
  if (heads === null || heads.subset === null) return null;
  const chosen = Float32Array.from({ length: heads.critics }, (_, i) => (i < (heads.subset ?? 0) ? 1 : 0));
  return Float32Array.from(random.shuffle([...chosen]));
};

/** Critics that bags are drawn for; a network without heads reads none. */
const criticsOf = (heads: Heads.Heads | null): number => heads?.critics ?? Heads.defaults.critics;

/** Records a layout's feeds. */
export const record = (
  g: Graph,
  heads: Heads.Heads | null,
  layout: Batch.Layout,
): Columns & { readonly position: Value; readonly tokens: Value } => {
  const { sequences: B, time: T, actions: N } = layout;
  const at = prefix(layout);
  const floats = floatColumns.map((name) => [name, g.feed(`${at}/${name}`, [N])]);
  const ints = intColumns.map((name) => [name, g.feed(`${at}/${name}`, [N], "int32")]);
  // Recorded so that it may be fed whether the loss reads it or not.
  if (heads !== null && heads.subset !== null) g.feed(SUBSET, [heads.critics]);
  return Object.fromEntries([
    ...floats,
    ...ints,
    ["bags", g.feed(`${at}/bags`, [criticsOf(heads), N])],
    ["tokens", g.feed(`${at}/tokens`, [B, T], "int32")],
    ["sequences", B],
  ]) as ReturnType<typeof record>;
};

export type Feeds = Record<string, Float32Array | Int32Array | Uint8Array>;

/** The layout of a micro-batch of a batch with these totals, and what its programs are fed. */
export const fill = (
  parts: Parts,
  micro: ReadonlyArray<Pick>,
  spec: {
    readonly layouts: ReadonlyArray<Batch.Layout>;
    readonly totals: Batch.Totals;
    readonly heads: Heads.Heads | null;
    readonly subset: Float32Array | null;
  },
): { readonly layout: Batch.Layout; readonly feeds: Feeds } => {
  const layout = Batch.layoutFor(spec.layouts, Batch.needs(parts, micro));
  const arrays = Batch.fill(parts, micro, layout, spec.totals, criticsOf(spec.heads));
  const feeds: Feeds = {
    ...Object.fromEntries(Object.entries(arrays).map(([name, data]) => [`${prefix(layout)}/${name}`, data])),
    ...(spec.subset === null ? {} : { [SUBSET]: spec.subset }),
  };
  return { layout, feeds };
};
