/** `drydock policy import SOURCE`: a GGUF file, a Hugging Face directory or a model on the hub becomes a policy. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as GgufImport from "../model/gguf/GgufImport.ts";
import * as Hub from "../model/directory/Hub.ts";
import { PolicyError } from "../model/PolicyError.ts";
import * as PolicyImport from "../model/directory/PolicyImport.ts";
import * as Room from "../model/files/Room.ts";
import { json, print } from "./Output.ts";
import * as PolicyFlags from "./PolicyFlags.ts";
import * as ProgressLine from "./ProgressLine.ts";

type Source =
  | { readonly kind: "file" | "directory"; readonly path: string }
  | { readonly kind: "hub"; readonly name: Hub.Name };

/** What is here goes before what may be on the hub. */
const sourceOf = (
  text: string,
  revision: string | undefined,
  file: string | undefined,
): Effect.Effect<Source, PolicyError> => {
  const name = Hub.parse(text);
  const local = Fs.existsSync(text);
  const refuse = (reason: string, remedy: string) =>
    Effect.fail(new PolicyError({ path: text, reason, remedy }));
  if (!local && name !== null && !/\.gguf$/i.test(text)) {
    return Effect.succeed({ kind: "hub", name: revision === undefined ? name : { ...name, revision } });
  }
  if (!local) {
    return refuse(
      "no such file.",
      "Give the path of a GGUF file or of a model's directory, or a model on the hub as ORG/NAME.",
    );
  }
  if (revision !== undefined || file !== undefined) {
    return refuse(
      "this is here, and --revision and --file choose what is fetched from the hub.",
      "Leave them out.",
    );
  }
  return Effect.succeed({ kind: Fs.statSync(text).isDirectory() ? "directory" : "file", path: text });
};

/** SmolLM2-135M-Instruct.Q4_1.gguf -> SmolLM2-135M-Instruct; Qwen/Qwen2.5-0.5B -> Qwen2.5-0.5B. */
const nameOf = (source: Source): string =>
  Path.basename(source.kind === "hub" ? source.name.repo : Path.resolve(source.path))
    .replace(/\.gguf$/i, "")
    .replace(/\.(I?Q\d|F\d|BF\d)[^.]*$/i, "");

const setting = (name: string): string | undefined => process.env[name]?.trim() || undefined;

/** Where huggingface_hub looks too. */
const access = (): Hub.Access => ({
  endpoint: (setting("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, ""),
  token: setting("HF_TOKEN"),
});

const optional = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.optional, Flag.map(Option.getOrUndefined));

export const importPolicy = Command.make(
  "import",
  {
    source: Argument.String("source").pipe(
      Argument.withDescription(
        "A GGUF file, a model's directory in Hugging Face's layout, or a model on the hub: ORG/NAME or ORG/NAME@REVISION",
      ),
    ),
    out: optional("out", "Policy directory to write; default: policies/NAME of the source"),
    dtype: PolicyFlags.dtype("the source's, of a GGUF f32"),
    revision: optional("revision", "Hub: branch, tag or commit; default: main"),
    file: optional("file", "Hub: the one GGUF file to fetch, in place of the safetensors"),
    force: PolicyFlags.force("Replace a policy that is there"),
    json,
  },
  Effect.fn(function* ({ source: text, out, dtype, revision, file, force, json: asJson }) {
    const source = yield* sourceOf(text, revision, file);
    const directory = out ?? Path.join("policies", nameOf(source));
    const line = ProgressLine.make();
    const options = {
      replace: force,
      ...PolicyFlags.withDtype(dtype),
      onProgress: (done: number, total: number) =>
        line.draw(`importing tensors ${done}/${total}`, done === total),
    };
    const imported = (): Effect.Effect<GgufImport.Summary, PolicyError> => {
      switch (source.kind) {
        case "file":
          return GgufImport.run(source.path, directory, options);
        case "directory":
          return PolicyImport.fromDirectory(source.path, directory, options);
        case "hub":
          return PolicyImport.fromHub(access(), source.name, directory, {
            ...options,
            ...(file === undefined ? {} : { file }),
            onDownload: (name, done, total) =>
              line.draw(
                `fetching ${name} ${Math.floor((100 * done) / total)} % of ${Room.size(total)}`,
                done === total,
              ),
          });
      }
    };
    const summary = yield* imported();
    yield* print(
      asJson,
      summary,
      () => `Wrote ${directory}. Try it: npx drydock policy inspect ${directory}`,
    );
  }),
).pipe(
  Command.withDescription("Turn a GGUF file, a Hugging Face directory or a model on the hub into a policy"),
  Command.withExamples([
    {
      command: "drydock policy import SmolLM2-135M-Instruct.Q4_1.gguf",
      description: "Writes policies/SmolLM2-135M-Instruct",
    },
    {
      command: "drydock policy import HuggingFaceTB/SmolLM2-135M-Instruct",
      description: "Fetches it from the hub (HF_ENDPOINT, HF_TOKEN); goes on where a download was cut",
    },
    {
      command: "drydock policy import ORG/NAME-GGUF --file NAME-Q8_0.gguf",
      description: "One GGUF file of a model on the hub",
    },
  ]),
);
