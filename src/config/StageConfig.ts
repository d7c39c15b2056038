/** The stages of a run: their schemas. */
import * as Schema from "effect/Schema";
import { Count, describe, Fraction, Label, or, Positive, PositiveNumber, Rate } from "./Fields.ts";

export const PromptTemplate = Schema.Literals(["plain", "mbpp-0-shot", "mbpp-3-shot"]);
export type PromptTemplate = typeof PromptTemplate.Type;

const Evaluate = Schema.Struct({
  kind: Schema.Literal("evaluate"),
  label: describe(Label, "Name of the evaluation in the report."),
  prompt: Schema.optionalKey(
    describe(PromptTemplate, "Prompt of this evaluation, in place of the policy's."),
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

const Online = Schema.Struct({
  kind: Schema.Literal("online"),
  label: describe(Label, "Name of the stage."),
  rounds: or(Schema.NullOr(Positive), null, "Rounds at most; null: until the budget is spent."),
  programsPerRound: or(Positive, 100, "Programs written in a round."),
  samplesPerProblem: or(Positive, 1, "Programs written for one problem in a round."),
  temperature: or(PositiveNumber, 0.7, "Temperature of the programs."),
  generator: or(
    Generator,
    { kind: "own" },
    "Who writes the programs: the policy itself, or a model behind an OpenAI-compatible server.",
  ),
  offlineFraction: or(Fraction, 0.5, "Share of every batch that comes from the offline data."),
  updates: describe(
    Schema.Array(
      Schema.Struct({
        training: describe(Label, "One of the trainings."),
        steps: describe(Positive, "Optimizer steps a round."),
        learningRate: describe(PositiveNumber, "Learning rate, constant."),
      }),
    ),
    "Training after every round, in order.",
  ),
  selector: or(
    Schema.Literals(["breadth", "random"]),
    "breadth",
    "Which programs are verified: one for each problem not yet solved and then retries, or any.",
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
});

const Control = Schema.Struct({
  kind: Schema.Literal("control"),
  label: describe(Label, "Name of the stage."),
  of: describe(Label, "Label of the online stage whose updates are repeated without its new data."),
});

export const Stage = Schema.Union([Evaluate, Offline, Tilt, Online, Control]);
export type Stage = typeof Stage.Type;
export type OnlineStage = typeof Online.Type;
export type RemoteGenerator = Extract<OnlineStage["generator"], { readonly kind: "remote" }>;
