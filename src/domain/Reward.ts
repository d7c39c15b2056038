/** The reward: a pure, versioned function of a verdict. The same offline and online. */
import type { Outcome } from "./Verdict.ts";

export const REWARD_VERSION = "binary-1";

/** 1 where every test passed, else 0. */
export const reward = (outcome: Outcome): 0 | 1 => (outcome === "Passed" ? 1 : 0);
