// The methods of the comparison, as parts of run configurations. One place for every setting.

/** Steps by number of labels: few labels are learnt by heart sooner. */
export const steps = (labels) =>
  labels === "full" ? { policy: 240, critic: 600 } : { policy: 120, critic: 300 };

const sft = { algorithm: "sft", batchSize: 48, episodes: "passing" };
const offline = (training, count, learningRate, more = {}) => ({
  kind: "offline",
  label: training,
  training,
  steps: count,
  learningRate,
  warmupSteps: 5,
  ...more,
});
const POLICY_RATE = 5e-4;
const CRITIC_RATE = 5e-3;
const tilt = { kind: "tilt", betas: [0, 2, 5, 10, 20, 50], samples: 2 };

const cloned = { trainings: { sft }, stages: (n) => [offline("sft", n.policy, POLICY_RATE)] };

/** A policy algorithm on its own, from the base. */
const policy = (algorithm, config, batchSize = 48) => ({
  trainings: { policy: { algorithm, config, batchSize } },
  stages: (n) => [offline("policy", n.policy, POLICY_RATE)],
});

const critic = (algorithm, config, n) => ({
  algorithm,
  config: { steps: n.critic, ...config },
  batchSize: 48,
});

/** SFT, then a critic of it, whose tilt is chosen on the validation problems. */
const tilted = (algorithm, config) => ({
  trainings: (n) => ({ sft, critic: critic(algorithm, config, n) }),
  stages: (n) => [...cloned.stages(n), offline("critic", n.critic, CRITIC_RATE), tilt],
});

/** A critic of the base, then the policy drawn out of it while the critic goes along. */
const extracted = (criticOf, criticConfig, algorithm, config) => ({
  trainings: (n) => ({
    critic: critic(criticOf, criticConfig, n),
    policy: { algorithm, config, batchSize: 48 },
  }),
  stages: (n) => [
    offline("critic", n.critic, CRITIC_RATE),
    offline("policy", n.policy, POLICY_RATE, {
      also: [{ training: "critic", steps: 1, learningRate: 1e-3 }],
    }),
  ],
});

export const methods = {
  base: { trainings: {}, stages: () => [] },
  sft: cloned,
  "rloo, leave-one-out": policy("rloo", {}),
  "rloo, normalised": policy("rloo", { advantage: "normalised" }),
  "rloo, exponential": policy("rloo", { advantage: "exponential" }),
  dpo: policy("dpo", { beta: 0.5 }),
  awac: extracted("cql", { alpha: 0, backup: "policy" }, "awac", {}),
  iql: extracted("iql", {}, "iql-policy", {}),
  cql: tilted("cql", { alpha: 20 }),
  "cal-ql": tilted("cal-ql", { alpha: 20 }),
};

/** Verifications of the two online stages together, after each. */
const SHARES = [300, 1000];

const onlineStage = (label, verifications, updates, more = {}) => ({
  kind: "online",
  label,
  verifications,
  programsPerRound: 100,
  temperature: 0.7,
  offlineFraction: 0.5,
  updates,
  ...more,
});
const growing = (shares, updates, more) =>
  shares.map((total, i) => onlineStage(`online-${total}`, total - (shares[i - 1] ?? 0), updates, more));
const evaluate = (label) => ({ kind: "evaluate", label });
const budget = (shares) => {
  const verifications = shares.at(-1);
  return { verifications, generated: 12 * verifications };
};

/** What each method does with verified programs: its own updates; a tilted policy goes on with SFT and its critic. */
const updatesOf = (name, n) => {
  const { trainings } = methods[name];
  const own = Object.keys(typeof trainings === "function" ? trainings(n) : trainings);
  const rates = { sft: 2e-4, policy: 2e-4, critic: 1e-3 };
  return own.map((training) => ({ training, steps: 20, learningRate: rates[training] }));
};

/** Algorithms that compare a problem's programs need several of each. */
const grouped = (name) => name.startsWith("rloo") || name === "dpo";

