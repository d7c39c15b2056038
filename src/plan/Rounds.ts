/**
 * An online stage played through at the measured rates: its rounds until a limit has no room for another one. The same
 * rules as stages/Online.ts, with means in place of programs. Pure.
 */
import type * as Budget from "../domain/Budget.ts";
import * as Order from "../budget/selection/Order.ts";
import type { OnlineStage, RunConfig } from "../config/RunConfig.ts";
import * as Choosing from "../stages/Choosing.ts";
import * as Online from "../stages/Online.ts";
import * as Pacing from "../stages/Pacing.ts";
import * as Updates from "../stages/Updates.ts";
import * as Estimate from "./Estimate.ts";
import type { Tilt } from "./Speeds.ts";
import * as StageCosts from "./StageCosts.ts";

/** Means of what a program and a verification come to. */
export interface Rates {
  /** Tokens of a program. */
  readonly tokens: number;
  /** CPU seconds of a verification. */
  readonly cpuSeconds: number;
  /** Share of the programs that have to be verified. */
  readonly fresh: number;
  /** Factor of all seconds. */
  readonly slowness: number;
}

export type Spent = { readonly [U in Budget.Unit]: number };

export const nothing: Spent = {
  verifications: 0,
  generated: 0,
  generatedTokens: 0,
  cpuSeconds: 0,
  wallSeconds: 0,
  money: 0,
};

export const plus = (a: Spent, b: Spent): Spent => ({
  verifications: a.verifications + b.verifications,
  generated: a.generated + b.generated,
  generatedTokens: a.generatedTokens + b.generatedTokens,
  cpuSeconds: a.cpuSeconds + b.cpuSeconds,
  wallSeconds: a.wallSeconds + b.wallSeconds,
  money: a.money + b.money,
});

type Limits = { readonly [U in Budget.Unit]?: number | undefined };

export interface Played {
  readonly cost: StageCosts.Cost;
  readonly spent: Spent;
  readonly rounds: number;
  readonly updates: ReadonlyArray<Updates.Update>;
  /** The unit that ended it; null where its rounds did. */
  readonly binding: Budget.Unit | null;
}

/** Money of some spending, time included. */
export const cost = (prices: Budget.Prices | null, spent: Spent): number =>
  prices === null
    ? 0
    : prices.verification * spent.verifications +
      prices.cpuSecond * spent.cpuSeconds +
      (prices.thousandTokens * spent.generatedTokens) / 1000 +
      (prices.hour * spent.wallSeconds) / 3600;

export interface Spec {
  readonly config: RunConfig;
  readonly stage: OnlineStage;
  readonly known: StageCosts.Known;
  readonly rates: Rates;
  readonly tilt: Tilt;
  /** What the run spent before this stage. */
  readonly before: Spent;
  /** What one program and one verification reserve at the most. */
  readonly worst: { readonly tokens: number; readonly cpuSeconds: number };
}

/** What limits leave of a unit; infinite without one. */
const left = (unit: Budget.Unit, accounts: ReadonlyArray<readonly [limits: Limits, spent: Spent]>): number =>
  Math.min(
    ...accounts.map(([limits, spent]) => {
      const limit = limits[unit];
      return limit === undefined ? Number.POSITIVE_INFINITY : limit - spent[unit];
    }),
  );

export const play = (spec: Spec): Played => {
  const { config, stage, known, rates, tilt, worst } = spec;
  const { trainings } = config;
  const prices = config.budget.prices ?? null;
  const { prices: _prices, ...runLimits } = config.budget;
  const stageLimits: Limits = { ...stage.budget, verifications: stage.verifications ?? undefined };
  const scores = Order.needsScores(Choosing.partsOf(stage));
  let own = nothing;
  let total = StageCosts.nothing;
  let pace = Pacing.start(stage.pacing);
  let binding: Budget.Unit | null = null;
  const updates: Array<Updates.Update> = [];
  const look = stage.validation === null ? StageCosts.nothing : guardOf(spec, stage.validation.samples);
  let round = 0;
  for (; stage.rounds === null || round < stage.rounds; round++) {
    const accounts = [
      [runLimits, plus(spec.before, own)],
      [stageLimits, own],
    ] as const;
    const rest = (unit: Budget.Unit): number => left(unit, accounts);
    const perProgram = cost(prices, { ...nothing, generatedTokens: worst.tokens });
    const perVerification = cost(prices, { ...nothing, verifications: 1, cpuSeconds: worst.cpuSeconds });
    const room: ReadonlyArray<readonly [Budget.Unit, number]> = [
      ["verifications", rest("verifications")],
      ["cpuSeconds", rest("cpuSeconds") / worst.cpuSeconds],
      ["generated", rest("generated")],
      ["generatedTokens", rest("generatedTokens") / worst.tokens],
      ["money", rest("money") / Math.max(perProgram + perVerification, Number.MIN_VALUE)],
      ["wallSeconds", rest("wallSeconds") > 0 ? Number.POSITIVE_INFINITY : 0],
    ];
    binding = room.find(([, times]) => times < 1)?.[0] ?? null;
    if (binding !== null) break;
    const most = Pacing.most(stage.pacing, pace, round, rest("verifications"));
    const affordable = Math.floor(
      Math.min(
        stage.programsPerRound,
        Math.floor(Online.surplus(stage) * most),
        rest("generated"),
        room[3][1],
      ),
    );
    if (affordable < 1) {
      binding = "generated";
      break;
    }
    const problems = Math.min(
      known.tasks.train,
      Math.max(1, Math.floor(affordable / stage.samplesPerProblem)),
    );
    const programs = Math.min(affordable, problems * stage.samplesPerProblem);
    const fresh = programs * rates.fresh;
    const kept =
      stage.bestOf === null
        ? 1
        : stage.bestOf.random + (1 - stage.bestOf.random) * (stage.bestOf.keep / stage.samplesPerProblem);
    const byCpu = Math.max(1, Math.floor((rest("cpuSeconds") - worst.cpuSeconds) / rates.cpuSeconds) + 1);
    const verified = Math.max(1, Math.round(Math.min(most, fresh * kept, rest("verifications"), byCpu)));
    const episodes = Math.round(stage.repeats === "keep" ? programs * kept : verified);
    const made = Updates.plan({
      trainings,
      stage,
      round,
      fresh: episodes,
      carried: { learningRateScale: 1, offlineRaise: 0 },
    }).updates;
    updates.push(...made);
    const { speeds } = known;
    const took = StageCosts.add(
      ...(round === 0 ? [look] : []),
      look,
      StageCosts.updates(known, made),
      StageCosts.checkpoints(known, 1),
      {
        ...StageCosts.nothing,
        work: Estimate.add(
          stage.generator.kind === "own" ? speeds.write(programs, tilt) : {},
          scores || stage.bestOf !== null ? speeds.score(fresh) : {},
          speeds.verify(verified),
        ),
      },
    );
    total = StageCosts.add(total, took);
    const spent: Spent = {
      verifications: verified,
      generated: programs,
      generatedTokens: programs * rates.tokens,
      cpuSeconds: verified * rates.cpuSeconds,
      wallSeconds: Estimate.total(took.work) * rates.slowness,
      money: 0,
    };
    own = plus(own, { ...spent, money: cost(prices, spent) });
    // Played as if every round moved something: an adaptive stage then spends all that it may.
    pace = Pacing.next(stage.pacing, pace, { passAt1: round, brier: null });
  }
  return { cost: total, spent: own, rounds: round, updates, binding };
};

const guardOf = ({ known, tilt }: Spec, samples: number): StageCosts.Cost =>
  StageCosts.guard(known, samples, tilt);
