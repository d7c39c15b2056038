/** The stages of a run: their schemas. */
import * as Schema from "effect/Schema";
import { StageBudget } from "./BudgetConfig.ts";
import { Monitors, OfflineMonitors } from "./MonitorConfig.ts";
import { Pacing, Selection, Selector } from "./SelectionConfig.ts";
import { Count, describe, Fraction, Label, or, Positive, PositiveNumber, Rate } from "./Fields.ts";

export const PromptTemplate = Schema.Literals(["plain", "mbpp-0-shot", "mbpp-3-shot"]);
export type PromptTemplate = typeof PromptTemplate.Type;

const Evaluate = Schema.Struct({
  kind: Schema.Literal("evaluate"),
  label: describe(Label, "Name of the evaluation in the report."),
  prompt: Schema.optionalKey(
    describe(PromptTemplate, "Prompt of this evaluation, in place of the policy's."),
  ),
  tilt: Schema.optionalKey(
    describe(Rate, "Strength of the critic's tilt, in place of the one chosen so far; 0: the policy itself."),
  ),
});

const Offline = Schema.Struct({
  kind: Schema.Literal("offline"),
  label: describe(Label, "Name of the stage."),
  training: describe(Label, "One of the trainings."),
  steps: describe(Positive, "Optimizer steps."),
  learningRate: describe(PositiveNumber, "Peak learning rate."),
  warmupSteps: or(Count, 0, "Steps of linear warm-up."),
  schedule: or(Schema.Literals(["cosine", "constant"]), "cosine", "Learning rate after the warm-up."),
  finalLearningRate: or(Rate, 0, "Where the cosine ends."),
  also: or(
    Schema.Array(
      Schema.Struct({
        training: describe(Label, "One of the trainings."),
        steps: or(Positive, 1, "Optimizer steps before each step of the stage's own training."),
        learningRate: describe(PositiveNumber, "Learning rate, constant."),
      }),
    ),
    [],
    "Other trainings that go along, for example the critic of the policy that trains.",
  ),
  validation: or(
    Schema.NullOr(
      Schema.Struct({
        samples: or(Positive, 1, "Samples a validation task each time."),
        maxDrop: or(
          Fraction,
          0.05,
          "The best checkpoint is restored where validation pass@1 is further than this below its own.",
        ),
        everySteps: or(
          Positive,
          50,
          "Steps between two measurements; the stage's start and its end are measured too.",
        ),
      }),
    ),
    null,
    "Guard on the validation tasks while the stage trains; null: none, and no monitor either.",
  ),
  monitors: or(
    OfflineMonitors,
    {},
    "Figures that show training going wrong, and what their alarms do; they are measured where there is validation.",
  ),
});

const Tilt = Schema.Struct({
  kind: Schema.Literal("tilt"),
  label: or(Label, "tilt", "Name of the stage."),
  betas: or(
    Schema.Array(Rate).check(Schema.isMinLength(1)),
    [0, 1, 2, 5],
    "Strengths of the critic's tilt that are tried on the validation tasks; 0, the untilted policy, among them.",
  ),
  samples: or(Positive, 4, "Samples a validation task and beta."),
});

const Generator = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("own") }),
  Schema.Struct({
    kind: Schema.Literal("remote"),
    url: describe(Label, "Root of an OpenAI-compatible server, for example http://127.0.0.1:8000."),
    model: describe(Label, "Name of the model at the server."),
    api: or(
      Schema.Literals(["completions", "chat"]),
      "completions",
      "completions: the model continues the prompt; chat: it answers it, and the program is taken from the answer.",
    ),
    systemPrompt: Schema.optionalKey(
      describe(Label, "Of the chat API: what stands before the prompt; left out: nothing."),
    ),
    maxTokens: Schema.optionalKey(
      describe(Positive, "Longest answer, in the server's tokens; left out: compute.maxNewTokens."),
    ),
    apiKeyEnv: Schema.optionalKey(
      describe(Label, "Name of the environment variable that holds the key; never the key itself."),
    ),
    concurrency: or(Positive, 4, "Requests at once; each is for the samples of one problem."),
    requestsPerMinute: Schema.optionalKey(describe(Positive, "Requests a minute at most.")),
    tokensPerMinute: Schema.optionalKey(
      describe(Positive, "Tokens a minute at most, those of prompts and longest answers together."),
    ),
    retries: or(Count, 5, "Times that a request is repeated after an error that may pass."),
    timeoutSeconds: or(PositiveNumber, 60, "Seconds after which a request without an answer is given up."),
    logprobs: or(
      Schema.Literals(["required", "wanted", "none"]),
      "wanted",
      "Log-probs of the programs: the run stops where there are none, uses them where there are, or does not ask.",
    ),
  }),
]);

const Judge = Schema.Literals(["logProb", "critic", "both"]);

