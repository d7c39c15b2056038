/**
 * Drawing 256 windows of 32 tokens from the replay memory beside d3rlpy's ReplayBuffer (bench/peers/replay.py), from
 * 10^4 to 10^7 transitions, and the memory that 10^7 take. Both hold the same programs: 50 to 150 tokens after a prompt
 * of 100 (ours; d3rlpy holds no prompts), 10 a problem, log-probs known. A window ends at a random token of a program
 * and has what d3rlpy's trajectories have: tokens, actions, rewards, returns to go, terminals, timesteps and a mask.
 * Ours draws by the sampler of a training (problem by problem, a pass and a fail in each batch), d3rlpy uniformly.
 *
 * The figure is batches/s at the largest size. Options: --rounds N (5), --window N (32), --largest N (10000000), --no-peer.
 */
import { parseArgs } from "node:util";
import * as Random from "../src/random/Random.ts";
import * as Batch from "../src/replay/Batch.ts";
import { Mixture, type Parts, type Pick } from "../src/replay/Mixture.ts";
import { ReplayBuffer } from "../src/replay/ReplayBuffer.ts";
import * as Peer from "./Peer.ts";
import { median } from "../src/domain/Numbers.ts";

const WINDOWS = 256;
const PROMPT = 100;
const SHORTEST = 50;
const LONGEST = 150;
const A_PROBLEM = 10;
const VOCABULARY = 49_152;
/** Batches of a round: ours, the peer's. */
const OURS = 400;
const PEERS = 20;

const MB = 1e6;

/** A part of at least `transitions` program tokens. */
const build = (transitions: number): Parts => {
  const random = Random.make(transitions);
  const stride = PROMPT + LONGEST;
  const offline = new ReplayBuffer({ capacity: 1 << 20, stride });
  const tokens = new Int32Array(stride);
  const logProbs = new Float32Array(LONGEST).fill(-0.5);
  for (let held = 0, episode = 0; held < transitions; episode++) {
    const actions = SHORTEST + random.int(LONGEST - SHORTEST + 1);
    const length = PROMPT + actions;
    for (let i = 0; i < length; i++) tokens[i] = random.int(VOCABULARY);
    offline.add({
      // As long as a cache key.
      id: episode.toString(16).padStart(64, "0"),
      taskId: `problem/${Math.floor(episode / A_PROBLEM)}`,
      tokens: tokens.subarray(0, length),
      promptLength: PROMPT,
      reward: random.int(3) === 0 ? 1 : 0,
      behaviourLogProbs: logProbs.subarray(0, actions),
      policyVersion: null,
    });
    held += actions;
  }
  return { offline, online: new ReplayBuffer({ capacity: 1, stride }) };
};

/** The arrays of a batch, filled again for each. */
const arrays = (window: number) => {
  const size = WINDOWS * window;
  return {
    tokens: new Int32Array(size),
    actions: new Int32Array(size),
    rewards: new Float32Array(size),
    returns: new Float32Array(size),
    terminals: new Float32Array(size),
    timesteps: new Int32Array(size),
    mask: new Float32Array(size),
  };
};

/** Puts the windows of a batch into `out`, row by row. */
const gather = (
  { offline }: Parts,
  picks: ReadonlyArray<Pick>,
  window: number,
  random: Random.Random,
  out: ReturnType<typeof arrays>,
): void => {
  // What a program is shorter than the window is left out at its beginning.
  for (const column of Object.values(out)) column.fill(0);
  // Loads of one kind after another, none of which waits for the one before: the memory answers several at a time.
  const ends = picks.map(({ row }) => offline.length(row));
  const views = picks.map(({ row }) => offline.tokens(row));
  for (let b = 0; b < picks.length; b++) {
    const first = offline.promptLength(picks[b].row);
    ends[b] = first + random.int(ends[b] - first);
  }
  let touched = 0;
  for (let b = 0; b < picks.length; b++) touched ^= views[b][ends[b]];
  out.tokens[0] = touched;
  for (let b = 0; b < picks.length; b++) {
    const { row } = picks[b];
    const tokens = views[b];
    const reward = offline.reward(row);
    const first = offline.promptLength(row);
    const end = ends[b];
    const start = Math.max(first, end - window + 1);
    const to = (b + 1) * window;
    const from = to - (end - start + 1);
    for (let at = from, t = start; at < to; at++, t++) {
      out.tokens[at] = tokens[t - 1];
      out.actions[at] = tokens[t];
      out.timesteps[at] = t - first + 1;
    }
    out.returns.fill(reward, from, to);
    out.mask.fill(1, from, to);
    if (end === tokens.length - 1) {
      out.terminals[to - 1] = 1;
      out.rewards[to - 1] = reward;
    }
  }
};

