/**
 * The plan of a run: what it will spend, how long each stage takes, which limit is the first to bind, and the disk that
 * it fills. From its configuration, its tasks and a calibration; nothing is spent on it. Pure.
 */
import {
  type OfflineStage,
  type OnlineStage,
  programLimits,
  type RunConfig,
  type Stage,
} from "../config/RunConfig.ts";
import * as Budget from "../domain/Budget.ts";
import * as Costs from "../domain/Costs.ts";
import { type Interval, type Planned, type PlannedStage, plus, type Spends } from "../domain/Planned.ts";
import type { Task } from "../domain/Task.ts";
import { maxTokens } from "../stages/WriteRound.ts";
import type { Calibration } from "./Calibration.ts";
import * as Disk from "./Disk.ts";
import * as Estimate from "./Estimate.ts";
import * as Rounds from "./Rounds.ts";
import * as Speeds from "./Speeds.ts";
import * as StageCosts from "./StageCosts.ts";

/** How far means of the policy's programs stray from the calibration's in the course of a run, as deviations. */
const STRAY = { tokens: 0.12, cpuSeconds: 0.4, fresh: 0.08 } as const;

/** What the command keeps beside the compute worker: data, sandboxes, the log; measured, in bytes. */
const COMMAND: Interval = { low: 1.5e8, mid: 4e8, high: 7e8 };

export interface Facts {
  readonly config: RunConfig;
  /** By split, before those are left out whose prompt is too long. */
  readonly tasks: { readonly [S in keyof StageCosts.Tasks]: ReadonlyArray<Task> };
  readonly parameters: number;
  /** Resident bytes at the most, as predicted from the graph. */
  readonly memory: number;
  readonly calibration: Calibration;
}

export interface StagePlan extends PlannedStage {
  readonly steps: number;
  /** Programs written that no budget counts. */
  readonly programs: number;
  /** Rounds of an online stage. */
  readonly rounds: Interval | null;
  /** The unit whose limit ends the stage; null where none does. */
  readonly binding: Budget.Unit | null;
}

export interface Plan extends Planned {
  readonly stages: ReadonlyArray<StagePlan>;
  /** Seconds before the run's first event: the policy is opened. */
  readonly opening: Interval;
}

/** A mean that is between two: what the policy writes now, and what it learns to write. */
const between = (now: number, later: number | null, stray: number): Interval => {
  const low = Math.min(now, later ?? now);
  const high = Math.max(now, later ?? now);
  return {
    low: Estimate.spread(low, stray).low,
    mid: (low + high) / 2,
    high: Estimate.spread(high, stray).high,
  };
};

/**
 * Share of so many programs of one problem that differ: a power of their number, through the share that was measured at
 * `measured.samples` for each.
 */
export const distinctShare = (
  samples: number,
  measured: { readonly samples: number; readonly share: number },
): number => (measured.samples < 2 ? 1 : samples ** (Math.log(measured.share) / Math.log(measured.samples)));

/** Rates as they may turn out: at their least spending and slowest, in the middle, and the other way. */
const ratesOf = ({ calibration, config }: Facts, stage: OnlineStage, learnt: boolean) => {
  const { tokens, dataTokens, verification } = calibration;
  const measured = { samples: config.evaluation.samples, share: calibration.distinct };
  // Measured with one program a problem; those of a group repeat each other too.
  const fresh = calibration.fresh * distinctShare(stage.samplesPerProblem, measured);
  const { mean, deviation } = verification.cpu;
  const sampled = mean === 0 ? 0 : deviation / mean / Math.sqrt(Math.max(1, verification.programs));
  const longest = config.compute.maxNewTokens;
  const length = between(tokens.mean, learnt ? dataTokens : null, STRAY.tokens);
  const cpu = Estimate.spread(Math.max(mean, 1e-4), Math.hypot(STRAY.cpuSeconds, sampled));
  const share = Estimate.spread(fresh, STRAY.fresh);
  return {
    tokens: { ...length, high: Math.min(longest, length.high) },
    cpuSeconds: cpu,
    fresh: { low: share.low, mid: fresh, high: Math.min(1, share.high) },
  };
};

const ends = ["low", "mid", "high"] as const;

const intervalOf = (values: ReadonlyArray<number>): Interval => ({
  low: Math.min(...values),
  mid: values[1],
  high: Math.max(...values),
});

