import * as Http from "node:http";
import * as Net from "node:net";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import type { LoggedEvent } from "../../src/domain/RunEvent.ts";
import * as Client from "../../src/progress/Client.ts";
import { ProgressServer } from "../../src/progress/ProgressServer.ts";
import * as Wire from "../../src/progress/Wire.ts";
import { Commands } from "../../src/store/Commands.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "./Fixture.ts";

const seqs = (client: Fixture.Bare, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => client.nextOf("event")).pipe(
    Effect.map((frames) => frames.map((frame) => frame["seq"])),
  );
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Status and body of a plain request. */
const get = (url: string, headers: Http.OutgoingHttpHeaders = {}, path = "/") =>
  Effect.callback<{ status: number; headers: Http.IncomingHttpHeaders; body: string }>((resume) => {
    Http.get(new URL(path, url), { headers, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () =>
        resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body })),
      );
    });
  });

describe("events", () => {
  it.live("come in order without gaps while many append at once", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const store = yield* RunStore;
        const { url } = yield* ProgressServer;
        const clients = yield* Effect.forEach(range(1, 5), () => Fixture.greeted(url));
        const reading = yield* Effect.forkChild(
          Effect.forEach(clients, (client) => seqs(client, 400), { concurrency: "unbounded" }),
        );
        yield* Effect.forEach(
          range(1, 200),
          (i) => Effect.andThen(store.append(Fixture.metrics(i), Fixture.metrics(-i)), Effect.yieldNow),
          { concurrency: 10, discard: true },
        );
        for (const seen of yield* Fiber.join(reading)) assert.deepStrictEqual(seen, range(1, 400));
      }),
    ),
  );

  it.live("replayed from any number are what the store reads", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        yield* Fixture.play();
        const store = yield* RunStore;
        const { url } = yield* ProgressServer;
        const head = yield* store.head;
        for (const from of [0, 1, 2, 255, 256, 257, head - 1, head]) {
          const client = yield* Fixture.greeted(url, { from });
          assert.deepInclude(client.answer, { runId: store.runId, head, formatVersion: 1, protocol: 1 });
          const expected = yield* store.read(from, 10_000);
          assert.lengthOf(expected, head - from);
          const got = yield* Effect.forEach(expected, () => client.next);
          assert.deepStrictEqual(
            got.map((frame) => Wire.parseServer(JSON.stringify(frame))),
            expected.map((logged) => ({ type: "event" as const, ...logged })),
          );
        }
      }),
    ),
  );

  it.live("keep numbers that JSON does not know", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const store = yield* RunStore;
        const client = yield* Fixture.greeted((yield* ProgressServer).url);
        yield* store.append(Fixture.metrics(1, { loss: Number.NaN, norm: Number.POSITIVE_INFINITY }));
        const frame = Wire.parseServer(JSON.stringify(yield* client.nextOf("event"))) as LoggedEvent;
        assert.deepInclude(frame.event, {
          values: { loss: Number.NaN, norm: Number.POSITIVE_INFINITY },
        });
      }),
    ),
  );

  it.live("are filtered by tag, and the state is sent to who asks for it", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        yield* Fixture.play();
        const store = yield* RunStore;
        const client = yield* Fixture.greeted((yield* ProgressServer).url, {
          filter: ["RunFinished"],
          state: true,
        });
        const frames = [yield* client.next, yield* client.next];
        const event = frames.find((frame) => frame.type === "event");
        const state = frames.find((frame) => frame.type === "state");
        assert.deepInclude(event, { seq: yield* store.head });
        assert.deepStrictEqual(state?.["state"], JSON.parse(JSON.stringify(yield* store.state)));
      }),
    ),
  );
});

describe("a slow client", () => {
  it.live("holds a bounded number of bytes, slows nobody, and gets every event in the end", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const store = yield* RunStore;
        const server = yield* ProgressServer;
        const slow = yield* Fixture.greeted(server.url);
        // From here on it reads nothing: the kernel's buffers fill, then the server's.
        slow.socket.pause();
        const fast = yield* Fixture.greeted(server.url);
        const wide = Object.fromEntries(range(1, 120).map((i) => [`figure-${i}`, i / 3]));
        const [rounds, each] = [40, 100];
        let most = 0;
        for (const round of range(1, rounds)) {
          yield* store.append(...range(1, each).map((i) => Fixture.metrics(round * each + i, wide)));
          yield* seqs(fast, each);
          most = Math.max(most, ...(yield* server.clients).buffered);
        }
        const frameBytes = Wire.eventFrame((yield* store.read(0, 1))[0]).length;
        const total = frameBytes * rounds * each;
        assert.isAbove(total, 10_000_000, "enough to fill what the kernel holds for a connection");
        assert.isAtLeast(most, Client.HIGH_WATER / 2, "the slow client did hold the server's cursor up");
        assert.isAtMost(most, Client.HIGH_WATER + 2 * frameBytes);
        slow.socket.resume();
        assert.deepStrictEqual(yield* seqs(slow, rounds * each), range(1, rounds * each));
      }),
    ),
  );
});

