/**
 * A slot: one warm, hardened container with a resident supervisor, which runs one program at a time.
 *
 * Liveness comes from the attach stream and from our own deadlines, never from waiting for a container.
 */
import { hostname } from "node:os";
import type Dockerode from "dockerode";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type * as Scope from "effect/Scope";
import { SandboxFault } from "../../domain/Verdict.ts";
import * as AttachStream from "./AttachStream.ts";
import * as Docker from "./Docker.ts";
import * as Protocol from "./Protocol.ts";

export interface Settings {
  readonly docker: Dockerode;
  readonly image: string;
  readonly seccomp: string;
  readonly isolation: Protocol.Isolation;
  /** OCI runtime, where another than Docker's default is wanted (runsc, kata, …). */
  readonly runtime?: string;
  /** Bytes of memory of the whole container. */
  readonly memoryBytes: number;
  readonly runId?: string;
  /** Containers that could not be removed, the engine being away; those who open slots try again. */
  readonly leftovers?: Set<string>;
}

export interface Slot {
  /** Container id. */
  readonly id: string;
  /** Python's version in the image. */
  readonly python: string;
  /** How many requests it has begun. */
  readonly runs: () => number;
  readonly run: (job: Protocol.Run) => Effect.Effect<Protocol.Seen, SandboxFault>;
  readonly compile: (job: Protocol.Compile) => Effect.Effect<Protocol.Compiled, SandboxFault>;
  /** Ends when the slot does: its container is gone, or its connection is. */
  readonly lost: Effect.Effect<void>;
}

export const OWNER_LABEL = "drydock.sandbox";
const HOST_LABEL = "drydock.host";
const PID_LABEL = "drydock.pid";
const RUN_LABEL = "drydock.run";

/** Seconds past a run's wall limit within which the supervisor has always answered. */
const ANSWER_SECONDS = 4;
const START_SECONDS = 30;

const containerOptions = (settings: Settings): Dockerode.ContainerCreateOptions => ({
  Image: settings.image,
  Entrypoint: ["/usr/bin/python3", "-sSBP", "/supervisor"],
  // Text hashing decides the order of sets: fixed, so that a program's verdict is.
  // Functions of libraries are looked up before the zygote forks, not once in each of its children.
  Env: ["PYTHONHASHSEED=0", "PYTHONUTF8=1", "LD_BIND_NOW=1"],
  User: "1000:1000",
  WorkingDir: "/",
  AttachStdin: true,
  AttachStdout: true,
  AttachStderr: true,
  OpenStdin: true,
  // Our end closing, for whatever reason, ends the supervisor and with it the container.
  StdinOnce: true,
  Tty: false,
  NetworkDisabled: true,
  Labels: {
    [OWNER_LABEL]: settings.image,
    [HOST_LABEL]: hostname(),
    [PID_LABEL]: String(process.pid),
    ...(settings.runId === undefined ? {} : { [RUN_LABEL]: settings.runId }),
  },
  HostConfig: {
    AutoRemove: true,
    NetworkMode: "none",
    ReadonlyRootfs: true,
    Tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=16m,nr_inodes=1024,mode=1777" },
    Memory: settings.memoryBytes,
    MemorySwap: settings.memoryBytes,
    PidsLimit: 64,
    NanoCpus: 1_000_000_000,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges", `seccomp=${settings.seccomp}`],
    IpcMode: "none",
    // With any other driver, one flood of output fills the host's disk.
    LogConfig: { Type: "none", Config: {} },
    Ulimits: [
      { Name: "nofile", Soft: 256, Hard: 256 },
      { Name: "core", Soft: 0, Hard: 0 },
    ],
    ...(settings.runtime === undefined ? {} : { Runtime: settings.runtime }),
  },
});

