/** A Docker engine of the test's own, to be killed and restarted; the machine's is left alone. Needs root and dockerd. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as Fs from "node:fs";
import * as Net from "node:net";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import * as Docker from "../../../src/sandbox/docker/Docker.ts";

/** Why there can be none; undefined where there can. */
export const missing = (): string | undefined => {
  if (process.getuid?.() !== 0) return "an engine of its own needs root";
  try {
    execFileSync("dockerd", ["--version"]);
    return undefined;
  } catch {
    return "dockerd is not installed";
  }
};

/** The engine, with `image` of the machine's own engine in it; its address becomes this process's DOCKER_HOST. */
export const make = Effect.fnUntraced(function* (image: string) {
  const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "engine-"));
  const socket = Path.join(root, "sock");
  const before = process.env["DOCKER_HOST"];
  let engine: ChildProcess | undefined;

  const ready = Effect.retry(
    Docker.ask(2, "ping", () => Docker.connect().ping()),
    Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: "60 seconds" })),
  );
  const start = Effect.suspend(() => {
    // Of an engine that was killed; where nobody reaps its containerd, the next one would wait for that.
    for (const stale of ["pid", "exec/containerd/containerd.pid"]) {
      Fs.rmSync(Path.join(root, stale), { force: true });
    }
    const flags = {
      "data-root": Path.join(root, "data"),
      "exec-root": Path.join(root, "exec"),
      pidfile: Path.join(root, "pid"),
      host: `unix://${socket}`,
      iptables: "false",
      ip6tables: "false",
      bridge: "none",
    };
    const log = Fs.openSync(Path.join(root, "log"), "a");
    engine = spawn(
      "dockerd",
      Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
      {
        stdio: ["ignore", log, log],
      },
    );
    Fs.closeSync(log);
    return ready;
  });
  const signal = (name: NodeJS.Signals) =>
    Effect.callback<void>((resume) => {
      engine?.once("exit", () => resume(Effect.void));
      engine?.kill(name);
    });

  /** What is left after the engine: its containerd, containers and mounts. */
  const clean = (): void => {
    for (const name of Fs.readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        if (Fs.readFileSync(`/proc/${name}/cmdline`, "utf8").includes(`${root}/`)) {
          process.kill(Number(name), "SIGKILL");
        }
      } catch {
        continue;
      }
    }
    const mounts = Fs.readFileSync("/proc/self/mounts", "utf8").split("\n");
    for (const mount of mounts.map((line) => line.split(" ")[1] ?? "").reverse()) {
      if (mount.startsWith(`${root}/`)) execFileSync("umount", ["-l", mount]);
    }
    Fs.rmSync(root, { recursive: true, force: true });
  };

  const archive = Path.join(root, "image.tar");
  execFileSync("docker", ["save", "-o", archive, image]);
  process.env["DOCKER_HOST"] = `unix://${socket}`;
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => (engine?.exitCode === null ? signal("SIGTERM") : Effect.void)).pipe(
      Effect.timeoutOption("20 seconds"),
      Effect.andThen(
        Effect.sync(() => {
          if (before === undefined) delete process.env["DOCKER_HOST"];
          else process.env["DOCKER_HOST"] = before;
          clean();
        }),
      ),
    ),
  );
  yield* start;
  execFileSync("docker", ["load", "-i", archive], { stdio: "ignore" });
  Fs.rmSync(archive);
  return { start, signal, socket };
});

/** A socket in front of an engine's, whose connections can be cut or held silent. */
export const proxy = Effect.fnUntraced(function* (target: string) {
  const path = Path.join(Fs.mkdtempSync(Path.join(Os.tmpdir(), "proxy-")), "sock");
  const open = new Set<Net.Socket>();
  const server = Net.createServer((client) => {
    const engine = Net.connect(target);
    for (const [one, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(path, () => resume(Effect.void));
    }),
    () =>
      Effect.sync(() => {
        server.close();
        for (const socket of open) socket.destroy();
        Fs.rmSync(Path.dirname(path), { recursive: true, force: true });
      }),
  );
  return {
    path,
    /** Ends every connection as a network failure would. */
    cut: Effect.sync(() => {
      for (const socket of open) socket.destroy();
    }),
    /** Lets nothing more through the connections that are open. */
    silence: Effect.sync(() => {
      for (const socket of open) socket.unpipe().pause();
    }),
  };
});
