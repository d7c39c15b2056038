/**
 * The sandbox images: built from the recipe in sandbox-images/, tagged with the recipe's content hash.
 *
 * Without a container registry: the recipe's build.sh makes a root file system out of Debian packages, and Docker
 * imports it. Somebody with a registry may `docker build` the Dockerfile beside it under the same tag instead.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type Dockerode from "dockerode";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { SandboxUnavailable } from "../../domain/Verdict.ts";
import * as BuildLock from "./BuildLock.ts";
import * as Docker from "./Docker.ts";
import * as ImagePrune from "./ImagePrune.ts";

/** Images that there are recipes for. */
export type ImageLanguage = "python" | "cpp" | "node";

export interface Options {
  /** Told each step, one line, while an image is built. */
  readonly onProgress?: (line: string) => void;
}

/** Images of former recipes go after a build once they are this old: a younger one may be another checkout's. */
const DAY_SECONDS = 86_400;

const recipes = fileURLToPath(new URL("../../../sandbox-images/", import.meta.url));

const recipeFolder = (language: ImageLanguage): string => `${recipes}${language}/`;

/** Files that decide what an image holds, by their path under sandbox-images/: its own and the shared ones. */
const recipeFiles = (language: ImageLanguage): ReadonlyArray<string> =>
  [language, "supervisor", "common"]
    .flatMap((folder) => readdirSync(recipes + folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !/\.(md|pyc)$/.test(entry.name))
    .map((entry) => relative(recipes, join(entry.parentPath, entry.name)))
    .sort();

/** Name and content-hash tag, such as `drydock-sandbox-python:3f2a9c51d07e`. */
export const tag = (language: ImageLanguage): string => {
  const hash = createHash("sha256");
  for (const path of recipeFiles(language)) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(recipes + path))
      .update("\0");
  }
  return `drydock-sandbox-${language}:${hash.digest("hex").slice(0, 12)}`;
};

/** The seccomp profile of the language's containers, as Docker takes it. */
export const seccompProfile = (language: ImageLanguage): string =>
  readFileSync(`${recipeFolder(language)}seccomp.json`, "utf8");

const unavailable = (language: ImageLanguage, reason: string, remedy: string): SandboxUnavailable =>
  new SandboxUnavailable({ language, reason, remedy });

export const noDocker = (language: ImageLanguage, reason: string): SandboxUnavailable =>
  unavailable(
    language,
    `no Docker engine answers (${reason})`,
    "install Docker and start it (Debian, Ubuntu: apt-get install docker.io, then start dockerd), or set DOCKER_HOST",
  );

/** The image's tag; builds it first where the engine has none. Builds of several processes take turns. */
export const ensure = (
  language: ImageLanguage,
  options: Options = {},
): Effect.Effect<string, SandboxUnavailable> =>
  Effect.gen(function* () {
    const docker = yield* connected(language);
    const name = tag(language);
    if (yield* exists(docker, name)) return name;
    return yield* Effect.scoped(
      Effect.gen(function* () {
        yield* BuildLock.acquire(name);
        return (yield* exists(docker, name)) ? name : yield* construct(docker, language, options);
      }),
    );
  });

/** Builds the image whether or not there is one. Its tag. */
export const build = (
  language: ImageLanguage,
  options: Options = {},
): Effect.Effect<string, SandboxUnavailable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const docker = yield* connected(language);
      yield* BuildLock.acquire(tag(language));
      return yield* construct(docker, language, options);
    }),
  );

const connected = (language: ImageLanguage): Effect.Effect<Dockerode, SandboxUnavailable> => {
  const docker = Docker.connect();
  return Docker.ping(docker).pipe(
    Effect.as(docker),
    Effect.mapError((fault) => noDocker(language, fault.reason)),
  );
};

/** Whether the engine has an image of this name. */
export const exists = (docker: Dockerode, name: string): Effect.Effect<boolean> =>
  Docker.ask(10, "inspect image", () => docker.getImage(name).inspect()).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false),
  );

const construct = Effect.fnUntraced(function* (
  docker: Dockerode,
  language: ImageLanguage,
  { onProgress = () => {} }: Options,
): Effect.fn.Return<string, SandboxUnavailable, Scope.Scope> {
  const name = tag(language);
  onProgress(`building ${name}`);
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "drydock-image-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
  );
  const archive = join(folder, "root.tar");
  yield* runScript(language, `${recipeFolder(language)}build.sh`, archive, onProgress);
  onProgress("importing into Docker");
  const failed = (reason: string): SandboxUnavailable =>
    unavailable(language, `Docker did not import the image: ${reason}`, "see the Docker engine's log");
  yield* Docker.ask(300, "import image", () => importArchive(docker, archive, name)).pipe(
    Effect.mapError((fault) => failed(fault.reason)),
  );
  if (!(yield* exists(docker, name))) return yield* failed("it is not there afterwards");
  onProgress(`built ${name}`);
  yield* Effect.ignore(ImagePrune.old(docker, [name], { minAgeSeconds: DAY_SECONDS }));
  return name;
}, Effect.scoped);

/** Runs a recipe's build.sh; its lines of output are progress, its last lines of errors the reason of a failure. */
const runScript = (
  language: ImageLanguage,
  script: string,
  archive: string,
  onProgress: (line: string) => void,
): Effect.Effect<void, SandboxUnavailable> =>
  Effect.callback((resume) => {
    const child = spawn("bash", [script, archive], { stdio: ["ignore", "pipe", "pipe"] });
    let errors = "";
    child.stdout.on("data", (text: Buffer) => {
      for (const line of text.toString().split("\n")) if (line.trim() !== "") onProgress(line.trim());
    });
    child.stderr.on("data", (text: Buffer) => {
      errors = (errors + text.toString()).slice(-2000);
    });
    const fail = (reason: string): void =>
      resume(
        Effect.fail(
          unavailable(
            language,
            `building the ${language} sandbox image failed: ${reason}`,
            "put right what the reason names, then run: drydock sandbox build",
          ),
        ),
      );
    child.on("error", (error) => fail(error.message));
    child.on("close", (code) =>
      code === 0 ? resume(Effect.void) : fail(errors.trim().split("\n").slice(-3).join("; ")),
    );
    return Effect.sync(() => child.kill("SIGTERM"));
  });

const importArchive = async (docker: Dockerode, archive: string, name: string): Promise<void> => {
  const [repo, label] = name.split(":");
  const stream = await docker.importImage(archive, { repo, tag: label });
  await new Promise<void>((resolve, reject) => {
    let said = "";
    stream.on("data", (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-4000);
    });
    stream.on("error", reject);
    stream.on("end", () => (said.includes('"error"') ? reject(new Error(said)) : resolve()));
  });
};
