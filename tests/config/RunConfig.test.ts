import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as Effect from "effect/Effect";
import * as ConfigFile from "../../src/config/ConfigFile.ts";
import * as ConfigSchema from "../../src/config/ConfigSchema.ts";
import * as RunConfig from "../../src/config/RunConfig.ts";

const committed = new URL("../../configs/schema/run.schema.json", import.meta.url);

const full = `{
  // the default run
  "name": "default",
  "seed": 1,
  "policy": { "path": "policies/js-compose" },
  "dataset": { "kind": "drydock", "path": "datasets/js-compose" },
  "trainings": {
    "sft": { "algorithm": "sft", "episodes": "passing" },
    "cql": { "algorithm": "cql", "config": { "alpha": 1 } },
  },
  "stages": [
    { "kind": "evaluate", "label": "base" },
    { "kind": "offline", "label": "sft", "training": "sft", "steps": 160, "learningRate": 5e-4, "warmupSteps": 10 },
    { "kind": "offline", "label": "cql", "training": "cql", "steps": 120, "learningRate": 2e-3 },
    { "kind": "tilt" },
    { "kind": "evaluate", "label": "offline" },
    { "kind": "online", "label": "online", "updates": [{ "training": "sft", "steps": 15, "learningRate": 3e-4 }] },
    { "kind": "evaluate", "label": "online" },
    { "kind": "control", "label": "control", "of": "online" },
  ],
}`;

const yaml = `
name: default
policy: { path: policies/js-compose }
dataset:
  kind: drydock
  path: datasets/js-compose
trainings:
  sft: { algorithm: sft }
stages:
  - kind: evaluate
    label: base
  - { kind: offline, label: sft, training: sft, steps: 1, learningRate: 0.1 }
`;

/** The message that a broken text gets. */
const messageOf = (text: string, file = "run.json") =>
  ConfigFile.parseText(file, text).pipe(
    Effect.flip,
    Effect.map((error) => error.message),
  );

const replaced = (from: string, to: string): string => {
  assert.include(full, from);
  return full.replace(from, to);
};

