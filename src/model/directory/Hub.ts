/**
 * A model on the Hugging Face Hub: its name, the commit behind a revision, and the files that a policy needs.
 *
 * @huggingface/hub speaks the API. Everything is asked for at one commit, so that a branch that moves during a long
 * download, or between a download that was cut and the one that goes on, mixes nothing.
 */
import type { ListFileEntry } from "@huggingface/hub";
import * as Effect from "effect/Effect";
import * as GenerationConfig from "./GenerationConfig.ts";
import { PolicyError } from "../PolicyError.ts";
import * as SafetensorsIndex from "../files/SafetensorsIndex.ts";

/** Where to ask, and as whom. */
export interface Access {
  /** The hub's address without a path: https://huggingface.co, or a mirror. */
  readonly endpoint: string;
  /** For models that are private or gated; begins with hf_. */
  readonly token?: string | undefined;
}

export interface Name {
  /** "org/name". */
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
}

export interface Model {
  readonly repo: string;
  /** The commit that the revision named when it was asked for. */
  readonly commit: string;
  /** As the model's page says. */
  readonly licence: string | null;
  readonly files: ReadonlyArray<ListFileEntry>;
}

/** "org/name" or "org/name@revision"; null where the text is neither. */
export const parse = (text: string): Name | null => {
  const match = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:@([\w./-]+))?$/.exec(text);
  return match === null ? null : { repo: match[1], revision: match[2] ?? "main" };
};

const codeOf = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return undefined;
  const inner = codeOf(error.cause);
  return inner ?? ("code" in error && typeof error.code === "string" ? error.code : undefined);
};

const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && "statusCode" in error ? Number(error.statusCode) : undefined;

/** Whether asking again would be answered the same: the hub refuses, or the disk does. */
export const isFinal = (cause: unknown): boolean => {
  const status = statusOf(cause);
  if (status !== undefined) return status < 500 && status !== 429;
  return /^(ENOSPC|EDQUOT|EACCES|EPERM|EROFS)$/.test(codeOf(cause) ?? "");
};

/** What a failed request means for the person. */
export const toPolicyError = (access: Access, what: string, cause: unknown): PolicyError => {
  const { host } = new URL(access.endpoint);
  const message = cause instanceof Error ? cause.message : String(cause);
  const status = statusOf(cause);
  const refuse = (reason: string, remedy: string) => new PolicyError({ path: what, reason, remedy });
  if (status === 401 || status === 403) {
    return refuse(
      `${host} refuses access (${status}): there is no such model, or it is private or gated.`,
      "Check the name. For a gated model accept its terms on its page, then set HF_TOKEN to your access token.",
    );
  }
  if (status === 404) {
    return refuse(
      `${host} has no such model, revision or file (404), and there is no such file or directory here.`,
      "Check the name: ORG/NAME or ORG/NAME@REVISION, or the path of a GGUF file or of a model's directory.",
    );
  }
  if (status === 429)
    return refuse(`${host} has had too many requests (429).`, "Wait some minutes, or set HF_TOKEN.");
  if (status !== undefined) return refuse(`${host} answers ${status}: ${message}.`, "Try again later.");
  if (message.includes("must start with 'hf_'")) {
    return refuse("HF_TOKEN does not begin with hf_.", "Set it to an access token of the hub, or unset it.");
  }
  const code = codeOf(cause);
  if (code === "UND_ERR_SOCKET" || code === "ECONNRESET" || message === "terminated") {
    return refuse(`the connection to ${host} was cut.`, "Run the command again.");
  }
  if (code === undefined && message !== "fetch failed") {
    return refuse(`fetching from ${host} fails: ${message}.`, "Run the command again.");
  }
  return refuse(
    `${host} cannot be reached (${code ?? message}).`,
    "Check the network; HF_ENDPOINT names a mirror. Without a network, copy the model's directory or GGUF file here and give its path.",
  );
};

/** The library, loaded where it is used: few commands need it. */
export const library = Effect.promise(() => import("@huggingface/hub"));

