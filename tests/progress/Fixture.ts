/** Shared by the tests of progress: a run in a directory that is served, a made-up run, and a bare client. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Queue from "effect/Queue";
import type * as Scope from "effect/Scope";
import { type ClientOptions, WebSocket } from "ws";
import type { EvaluationResult, RunEvent } from "../../src/domain/RunEvent.ts";
import * as ProgressServer from "../../src/progress/ProgressServer.ts";
import * as Random from "../../src/random/Random.ts";
import { Commands } from "../../src/store/Commands.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as RunStoreLive from "../../src/store/RunStoreLive.ts";
import * as StoreFixture from "../store/Fixture.ts";

/** The layers of a served run in this directory. */
export const served = (directory: string, options: Partial<ProgressServer.Options> = {}) =>
  ProgressServer.layer({ host: "127.0.0.1", port: 0, ...options }).pipe(
    Layer.provideMerge(Layer.mergeAll(RunStoreLive.layer({ directory }), Commands.layer)),
  );

/** Runs `body` beside a server of a fresh run that ends with it; clients that `body` made live as long as the test. */
export const withServer = <A, E>(
  body: Effect.Effect<A, E, RunStore | Commands | ProgressServer.ProgressServer | Scope.Scope>,
  options: Partial<ProgressServer.Options> = {},
) => Effect.flatMap(StoreFixture.temporary, (directory) => Effect.provide(body, served(directory, options)));

export interface Bare {
  readonly socket: WebSocket;
  readonly send: (frame: unknown) => Effect.Effect<void>;
  /** The next frame of the server. */
  readonly next: Effect.Effect<Frame>;
  /** The next frame of this type; others are dropped. */
  readonly nextOf: (type: string) => Effect.Effect<Frame>;
  readonly closed: Effect.Effect<{ readonly code: number; readonly reason: string }>;
}
export type Frame = { readonly type: string; readonly [key: string]: unknown };

/** A client that is not ours: plain ws. Fails where the connection is refused. */
export const connect = (url: string, options: ClientOptions = {}) =>
  Effect.gen(function* () {
    const frames = yield* Queue.unbounded<Frame>();
    const ended = yield* Queue.unbounded<{ readonly code: number; readonly reason: string }>();
    const socket = yield* Effect.acquireRelease(
      Effect.callback<WebSocket, Error>((resume) => {
        const opened = new WebSocket(url.replace(/^http/, "ws"), options);
        opened.on("message", (data) =>
          Queue.offerUnsafe(frames, JSON.parse((data as Buffer).toString()) as Frame),
        );
        opened.on("close", (code, reason) => Queue.offerUnsafe(ended, { code, reason: reason.toString() }));
        opened.on("error", (error) => resume(Effect.fail(error)));
        opened.on("open", () => resume(Effect.succeed(opened)));
      }),
      (it) => Effect.sync(() => it.terminate()),
    );
    const next = Queue.take(frames);
    const nextOf = (type: string): Effect.Effect<Frame> =>
      Effect.flatMap(next, (frame) => (frame.type === type ? Effect.succeed(frame) : nextOf(type)));
    return {
      socket,
      send: (frame) => Effect.sync(() => socket.send(JSON.stringify(frame))),
      next,
      nextOf,
      closed: Queue.take(ended),
    } satisfies Bare;
  });

/** A bare client that has said hello and heard the answer. */
export const greeted = (url: string, hello: object = {}) =>
  Effect.gen(function* () {
    const client = yield* connect(url);
    yield* client.send({ type: "hello", from: 0, ...hello });
    const answer = yield* client.nextOf("hello");
    return { ...client, answer };
  });

export const metrics = (step: number, values: { readonly [name: string]: number } = {}): RunEvent => ({
  _tag: "Metrics",
  index: 0,
  training: "main",
  step,
  values: { loss: 1 / (1 + step), ...values },
});

const evaluation = (stage: string, temperature: number, passAt1: number): EvaluationResult => ({
  stage,
  temperature,
  passAt1,
  passAt10: temperature === 0 ? null : Math.min(1, passAt1 + 0.25),
  tasks: 200,
  samplesPerTask: temperature === 0 ? 1 : 10,
  interval: [passAt1 - 0.05, passAt1 + 0.06],
  tilt: 0.5,
  verifications: 200,
  cacheHits: 12,
});