describe("RunConfig", () => {
  it.effect("shares verdicts in a file of the runs' directory, another one, or not at all", () =>
    Effect.gen(function* () {
      const of = (sharedVerdicts: string) =>
        ConfigFile.parseText(
          "run.json",
          replaced('"seed": 1,', `"seed": 1, "output": "/o", "sandbox": { ${sharedVerdicts} },`),
        ).pipe(Effect.map(RunConfig.sharedVerdicts));
      assert.deepStrictEqual(yield* of(""), { file: "/o/verdicts.db", entries: 100_000 });
      const other = '"sharedVerdicts": { "use": "all", "entries": 5, "file": "/x.db" }';
      assert.deepStrictEqual(yield* of(other), { file: "/x.db", entries: 5 });
      assert.strictEqual(yield* of('"sharedVerdicts": { "use": "off" }'), null);
    }),
  );

  it.effect("fills in defaults", () =>
    Effect.gen(function* () {
      const config = yield* ConfigFile.parseText("run.json", full);
      assert.deepStrictEqual(config.budget, { verifications: 300, generated: 6000 });
      assert.deepStrictEqual(config.policy.trainable, { kind: "full" });
      assert.deepStrictEqual(config.policy.stop, ["\n\n"]);
      assert.deepStrictEqual(config.trainings["sft"]?.optimizer, {
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        weightDecay: 0.01,
        clipNorm: 1,
      });
      const tilt = config.stages[3];
      assert.deepStrictEqual(tilt, { kind: "tilt", label: "tilt", betas: [0, 1, 2, 5], samples: 4 });
      const online = config.stages[5];
      assert(online?.kind === "online");
      assert.strictEqual(online.rounds, null);
      assert.deepStrictEqual(online.validation, { samples: 1, maxDrop: 0.05 });
      assert.deepStrictEqual(online.retain, { offline: true, online: "all" });
      assert.deepStrictEqual([online.warmupRounds, online.repeats, online.bestOf], [0, "drop", null]);
      const offline = config.stages[2];
      assert(offline?.kind === "offline");
      assert.isNull(offline.validation);
      assert.deepStrictEqual(offline.monitors.td_offline, { limit: 2, action: "rollback" });
      assert.deepStrictEqual(online.monitors.td_offline, { limit: 2, action: "raise-offline" });
      assert.isTrue(RunConfig.needsHeads(config));
    }),
  );

  it.effect("gives the same for what it gave: a resolved configuration is a configuration", () =>
    Effect.gen(function* () {
      const config = yield* ConfigFile.parseText("run.json", full);
      const again = yield* ConfigFile.fromValue("config.json", JSON.parse(JSON.stringify(config)));
      assert.deepStrictEqual(again, config);
    }),
  );

  it.effect("reads YAML", () =>
    Effect.gen(function* () {
      const config = yield* ConfigFile.parseText("run.yaml", yaml);
      assert.strictEqual(config.stages.length, 2);
      assert.isFalse(RunConfig.needsHeads(config));
    }),
  );

  const wrong: ReadonlyArray<readonly [string, string, string, string]> = [
    [
      "an unknown key",
      '"seed": 1',
      '"sead": 1',
      `run.json:4: sead: unknown key; allowed here: $schema, name, seed, `,
    ],
    ["a hint", '"seed": 1', '"sead": 1', `did you mean "seed"?`],
    ["a wrong type", '"seed": 1', '"seed": "one"', `run.json:4: seed: found "one", must be integer`],
    [
      "a key of another variant",
      '"steps": 120,',
      '"steps": 120, "of": "x",',
      "run.json:14: stages[2].of: unknown key; allowed here: kind, label, training,",
    ],
    [
      "an unknown kind",
      '"kind": "tilt"',
      '"kind": "tillt"',
      `run.json:15: stages[3].kind: found "tillt", must be one of "evaluate", "offline", "tilt", "online", "control"`,
    ],
    ["no kind", '{ "kind": "tilt" }', "{}", `run.json:15: stages[3]: the key "kind" is missing`],
    ["a missing key", '"steps": 120, ', "", `run.json:14: stages[2]: the key "steps" is missing`],
    [
      "out of range",
      '"updates": [',
      '"offlineFraction": 1.5, "updates": [',
      `run.json:17: stages[5].offlineFraction: found 1.5, must be <= 1`,
    ],
    [
      "a nullable number out of range",
      '"updates": [',
      '"rounds": 0, "updates": [',
      `run.json:17: stages[5].rounds: found 0, must be >= 1`,
    ],
    [
      "a nullable number of another type",
      '"updates": [',
      '"rounds": "all", "updates": [',
      `run.json:17: stages[5].rounds: found "all", must be of type integer or null`,
    ],
    [
      "a nullable struct",
      '"updates": [',
      '"validation": {"drop": 1}, "updates": [',
      `run.json:17: stages[5].validation.drop: unknown key; allowed here: samples, maxDrop`,
    ],
    [
      "a value of a list",
      '"path": "policies/js-compose"',
      '"path": "p", "prompt": "3"',
      `policy.prompt: found "3", must be one of "plain", "mbpp-0-shot", "mbpp-3-shot"`,
    ],
    ["broken JSON", '"seed": 1,', '"seed": 1', "run.json:5: not JSON: comma expected"],
    ["a key twice", '"seed": 1', '"seed": 1, "seed": 2', "run.json:4: seed: this key stands twice"],
    [
      "an unknown training",
      '"training": "cql"',
      '"training": "iql"',
      `run.json:14: stages[2].training: unknown training "iql"; defined under "trainings": "sft", "cql"`,
    ],
    [
      "an unknown training of an update",
      '[{ "training": "sft"',
      '[{ "training": "x"',
      `run.json:17: stages[5].updates[0].training: unknown training "x"`,
    ],
    [
      "control of nothing",
      '"of": "online"',
      '"of": "onlin"',
      `run.json:19: stages[7].of: no online stage "onlin" before this one; online stages: "online"`,
    ],
    [
      "a tilt without a critic",
      '"algorithm": "cql"',
      '"algorithm": "sft"',
      "run.json:15: stages[3]: a tilt needs value heads",
    ],
    [
      "a critic that sees no failure",
      '"algorithm": "cql", ',
      '"algorithm": "cql", "episodes": "passing", ',
      'trainings.cql.episodes: found "passing"; "cql" is a critic, which learns nothing',
    ],
    [
      "a policy out of no critic",
      '"algorithm": "sft"',
      '"algorithm": "awac"',
      'stages[1].training: "awac" needs a critic, which nothing before it trains; put a training',
    ],
    [
      "an unknown training that goes along",
      '"steps": 120,',
      '"steps": 120, "also": [{ "training": "x", "learningRate": 1 }],',
      'stages[2].also[0].training: unknown training "x"',
    ],
    [
      "a generator without its scheme",
      '"updates": [',
      '"generator": {"kind": "remote", "model": "m", "url": "localhost:8000"}, "updates": [',
      "run.json:17: stages[5].generator.url: must be the root of a server",
    ],
    [
      "a generator with a key in its address",
      '"updates": [',
      '"generator": {"kind": "remote", "model": "m", "url": "https://me:secret@host"}, "updates": [',
      "run.json:17: stages[5].generator.url: must be the root of a server",
    ],
    [
      "a key in place of its variable",
      '"updates": [',
      '"generator": {"kind": "remote", "model": "m", "url": "http://h", "apiKeyEnv": "sk-123"}, "updates": [',
      "run.json:17: stages[5].generator.apiKeyEnv: must be the name of an environment variable",
    ],
    [
      "a system prompt of the completions API",
      '"updates": [',
      '"generator": {"kind": "remote", "model": "m", "url": "http://h", "systemPrompt": "s"}, "updates": [',
      "run.json:17: stages[5].generator.systemPrompt: only the chat API has one",
    ],
    [
      "a tilt without 0",
      '{ "kind": "tilt" }',
      '{ "kind": "tilt", "betas": [1] }',
      "stages[3].betas: 0, the untilted policy, must be",
    ],
    [
      "a label twice",
      '"label": "offline"',
      '"label": "base"',
      `run.json:16: stages[4].label: stages[0] is already "base" of kind evaluate`,
    ],
    [
      "too long a warm-up",
      '"warmupSteps": 10',
      '"warmupSteps": 161',
      "stages[1].warmupSteps: found 161, must be at most steps, which is 160",
    ],
    [
      "a micro-batch that does not divide",
      '"episodes": "passing"',
      '"microBatch": 48',
      "trainings.sft.microBatch: found 48, must divide batchSize, which is 64",
    ],
    [
      "no temperature at all",
      '"seed": 1',
      '"seed": 1, "evaluation": { "temperature": [] }',
      "evaluation.temperature",
    ],
    [
      "a temperature twice",
      '"seed": 1',
      '"seed": 1, "evaluation": { "temperature": [1, 0.5, 1] }',
      "evaluation.temperature: found 1, 0.5, 1; give each temperature once",
    ],
    [
      "a stop string that ends reasoning",
      '"path": "policies/js-compose" }',
      '"path": "policies/js-compose", "reasoning": "comments", "stop": ["x", "\\n"] }',
      'policy.stop[1]: found "\\n", which would end a program within the comment lines of its reasoning',
    ],
    [
      "greedy decoding twice",
      '"seed": 1',
      '"seed": 1, "evaluation": { "temperature": [1, 0] }',
      "evaluation.temperature: found 0, which is greedy decoding",
    ],
    [
      "an update without a number of steps",
      '"steps": 15, ',
      "",
      "run.json:17: stages[5].updates[0]: found neither steps nor updateToData; give one",
    ],
    [
      "an update with two numbers of steps",
      '"steps": 15, ',
      '"steps": 15, "updateToData": 1, ',
      "stages[5].updates[0]: found steps and updateToData; give one",
    ],
    [
      "a warm-up of every round",
      '"updates": [',
      '"rounds": 2, "warmupRounds": 2, "updates": [',
      "stages[5].warmupRounds: found 2, must be less than rounds, which is 2",
    ],
    [
      "a share of offline data that is put away",
      '"updates": [',
      '"retain": { "offline": false }, "updates": [',
      "stages[5].offlineFraction: found 0.5, but retain.offline is false",
    ],
    [
      "an annealed share of offline data that is put away",
      '"updates": [',
      '"retain": { "offline": false }, "offlineFraction": 0, "offlineFractionAnneal": { "to": 0, "rounds": 1 }, "updates": [',
      "stages[5].offlineFractionAnneal: retain.offline is false",
    ],
    [
      "an alarm that raises the share of offline data that is put away",
      '"updates": [',
      '"retain": { "offline": false }, "offlineFraction": 0, "monitors": { "kl": { "action": "raise-offline" } }, "updates": [',
      'stages[5].monitors.kl.action: found "raise-offline", but retain.offline is false, so that no offline data is there; use "rollback", "stop" or "continue"',
    ],
    [
      "an alarm that raises the share of offline data where there is nothing else",
      '"steps": 120,',
      '"steps": 120, "validation": {}, "monitors": { "kl": { "action": "raise-offline" } },',
      'stages[2].monitors.kl.action: found "raise-offline", must be one of "continue", "rollback", "stop"',
    ],
    [
      "a monitor of rounds where there are none",
      '"steps": 120,',
      '"steps": 120, "validation": {}, "monitors": { "zero_variance": null },',
      "stages[2].monitors.zero_variance: unknown key; allowed here: pass_at_1, ",
    ],
    [
      "a monitor that nothing measures",
      '"steps": 120,',
      '"steps": 120, "monitors": { "kl": null },',
      'stages[2].monitors.kl: an offline stage measures its monitors only where it has validation; add "validation": {}',
    ],
    [
      "a strategy that needs a critic where there is none",
      '"training": "cql", "steps": 120, "learningRate": 2e-3 },\n    { "kind": "tilt" },',
      '"training": "sft", "steps": 120, "learningRate": 2e-3 },\n    { "kind": "online", "label": "b", "selector": "uncertainty", "updates": [] },',
      'stages[3].selector: found "uncertainty", which needs a critic that nothing up to here trains; put a training',
    ],
    [
      "a strategy of the critic that is never measured",
      '"updates": [',
      '"selector": "value-of-information", "selection": { "random": 0 }, "updates": [',
      'stages[5].selection.random: found 0, but "value-of-information" is followed only once the critic was measured',
    ],
    [
      "one strategy twice",
      '"updates": [',
      '"selector": [{ "strategy": "breadth" }, { "strategy": "breadth", "weight": 2 }], "updates": [',
      'stages[5].selector: has "breadth" twice',
    ],
    [
      "a band that everything is outside of",
      '"updates": [',
      '"selection": { "restBelow": 0.6, "restAbove": 0.4 }, "updates": [',
      "stages[5].selection.restBelow: found 0.6, must be less than restAbove, which is 0.4",
    ],
    [
      "an even pace over more rounds than there are",
      '"updates": [',
      '"rounds": 2, "pacing": { "kind": "even", "rounds": 4 }, "updates": [',
      "stages[5].pacing.rounds: found 4, but the stage ends after 2 rounds",
    ],
    [
      "an adaptive pace that begins above the stage's share",
      '"updates": [',
      '"verifications": 50, "pacing": { "kind": "adaptive", "verifications": 60 }, "updates": [',
      "stages[5].pacing.verifications: found 60, must be at most the stage's verifications, which are 50",
    ],
    [
      "the best of too few",
      '"updates": [',
      '"samplesPerProblem": 2, "bestOf": { "judge": "logProb", "keep": 2 }, "updates": [',
      "stages[5].bestOf.keep: found 2, must be less than samplesPerProblem, which is 2",
    ],
    [
      "a judge that is not there",
      '"training": "cql", "steps": 120, "learningRate": 2e-3 },\n    { "kind": "tilt" },',
      '"training": "sft", "steps": 120, "learningRate": 2e-3 },\n    { "kind": "online", "label": "b", "samplesPerProblem": 4, "bestOf": { "judge": "both", "keep": 2 }, "updates": [] },',
      'stages[3].bestOf.judge: found "both", which needs a critic that nothing up to here trains; put a training',
    ],
  ];
  for (const [name, from, to, expected] of wrong) {
    it.effect(`says what is wrong: ${name}`, () =>
      Effect.gen(function* () {
        assert.include(yield* messageOf(replaced(from, to)), expected);
      }),
    );
  }

  it.effect("one problem gives one line", () =>
    Effect.gen(function* () {
      for (const [name, from, to] of wrong) {
        const lines = (yield* messageOf(replaced(from, to))).split("\n");
        assert.strictEqual(lines.length, 1, `${name}: ${lines.join(" | ")}`);
      }
    }),
  );

  it.effect("says where in YAML", () =>
    Effect.gen(function* () {
      assert.include(
        yield* messageOf(yaml.replace("label: base", "lable: base"), "run.yml"),
        `run.yml:11: stages[0].lable: unknown key; allowed here: kind, label, prompt, tilt; did you mean "label"?`,
      );
      assert.include(yield* messageOf("name: [", "run.yml"), "run.yml:1: not YAML");
      assert.include(yield* messageOf(`${yaml}name: x\n`, "run.yml"), "not YAML: Map keys must be unique");
      assert.include(yield* messageOf("", "run.yml"), "the file is empty");
    }),
  );

  it.effect(
    "finds paths from the current directory, then from the file's, and names both where neither holds them",
    () =>
      Effect.gen(function* () {
        const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-config-"));
        yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(root, { recursive: true })));
        Fs.mkdirSync(Path.join(root, "policies/js-compose"), { recursive: true });
        Fs.mkdirSync(Path.join(root, "configs/datasets/js-compose"), { recursive: true });
        Fs.writeFileSync(Path.join(root, "configs/run.json"), full);
        const config = yield* ConfigFile.load("configs/run.json", { cwd: root });
        assert.strictEqual(config.policy.path, Path.join(root, "policies/js-compose"));
        assert(config.dataset.kind === "drydock");
        assert.strictEqual(config.dataset.path, Path.join(root, "configs/datasets/js-compose"));
        assert.strictEqual(config.output, Path.join(root, "runs"));
        Fs.rmSync(Path.join(root, "policies"), { recursive: true });
        const { message } = yield* Effect.flip(ConfigFile.load("configs/run.json", { cwd: root }));
        assert.strictEqual(
          message,
          `configs/run.json:5: policy.path: policy directory not found; looked for ${root}/policies/js-compose and ${root}/configs/policies/js-compose`,
        );
        assert.include(
          (yield* Effect.flip(ConfigFile.load("none.json", { cwd: root }))).message,
          "none.json: no such file",
        );
        assert.include(
          (yield* Effect.flip(ConfigFile.load("configs", { cwd: root }))).message,
          "configs: this is a directory",
        );
      }).pipe(Effect.scoped),
  );

  it("has a current JSON Schema, which ajv takes in strict mode", () => {
    const text = `${JSON.stringify(ConfigSchema.jsonSchema(), null, 2)}\n`;
    if (process.env["DRYDOCK_UPDATE_SCHEMA"] === "1") Fs.writeFileSync(committed, text);
    const held = Fs.existsSync(committed) ? Fs.readFileSync(committed, "utf8") : "";
    assert.strictEqual(
      held,
      text,
      "configs/schema/run.schema.json is out of date: DRYDOCK_UPDATE_SCHEMA=1 npx vitest run tests/config",
    );
    new Ajv2020({ strict: true, discriminator: true }).compile(JSON.parse(held) as object);
  });

  it("describes every key", () => {
    const missing: Array<string> = [];
    const visit = (schema: unknown, path: string): void => {
      if (typeof schema !== "object" || schema === null) return;
      for (const [key, value] of Object.entries(schema)) {
        if (key === "default") continue;
        if (key === "properties") {
          for (const [name, property] of Object.entries(value as object)) {
            if (name !== "kind" && !("description" in (property as object))) missing.push(`${path}.${name}`);
          }
        }
        visit(value, key === "properties" ? path : `${path}.${key}`);
      }
    };
    visit(ConfigSchema.jsonSchema(), "");
    assert.deepStrictEqual(missing, []);
  });
});