/** The options that every call of the library takes. */
export const credentials = ({ endpoint, token }: Access) => ({
  hubUrl: endpoint,
  ...(token === undefined ? {} : { accessToken: token }),
});

/** fetch that ends with the effect it is part of. */
export const fetching =
  (signal: AbortSignal): typeof fetch =>
  (input, init) =>
    fetch(input, { ...init, signal });

const licenceOf = (card: unknown): string | null =>
  typeof card === "object" && card !== null && "license" in card && typeof card.license === "string"
    ? card.license
    : null;

/** Asks for a model's commit and files. */
export const look = (access: Access, { repo, revision }: Name): Effect.Effect<Model, PolicyError> =>
  Effect.gen(function* () {
    const { listFiles, modelInfo } = yield* library;
    return yield* Effect.tryPromise({
      try: async (signal) => {
        const common = { ...credentials(access), fetch: fetching(signal) };
        const info = await modelInfo({
          name: repo,
          revision,
          additionalFields: ["sha", "cardData"],
          ...common,
        });
        const files: Array<ListFileEntry> = [];
        for await (const file of listFiles({ repo, revision: info.sha, ...common })) files.push(file);
        return { repo, commit: info.sha, licence: licenceOf(info.cardData), files };
      },
      catch: (cause) => toPolicyError(access, `${repo}@${revision}`, cause),
    });
  });

const REQUIRED = ["config.json", "tokenizer.json", "tokenizer_config.json"];
const OPTIONAL = [GenerationConfig.FILE, "chat_template.jinja", "policy.json", "heads.safetensors"];

const named = (model: Model, names: ReadonlyArray<string>): ReadonlyArray<ListFileEntry> =>
  model.files.filter(({ path, type }) => type === "file" && names.includes(path));

/** One file of the model, by its name; what the model has of its kind is in the message where it has not this one. */
export const oneFile = (model: Model, name: string): Effect.Effect<ListFileEntry, PolicyError> => {
  const found = named(model, [name])[0];
  if (found !== undefined) return Effect.succeed(found);
  const ending = name.slice(name.lastIndexOf("."));
  const others = model.files.filter(({ path }) => path.endsWith(ending)).map(({ path }) => path);
  return Effect.fail(
    new PolicyError({
      path: model.repo,
      reason: `there is no file ${name}; of its kind there ${others.length === 0 ? "is none" : `are ${others.join(", ")}`}.`,
      remedy: "Choose one of the model's files.",
    }),
  );
};

/** The files of a policy beside its weights, and the weights' file or the index that names the files. */
export const policyFiles = (
  model: Model,
): Effect.Effect<
  { readonly small: ReadonlyArray<ListFileEntry>; readonly weights: ListFileEntry },
  PolicyError
> => {
  const refuse = (reason: string, remedy: string) =>
    Effect.fail(new PolicyError({ path: model.repo, reason, remedy }));
  const gguf = model.files.filter(({ path }) => path.endsWith(".gguf")).map(({ path }) => path);
  const weights = named(model, [SafetensorsIndex.SINGLE])[0] ?? named(model, [SafetensorsIndex.INDEX])[0];
  if (weights === undefined) {
    const found = model.files
      .map(({ path }) => path)
      .slice(0, 12)
      .join(", ");
    return gguf.length > 0
      ? refuse(
          `it has no ${SafetensorsIndex.SINGLE}, but ${gguf.join(", ")}.`,
          "Choose one of these with --file.",
        )
      : refuse(
          `it has neither ${SafetensorsIndex.SINGLE} nor ${SafetensorsIndex.INDEX}; found ${found}.`,
          "Choose a model that is published as safetensors or GGUF.",
        );
  }
  const missing = REQUIRED.filter((name) => named(model, [name]).length === 0);
  if (missing.length > 0) {
    return refuse(
      `it has no ${missing.join(", ")}, expected ${REQUIRED.join(", ")}.`,
      "Choose a model that is published with a tokenizer.json.",
    );
  }
  return Effect.succeed({ small: named(model, [...REQUIRED, ...OPTIONAL]), weights });
};
