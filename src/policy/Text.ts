/** Between text and the tokens that a policy sees. The same for generation, training and scoring. */
import type { Episode } from "../domain/Episode.ts";
import type { PolicyFiles } from "../model/directory/Policy.ts";
import type { TokenisedEpisode } from "../replay/ReplayBuffer.ts";

export interface Text {
  /** A prompt's tokens, with the beginning-of-sequence token where the tokenizer asks for it. */
  readonly prompt: (text: string) => ReadonlyArray<number>;
  /** A program's tokens and the end-of-sequence token. */
  readonly program: (text: string) => ReadonlyArray<number>;
  /** Text that holds its own control tokens (a rendered chat template): none is added. */
  readonly raw: (text: string) => ReadonlyArray<number>;
  /** A program's text: what follows a prompt. */
  readonly decode: (ids: ReadonlyArray<number>) => string;
  /** The bytes that a token stands for; none for control tokens. */
  readonly bytes: (id: number) => Uint8Array;
  readonly episode: (episode: Episode) => TokenisedEpisode;
}

export const make = ({ tokenizer, config }: PolicyFiles): Text => {
  const prompt = (text: string) => [...tokenizer.prefix, ...tokenizer.encode(text)];
  const program = (text: string) => [...tokenizer.encode(text, "inside"), tokenizer.eos];
  const decode = (ids: ReadonlyArray<number>) => tokenizer.decode(ids, "inside");
  /** How many of the first tokens lie within that many characters; the last token never does. */
  const within = (ids: ReadonlyArray<number>, characters: number): number => {
    if (characters === 0) return 0;
    let count = 0;
    while (count + 1 < ids.length && decode(ids.slice(0, count + 1)).length <= characters) count++;
    return count;
  };
  // Attempts at one problem come one after another.
  let last = { text: "", ids: prompt("") };
  return {
    prompt,
    program,
    raw: (text) => tokenizer.encode(text),
    decode,
    bytes: tokenizer.bytes,
    episode: (episode) => {
      if (episode.prompt !== last.text) last = { text: episode.prompt, ids: prompt(episode.prompt) };
      const { reasoning = "" } = episode;
      const actions = episode.tokens ?? program(reasoning + episode.program);
      const wrong = actions.find((id) => !(Number.isInteger(id) && id >= 0 && id < config.vocab_size));
      if (wrong !== undefined) {
        throw new RangeError(
          `Episode ${episode.id} holds token ${wrong}, but the policy's vocabulary has ${config.vocab_size}.`,
        );
      }
      return {
        id: episode.id,
        taskId: episode.taskId,
        tokens: [...last.ids, ...actions],
        promptLength: last.ids.length,
        reasoningLength: within(actions, reasoning.length),
        reward: episode.reward,
        behaviourLogProbs: episode.behaviourLogProbs,
        policyVersion: episode.policyVersion,
      };
    },
  };
};