/** Milliseconds, the median of `count`. */
const timed = (count: number, body: () => unknown): number => {
  const times: Array<number> = [];
  for (let i = 0; i < count; i++) {
    const from = process.hrtime.bigint();
    body();
    times.push(Number(process.hrtime.bigint() - from) / MB);
  }
  return median(times);
};

const ms = (value: number): string => `${value.toFixed(3)} ms`;

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      window: { type: "string", default: "32" },
      largest: { type: "string", default: "10000000" },
      "no-peer": { type: "boolean", default: false },
    },
  });
  const [rounds, window, largest] = [values.rounds, values.window, values.largest].map(Number);
  const peer = values["no-peer"] ? null : await Peer.open("replay", ["--window", values.window]);
  if (peer !== null) console.error(`peer: ${String(peer.about)}`);
  let figure: { ours: number; peer: number | null } = { ours: 0, peer: null };
  for (let size = 10_000; size <= largest; size *= 10) {
    const before = process.memoryUsage().rss;
    const from = process.hrtime.bigint();
    const parts = build(size);
    const seconds = Number(process.hrtime.bigint() - from) / 1e9;
    const { rss } = process.memoryUsage();
    const random = Random.make(1);
    const mixture = new Mixture(parts, { kind: "all" }, random.split("mixture"));
    const out = arrays(window);
    const batch = () => gather(parts, mixture.draw(WINDOWS, 1), window, random, out);
    const ours = () => timed(OURS, batch);
    const layouts = Batch.layouts(PROMPT + LONGEST, 32);
    /** The whole batch as a training is fed: 8 micro-batches of 32 whole sequences, prompts included. */
    const whole = () =>
      timed(20, () => {
        const picks = Batch.byLength(parts, mixture.draw(WINDOWS, 1));
        const totals = Batch.totals(parts, picks);
        for (let at = 0; at < picks.length; at += 32) {
          const micro = picks.slice(at, at + 32);
          Batch.fill(parts, micro, Batch.layoutFor(layouts, Batch.needs(parts, micro)), totals);
        }
      });
    ours();
    console.error(`\n${size} transitions: ${parts.offline.size} programs, built in ${seconds.toFixed(1)} s`);
    const each = await Peer.interleave(
      rounds,
      ours,
      peer === null ? null : () => peer.round({ size, batches: PEERS }),
    );
    const theirs = each.peer === null ? "" : `, d3rlpy ${ms(each.peer)}`;
    console.error(`median a batch of ${WINDOWS} windows: ours ${ms(each.ours)}${theirs}`);
    console.error(
      `drawing alone ${ms(timed(OURS, () => mixture.draw(WINDOWS, 1)))}; a whole training batch ${ms(whole())}`,
    );
    const memory = `resident memory: ours ${(rss / MB).toFixed(0)} MB (${((rss - before) / MB).toFixed(0)} MB more than before)`;
    const peers = peer === null ? "" : `, d3rlpy ${(await peer.round({ size, rss: true })).toFixed(0)} MB`;
    console.error(memory + peers);
    figure = { ours: 1000 / each.ours, peer: each.peer === null ? null : 1000 / each.peer };
  }
  peer?.close();
  return { ...figure, unit: "batches/s" };
};
