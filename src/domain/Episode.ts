/**
 * An episode: a program as a token sequence with its reward at the end.
 *
 * Token t of the program is the action taken in state (prompt + tokens before t); the transition is
 * deterministic, the reward is 0 before the last token and `reward` on it, which is terminal.
 */
export interface Episode {
  /** Unique within its part of the replay buffer. */
  readonly id: string;
  readonly taskId: string;
  /** The prompt's text as the policy saw it. */
  readonly prompt: string;
  /** The program's text, without the end-of-sequence token. */
  readonly program: string;
  /** Text that the policy writes before the program, where its tokens are told apart; left out: none. */
  readonly reasoning?: string;
  /** null: the program was never judged. Only behaviour cloning may train on it; it is not a failure. */
  readonly reward: number | null;
  /** Token ids of the completion incl. end-of-sequence, where the policy wrote it itself; else the text is tokenised. */
  readonly tokens?: ReadonlyArray<number>;
  /** Log-probs of the behaviour policy, one per token; null (never 0) where unknown. */
  readonly behaviourLogProbs: ReadonlyArray<number> | null;
  /** The policy version that wrote it; null for offline data. */
  readonly policyVersion: number | null;
}
