/**
 * Greedy decoding of SmolLM2-135M, prompts of 128 tokens and 128 new ones, prefill included: new tokens/s beside
 * transformers' `generate`. Options: --batch N (8), --dtype f32|bf16, --threads N (2), --rounds N (5), --model DIR,
 * --no-peer.
 */
import * as Random from "../src/random/Random.ts";
import * as Decoding from "./Decoding.ts";
import * as Peer from "./Peer.ts";

const PROMPT = 128;

export default async (args: ReadonlyArray<string>) => {
  const options = Decoding.options(args, { batch: 8, maxNew: 128 });
  const { batch, maxNew, rounds } = options;
  const { generator } = await Decoding.open(options, PROMPT, ["greedy"]);
  const random = Random.make(1);
  const prompts = Array.from({ length: batch }, () =>
    Array.from({ length: PROMPT }, () => 100 + random.int(20_000)),
  );
  const rate = (newTokens: number): number => {
    const start = performance.now();
    generator.generate(
      prompts.map((promptIds, seed) => ({ promptIds, seed })),
      { temperature: 0, tilt: 0, maxNewTokens: newTokens, ends: [] },
    );
    return (1000 * batch * newTokens) / (performance.now() - start);
  };
  rate(maxNew);
  const peer = options.peer ? await Peer.open("decode", Decoding.peerArguments(options)) : null;
  const asked = { kind: "greedy", prompts, newTokens: maxNew };
  await peer?.round({ ...asked, newTokens: 8 });
  const { ours, peer: theirs } = await Peer.interleave(
    rounds,
    () => rate(maxNew),
    peer === null ? null : () => peer.round(asked),
  );
  peer?.close();
  return { ours, peer: theirs, unit: "tokens/s" };
};
