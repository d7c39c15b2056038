/**
 * Batches mixed from the offline and the online part with an exact offline count (RLPD's symmetric sampling,
 * arXiv 2302.02948, with the share as an argument so that it may anneal).
 */
import type { Random } from "../random/Random.ts";
import type { ReplayBuffer } from "./ReplayBuffer.ts";
import { Sampler, type SamplerState } from "./Sampler.ts";

/** How a training draws: single episodes of a kind, or groups of a problem's passes and fails. */
export type Draw =
  | { readonly kind: "all" | "passing" }
  | {
      readonly kind: "groups";
      /** Episodes of a group; batch sizes are multiples of it. */
      readonly size: number;
    };

export interface Parts {
  readonly offline: ReplayBuffer;
  readonly online: ReplayBuffer;
}

/** A row of one of the parts. */
export interface Pick {
  readonly part: keyof Parts;
  readonly row: number;
  /** Which of the batch's groups it belongs to; null: drawn by itself. */
  readonly group: number | null;
}

export interface MixtureState {
  readonly offline: SamplerState;
  readonly online: SamplerState;
}

/** Number of offline rows in a batch of `n`: exact, half rounds up. */
export const offlineCount = (n: number, offlineFraction: number): number => {
  if (!(offlineFraction >= 0 && offlineFraction <= 1)) {
    throw new RangeError(`offlineFraction must be in [0, 1], found ${offlineFraction}`);
  }
  return Math.round(n * offlineFraction);
};

export class Mixture {
  readonly #draw: Draw;
  readonly #offline: Sampler;
  readonly #online: Sampler;

  constructor(parts: Parts, draw: Draw, random: Random) {
    this.#draw = draw;
    this.#offline = new Sampler(parts.offline, draw.kind, random.split("offline"));
    this.#online = new Sampler(parts.online, draw.kind, random.split("online"));
  }

  /** Whether neither part has anything to draw. */
  get empty(): boolean {
    return this.#offline.empty && this.#online.empty;
  }

  /**
   * `n` picks, offline ones first, exactly `offlineCount` of them (or of their groups) offline; a group's stand side
   * by side, a pass first. A part that has nothing to draw gives its share to the other one (the caller reports the
   * count that was drawn). Throws a RangeError where both are empty.
   */
  draw(n: number, offlineFraction: number): Array<Pick> {
    const size = this.#draw.kind === "groups" ? this.#draw.size : 1;
    const units = n / size;
    let offline = offlineCount(units, offlineFraction);
    if (this.#online.empty) offline = units;
    else if (this.#offline.empty) offline = 0;
    const rows = (sampler: Sampler, count: number): ReadonlyArray<number> =>
      this.#draw.kind === "groups" ? sampler.drawGroups(count, size).flat() : sampler.draw(count);
    const picks: Array<Pick> = [];
    const add = (part: keyof Parts, drawn: ReadonlyArray<number>): void => {
      for (const row of drawn) {
        const group = this.#draw.kind === "groups" ? Math.floor(picks.length / size) : null;
        picks.push({ part, row, group });
      }
    };
    add("offline", rows(this.#offline, offline));
    add("online", rows(this.#online, units - offline));
    return picks;
  }

  state(): MixtureState {
    return { offline: this.#offline.state(), online: this.#online.state() };
  }

  restore(state: MixtureState): void {
    this.#offline.restore(state.offline);
    this.#online.restore(state.online);
  }
}
