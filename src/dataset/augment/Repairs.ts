/**
 * Repairs: a passing program, with a failing one of the same task as the reasoning that leads to it.
 *
 * A policy with `policy.reasoning: "comments"` learns to write a first try and then what is right; without it,
 * reasoning is left out and a repair is the passing program once more, which a run takes once.
 */
import type { Attempt } from "../../domain/Attempt.ts";
import type { Language } from "../../domain/Task.ts";
import type { Random } from "../../random/Random.ts";
import * as Tokens from "../../syntax/Tokens.ts";
import * as Edit from "./Edit.ts";

const HEAD: Readonly<Record<string, string>> = {
  WrongAnswer: "A first try, which gives a wrong answer:",
  RuntimeError: "A first try, which fails while it runs:",
  TimedOut: "A first try, which takes too long:",
  CompileError: "A first try, which does not compile:",
};

const words = (language: Language, program: string): ReadonlyArray<string> =>
  Tokens.tokens(language, program).map(({ text }) => text);

/**
 * Up to `count` repairs of a task: its failing programs in a seeded order, each with the passing program that is
 * nearest to it in tokens.
 */
export const repairs = (
  language: Language,
  attempts: ReadonlyArray<Attempt>,
  random: Random,
  count: number,
): ReadonlyArray<Attempt> => {
  const passing = [
    ...new Map(attempts.filter(({ outcome }) => outcome === "Passed").map((a) => [a.program, a])).values(),
  ];
  const failing = [
    ...new Map(
      attempts
        .filter(({ outcome }) => outcome !== undefined && outcome !== "Passed")
        .map((a) => [a.program, a]),
    ).values(),
  ];
  const read = passing.map((attempt) => ({ attempt, tokens: words(language, attempt.program) }));
  return random
    .shuffle(failing)
    .slice(0, count)
    .flatMap((wrong) => {
      const tokens = words(language, wrong.program);
      let best: { readonly attempt: Attempt; readonly distance: number } | undefined;
      for (const { attempt, tokens: right } of read) {
        const distance = Edit.distance(tokens, right);
        if (best === undefined || distance < best.distance) best = { attempt, distance };
      }
      if (best === undefined) return [];
      const head = HEAD[wrong.outcome ?? ""] ?? "A first try, which fails:";
      return [
        {
          ...best.attempt,
          origin: "augment:repair",
          reasoning: `${head}\n${wrong.program.trimEnd()}`,
          meta: {
            ...best.attempt.meta,
            repairs: { origin: wrong.origin, outcome: wrong.outcome ?? null, distance: best.distance },
          },
        },
      ];
    });
};
