/**
 * Monitors: figures that show a training going wrong, when each raises an alarm, and what an alarm does. Pure.
 *
 * Which figures and which limits: from Cal-QL (arXiv 2303.05479), WSRL (arXiv
 * 2412.07762), TOPR (arXiv 2503.14286) and TRL's GRPO metrics. Each is explained in docs/monitors.md.
 */

/** What an alarm does; it is an event in any case. */
export const actions = ["continue", "raise-offline", "rollback", "stop"] as const;
export type Action = (typeof actions)[number];

/**
 * How far a value is from where it should be. From the stage's start: `fall` and `rise` in units, `errors` a fall in
 * standard errors of the difference, `growth` as a factor, `change` as a factor up or down. `above`: the value itself.
 */
export type Comparison = "fall" | "rise" | "errors" | "growth" | "change" | "above";

export interface Monitor {
  /** What the figure is. */
  readonly about: string;
  readonly unit: string;
  readonly compare: Comparison;
  /** An alarm is raised past it; in the comparison's unit. */
  readonly limit: number;
  readonly action: Action;
}

const table = {
  pass_at_1: {
    about: "pass@1 on the validation tasks",
    unit: "share",
    compare: "errors",
    limit: 2,
    action: "rollback",
  },
  syntax_valid: {
    about: "validation programs that compile",
    unit: "share",
    compare: "fall",
    limit: 0.05,
    action: "rollback",
  },
  td_offline: {
    about: "the critic's TD error (cross-entropy) on a fixed offline batch",
    unit: "nats",
    compare: "growth",
    limit: 2,
    action: "raise-offline",
  },
  q_minus_return_offline: {
    about: "min Q minus Monte-Carlo return on a fixed offline batch",
    unit: "reward",
    compare: "rise",
    limit: 0.25,
    action: "continue",
  },
  q_minus_return_online: {
    about: "min Q minus Monte-Carlo return on the newest online episodes",
    unit: "reward",
    compare: "rise",
    limit: 0.25,
    action: "continue",
  },
  cql_diff: {
    about: "CQL's soft maximum of Q over candidates minus Q of what was written, on a fixed offline batch",
    unit: "reward, summed over critics",
    compare: "rise",
    limit: 0.25,
    action: "continue",
  },
  bound_rate: {
    about: "Cal-QL's share of Qs below the reference value, on a fixed offline batch",
    unit: "share",
    compare: "rise",
    limit: 0.25,
    action: "continue",
  },
  kl: {
    about: "KL of the policy from the stage's start, estimated on the validation programs",
    unit: "nats a token",
    compare: "above",
    limit: 0.5,
    action: "continue",
  },
  entropy: {
    about: "the policy's entropy, estimated on the validation programs",
    unit: "nats a token",
    compare: "change",
    limit: 4,
    action: "continue",
  },
  length: {
    about: "mean length of the validation programs",
    unit: "tokens",
    compare: "change",
    limit: 2,
    action: "continue",
  },
  duplicate_rate: {
    about: "validation programs that are another one's exact repeat, of any problem",
    unit: "share",
    compare: "rise",
    limit: 0.3,
    action: "continue",
  },
  zero_variance: {
    about: "the round's problems with several judged programs whose outcomes are all the same",
    unit: "share",
    compare: "above",
    limit: 0.9,
    action: "continue",
  },
  ece: {
    about:
      "expected calibration error of the value of the prompt against verdicts of the validation programs",
    unit: "share",
    compare: "rise",
    limit: 0.15,
    action: "continue",
  },
  brier: {
    about: "Brier score of the value of the prompt against these verdicts",
    unit: "squared share",
    compare: "rise",
    limit: 0.1,
    action: "continue",
  },
  value_auroc: {
    about: "AUROC of the value of the prompt against these verdicts",
    unit: "share",
    compare: "fall",
    limit: 0.1,
    action: "continue",
  },
} as const satisfies Readonly<Record<string, Monitor>>;

export type Name = keyof typeof table;
export const monitors: Readonly<Record<Name, Monitor>> = table;
export const names = Object.keys(table) as ReadonlyArray<Name>;

/** The monitors of an offline stage: those that ask for no round of new programs. */
export type OfflineName = Exclude<Name, "q_minus_return_online" | "zero_variance">;
export const offlineNames = names.filter(
  (name): name is OfflineName => name !== "q_minus_return_online" && name !== "zero_variance",
);
/** What an alarm may do offline: all that is trained on is offline data already. */
export const offlineActions = ["continue", "rollback", "stop"] as const;
export type OfflineAction = (typeof offlineActions)[number];
/** A monitor's default action in an offline stage. */
export const offlineAction = (name: OfflineName): OfflineAction => {
  const { action } = monitors[name];
  return action === "raise-offline" ? "rollback" : action;
};

/** Figures by name: those of monitors, and `pass_at_1_error`, the standard error of `pass_at_1`. */
export type Values = Readonly<Record<string, number>>;

/** The settings of monitors; one that is null or absent is not watched. */
export type Settings = {
  readonly [N in Name]?: null | { readonly limit: number; readonly action: Action };
};

export interface Alarm {
  readonly monitor: Name;
  readonly value: number;
  readonly limit: number;
  /** The value at the stage's start, where it is compared with that. */
  readonly from: number | null;
  readonly action: Action;
}

/** How far `value` is from where it should be, in the comparison's unit; see `Comparison`. */
const distance = (name: Name, value: number, from: number, now: Values, start: Values): number => {
  switch (monitors[name].compare) {
    case "fall":
      return from - value;
    case "rise":
      return value - from;
    case "errors": {
      const fall = from - value;
      const error = Math.hypot(start[`${name}_error`] ?? 0, now[`${name}_error`] ?? 0);
      return fall <= 0 ? 0 : fall / error;
    }
    case "growth":
      return value / from;
    case "change":
      return Math.max(value / from, from / value);
    case "above":
      return value;
  }
};

/** Alarms of what was measured `now`; what the start does not have is compared with nothing. NaN is an alarm. */
export const judge = (settings: Settings, start: Values, now: Values): ReadonlyArray<Alarm> =>
  names.flatMap((monitor) => {
    const setting = settings[monitor] ?? null;
    const value = now[monitor];
    const relative = monitors[monitor].compare !== "above";
    const from = relative ? start[monitor] : 0;
    if (setting === null || value === undefined || from === undefined) return [];
    const { limit, action } = setting;
    if (value === from || distance(monitor, value, from, now, start) <= limit) return [];
    return [{ monitor, value, limit, from: relative ? from : null, action }];
  });

/** What the alarms of a round ask for together. */
export const respond = (alarms: ReadonlyArray<Pick<Alarm, "action">>) => {
  const asked = new Set(alarms.map(({ action }) => action));
  return {
    restore: asked.has("rollback") || asked.has("stop"),
    halveLearningRate: asked.has("rollback"),
    raiseOffline: asked.has("raise-offline"),
    stop: asked.has("stop"),
  };
};
