/** What a sample is asked to be, and whether recorded programs can give it. */
import type { Programs } from "./GenerationGraph.ts";
import * as Sampling from "./Sampling.ts";
import type * as Stop from "./Stop.ts";

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
  /** Tokens that end a sample. */
  readonly ends: ReadonlyArray<number>;
  readonly stop?: Stop.Stop;
  /** How many of the most probable tokens are reported with each token, 0 .. Sampling.REPORTED. Default 0. */
  readonly topLogProbs?: number;
  /** Report V and Q with each token, and the sample's scores; needs value heads. Default false. */
  readonly values?: boolean;
}

interface Item {
  readonly promptIds: ReadonlyArray<number>;
}

const cuts = ({ vocabulary }: Programs, s: Settings): boolean =>
  (s.topK !== undefined && s.topK < vocabulary) || (s.topP !== undefined && s.topP < 1);

/** The cheapest mode that can serve the settings. */
export const modeOf = (programs: Programs, s: Settings): Sampling.Mode =>
  s.temperature === 0 ? "greedy" : cuts(programs, s) ? "mixed" : "full";

/** Whether the settings need more than a token and its log-prob. */
export const reports = (s: Settings): boolean => (s.topLogProbs ?? 0) > 0 || s.values === true;

/** @throws RangeError that says which item or setting does not fit. */
export const check = (programs: Programs, items: ReadonlyArray<Item>, s: Settings): void => {
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
  const top = s.topLogProbs ?? 0;
  if (!(Number.isInteger(top) && top >= 0 && top <= Sampling.REPORTED)) {
    fail(`the number of top log-probs must be in 0 .. ${Sampling.REPORTED}, found ${top}`);
  }
  if (s.tilt !== 0 && !programs.tilts) fail("a tilt needs value heads, and this policy has none");
  if (s.values === true && !programs.tilts) fail("values need value heads, and this policy has none");
  items.forEach(({ promptIds }, i) => {
    if (promptIds.length < 1 || promptIds.length > programs.maxPrompt) {
      fail(`prompt ${i} has ${promptIds.length} tokens, expected 1 .. ${programs.maxPrompt}`);
    }
    if (promptIds.length + s.maxNewTokens > programs.length) {
      fail(
        `prompt ${i} has ${promptIds.length} tokens, which with ${s.maxNewTokens} new ones are more than ${programs.length}`,
      );
    }
    const wrong = promptIds.find((id) => !(Number.isInteger(id) && id >= 0 && id < programs.vocabulary));
    if (wrong !== undefined)
      fail(`prompt ${i} holds token ${wrong}; the vocabulary is ${programs.vocabulary}`);
  });
  const mode = modeOf(programs, s);
  if (!programs.modes.includes(mode)) fail(`the mode ${mode} was not recorded`);
};
