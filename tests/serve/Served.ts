/** A policy served on a free port, in this process, by a compute worker of its own. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import OpenAI from "openai";
import { Compute } from "../../src/compute/Compute.ts";
import * as ComputeWorker from "../../src/compute/ComputeWorker.ts";
import * as ChatTemplate from "../../src/model/tokenizer/ChatTemplate.ts";
import * as PolicyFiles from "../../src/model/directory/Policy.ts";
import * as Text from "../../src/policy/Text.ts";
import * as Server from "../../src/serve/Server.ts";

export const JS_COMPOSE = Path.resolve(import.meta.dirname, "../../policies/js-compose");

/** Messages' texts as the shipped policy's own prompts: one line each. */
const TEMPLATE = "{% for message in messages %}{{ message.content }}\n{% endfor %}";

/** A copy of the shipped policy with a chat template; the caller removes it. */
export const withChatTemplate = (): string => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-serve-"));
  Fs.cpSync(JS_COMPOSE, directory, { recursive: true });
  const file = Path.join(directory, "tokenizer_config.json");
  const config: object = JSON.parse(Fs.readFileSync(file, "utf8"));
  Fs.writeFileSync(file, JSON.stringify({ ...config, chat_template: TEMPLATE }));
  return directory;
};

export interface Served {
  readonly server: Server.Server;
  readonly files: PolicyFiles.PolicyFiles;
  readonly compute: Compute["Service"];
  readonly client: OpenAI;
  readonly close: () => Promise<void>;
}

const SLOTS = 4;

/** Serves with 4 slots, a context of 200 and up to `capacity` choices at once. */
export const open = async (
  directory: string,
  options: { readonly capacity?: number; readonly apiKey?: string; readonly name?: string } = {},
): Promise<Served> => {
  const context = 200;
  const scope = Scope.makeUnsafe();
  const made = Effect.gen(function* () {
    const files = yield* PolicyFiles.read(directory);
    const compute = yield* Compute;
    yield* compute.open({
      policy: { path: directory, init: "weights" },
      backend: "auto",
      threads: 1,
      seed: 0,
      trainable: { kind: "heads" },
      heads: false,
      frozenType: "float32",
      trainings: [],
      maxTrainTokens: 2,
      generation: {
        batch: SLOTS,
        maxPromptTokens: context - 1,
        maxNewTokens: context - 1,
        maxTokens: context,
      },
    });
    const server = yield* Server.serve({
      model: {
        name: options.name ?? "js",
        files,
        text: Text.make(files),
        chat: yield* ChatTemplate.make(),
        context,
        stream: compute.stream,
      },
      host: "127.0.0.1",
      port: 0,
      apiKey: options.apiKey ?? null,
      capacity: options.capacity ?? 64,
      alive: compute.stats,
    });
    return { files, compute, server };
  });
  const parts = await Effect.runPromise(
    Effect.flatMap(Layer.buildWithScope(ComputeWorker.layer, scope), (services) =>
      made.pipe(Effect.provideContext(services), Scope.provide(scope)),
    ),
  );
  return {
    ...parts,
    client: new OpenAI({
      baseURL: parts.server.url,
      apiKey: options.apiKey ?? "none",
      maxRetries: 0,
    }),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  };
};
