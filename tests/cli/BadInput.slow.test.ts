/** Wrong input to the real binary: one message that says what to do, a non-zero exit, nothing committed is lost. */
import * as Fs from "node:fs";
import * as Net from "node:net";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import Libsql from "libsql";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import * as ConfigFile from "../../src/config/ConfigFile.ts";
import * as RunDirectory from "../../src/store/RunDirectory.ts";
import * as RunStoreLive from "../../src/store/RunStoreLive.ts";
import * as GgufBytes from "../model/GgufBytes.ts";
import * as Drydock from "./Drydock.ts";

const place = Drydock.workplace();
const { directory } = place;
const at = (...parts: ReadonlyArray<string>): string => Path.join(directory, ...parts);
const write = (name: string, text: string | Uint8Array): string => {
  Fs.writeFileSync(at(name), text);
  return at(name);
};
let valid = "";

beforeAll(async () => {
  valid = await Drydock.tinyRun(directory);
});
afterAll(place.remove);

/** The configuration with another dataset or policy. */
const changed = (name: string, change: (config: { dataset: object; policy: object }) => object): string =>
  write(`${name}.json`, JSON.stringify(change(JSON.parse(Fs.readFileSync(valid, "utf8")))));

/** A configuration whose dataset has another line in place of one. */
const withLine = (name: string, line: number, text: (before: string) => string): string => {
  Fs.cpSync(at("dataset"), at(name), { recursive: true });
  const file = at(name, "tasks.jsonl");
  const lines = Fs.readFileSync(file, "utf8").split("\n");
  lines[line - 1] = text(lines[line - 1] ?? "");
  Fs.writeFileSync(file, lines.join("\n"));
  // As after a deliberate change: without the hash, which would be the first thing to disagree.
  const manifest = at(name, "dataset.json");
  Fs.writeFileSync(manifest, Fs.readFileSync(manifest, "utf8").replace(/,\s*"sha256": "[^"]*"/g, ""));
  return changed(name, (config) => ({ ...config, dataset: { ...config.dataset, path: at(name) } }));
};

/** A GGUF file of one tensor. */
const gguf = (type: number): Uint8Array =>
  GgufBytes.encode({ "general.architecture": { type: "string", value: "llama" } }, [
    { name: "token_embd.weight", shape: [4, 256], type, data: new Uint8Array(4096) },
  ]);

const runs = (): ReadonlyArray<string> => (Fs.existsSync(at("runs")) ? Fs.readdirSync(at("runs")) : []);

/** Exit code 1, nothing on stdout, one message without a stack on stderr that matches. */
const refused = (ended: Drydock.Ended, ...texts: ReadonlyArray<RegExp>): void => {
  const { stderr } = ended;
  assert.strictEqual(ended.code, 1, stderr);
  assert.strictEqual(ended.stdout, "");
  assert.strictEqual(stderr.match(/^drydock: /gm)?.length, 1, stderr);
  assert.notMatch(stderr, /^\s+at .*[:)]|node_modules|Node\.js v/m);
  for (const text of texts) assert.match(stderr, text);
};

interface Case {
  readonly name: string;
  readonly args: () => ReadonlyArray<string>;
  readonly says: ReadonlyArray<RegExp>;
  readonly env?: Readonly<Record<string, string>>;
}

