/** What a schema cannot say of an online stage. Pure. */
import * as Monitor from "../domain/Monitor.ts";
import type { Path } from "./ConfigSource.ts";
import type { OnlineStage, RemoteGenerator } from "./StageConfig.ts";

/** A key of the stage and what is wrong with it. */
type Wrong = readonly [path: Path, problem: string];

const WEB = /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#@]*)?$/;
const VARIABLE = /^[A-Za-z_]\w*$/;

/** What is wrong with a remote generator. A value that may be a secret is not repeated. */
const remoteProblems = ({ api, apiKeyEnv, systemPrompt, url }: RemoteGenerator): ReadonlyArray<Wrong> => {
  const wrong: Array<Wrong> = [];
  if (!WEB.test(url)) {
    wrong.push([
      ["generator", "url"],
      "must be the root of a server, http://HOST:PORT or https://HOST, without user, key or question mark",
    ]);
  }
  if (apiKeyEnv !== undefined && !VARIABLE.test(apiKeyEnv)) {
    wrong.push([
      ["generator", "apiKeyEnv"],
      "must be the name of an environment variable that holds the key, such as OPENAI_API_KEY; a key itself must not stand here",
    ]);
  }
  if (api === "completions" && systemPrompt !== undefined) {
    wrong.push([["generator", "systemPrompt"], 'only the chat API has one; set "api": "chat", or remove it']);
  }
  return wrong;
};

const updateProblems = ({ updates }: OnlineStage): ReadonlyArray<Wrong> =>
  updates.flatMap(({ steps, updateToData }, i): ReadonlyArray<Wrong> => {
    if ((steps === undefined) !== (updateToData === undefined)) return [];
    const found =
      steps === undefined ? "found neither steps nor updateToData" : "found steps and updateToData";
    return [
      [["updates", i], `${found}; give one: steps a round, or sequences trained on for each new episode`],
    ];
  });

const bestOfProblems = (
  { bestOf, samplesPerProblem }: OnlineStage,
  critic: boolean,
  critics: string,
): ReadonlyArray<Wrong> => {
  if (bestOf === null) return [];
  const wrong: Array<Wrong> = [];
  if (bestOf.keep >= samplesPerProblem) {
    wrong.push([
      ["bestOf", "keep"],
      `found ${bestOf.keep}, must be less than samplesPerProblem, which is ${samplesPerProblem}: else there is nothing to choose; raise samplesPerProblem, or remove bestOf`,
    ]);
  }
  if (bestOf.judge !== "logProb" && !critic) {
    wrong.push([
      ["bestOf", "judge"],
      `found ${JSON.stringify(bestOf.judge)}, which needs a critic that nothing up to here trains; put a training whose algorithm is one of ${critics} before it or among its updates, or use "logProb"`,
    ]);
  }
  return wrong;
};

/**
 * Alarms that are to raise the share of offline data where there is none. Not those of `td_offline`, whose default
 * action it is: it is measured on that data, and so not at all.
 */
const raiseProblems = ({ monitors, retain }: OnlineStage): ReadonlyArray<Wrong> =>
  retain.offline
    ? []
    : Monitor.names
        .filter((name) => name !== "td_offline" && monitors[name]?.action === "raise-offline")
        .map((name) => [
          ["monitors", name, "action"],
          'found "raise-offline", but retain.offline is false, so that no offline data is there; use "rollback", "stop" or "continue", or retain it',
        ]);

/** Strategies that read a critic's value heads. */
const CRITICAL: ReadonlySet<string> = new Set(["uncertainty", "value-of-information", "max-variance"]);

const selectionProblems = (
  { selector, selection, bestOf }: OnlineStage,
  critic: boolean,
  critics: string,
): ReadonlyArray<Wrong> => {
  const names = typeof selector === "string" ? [selector] : selector.map(({ strategy }) => strategy);
  const wrong: Array<Wrong> = [];
  const leaning = names.find((name) => CRITICAL.has(name));
  if (leaning !== undefined && !critic) {
    wrong.push([
      ["selector"],
      `found ${JSON.stringify(leaning)}, which needs a critic that nothing up to here trains; put a training whose algorithm is one of ${critics} before it or among its updates, or use "breadth" or "posterior"`,
    ]);
  }
  if (leaning !== undefined && bestOf === null && selection.random === 0) {
    wrong.push([
      ["selection", "random"],
      `found 0, but ${JSON.stringify(leaning)} is followed only once the critic was measured on programs drawn at random; use 0.1`,
    ]);
  }
  const repeated = names.find((name, i) => names.indexOf(name) < i);
  if (repeated !== undefined) {
    wrong.push([["selector"], `has ${JSON.stringify(repeated)} twice; give it one weight`]);
  }
  if (selection.restBelow >= selection.restAbove) {
    wrong.push([
      ["selection", "restBelow"],
      `found ${selection.restBelow}, must be less than restAbove, which is ${selection.restAbove}: else every problem rests`,
    ]);
  }
  return wrong;
};

const pacingProblems = (
  { pacing, rounds, validation, verifications }: OnlineStage,
  critic: boolean,
): ReadonlyArray<Wrong> => {
  if (pacing.kind === "even" && rounds !== null && rounds < pacing.rounds) {
    return [
      [
        ["pacing", "rounds"],
        `found ${pacing.rounds}, but the stage ends after ${rounds} rounds and would leave the rest unspent; use ${rounds}, or remove rounds`,
      ],
    ];
  }
  if (pacing.kind !== "adaptive") return [];
  const wrong: Array<Wrong> = [];
  if (validation === null && !critic) {
    wrong.push([
      ["pacing", "kind"],
      'found "adaptive", but the stage has neither validation nor a critic, so that nothing says whether verifications help; add validation, or use "even"',
    ]);
  }
  if (verifications !== null && pacing.verifications > verifications) {
    wrong.push([
      ["pacing", "verifications"],
      `found ${pacing.verifications}, must be at most the stage's verifications, which are ${verifications}`,
    ]);
  }
  return wrong;
};

/** What is wrong with an online stage. `critic`: whether anything up to it trains one; `critics`: what does. */
export const check = (stage: OnlineStage, critic: boolean, critics: string): ReadonlyArray<Wrong> => {
  const { offlineFraction, offlineFractionAnneal: anneal, retain, rounds, warmupRounds } = stage;
  const wrong: Array<Wrong> = [
    ...updateProblems(stage),
    ...bestOfProblems(stage, critic, critics),
    ...selectionProblems(stage, critic, critics),
    ...pacingProblems(stage, critic),
  ];
  if (stage.generator.kind === "remote") wrong.push(...remoteProblems(stage.generator));
  if (stage.samplesPerProblem > stage.programsPerRound) {
    wrong.push([
      ["samplesPerProblem"],
      `found ${stage.samplesPerProblem}, must be at most programsPerRound, which is ${stage.programsPerRound}`,
    ]);
  }
  if (rounds !== null && warmupRounds >= rounds) {
    wrong.push([
      ["warmupRounds"],
      `found ${warmupRounds}, must be less than rounds, which is ${rounds}: else the policy never trains`,
    ]);
  }
  if (!retain.offline && offlineFraction > 0) {
    wrong.push([
      ["offlineFraction"],
      `found ${offlineFraction}, but retain.offline is false, so that no offline data is there; set it to 0`,
    ]);
  }
  wrong.push(...raiseProblems(stage));
  if (!retain.offline && anneal !== null) {
    wrong.push([
      ["offlineFractionAnneal"],
      "retain.offline is false, so that no offline data is there; remove it",
    ]);
  }
  return wrong;
};
