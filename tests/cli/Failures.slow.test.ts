/** What breaks in the middle of a run: the disk is full, the Docker engine dies. Nothing committed is lost. */
import { spawnSync } from "node:child_process";
import * as Fs from "node:fs";
import * as Net from "node:net";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "vitest";
import * as Requirements from "../support/Requirements.ts";
import * as Drydock from "./Drydock.ts";

const place = Drydock.workplace();
const mounted: Array<string> = [];
afterAll(() => {
  for (const at of mounted) spawnSync("umount", [at]);
  place.remove();
});

const folder = (name: string): string => {
  const path = Path.join(place.directory, name);
  Fs.mkdirSync(path);
  return path;
};

interface Listed {
  readonly directory: string;
  readonly state: { readonly status: string; readonly evaluations: ReadonlyArray<unknown> };
}

const only = async (output: string): Promise<Listed> => {
  const { stdout } = await Drydock.run(["runs", "--root", output, "--json"]);
  const list: ReadonlyArray<Listed> = JSON.parse(stdout);
  const [run] = list;
  if (run === undefined) throw new Error(`no run in ${output}`);
  return run;
};

const oneMessage = ({ code, stderr }: Drydock.Ended, ...texts: ReadonlyArray<RegExp>): void => {
  assert.strictEqual(code, 1, stderr);
  assert.strictEqual(stderr.match(/^drydock: /gm)?.length, 1, stderr);
  assert.notMatch(stderr, /^\s+at .*[:)]|node_modules/m);
  for (const text of texts) assert.match(stderr, text);
};

describe("a run that breaks", () => {
  it("on a full disk says so, keeps what was committed, and goes on once there is space", async (ctx) => {
    const disk = folder("disk");
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).status !== 0) {
      const reason = "test of a full disk: mounting a small one needs root";
      Requirements.skippedBecause(reason);
      ctx.skip(reason);
    }
    mounted.push(disk);
    const output = Path.join(disk, "runs");
    const file = await Drydock.tinyRun(folder("full"), { output });
    oneMessage(await Drydock.run(["train", file]), /disk is full/, /[Ff]ree some space/, /drydock resume/);
    const broken = await only(output);
    assert.isAbove(broken.state.evaluations.length, 0);

    assert.strictEqual(spawnSync("mount", ["-o", "remount,size=64m", disk]).status, 0);
    const resumed = await Drydock.run(["resume", broken.directory]);
    assert.strictEqual(resumed.code, 0, resumed.stderr);
    const whole = await only(output);
    assert.strictEqual(whole.state.status, "finished");
    assert.deepEqual(
      whole.state.evaluations.slice(0, broken.state.evaluations.length),
      broken.state.evaluations,
    );
  }, 120_000);

  it("with a Docker engine that dies says so, and keeps what was committed", async (ctx) => {
    if (!(await Requirements.docker())) return ctx.skip("no Docker engine");
    // The engine dies for the run alone: what it is connected through goes away.
    const sockets = new Set<Net.Socket>();
    const proxy = Net.createServer((client) => {
      const engine = Net.connect("/var/run/docker.sock");
      for (const socket of [client, engine]) {
        sockets.add(socket);
        socket.on("error", () => undefined);
      }
      client.pipe(engine).pipe(client);
    });
    const port = await new Promise<number>((resolve) => {
      proxy.listen(0, "127.0.0.1", () => resolve((proxy.address() as Net.AddressInfo).port));
    });
    const at = folder("docker");
    const file = await Drydock.tinyRun(at, { sandbox: { memoryBytes: 268_435_456, cpuSeconds: 2 } });
    const tasks = Path.join(at, "dataset", "tasks.jsonl");
    const python = Fs.readFileSync(tasks, "utf8")
      .replaceAll('"javascript"', '"python"')
      .replaceAll(/const f = \(x\) => ([^;"]*);/g, "f = lambda x: $1");
    Fs.writeFileSync(tasks, python);
    const manifest = Path.join(at, "dataset", "dataset.json");
    Fs.writeFileSync(manifest, Fs.readFileSync(manifest, "utf8").replaceAll(/,\s*"sha256": "[^"]*"/g, ""));

    const run = Drydock.start(["train", file], { env: { DOCKER_HOST: `tcp://127.0.0.1:${port}` } });
    try {
      await run.until(/✓ evaluate base/);
    } finally {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    }
    oneMessage(
      await run.ended,
      /Docker engine no longer answers/,
      /What to do: start it again .*drydock resume/,
    );
    const broken = await only(Path.join(at, "runs"));
    assert.strictEqual(broken.state.status, "failed");
    assert.isAbove(broken.state.evaluations.length, 0);

    // With the engine back it goes on; the containers that the first process had to leave are swept.
    const resumed = await Drydock.run(["resume", broken.directory]);
    assert.strictEqual(resumed.code, 0, resumed.stderr);
    const whole = await only(Path.join(at, "runs"));
    assert.strictEqual(whole.state.status, "finished");
    assert.deepEqual(
      whole.state.evaluations.slice(0, broken.state.evaluations.length),
      broken.state.evaluations,
    );
  }, 180_000);
});
