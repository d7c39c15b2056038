/**
 * Batched generation with a key-value cache.
 *
 * A batch is a fixed number of slots. A prefill program computes keys and values of prompts and writes them
 * into free slots; a decoding program advances every slot by one token. Each slot has its own position, so
 * prompts of different lengths share a batch (right-padded: padding's keys are hidden by the mask until a
 * real token overwrites them), and its own settings, so that different requests do. A slot whose sequence
 * ended is refilled from what waits while others run, and more can be submitted at any time (continuous
 * batching: Yu et al., "Orca", OSDI 2022). Samples of one prompt share its prefill. Prefill leaves out the
 * prompt's last token: the first decoding step reads it, so only that program samples.
 */
import * as Random from "../../random/Random.ts";
import type { Session } from "../../tensor/Session.ts";
import * as DecodeStep from "./DecodeStep.ts";
import type * as GenerationGraph from "./GenerationGraph.ts";
import * as Prefill from "./Prefill.ts";
import type * as Sampling from "./Sampling.ts";
import * as Settings from "./Settings.ts";
import * as Stop from "./Stop.ts";

type Programs = GenerationGraph.Programs;

export { type Programs, record, type Spec } from "./GenerationGraph.ts";
export type { Settings } from "./Settings.ts";

export interface Item {
  /** At least one token, at most maxPrompt. */
  readonly promptIds: ReadonlyArray<number>;
  /** The sample's own seed: its tokens depend on it and on its settings, not on what else is in the batch. */
  readonly seed: number;
}

export interface Sample {
  /** What was sampled, with the end-of-sequence token or the tokens that completed a stop string. */
  readonly tokens: ReadonlyArray<number>;
  /** log pi(token) of the untilted policy at temperature 1, one a token. */
  readonly logProbs: ReadonlyArray<number>;
  readonly finished: Finished;
  /** Where `values` was asked for: as Scoring.ts scores these tokens. */
  readonly scores?: {
    /** sum_t min(0, Q - E_pi Q). */
    readonly advantage: number;
    /** V at the prompt's last token. */
    readonly value: number;
  };
}

export type Finished = "stop" | "end" | "length";

/** One token of a sample, as it is sampled. */
export interface Token extends DecodeStep.Sampled {
  /** Index into the submitted items. */
  readonly item: number;
  /** Why this token is the sample's last one; null where it is not. */
  readonly finished: Finished | null;
}

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Tokens sampled so far. */
  readonly tokens: number;
}

/** Items that were submitted together, and the settings that they share. */
interface Group {
  readonly items: ReadonlyArray<Item>;
  readonly settings: Settings.Settings;
  readonly mode: Sampling.Mode;
  readonly stop: Stop.Detector | null;
  readonly urgent: boolean;
  /** Indices of the items that wait, in the order in which they are taken. */
  readonly waiting: Array<number>;
  readonly prefill: (targets: ReadonlyArray<Prefill.Target>) => void;
  readonly onToken: (token: Token) => void;
}

interface Running {
  readonly group: Group;
  readonly item: number;
  readonly random: Random.Random;
  /** The token to read next, and its position. */
  token: number;
  position: number;
  readonly tokens: Array<number>;
}

export interface Submission {
  /** Gives up what has not ended; its slots are free. */
  readonly cancel: () => void;
}

/** Longest first, and samples of one prompt side by side. */
const takingOrder = (items: ReadonlyArray<Item>): Array<number> => {
  const keys = items.map(({ promptIds }) => promptIds.join(","));
  return items
    .map((_, i) => i)
    .sort((a, b) => {
      const byLength = items[b].promptIds.length - items[a].promptIds.length;
      if (byLength !== 0) return byLength;
      const [x, y] = [keys[a], keys[b]];
      return x < y ? -1 : x > y ? 1 : a - b;
    });
};

/** Generates with recorded programs, for as many submissions at once as there are. The only user of their buffers. */
export class Generator {
  readonly #session: Session;
  readonly #programs: Programs;
  readonly #slots: Array<Running | null>;
  readonly #prefills: Prefill.Prefills;
  #groups: Array<Group> = [];

  constructor(session: Session, programs: Programs) {
    this.#session = session;
    this.#programs = programs;
    this.#slots = Array.from({ length: programs.batch }, () => null);
    this.#prefills = Prefill.make(session, programs);
  }