const cases: ReadonlyArray<Case> = [
  {
    name: "an unknown option",
    args: () => ["train", valid, "--bogus"],
    says: [/--bogus/, /What to do: drydock train --help/],
  },
  { name: "an unknown command", args: () => ["trian"], says: [/trian/, /What to do: drydock --help/] },
  {
    name: "a missing argument",
    args: () => ["train"],
    says: [/config/, /What to do: drydock train --help/],
  },
  {
    name: "an option's wrong value",
    args: () => ["train", valid, "--backend", "cuda"],
    says: [/--backend/, /native-gpu/, /What to do/],
  },
  {
    name: "a configuration that is not there",
    args: () => ["train", at("nowhere.json")],
    says: [/nowhere\.json: no such file; give the path/],
  },
  {
    name: "a configuration that cannot be read",
    args: () => ["train", directory],
    says: [/this is a directory; give the path/],
  },
  {
    name: "a configuration that does not parse",
    args: () => ["train", write("cut.json", '{\n  "name": ')],
    says: [/cut\.json:2: not JSON/, /What to do: correct the file/],
  },
  {
    name: "a configuration with an unknown key",
    args: () => ["config", "check", changed("key", (config) => ({ ...config, polcy: {} }))],
    says: [/key\.json:\d+: polcy: unknown key; allowed here: .*policy/, /What to do: correct the file/],
  },
  {
    name: "a training with an unknown algorithm",
    args: () => [
      "train",
      changed("algorithm", (config) => ({ ...config, trainings: { a: { algorithm: "ppo" } } })),
    ],
    says: [/algorithm\.json:\d+: trainings\.a\.algorithm: .*"ppo"\. Use one of: sft, cql, cal-ql/],
  },
  {
    name: "a training with settings that make no sense",
    args: () => [
      "plan",
      changed("settings", (config) => ({
        ...config,
        trainings: { a: { algorithm: "cal-ql", config: { reference: "return" } } },
      })),
    ],
    says: [/settings\.json:\d+: trainings\.a\.config: .*none is pushed down.*"conservativeOn": "all"/],
  },
  {
    name: "a dataset line that does not parse",
    args: () => ["train", withLine("line", 3, () => '{"id": oops')],
    says: [/tasks\.jsonl:3: not valid JSON/, /correct or remove this line/],
  },
  {
    name: "a dataset line of the wrong shape",
    args: () => ["train", withLine("shape", 4, (line) => line.replace('"javascript"', '"cobol"'))],
    says: [/tasks\.jsonl:4: .*"javascript"/, /Correct or remove this line/],
  },
  {
    name: "a task without tests",
    args: () => [
      "train",
      withLine("untested", 5, (line) => {
        const task: { readonly tests: object } = JSON.parse(line);
        return JSON.stringify({ ...task, tests: { ...task.tests, cases: [] } });
      }),
    ],
    says: [/tasks\.jsonl:5: task "add\/4" has no tests/, /Add cases to "tests"/],
  },
  {
    name: "a truncated GGUF",
    args: () => ["policy", "import", write("cut.gguf", gguf(0).subarray(0, 200)), "--out", at("imported")],
    says: [/cut\.gguf: .*truncated/, / again/],
  },
  {
    name: "a GGUF of an unsupported type",
    args: () => ["policy", "import", write("type.gguf", gguf(10)), "--out", at("imported")],
    says: [/type\.gguf: .*Q2_K; F32, F16.*supported/],
  },
  {
    name: "a policy whose tokenizer and weights disagree",
    args: () => {
      const config: { readonly policy: { readonly path: string } } = JSON.parse(
        Fs.readFileSync(valid, "utf8"),
      );
      Fs.cpSync(config.policy.path, at("mixed"), { recursive: true });
      const file = at("mixed", "config.json");
      const model: object = JSON.parse(Fs.readFileSync(file, "utf8"));
      Fs.writeFileSync(file, JSON.stringify({ ...model, vocab_size: 9999 }));
      return ["train", changed("mixed", (c) => ({ ...c, policy: { ...c.policy, path: at("mixed") } }))];
    },
    says: [/mixed: the tokenizer and the weights disagree: .*9999/, /Take tokenizer\.json/],
  },
  {
    name: "a forced backend that cannot be had",
    args: () => ["train", valid, "--backend", "native-gpu"],
    // Without a search path there is no nvidia-smi, on any machine.
    env: { PATH: "/nonexistent" },
    says: [/"native-gpu" cannot be had here: no NVIDIA driver/, /What to do: install the NVIDIA driver/],
  },
  {
    name: "Docker absent",
    args: () => ["train", withLine("python", 1, (line) => line.replace('"javascript"', '"python"'))],
    env: { DOCKER_HOST: "tcp://127.0.0.1:9" },
    says: [/no Docker engine answers/, /What to do: install Docker and start it/],
  },
  {
    name: "a run that is not there",
    args: () => ["resume", "nowhere", "--root", at("runs")],
    says: [/no run "nowhere"/, /What to do: `drydock runs` lists/],
  },
];

/** Every case's process, two at a time; the tests wait for theirs. */
const outcomes = new Map<string, Promise<Drydock.Ended>>();
const startAll = (): void => {
  const lanes = [Promise.resolve(), Promise.resolve()];
  cases.forEach(({ name, args, env }, i) => {
    const ended = (lanes[i % 2] ?? Promise.resolve()).then(() =>
      Drydock.run(args(), env === undefined ? {} : { env }),
    );
    outcomes.set(name, ended);
    lanes[i % 2] = ended.then(() => undefined);
  });
};

describe("wrong input", () => {
  beforeAll(startAll);

  for (const { name, says } of cases) {
    it(`${name} is one message with a remedy`, async () => {
      const ended = await outcomes.get(name);
      assert.isDefined(ended);
      refused(ended, ...says);
    }, 60_000);
  }

  it("leaves nothing behind", () => {
    assert.deepEqual(runs(), []);
    assert.isFalse(Fs.existsSync(at("imported")));
  });

  it("a port in use is one message with a remedy, and leaves no run", async () => {
    const server = Net.createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as Net.AddressInfo).port));
    });
    try {
      const ended = await Drydock.run(["train", valid, "--port", String(port)]);
      refused(ended, new RegExp(`port ${port} of 127.0.0.1 is in use`), /What to do: give another port/);
      assert.deepEqual(runs(), []);
    } finally {
      server.close();
    }
  }, 60_000);

  it("a run directory of a newer version is refused by every command", async () => {
    const run = await Effect.runPromise(
      Effect.gen(function* () {
        const config = yield* ConfigFile.load(valid);
        const created = yield* RunDirectory.create({ ...config, output: at("newer") });
        yield* Effect.void.pipe(Effect.provide(RunStoreLive.layer({ directory: created.directory })));
        return created.directory;
      }),
    );
    const db = new Libsql(Path.join(run, "run.db"));
    db.exec("PRAGMA user_version = 99");
    db.close();
    const [resumed, watched] = await Promise.all([Drydock.run(["resume", run]), Drydock.run(["watch", run])]);
    for (const ended of [resumed, watched])
      refused(ended, /written by a newer Drydock \(run format 99/, /What to do: update Drydock/);
    const listed = await Drydock.run(["runs", "--root", at("newer")]);
    assert.strictEqual(listed.code, 0);
    assert.match(listed.stdout, /unreadable/);
  }, 60_000);
});