/** An online stage: played at the middle of all rates and at both ends of each. */
const online = (
  spec: Omit<Rounds.Spec, "rates">,
  rates: ReturnType<typeof ratesOf>,
): { readonly mid: Rounds.Played; readonly spends: Spends; readonly rounds: Interval } => {
  const slow = Estimate.interval({ all: { seconds: 1, error: 0.2 } });
  const play = (end: (typeof ends)[number], fresh = end): Rounds.Played =>
    Rounds.play({
      ...spec,
      rates: {
        tokens: rates.tokens[end],
        cpuSeconds: rates.cpuSeconds[end],
        fresh: rates.fresh[fresh],
        slowness: slow[end],
      },
    });
  const mid = play("mid");
  const all = [play("low"), mid, play("high"), play("low", "high"), play("high", "low")];
  const of = (unit: Budget.Unit): Interval => intervalOf(all.map(({ spent }) => spent[unit]));
  const prices = spec.config.budget.prices !== undefined;
  return {
    mid,
    rounds: intervalOf(all.map(({ rounds }) => rounds)),
    spends: {
      verifications: of("verifications"),
      generated: of("generated"),
      generatedTokens: of("generatedTokens"),
      cpuSeconds: of("cpuSeconds"),
      ...(prices ? { money: of("money") } : {}),
    },
  };
};

const addSpends = (a: Spends, b: Spends): Spends =>
  Object.fromEntries(
    Budget.units.flatMap((unit) => {
      if (unit === "wallSeconds") return [];
      const [x, y] = [a[unit], b[unit]];
      const sum = x === undefined || y === undefined ? (x ?? y) : plus(x, y);
      return sum === undefined ? [] : [[unit, sum]];
    }),
  );

/** What a stage's rounds are planned to take, kept for the controls that repeat them. */
type Played = ReadonlyMap<string, Rounds.Played>;

export const make = (facts: Facts): Plan => {
  const { config, calibration, tasks } = facts;
  const { fitting } = calibration;
  const known: StageCosts.Known = {
    speeds: Speeds.of(calibration, config.trainings),
    tasks: {
      train: Math.round(tasks.train.length * fitting.train),
      validation: Math.round(tasks.validation.length * fitting.validation),
      test: Math.round(tasks.test.length * fitting.test),
    },
    distinct: calibration.distinct,
  };
  const { stages } = config;
  const prices = config.budget.prices ?? null;
  const played = new Map<string, Rounds.Played>();
  const plans: Array<StagePlan> = [];
  let works: Estimate.Work = {};
  let before = Rounds.nothing;
  let spends: Spends = {};
  let saved = 0;
  let tilt: Speeds.Tilt = "no";
  for (const [index, stage] of stages.entries()) {
    const own = stage.kind === "online" ? onlineOf(facts, known, stage, index, before, tilt) : null;
    const cut = stage.kind === "offline" ? offlineOf(config, known, stage, before, tilt) : null;
    const cost = own?.mid.cost ?? cut?.cost ?? costOf(stage, { config, known, tilt, played });
    const kept = stage.kind === "evaluate" ? StageCosts.nothing : StageCosts.checkpoints(known, 1);
    const whole = StageCosts.add(cost, kept);
    if (stage.kind === "online" && own !== null) played.set(stage.label, own.mid);
    if (stage.kind === "tilt") tilt = "perhaps";
    const seconds = earlier(Estimate.interval(whole.work), stage, own?.rounds ?? null);
    const wallSeconds = Estimate.total(whole.work);
    const spent = { ...(own?.mid.spent ?? Rounds.nothing), wallSeconds };
    before = Rounds.plus(before, { ...spent, money: Rounds.cost(prices, spent) });
    works = Estimate.add(works, whole.work);
    saved += whole.checkpoints;
    const money = prices === null || prices.hour === 0 ? null : scaled(seconds, prices.hour / 3600);
    const mine = withMoney(own?.spends ?? {}, money);
    spends = addSpends(spends, mine);
    plans.push({
      kind: stage.kind,
      label: stage.label,
      seconds,
      spends: mine,
      steps: whole.steps,
      programs: whole.programs,
      rounds: own?.rounds ?? null,
      binding: own?.mid.binding ?? cut?.binding ?? null,
    });
  }
  const start = StageCosts.checkpoints(known, 1);
  const end = Estimate.times(known.speeds.save, 1);
  const total = Estimate.interval(Estimate.add(works, start.work, end));
  const least = plans.reduce((sum, { seconds }) => sum + seconds.low, 0);
  const adaptive = stages.some((stage) => stage.kind === "online" && stage.pacing.kind === "adaptive");
  return {
    calibrated: { at: calibration.at, seconds: calibration.seconds },
    opening: Estimate.interval({ opening: { seconds: calibration.opening, error: 0.2 } }),
    stages: plans,
    seconds: adaptive ? { ...total, low: Math.min(total.low, least) } : total,
    spends,
    memory: {
      low: 0.9 * facts.memory + COMMAND.low,
      mid: facts.memory + COMMAND.mid,
      high: 1.15 * facts.memory + COMMAND.high,
    },
    disk: Disk.of(facts, plans, saved + 1),
  };
};

