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
import type { Session } from "../tensor/Session.ts";
import * as GenerationGraph from "./GenerationGraph.ts";
import * as Prefill from "./Prefill.ts";
import * as Sampling from "./Sampling.ts";
import * as Stop from "./Stop.ts";

type Programs = GenerationGraph.Programs;

export { type Programs, record, type Spec } from "./GenerationGraph.ts";

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
    const program = GenerationGraph.decodeProgram(p.name, mode, tilted);
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
        const byLength = items[b].promptIds.length - items[a].promptIds.length;
        if (byLength !== 0) return byLength;
        const [x, y] = [keys[a], keys[b]];
        return x < y ? -1 : x > y ? 1 : a - b;
      });
    const prefill = Prefill.plan(
      this.#session,
      p,
      items.map(({ promptIds }) => promptIds),
    );
    let active = 0;
    let done = 0;
    let sampled = 0;
    while (done < items.length) {
      const free = p.batch - active;
      if (queue.length > 0 && (active === 0 || free >= Math.min(queue.length, Math.ceil(p.batch / 4)))) {
        const taken = queue.splice(0, free);
        const targets: Array<Prefill.Target> = [];
        for (let slot = 0; slot < p.batch && targets.length < taken.length; slot++) {
          if (slots[slot] !== null) continue;
          const index = taken[targets.length];
          const { promptIds, seed } = items[index];
          slots[slot] = {
            index,
            random: Random.make(seed),
            prompt: promptIds.length,
            tokens: [],
            logProbs: [],
          };
          tokens[slot] = promptIds.at(-1) as number;
          positions[slot] = promptIds.length - 1;
          targets.push({ slot, prompt: promptIds });
          active++;
        }
        prefill(targets);
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
        const token = next[slot];
        running.tokens.push(token);
        running.logProbs.push(logProb[slot]);
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
          positions[slot] = positions[slot] + 1;
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
}