/** The same budget for every method: 300 and 1,000 verifications, each beside the same updates without new data. */
export const online = (name, n) => {
  const stages = growing(SHARES, updatesOf(name, n), grouped(name) ? { samplesPerProblem: 4 } : {});
  return {
    budget: budget(SHARES),
    trainings: {},
    stages: stages.flatMap((stage, i) => [
      stage,
      evaluate(stage.label),
      {
        kind: "control",
        label: `control-${SHARES[i]}`,
        of: stages.slice(0, i + 1).map(({ label }) => label),
      },
    ]),
  };
};

const fromScratch = (trainings, updates, more, shares = [300, 1000, 3000]) => ({
  budget: budget(shares),
  trainings,
  stages: growing(shares, updates, { offlineFraction: 0, ...more }).flatMap((stage) => [
    stage,
    evaluate(stage.label),
  ]),
});
/** On-policy groups: fresh programs only, repeats count. */
const onPolicy = {
  temperature: 1,
  samplesPerProblem: 8,
  programsPerRound: 96,
  selector: "random",
  retain: { offline: false, online: "latest" },
  repeats: "keep",
};
const grpo = (config, learningRate, steps = 4, shares = undefined) =>
  fromScratch(
    { policy: { algorithm: "grpo", config: { groupSize: 8, ...config }, batchSize: 48 } },
    [{ training: "policy", steps, learningRate }],
    onPolicy,
    shares,
  );
/** `pace`: steps a round, or sequences for each new episode. */
const rft = (learningRate, pace, shares = undefined, temperature = 0.7) =>
  fromScratch(
    { sft },
    [{ training: "sft", learningRate, ...pace }],
    { retain: { offline: false, online: "all" }, temperature },
    shares,
  );
const LEAVE_ONE_OUT = { advantage: "leave-one-out" };

/** Online alone, from the base policy, without a label. */
export const baselines = {
  rft: rft(1e-4, { updateToData: 16 }, undefined, 1),
  grpo: grpo({}, 1e-4),
  rloo: grpo(LEAVE_ONE_OUT, 1e-4),
};

/** What the baselines' settings were chosen from, on seed 1 after 300 and 1,000 verifications. */
const TUNED = [300, 1000];
export const tuning = {
  "grpo 1e-4": grpo({}, 1e-4, 4, TUNED),
  "grpo 2e-4": grpo({}, 2e-4, 4, TUNED),
  "grpo 5e-4": grpo({}, 5e-4, 4, TUNED),
  "grpo 2e-4, 8 steps": grpo({}, 2e-4, 8, TUNED),
  "grpo 2e-4, no KL, clip 0.28": grpo({ kl: 0, clipHigh: 0.28, normalise: "token" }, 2e-4, 4, TUNED),
  "rloo 2e-4": grpo(LEAVE_ONE_OUT, 2e-4, 4, TUNED),
  "rloo 5e-4": grpo(LEAVE_ONE_OUT, 5e-4, 4, TUNED),
  "grpo 5e-5": grpo({}, 5e-5, 4, TUNED),
  "grpo 1e-4, 8 steps": grpo({}, 1e-4, 8, TUNED),
  "rloo 1e-4": grpo(LEAVE_ONE_OUT, 1e-4, 4, TUNED),
  "rft 3e-4, 20 steps": rft(3e-4, { steps: 20 }, TUNED),
  "rft 5e-4, 20 steps": rft(5e-4, { steps: 20 }, TUNED),
  "rft 1e-4, 20 steps": rft(1e-4, { steps: 20 }, TUNED),
  "rft 3e-4, 2 for each": rft(3e-4, { updateToData: 2 }, TUNED),
  "rft 3e-4, 4 for each": rft(3e-4, { updateToData: 4 }, TUNED),
  "rft 1e-4, 4 for each": rft(1e-4, { updateToData: 4 }, TUNED),
  "rft 1e-4, 4 for each, T=1": rft(1e-4, { updateToData: 4 }, TUNED, 1),
  "rft 1e-4, 8 for each, T=1": rft(1e-4, { updateToData: 8 }, TUNED, 1),
  "rft 1e-4, 16 for each, T=1": rft(1e-4, { updateToData: 16 }, TUNED, 1),
};