describe("a client at fault is closed, and it alone", () => {
  const hello = { type: "hello", from: 0 };
  const cases: ReadonlyArray<
    readonly [name: string, send: ReadonlyArray<string | Buffer>, code: number, reason: RegExp]
  > = [
    ["not JSON", ["{"], 1007, /not JSON/],
    ["not an object", ["7"], 1007, /must be object/],
    ["an unknown type", ['{"type":"hi"}'], 1007, /type/],
    ["from that is no number", ['{"type":"hello","from":"1"}'], 1007, /\/from must be integer/],
    ["from below 0", ['{"type":"hello","from":-1}'], 1007, /\/from must be >= 0/],
    ["from beyond the head", ['{"type":"hello","from":99}'], 1008, /beyond the head/],
    ["an unknown key", ['{"type":"hello","from":0,"form":1}'], 1007, /additional properties \(form\)/],
    ["an unknown tag", ['{"type":"hello","from":0,"filter":["Nothing"]}'], 1007, /filter/],
    [
      "a command first",
      [JSON.stringify({ type: "command", id: "1", token: "", command: { _tag: "Stop" } })],
      1008,
      /first frame must be a hello/,
    ],
    ["hello twice", [JSON.stringify(hello), JSON.stringify(hello)], 1008, /said already/],
    [
      "an unknown command",
      [
        JSON.stringify(hello),
        JSON.stringify({ type: "command", id: "1", token: "", command: { _tag: "Go" } }),
      ],
      1007,
      /command/,
    ],
    ["bytes", [Buffer.from([1, 2, 3])], 1003, /binary/],
    ["a frame above the limit", [`"${"x".repeat(Wire.MAX_FRAME_BYTES)}"`], 1009, /at most 8192 bytes/],
    ["a frame far above it", [`"${"x".repeat(1 << 20)}"`], 1009, /^$/],
    ["a flood", range(1, 2000).map(() => JSON.stringify(hello)), 1008, /at once|said already/],
  ];
  for (const [name, frames, code, reason] of cases) {
    it.live(name, () =>
      Fixture.withServer(
        Effect.gen(function* () {
          const store = yield* RunStore;
          const { url } = yield* ProgressServer;
          const good = yield* Fixture.greeted(url);
          const bad = yield* Fixture.connect(url);
          for (const frame of frames) bad.socket.send(frame);
          const closed = yield* bad.closed;
          assert.strictEqual(closed.code, code);
          assert.match(closed.reason, reason);
          yield* store.append(Fixture.metrics(1));
          assert.deepStrictEqual(yield* seqs(good, 1), [1]);
        }),
      ),
    );
  }

  it.live("one that says nothing", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const client = yield* Fixture.connect((yield* ProgressServer).url);
        assert.deepInclude(yield* client.closed, { code: 4408, reason: "no hello within 30 ms" });
      }),
      { timing: { hello: 30 } },
    ),
  );

  it.live("one that shows no life", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const { url } = yield* ProgressServer;
        const lively = yield* Fixture.greeted(url);
        const dead = yield* Effect.acquireRelease(
          Effect.sync(() => Net.connect(Number(new URL(url).port), "127.0.0.1")),
          (made) => Effect.sync(() => made.destroy()),
        );
        // A client that never answers a ping: a hand-made handshake and a masked hello, then silence.
        const text = Buffer.from(JSON.stringify(hello));
        dead.write(
          `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}\r\n\r\n`,
        );
        dead.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]));
        dead.resume();
        yield* Effect.callback<void>((resume) => {
          dead.on("error", () => undefined);
          dead.on("close", () => resume(Effect.void));
        });
        const { clients } = yield* ProgressServer;
        while ((yield* clients).count > 1) assert.deepInclude(yield* lively.nextOf("heartbeat"), { head: 0 });
        assert.deepInclude(yield* lively.nextOf("heartbeat"), { head: 0 });
      }),
      { timing: { heartbeat: 50 } },
    ),
  );
});

describe("commands", () => {
  const stop = { _tag: "Stop" } as const;

  it.live("are refused without the token, and the client may go on", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const { url, token } = yield* ProgressServer;
        const client = yield* Fixture.greeted(url);
        for (const wrong of ["", "x", token.slice(1), `${token}x`, "x".repeat(token.length)]) {
          yield* client.send({ type: "command", id: "a", token: wrong, command: stop });
          assert.deepInclude(yield* client.next, { type: "error", id: "a", code: "token" });
        }
        const commands = yield* Commands;
        yield* client.send({ type: "command", id: "b", token, command: stop });
        assert.deepInclude(yield* client.next, { type: "ack", id: "b" });
        const taken = yield* commands.take;
        assert.deepStrictEqual(taken.command, stop);
        assert.match(taken.from, /^127\.0\.0\.1:\d+$/);
      }),
    ),
  );

  it.live("reach the run in order, and are refused when too many wait", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const { url, token } = yield* ProgressServer;
        const commands = yield* Commands;
        const client = yield* Fixture.greeted(url);
        const limits = range(1, 70);
        for (const limit of limits) {
          const command = { _tag: "SetBudget", unit: "verifications", limit };
          yield* client.send({ type: "command", id: String(limit), token, command });
          const answer = yield* client.next;
          if (limit <= 64) assert.deepStrictEqual(answer, { type: "ack", id: String(limit) });
          else assert.deepInclude(answer, { type: "error", id: String(limit), code: "busy" });
        }
        for (const limit of limits.slice(0, 64)) {
          assert.deepInclude((yield* commands.take).command, { limit });
        }
      }),
    ),
  );
});