/** Opens a slot; closing the scope removes its container. */
export const open = Effect.fn("DockerSlot.open")(function* (
  settings: Settings,
): Effect.fn.Return<Slot, SandboxFault, Scope.Scope> {
  const { docker, leftovers = new Set<string>() } = settings;
  const container = yield* Effect.acquireRelease(
    Docker.ask(20, "create container", () => docker.createContainer(containerOptions(settings))),
    (made) => remove(made).pipe(Effect.catch(() => Effect.sync(() => void leftovers.add(made.id)))),
  );
  for (const id of leftovers) {
    yield* Effect.ignore(
      Effect.tap(remove(docker.getContainer(id)), () => Effect.sync(() => leftovers.delete(id))),
    );
  }
  const stream = yield* Effect.acquireRelease(
    Docker.ask(10, "attach", () =>
      container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true }),
    ),
    (attached) => Effect.sync(() => attached.end()),
  );
  const link = new Link(stream);
  yield* Docker.ask(START_SECONDS, "start container", () => container.start());
  const hello = yield* Effect.tryPromise({
    try: () => Docker.within(START_SECONDS, "first word of the supervisor", () => link.next()),
    catch: (error) => new SandboxFault({ reason: Docker.message(error) }),
  });
  const ready = yield* decode(Protocol.Ready, hello);

  let lastId = 0;
  const ask = Effect.fnUntraced(function* <A extends { readonly id: number }>(
    job: Protocol.Run | Protocol.Compile,
    wallSeconds: number,
    schema: Schema.Codec<A, unknown>,
  ): Effect.fn.Return<A, SandboxFault> {
    const id = ++lastId;
    const request = { ...job, id, namespaces: settings.isolation.namespaces };
    const answer = yield* Effect.tryPromise({
      try: () =>
        Docker.within(wallSeconds + ANSWER_SECONDS, "the supervisor's reply", () => link.ask(request)),
      catch: (error) => new SandboxFault({ reason: Docker.message(error) }),
    });
    const reply = yield* decode(Schema.Union([schema, Protocol.Fault]), answer);
    if ("fault" in reply) return yield* new SandboxFault({ reason: reply.fault });
    if (reply.id !== id)
      return yield* new SandboxFault({ reason: "the supervisor answered another request" });
    return reply;
  });
  return {
    id: container.id,
    python: ready.python,
    runs: () => lastId,
    // Limits of stdio tests are for each of them.
    run: (job) =>
      ask(job, job.limits.wallSeconds * (job.kind === "stdio" ? job.inputs.length : 1), Protocol.Seen),
    compile: (job) => ask(job, job.limits.wallSeconds, Protocol.Compiled),
    lost: Effect.promise(() => link.ended),
  };
});

const decode = <A>(schema: Schema.Codec<A, unknown>, body: Buffer): Effect.Effect<A, SandboxFault> =>
  Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(body.toString()).pipe(
    Effect.mapError(
      (error) => new SandboxFault({ reason: `the supervisor's words are not understood: ${error.message}` }),
    ),
  );

/** Whether it is gone already or going makes no difference. */
const remove = (container: Dockerode.Container): Effect.Effect<void, SandboxFault> =>
  Docker.ask(20, "remove container", () => container.remove({ force: true, v: true })).pipe(
    Effect.asVoid,
    Effect.catch((fault) =>
      /no such container|already in progress/i.test(fault.reason) ? Effect.void : Effect.fail(fault),
    ),
  );

/** The attach stream as a way to ask one thing at a time. */
class Link {
  private readonly stream: NodeJS.ReadWriteStream;
  private readonly arrived: Array<Buffer> = [];
  private waiting: { resolve: (body: Buffer) => void; reject: (error: Error) => void } | undefined;
  private gone: Error | undefined;
  private errors = "";
  private end: () => void = () => {};
  /** Settles when nothing more will come. */
  readonly ended = new Promise<void>((resolve) => {
    this.end = resolve;
  });

  constructor(stream: NodeJS.ReadWriteStream) {
    this.stream = stream;
    const lost = (what: string): void => this.lose(what);
    const feed = AttachStream.demux({
      stdout: AttachStream.frames((body) => this.take(body), lost),
      stderr: (text) => {
        this.errors = (this.errors + text.toString()).slice(-2000);
      },
    });
    stream.on("data", feed);
    stream.on("end", () => lost("the slot ended"));
    stream.on("close", () => lost("the slot ended"));
    stream.on("error", (error: Error) => lost(`the slot's connection failed: ${error.message}`));
  }

  /** The next frame. */
  next(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const early = this.arrived.shift();
      if (early !== undefined) return resolve(early);
      if (this.gone !== undefined) return reject(this.gone);
      this.waiting = { resolve, reject };
    });
  }

  ask(request: unknown): Promise<Buffer> {
    if (this.gone !== undefined) return Promise.reject(this.gone);
    this.stream.write(AttachStream.frame(request));
    return this.next();
  }

  private take(body: Buffer): void {
    const { waiting } = this;
    this.waiting = undefined;
    if (waiting === undefined) this.arrived.push(body);
    else waiting.resolve(body);
  }

  private lose(what: string): void {
    this.gone ??= new Error(this.errors === "" ? what : `${what}: ${this.errors.trim()}`);
    this.end();
    this.waiting?.reject(this.gone);
    this.waiting = undefined;
  }
}

/** Removes containers that a Drydock process of this machine left behind when it died. */
export const sweep = Effect.fnUntraced(function* (docker: Dockerode): Effect.fn.Return<void, SandboxFault> {
  const found = yield* Docker.ask(10, "list containers", () =>
    docker.listContainers({ all: true, filters: { label: [OWNER_LABEL, `${HOST_LABEL}=${hostname()}`] } }),
  );
  for (const { Id, Labels } of found) {
    if (!isAlive(Number(Labels[PID_LABEL]))) yield* Effect.ignore(remove(docker.getContainer(Id)));
  }
});

const isAlive = (pid: number): boolean => {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};
