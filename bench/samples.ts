/**
 * 8 samples for each of 8 problems from SmolLM2-135M at temperature 1, at most 128 new tokens, which end by a stop
 * string or end-of-sequence at lengths of their own: useful tokens/s (up to each sample's end, on both sides)
 * beside transformers' `generate` (bench/peers/decode.py). Options as decode-135m's; --batch is the number of slots
 * (64), --variant the peer's way.
 */
import * as Decoding from "./Decoding.ts";
import * as Peer from "./Peer.ts";

const COPIES = 8;
const STOP = ["[DONE]"];

const ask = (task: string, tests: ReadonlyArray<string>): string =>
  `You are an expert Python programmer, and here is your task: ${task} Your code should pass these tests:\n\n${tests.join("\n")}\n[BEGIN]\n`;

const SHOT = `${ask("Write a function to add two numbers.", ["assert add(1, 2) == 3"])}def add(a, b):\n    return a + b\n[DONE]\n\n`;

/** Problems in the manner of MBPP; their prompts have 85 to 240 tokens. */
const PROMPTS = [
  ask("Write a function to double a number.", ["assert double(4) == 8"]),
  ask("Write a function to find the largest of three numbers.", [
    "assert largest(1, 2, 3) == 3",
    "assert largest(9, 2, 3) == 9",
    "assert largest(1, 7, 3) == 7",
  ]),
  ask("Write a python function to count the vowels of a string.", [
    "assert count_vowels('abc') == 1",
    "assert count_vowels('education') == 5",
    "assert count_vowels('') == 0",
  ]),
  ask("Write a function to reverse the order of the words of a sentence.", [
    "assert reverse_words('one two three') == 'three two one'",
    "assert reverse_words('hello world') == 'world hello'",
  ]),
  ask("Write a function to remove the first and the last occurrence of a character from a string.", [
    "assert remove_occurrences('hello', 'l') == 'heo'",
    "assert remove_occurrences('abcda', 'a') == 'bcd'",
    "assert remove_occurrences('PHP', 'P') == 'H'",
  ]),
  ask("Write a function to check whether a list of numbers is sorted in rising order.", [
    "assert is_sorted([1, 2, 3]) == True",
    "assert is_sorted([3, 1, 2]) == False",
    "assert is_sorted([]) == True",
    "assert is_sorted([5, 5, 6]) == True",
  ]),
  ask("Write a function to merge two dictionaries into one, where the second one's values win.", [
    "assert merge({'a': 1}, {'b': 2}) == {'a': 1, 'b': 2}",
    "assert merge({'a': 1}, {'a': 2}) == {'a': 2}",
    "assert merge({}, {'x': 1, 'y': 2}) == {'x': 1, 'y': 2}",
  ]),
  ask(
    "Write a function to find the shared elements of two lists, each of them once, in the order of the first list.",
    [
      "assert shared([1, 2, 3, 4], [3, 4, 5]) == [3, 4]",
      "assert shared([1, 1, 2], [1]) == [1]",
      "assert shared([7, 8], [1, 2]) == []",
      "assert shared(['a', 'b'], ['b', 'a']) == ['a', 'b']",
    ],
  ),
].map((prompt) => SHOT + prompt);

export default async (args: ReadonlyArray<string>) => {
  const options = Decoding.options(args, { batch: 64, maxNew: 128 });
  const { maxNew, rounds } = options;
  const { generator, tokenizer } = await Decoding.open(options, 256, ["full"]);
  const prompts = PROMPTS.map((prompt) => [...tokenizer.prefix, ...tokenizer.encode(prompt)]);
  let seed = 0;
  const rate = (): number => {
    const items = prompts.flatMap((promptIds) =>
      Array.from({ length: COPIES }, () => ({ promptIds, seed: seed++ })),
    );
    const start = performance.now();
    const samples = generator.generate(items, {
      temperature: 1,
      tilt: 0,
      maxNewTokens: maxNew,
      ends: [tokenizer.eos],
      stop: { strings: STOP, decode: tokenizer.decode },
    });
    return (1000 * samples.reduce((sum, { tokens }) => sum + tokens.length, 0)) / (performance.now() - start);
  };
  console.error(`prompts of ${prompts.map(({ length }) => length).join(", ")} tokens`);
  rate();
  const peer = options.peer ? await Peer.open("decode", Decoding.peerArguments(options)) : null;
  const asked = { kind: "samples", prompts, copies: COPIES, newTokens: maxNew, stop: STOP };
  await peer?.round({ ...asked, newTokens: 4 });
  const { ours, peer: theirs } = await Peer.interleave(
    rounds,
    rate,
    peer === null ? null : () => peer.round(asked),
  );
  peer?.close();
  return { ours, peer: theirs, unit: "useful tokens/s" };
};
