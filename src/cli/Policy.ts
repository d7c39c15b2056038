/** `drydock policy …`: import and inspect here, the others in files of their own. */
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as GgufImport from "../model/GgufImport.ts";
import * as PolicyFiles from "../model/Policy.ts";
import { json, print, table } from "./Output.ts";
import { exportPolicy, merge } from "./PolicyExport.ts";
import { init } from "./PolicyInit.ts";

const importGguf = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(Argument.withDescription("A GGUF file of a Llama-family model")),
    out: Flag.String("out").pipe(
      Flag.withDescription("Policy directory to write; default: policies/NAME of the file"),
      Flag.optional,
    ),
    json,
  },
  Effect.fn(function* (options) {
    const name = Path.basename(options.file)
      .replace(/\.gguf$/i, "")
      .replace(/\.(Q\d|F\d|BF\d)[^.]*$/i, "");
    const out = Option.getOrElse(options.out, () => Path.join("policies", name));
    const tty = process.stderr.isTTY;
    const summary = yield* GgufImport.run(options.file, out, {
      onProgress: (done, total) => {
        if (tty)
          process.stderr.write(`\r\u001b[2Kimporting tensors ${done}/${total}${done === total ? "\n" : ""}`);
      },
    });
    yield* print(options.json, summary, () => `Wrote ${out}. Try it: npx drydock policy inspect ${out}`);
  }),
).pipe(
  Command.withDescription("Turn a GGUF file into a policy directory"),
  Command.withExamples([
    {
      command: "drydock policy import SmolLM2-135M-Instruct.Q4_1.gguf",
      description: "Writes policies/SmolLM2-135M-Instruct",
    },
  ]),
);

const inspect = Command.make(
  "inspect",
  { directory: Argument.String("directory").pipe(Argument.withDescription("A policy directory")), json },
  Effect.fn(function* (options) {
    const files = yield* PolicyFiles.read(options.directory);
    yield* print(options.json, { card: files.card, config: files.config }, ({ card, config }) =>
      table(
        ["field", "value"],
        [
          ["name", card.name],
          ["licence", card.licence],
          ["provenance", card.provenance],
          ["layers × width", `${config.num_hidden_layers} × ${config.hidden_size}`],
          ["vocabulary", String(config.vocab_size)],
          ["prompt", card.prompt],
          ["value heads", files.heads === null ? "none" : `tilt ${card.tilt}`],
          ...Object.entries(card.figures).map(([key, value]) => [key, JSON.stringify(value)]),
        ],
      ),
    );
  }),
).pipe(
  Command.withDescription("Show what a policy directory holds, after checking it"),
  Command.withExamples([
    { command: "drydock policy inspect policies/js-compose", description: "The shipped policy" },
  ]),
);

export const policy = Command.make("policy").pipe(
  Command.withDescription("Import, export, merge and inspect policies"),
  Command.withSubcommands([importGguf, exportPolicy, merge, init, inspect]),
);