describe("who may connect", () => {
  const refused = (url: string, headers: Record<string, string>) =>
    Effect.flip(Fixture.connect(url, { headers }));

  it.live("pages of other sites may not", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const { url } = yield* ProgressServer;
        const host = new URL(url).host;
        for (const origin of ["http://evil.example", "null", `https://evil.example:${new URL(url).port}`]) {
          assert.match((yield* refused(url, { origin })).message, /403/);
        }
        // A name that someone else points at this address: Origin and Host agree.
        assert.match(
          (yield* refused(url, { host: "evil.example", origin: "http://evil.example" })).message,
          /403/,
        );
        const page = yield* get(url, { host: "evil.example" });
        assert.strictEqual(page.status, 403);
        yield* Fixture.connect(url, { headers: { origin: `http://${host}` } });
        yield* Fixture.connect(url, { headers: { host: "localhost", origin: "http://localhost" } });
      }),
    ),
  );

  it.live("no more than a number of clients may", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const { url } = yield* ProgressServer;
        yield* Fixture.greeted(url);
        yield* Fixture.greeted(url);
        assert.match((yield* refused(url, {})).message, /503/);
      }),
      { maxClients: 2 },
    ),
  );

  it.live("the page is at / alone, under a policy", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const { url } = yield* ProgressServer;
        const page = yield* get(url);
        assert.strictEqual(page.status, 200);
        assert.match(page.body, /<title>Drydock/);
        assert.match(
          String(page.headers["content-security-policy"]),
          /default-src 'none'; script-src 'sha256-/,
        );
        assert.strictEqual((yield* get(url, {}, "/../../etc/passwd")).status, 404);
      }),
    ),
  );
});

describe("the server's life", () => {
  it.live("a port in use is one message with what to do", () =>
    Fixture.withServer(
      Effect.gen(function* () {
        const port = Number(new URL((yield* ProgressServer).url).port);
        const error = yield* Effect.flip(Fixture.withServer(Effect.void, { port }));
        assert.deepInclude(error, {
          _tag: "ProgressError",
          reason: `port ${port} of 127.0.0.1 is in use, so the progress server cannot start`,
        });
        assert.match((error as { remedy: string }).remedy, /--port/);
      }),
    ),
  );

  it.live("an address of another machine is too", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Fixture.withServer(Effect.void, { host: "192.0.2.1" }));
      assert.match((error as { reason: string }).reason, /not an address of this machine/);
    }),
  );

  it.live("clients get the last events, then a good-bye, when it ends", () =>
    Effect.gen(function* () {
      const [client, silent] = yield* Fixture.withServer(
        Effect.gen(function* () {
          const store = yield* RunStore;
          const { url } = yield* ProgressServer;
          const quiet = yield* Fixture.connect(url);
          const greeted = yield* Fixture.greeted(url);
          yield* store.append(...range(1, 1000).map((i) => Fixture.metrics(i)));
          yield* store.append({ _tag: "RunFinished", seconds: 1 });
          return [greeted, quiet] as const;
        }),
      );
      assert.deepStrictEqual(yield* seqs(client, 1001), range(1, 1001));
      const goodbye = { code: 1001, reason: "the process of this run ends" };
      assert.deepStrictEqual(yield* client.closed, goodbye);
      assert.deepStrictEqual(yield* silent.closed, goodbye);
    }),
  );

  it.live("a client that reads nothing does not hold the end up", () =>
    Effect.gen(function* () {
      const wide = Object.fromEntries(range(1, 300).map((i) => [`figure-${i}`, i / 3]));
      const [stuck, since] = yield* Fixture.withServer(
        Effect.gen(function* () {
          const store = yield* RunStore;
          const { url, clients } = yield* ProgressServer;
          yield* store.append(...range(1, 1500).map((i) => Fixture.metrics(i, wide)));
          const client = yield* Fixture.greeted(url);
          client.socket.pause();
          while (Math.max(...(yield* clients).buffered) < Client.HIGH_WATER / 2) yield* Effect.yieldNow;
          return [client, performance.now()] as const;
        }),
        { timing: { close: 200 } },
      );
      assert.isBelow(performance.now() - since, 2000);
      stuck.socket.resume();
      assert.strictEqual((yield* stuck.closed).code, 1006);
    }),
  );
});
