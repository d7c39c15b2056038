/** One decoding step: which program holds the live slots, what it is fed, and what each slot sampled. */
import type * as Random from "../../random/Random.ts";
import type { Session } from "../../tensor/Session.ts";
import * as DecodeGraph from "./DecodeGraph.ts";
import * as GenerationGraph from "./GenerationGraph.ts";
import * as Sampling from "./Sampling.ts";
import * as Settings from "./Settings.ts";

/** A slot that is to be brought forward by one token. */
export interface Live {
  readonly slot: number;
  /** The token to read, and its position. */
  readonly token: number;
  readonly position: number;
  readonly random: Random.Random;
  readonly settings: Settings.Settings;
  readonly mode: Sampling.Mode;
}

export interface Sampled {
  readonly token: number;
  /** log pi(token) of the untilted policy at temperature 1. */
  readonly logProb: number;
  /** The most probable tokens and their log pi, as many as the settings ask for. */
  readonly top: ReadonlyArray<{ readonly token: number; readonly logProb: number }>;
  /** V of the state, min Q of the token and E_pi of min Q; null where not asked for. */
  readonly values: { readonly value: number; readonly q: number; readonly expected: number } | null;
}

/** Runs one step by the smallest program that holds the live slots: a token for each, in their order. */
export const run = (
  session: Session,
  p: GenerationGraph.Programs,
  live: ReadonlyArray<Live>,
): ReadonlyArray<Sampled> => {
  const longest = Math.max(...live.map(({ position }) => position + 1));
  const shape = p.shapes.find(
    ({ batch, chunks }) => batch >= live.length && chunks * DecodeGraph.CHUNK >= longest,
  ) as DecodeGraph.Shape;
  const { batch } = shape;
  // All slots have their own row, or else the live ones have the first rows and the rest repeat the first one.
  const whole = batch === p.batch;
  const rowOf = (index: number): number => (whole ? (live[index]?.slot ?? 0) : index);
  const floats = (fill = 0): Float32Array => new Float32Array(batch).fill(fill);
  const ints = (fill = 0): Int32Array => new Int32Array(batch).fill(fill);
  const [tokens, positions, slots, topK] = [ints(), ints(), ints(), ints(p.vocabulary)];
  const [uniform, temperature, topP, beta] = [floats(), floats(1), floats(1), floats()];
  const modes = new Set<Sampling.Mode>();
  let tilted = false;
  let report = false;
  if (whole) slots.forEach((_, slot) => (slots[slot] = slot));
  else {
    slots.fill(live[0].slot);
    tokens.fill(live[0].token);
    positions.fill(live[0].position);
  }
  for (const [index, { slot, token, position, random, settings, mode }] of live.entries()) {
    const row = rowOf(index);
    tokens[row] = token;
    positions[row] = position;
    slots[row] = slot;
    temperature[row] = settings.temperature;
    topK[row] = Math.min(settings.topK ?? p.vocabulary, p.vocabulary);
    topP[row] = settings.topP ?? 1;
    beta[row] = settings.tilt;
    if (mode !== "greedy") uniform[row] = Sampling.uniform(random.next());
    modes.add(mode);
    tilted ||= settings.tilt !== 0;
    report ||= Settings.reports(settings);
  }
  const KV = p.keyValueHeads;
  const rows = Int32Array.from({ length: batch * KV }, (_, i) => {
    const row = Math.floor(i / KV);
    return DecodeGraph.rowOf(p.cache, slots[row], i % KV, positions[row]);
  });
  const [first] = modes;
  const mode = modes.size === 1 && first !== undefined ? first : "mixed";
  if (!p.modes.includes(mode)) throw new RangeError(`generate: the mode ${mode} was not recorded`);
  const feed = (name: string): string => `${p.name}/${name}-${batch}`;
  const out = session.run(GenerationGraph.decodeProgram(p.name, { shape, mode, tilted, report }), {
    [feed("tokens")]: tokens,
    [feed("positions")]: positions,
    [feed("rows")]: rows,
    ...(whole ? {} : { [feed("slots")]: slots }),
    ...(mode === "greedy" ? {} : { [feed("uniform")]: uniform, [feed("temperature")]: temperature }),
    ...(mode === "mixed" ? { [feed("topK")]: topK, [feed("topP")]: topP } : {}),
    ...(tilted ? { [feed("beta")]: beta } : {}),
  });
  const at = (name: string, i: number): number => out[name]?.[i] ?? Number.NaN;
  const width = Math.min(Sampling.REPORTED, p.vocabulary);
  return live.map(({ settings }, index) => {
    const row = rowOf(index);
    return {
      token: at("next", row),
      logProb: at("logProb", row),
      top: Array.from({ length: Math.min(settings.topLogProbs ?? 0, width) }, (_, i) => ({
        token: at("topTokens", row * width + i),
        logProb: at("topLogProbs", row * width + i),
      })),
      values:
        settings.values === true
          ? { value: at("value", row), q: at("q", row), expected: at("expected", row) }
          : null,
    };
  });
};
