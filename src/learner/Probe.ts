/**
 * Probes: the parts of a critic's loss on a batch that stays the same, without a step. Nothing moves by it, neither
 * weights nor samplers. Its programs fetch what the training's record anyway.
 */
import type { Layout } from "../replay/Batch.ts";
import type { Parts, Pick } from "../replay/Mixture.ts";
import { Sampler } from "../replay/Sampler.ts";
import type { Random } from "../random/Random.ts";

/** The program of a training's probe. */
export const program = (id: string, { time, actions }: Layout): string =>
  `train/${id}/probe/${time}x${actions}`;

/**
 * Up to `count` labelled episodes: of the offline part those that a sampler from the start of `random` draws (the same
 * ones for as long as the part holds the same), of the online part the newest.
 */
export const draw = (parts: Parts, part: keyof Parts, count: number, random: Random): ReadonlyArray<Pick> => {
  const buffer = parts[part];
  const rows =
    part === "online"
      ? buffer.newest(count)
      : new Sampler(buffer, "all", random).draw(Math.min(count, buffer.size));
  return rows.filter((row) => !Number.isNaN(buffer.reward(row))).map((row) => ({ part, row, group: null }));
};