const scaled = ({ low, mid, high }: Interval, factor: number): Interval => ({
  low: low * factor,
  mid: mid * factor,
  high: high * factor,
});

/** An online stage's money holds its own time already; that of the others is added here. */
const withMoney = (spends: Spends, money: Interval | null): Spends =>
  money === null || spends.money !== undefined ? spends : { ...spends, money };

/** An adaptive stage may end after as few rounds as its patience. */
const earlier = (seconds: Interval, stage: Stage, rounds: Interval | null): Interval => {
  if (stage.kind !== "online" || stage.pacing.kind !== "adaptive" || rounds === null) return seconds;
  const fewest = Math.min(rounds.mid, stage.pacing.patience + 1);
  return { ...seconds, low: seconds.low * (rounds.mid === 0 ? 1 : fewest / rounds.mid) };
};

const onlineOf = (
  facts: Facts,
  known: StageCosts.Known,
  stage: OnlineStage,
  index: number,
  before: Rounds.Spent,
  tilt: Speeds.Tilt,
) => {
  const { config, tasks } = facts;
  const { worst: worstOf } = Costs.verifications(programLimits(config.sandbox), null);
  const dearest = tasks.train.reduce((most, task) => Math.max(most, worstOf(task).cpuSeconds ?? 0), 1);
  const worst = { tokens: maxTokens(config, stage), cpuSeconds: Budget.fromParts("cpuSeconds", dearest) };
  const learnt = config.stages.slice(0, index).some(({ kind }) => kind === "offline");
  return online({ config, stage, known, tilt, before, worst }, ratesOf(facts, stage, learnt));
};

/** The time that the run's limits leave after what it spent, in seconds, and the unit of the limit; infinite without. */
const timeLeft = (
  { wallSeconds, money, prices }: RunConfig["budget"],
  before: Rounds.Spent,
): readonly [seconds: number, unit: Budget.Unit] => {
  const time = (wallSeconds ?? Number.POSITIVE_INFINITY) - before.wallSeconds;
  const hour = prices?.hour ?? 0;
  if (money === undefined || hour === 0) return [time, "wallSeconds"];
  const paid = ((money - before.money) * 3600) / hour;
  return paid < time ? [paid, "money"] : [time, "wallSeconds"];
};

/** An offline stage: its steps, or those for which there is time. */
const offlineOf = (
  config: RunConfig,
  known: StageCosts.Known,
  stage: OfflineStage,
  before: Rounds.Spent,
  tilt: Speeds.Tilt,
): { readonly cost: StageCosts.Cost; readonly binding: Budget.Unit | null } => {
  const of = (steps: number): StageCosts.Cost =>
    steps === 0
      ? StageCosts.nothing
      : StageCosts.offline(known, { ...stage, steps }, config.checkpointEverySteps, tilt);
  const whole = of(stage.steps);
  const seconds = Estimate.total(whole.work);
  const [left, unit] = timeLeft(config.budget, before);
  if (seconds <= left) return { cost: whole, binding: null };
  return { cost: of(Math.floor((stage.steps * Math.max(0, left)) / seconds)), binding: unit };
};

const costOf = (
  stage: Stage,
  spec: {
    readonly config: RunConfig;
    readonly known: StageCosts.Known;
    readonly tilt: Speeds.Tilt;
    readonly played: Played;
  },
): StageCosts.Cost => {
  const { config, known, tilt } = spec;
  switch (stage.kind) {
    case "evaluate": {
      const own: Speeds.Tilt = stage.tilt === undefined ? tilt : stage.tilt > 0 ? "yes" : "no";
      return StageCosts.evaluation(known, config.evaluation, own);
    }
    case "tilt":
      return StageCosts.tilting(known, stage.betas, stage.samples);
    case "control": {
      const labels = [stage.of].flat();
      const made = labels.flatMap((label) => spec.played.get(label)?.updates ?? []);
      return StageCosts.control(known, made, config.evaluation, tilt);
    }
    case "offline":
    case "online":
      return StageCosts.nothing;
  }
};