  /**
   * Adds items, to be sampled by the steps that follow. Urgent ones take slots as soon as there are any, before
   * all others; the others wait until a few are free, so that their prompts are computed together.
   * @throws RangeError on items or settings that do not fit.
   */
  submit(
    items: ReadonlyArray<Item>,
    settings: Settings.Settings,
    onToken: (token: Token) => void,
    options: { readonly urgent?: boolean } = {},
  ): Submission {
    Settings.check(this.#programs, items, settings);
    const group: Group = {
      items,
      settings,
      mode: Settings.modeOf(this.#programs, settings),
      stop: settings.stop === undefined ? null : Stop.make(settings.stop),
      urgent: options.urgent ?? false,
      waiting: takingOrder(items),
      prefill: this.#prefills(items.map(({ promptIds }) => promptIds)),
      onToken,
    };
    const before = group.urgent ? this.#groups.findIndex(({ urgent }) => !urgent) : -1;
    this.#groups.splice(before < 0 ? this.#groups.length : before, 0, group);
    return {
      cancel: () => {
        this.#groups = this.#groups.filter((other) => other !== group);
        this.#slots.forEach((running, slot) => {
          if (running?.group === group) this.#slots[slot] = null;
        });
      },
    };
  }

  /** Fills free slots and samples one token of each that runs; false where nothing was left to do. */
  step(): boolean {
    this.#admit();
    const live = this.#slots.flatMap((running, slot) => (running === null ? [] : [{ running, slot }]));
    if (live.length === 0) return false;
    const sampled = DecodeStep.run(
      this.#session,
      this.#programs,
      live.map(({ running: { group, token, position, random }, slot }) => {
        const { settings, mode } = group;
        return { slot, token, position, random, settings, mode };
      }),
    );
    // All slots are brought forward before anybody is told: a listener may cancel or submit.
    const told: Array<{ readonly group: Group; readonly token: Token }> = [];
    for (const [row, { running, slot }] of live.entries()) {
      const token = sampled[row];
      running.tokens.push(token.token);
      running.token = token.token;
      running.position++;
      const finished = this.#finished(running);
      if (finished !== null) this.#slots[slot] = null;
      told.push({ group: running.group, token: { item: running.item, ...token, finished } });
    }
    for (const { group, token } of told) group.onToken(token);
    return true;
  }

  /** Samples for the items, in their order. @throws RangeError on items or settings that do not fit. */
  generate(
    items: ReadonlyArray<Item>,
    settings: Settings.Settings,
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
    settings: Settings.Settings,
  ): globalThis.Generator<Progress, ReadonlyArray<Sample>, void> {
    const collected = items.map(() => ({
      tokens: [] as Array<number>,
      logProbs: [] as Array<number>,
      value: 0,
      advantage: 0,
    }));
    const samples: Array<Sample | undefined> = items.map(() => undefined);
    let done = 0;
    let tokens = 0;
    const submission = this.submit(items, settings, ({ item, token, logProb, values, finished }) => {
      const sample = collected[item];
      if (values !== null) {
        if (sample.tokens.length === 0) sample.value = values.value;
        sample.advantage += Math.min(0, values.q - values.expected);
      }
      sample.tokens.push(token);
      sample.logProbs.push(logProb);
      tokens++;
      if (finished === null) return;
      const { advantage, value } = sample;
      samples[item] = {
        tokens: sample.tokens,
        logProbs: sample.logProbs,
        finished,
        ...(settings.values === true ? { scores: { advantage, value } } : {}),
      };
      done++;
    });
    try {
      while (done < items.length) {
        this.step();
        yield { done, total: items.length, tokens };
      }
    } finally {
      submission.cancel();
    }
    return samples as ReadonlyArray<Sample>;
  }

  #finished({ group, tokens }: Running): Finished | null {
    const { ends, maxNewTokens } = group.settings;
    if (ends.includes(tokens.at(-1) as number)) return "end";
    if (group.stop !== null && Stop.reached(group.stop, tokens)) return "stop";
    return tokens.length >= maxNewTokens ? "length" : null;
  }

  /** Puts waiting items into free slots. */
  #admit(): void {
    const { batch } = this.#programs;
    const free = this.#slots.flatMap((running, slot) => (running === null ? [slot] : []));
    for (const group of this.#groups) {
      const { waiting } = group;
      const enough = Math.min(waiting.length, group.urgent ? 1 : Math.ceil(batch / 4));
      if (free.length === 0 || (free.length < batch && free.length < enough)) break;
      const targets: Array<Prefill.Target> = [];
      for (const item of waiting.splice(0, free.length)) {
        const slot = free.shift() as number;
        const { promptIds, seed } = group.items[item];
        this.#slots[slot] = {
          group,
          item,
          random: Random.make(seed),
          token: promptIds.at(-1) as number,
          position: promptIds.length - 1,
          tokens: [],
        };
        targets.push({ slot, prompt: promptIds });
      }
      group.prefill(targets);
    }
    this.#groups = this.#groups.filter(({ waiting }) => waiting.length > 0);
  }
}