/** Plays a whole staged run into the store: base, offline, tilt, online with verdicts, control. */
export const play = (seed = 1, finish = true) =>
  Effect.gen(function* () {
    const store = yield* RunStore;
    const random = Random.make(seed);
    const stages = [
      ["evaluate", "base"],
      ["offline", "anchor"],
      ["offline", "critic"],
      ["tilt", "tilt"],
      ["evaluate", "offline"],
      ["online", "online"],
      ["evaluate", "online"],
    ] as const;
    yield* store.append({
      _tag: "RunStarted",
      runId: store.runId,
      name: "default",
      seed,
      formatVersion: 1,
      backend: "native TensorFlow on CPU",
      sandbox: "QuickJS",
      stages: stages.map(([kind, label]) => ({ kind, label })),
      limits: { verifications: 40, generated: 400 },
      labelsOffline: 12_000,
    });
    const passes: { readonly [label: string]: number } = { base: 0.31, offline: 0.44, online: 0.52 };
    for (const [index, [kind, label]] of stages.entries()) {
      const total = kind === "online" ? 40 : kind === "tilt" ? 4 : 60;
      const unit = kind === "online" ? "program" : kind === "offline" ? "step" : "task";
      yield* store.append({ _tag: "StageStarted", index, kind, label, total, unit });
      if (kind === "offline") {
        for (let step = 1; step <= total; step++) {
          const values = { loss: 2 * Math.exp(-step / 25) + 0.1 * random.next(), auroc: 0.5 + step / 200 };
          yield* store.append(
            { _tag: "Metrics", index, training: label, step, values },
            { _tag: "StageProgress", index, done: step, total },
          );
        }
      } else if (kind === "evaluate") {
        yield* store.append(
          { _tag: "StageProgress", index, done: total, total },
          { _tag: "EvaluationFinished", index, result: evaluation(label, 1, passes[label] ?? 0) },
          { _tag: "EvaluationFinished", index, result: evaluation(label, 0, (passes[label] ?? 0) + 0.05) },
        );
      } else if (kind === "tilt") {
        yield* store.append({
          _tag: "TiltChosen",
          beta: 0.5,
          tried: [
            { beta: 0, passAt1: 0.4 },
            { beta: 0.5, passAt1: 0.45 },
          ],
        });
      } else if (kind === "online") yield* online(index, random, finish ? 4 : 2);
      if (kind === "online" && !finish) return;
      yield* store.append({ _tag: "StageFinished", index, seconds: 12.5 });
    }
    yield* store.append({ _tag: "RunFinished", seconds: 123 });
  });

const online = Effect.fnUntraced(function* (stage: number, random: Random.Random, rounds: number) {
  const store = yield* RunStore;
  let solved = 0;
  for (let round = 0; round < rounds; round++) {
    const candidates = Array.from({ length: 10 }, (_, slot) => ({
      ...StoreFixture.candidate(round, slot),
      stage,
    }));
    yield* store.addCandidates(candidates, yield* store.reserve({ generated: 10 }));
    for (const candidate of candidates) {
      const passed = random.chance(0.3 + 0.1 * round);
      if (passed) solved++;
      const reservation = yield* store.reserveFor(stage, round, candidate.slot);
      yield* store.recordVerdict(
        candidate,
        reservation,
        StoreFixture.verdict(passed ? "Passed" : "WrongAnswer"),
      );
      const done = 10 * round + candidate.slot + 1;
      yield* store.append({ _tag: "StageProgress", index: stage, done, total: 40 });
    }
    yield* store.append(
      {
        _tag: "RoundFinished",
        index: stage,
        round,
        verified: 10,
        cacheHits: 0,
        passed: solved,
        unverified: 0,
        solvedTasks: solved,
      },
      { _tag: "PolicyPublished", version: round + 2, checkpoint: `round-${round}` },
      { _tag: "ValidationMeasured", index: stage, round, passAt1: 0.44 + 0.02 * round, tasks: 100 },
    );
  }
});
