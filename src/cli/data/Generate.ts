/** `drydock data generate`: makes the shipped dataset from its seed. */
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as JsCompose from "../../dataset/jscompose/Generate.ts";
import * as JsComposeDataset from "../../dataset/jscompose/WriteDataset.ts";
import { Sandbox } from "../../sandbox/Sandbox.ts";
import * as SandboxFor from "../../sandbox/SandboxFor.ts";
import * as Inference from "../Inference.ts";
import { json, print } from "../Output.ts";

const { labelledProblems, attemptsPerProblem, train } = JsCompose.defaults;

export const generate = Command.make(
  "generate",
  {
    seed: Flag.Int("seed").pipe(Flag.withDescription("Seed of the generator"), Flag.withDefault(1)),
    out: Flag.String("out").pipe(
      Flag.withDescription("Dataset directory to write"),
      Flag.withDefault("datasets/js-compose"),
    ),
    labelledProblems: Inference.between("labelled-problems", 0, train).pipe(
      Flag.withDescription("Training problems with labelled attempts; the shipped ones come first"),
      Flag.withDefault(labelledProblems),
    ),
    attempts: Inference.count("attempts").pipe(
      Flag.withDescription("Labelled attempts a problem"),
      Flag.withDefault(attemptsPerProblem),
    ),
    json,
  },
  Effect.fn(function* (options) {
    const summary = yield* Sandbox.use((sandbox) =>
      JsComposeDataset.write(
        options.out,
        options.seed,
        sandbox.verify,
        { labelledProblems: options.labelledProblems, attemptsPerProblem: options.attempts },
        { concurrency: sandbox.parallelism },
      ),
    ).pipe(Effect.provide(SandboxFor.layer(["javascript"], {})));
    yield* print(options.json, summary, (value) => `Wrote ${options.out}: ${JSON.stringify(value)}`);
  }),
).pipe(
  Command.withDescription("Generate the js-compose dataset: problems, tests, labelled attempts"),
  Command.withExamples([
    {
      command: "drydock data generate --seed 1 --out /tmp/js-compose",
      description: "The shipped one, elsewhere",
    },
    {
      command: "drydock data generate --labelled-problems 1700 --attempts 4 --out /tmp/js-compose-6800",
      description: "The same problems with more labels: the shipped attempts come first",
    },
  ]),
);
