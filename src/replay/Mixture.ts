/**
 * Batches mixed from the offline and the online part with an exact offline count (RLPD's symmetric sampling,
 * arXiv 2302.02948, with the share as an argument so that it may anneal).
 */
import type { Random } from "../random/Random.ts";
import type { ReplayBuffer } from "./ReplayBuffer.ts";
import { Sampler, type SamplerState } from "./Sampler.ts";

export interface Parts {
  readonly offline: ReplayBuffer;
  readonly online: ReplayBuffer;
}

/** A row of one of the parts. */
export interface Pick {
  readonly part: keyof Parts;
  readonly row: number;
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
  readonly #offline: Sampler;
  readonly #online: Sampler;

  constructor(parts: Parts, kind: "all" | "passing", random: Random) {
    this.#offline = new Sampler(parts.offline, kind, random.split("offline"));
    this.#online = new Sampler(parts.online, kind, random.split("online"));
  }

  /**
   * `n` picks, offline ones first, exactly `offlineCount` of them offline. A part that has nothing to draw
   * gives its share to the other one (the caller reports the count that was drawn). Throws a RangeError where
   * both are empty.
   */
  draw(n: number, offlineFraction: number): Array<Pick> {
    let offline = offlineCount(n, offlineFraction);
    if (this.#online.empty) offline = n;
    else if (this.#offline.empty) offline = 0;
    return [
      ...this.#offline.draw(offline).map((row): Pick => ({ part: "offline", row })),
      ...this.#online.draw(n - offline).map((row): Pick => ({ part: "online", row })),
    ];
  }

  state(): MixtureState {
    return { offline: this.#offline.state(), online: this.#online.state() };
  }

  restore(state: MixtureState): void {
    this.#offline.restore(state.offline);
    this.#online.restore(state.online);
  }
}