const Online = Schema.Struct({
  kind: Schema.Literal("online"),
  label: describe(Label, "Name of the stage."),
  rounds: or(Schema.NullOr(Positive), null, "Rounds at most; null: until the budget is spent."),
  verifications: or(
    Schema.NullOr(Positive),
    null,
    "Verifications that this stage may spend; null: what the run's budget leaves.",
  ),
  budget: or(StageBudget, {}, "What else this stage may spend, within what the run's budget leaves."),
  programsPerRound: or(Positive, 100, "Programs written in a round."),
  samplesPerProblem: or(Positive, 1, "Programs written for one problem in a round."),
  temperature: or(PositiveNumber, 0.7, "Temperature of the programs."),
  generator: or(
    Generator,
    { kind: "own" },
    "Who writes the programs: the policy itself, or a model behind an OpenAI-compatible server.",
  ),
  warmupRounds: or(
    Count,
    0,
    "First rounds in which the policy is frozen: they collect, and step only the trainings of a critic.",
  ),
  offlineFraction: or(Fraction, 0.5, "Share of every batch that comes from the offline data."),
  offlineFractionAnneal: or(
    Schema.NullOr(
      Schema.Struct({
        to: describe(Fraction, "Share of the offline data at the end."),
        rounds: describe(Positive, "Rounds after the warm-up in which the share gets there, linearly."),
      }),
    ),
    null,
    "How the share of the offline data changes; null: it stays.",
  ),
  updates: describe(
    Schema.Array(
      Schema.Struct({
        training: describe(Label, "One of the trainings."),
        steps: Schema.optionalKey(describe(Positive, "Optimizer steps a round; or updateToData.")),
        updateToData: Schema.optionalKey(
          describe(
            PositiveNumber,
            "In place of steps: sequences trained on for each new episode of the round; one step at least where there is one.",
          ),
        ),
        learningRate: describe(PositiveNumber, "Learning rate, constant."),
      }),
    ),
    "Training after every round, in order.",
  ),
  retain: or(
    Schema.Struct({
      offline: or(Schema.Boolean, true, "Keep the offline data in the replay memory during this stage."),
      online: or(
        Schema.Literals(["all", "latest"]),
        "all",
        "Which rounds' episodes are kept: all, or those of the latest round (on-policy).",
      ),
    }),
    {},
    "What the replay memory holds during the stage.",
  ),
  repeats: or(
    Schema.Literals(["drop", "keep"]),
    "drop",
    "An exact repeat of a program: dropped, or an episode of its own, as group statistics need it.",
  ),
  bestOf: or(
    Schema.NullOr(
      Schema.Struct({
        judge: describe(
          Judge,
          "Who chooses: the policy's log-prob, the critic's program score, or the sum of both ranks. A critic chooses nothing until its AUROC on the stage's verdicts beats the log-prob's.",
        ),
        keep: describe(Positive, "Programs of a problem that are verified; fewer than samplesPerProblem."),
        random: or(
          Fraction,
          0.1,
          "Share of the problems whose programs are all verified, so that the judges are measured without the choice's bias.",
        ),
        minPairs: or(
          Count,
          20,
          "Pairs of a pass and a failure of one problem that the judges must be measured on before a critic may choose.",
        ),
      }),
    ),
    null,
    "Verify only the best of a problem's programs; null: all of them.",
  ),
  selector: or(
    Selector,
    "breadth",
    "What is worth verifying: a strategy that orders problems and programs, or several with weights.",
  ),
  selection: or(Selection, {}, "Settings of the strategies."),
  pacing: or(
    Pacing,
    { kind: "all" },
    "How the stage's verifications are spread over rounds: all that is written is verified, evenly, or as long as it helps.",
  ),
  validation: or(
    Schema.NullOr(
      Schema.Struct({
        samples: or(Positive, 1, "Samples a validation task and round."),
        maxDrop: or(
          Fraction,
          0.05,
          "A round whose validation pass@1 is further than this below the best one is rolled back.",
        ),
      }),
    ),
    {},
    "Guard on the validation tasks after every round; null: none.",
  ),
  monitors: or(Monitors, {}, "Figures that show training going wrong, and what their alarms do."),
});

const Control = Schema.Struct({
  kind: Schema.Literal("control"),
  label: describe(Label, "Name of the stage."),
  of: describe(
    Schema.Union([Label, Schema.Array(Label).check(Schema.isMinLength(1))]),
    "Label of the online stage whose updates are repeated without its new data, or of several, in order: all from where the first one started.",
  ),
});

export const Stage = Schema.Union([Evaluate, Offline, Tilt, Online, Control]);
export type Stage = typeof Stage.Type;
export type ControlStage = typeof Control.Type;
export type OfflineStage = typeof Offline.Type;
export type OnlineStage = typeof Online.Type;
export type Judge = typeof Judge.Type;
export type RemoteGenerator = Extract<OnlineStage["generator"], { readonly kind: "remote" }>;
