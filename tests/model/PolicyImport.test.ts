import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as GgufExport from "../../src/model/gguf/GgufExport.ts";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as PolicyImport from "../../src/model/directory/PolicyImport.ts";
import * as Safetensors from "../../src/model/files/Safetensors.ts";
import * as HubServer from "./HubServer.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

const { config } = TinyPolicy;
const NAME = { repo: "tiny/model", revision: "main" };

let parent = "";
let directory = "";
beforeEach(async () => {
  parent = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-import-"));
  directory = Path.join(parent, "imported");
  const source = Path.join(parent, "source");
  const options = { dtype: "BF16", maxShardBytes: 20_000 } as const;
  await Effect.runPromise(Policy.write(source, TinyPolicy.policy(), options));
  // As models are published: no card, a template in a file of its own, and files that nobody needs.
  Fs.rmSync(Path.join(source, "policy.json"));
  Fs.writeFileSync(Path.join(source, "chat_template.jinja"), "{{ messages[0].content }}");
  Fs.writeFileSync(Path.join(source, "README.md"), "# A model");
  Fs.writeFileSync(Path.join(source, "pytorch_model.bin"), new Uint8Array(50_000));
});
afterEach(() => Fs.rmSync(parent, { recursive: true, force: true }));

const source = (): string => Path.join(parent, "source");
const filesOf = (folder: string): ReadonlyMap<string, Uint8Array> =>
  new Map(Fs.readdirSync(folder).map((name) => [name, Fs.readFileSync(Path.join(folder, name))]));

/** The imported policy is the source, in the type that it is stored in. */
const isSource = Effect.gen(function* () {
  const [before, after] = [yield* Policy.read(source()), yield* Policy.read(directory)];
  assert.deepEqual(after.config, before.config);
  assert.deepEqual(after.endTokens, before.endTokens);
  assert.equal(after.tokenizer.chatTemplate, "{{ messages[0].content }}");
  for (const { name } of ModelConfig.tensorShapes(config)) {
    assert.deepEqual(after.weights?.readStored(name), before.weights?.readStored(name), name);
  }
  return after;
});

describe("PolicyImport.fromDirectory", () => {
  it.effect("takes a sharded directory in the type that it has, and gives it a card", () =>
    Effect.gen(function* () {
      const summary = yield* PolicyImport.fromDirectory(source(), directory);
      assert.deepEqual(summary.types, { BF16: summary.tensors });
      const { card, weights } = yield* isSource;
      assert.equal(card.name, "imported");
      assert.equal(card.provenance, "Imported from the directory source.");
      assert.equal(weights?.tensors.get("model.norm.weight")?.dtype, "BF16");
      const error = yield* Effect.flip(PolicyImport.fromDirectory(source(), directory));
      assert.match(error.message, /there is a policy here already/);
      const itself = yield* Effect.flip(PolicyImport.fromDirectory(source(), source()));
      assert.match(itself.message, /a policy as it is/);
      yield* PolicyImport.fromDirectory(source(), directory, { replace: true, dtype: "F32" });
      assert.equal((yield* Policy.read(directory)).weights?.tensors.get("model.norm.weight")?.dtype, "F32");
    }),
  );

  it.effect("says what is missing", () =>
    Effect.gen(function* () {
      for (const name of Fs.readdirSync(source())) {
        if (name.endsWith(".safetensors") || name.endsWith(".index.json"))
          Fs.rmSync(Path.join(source(), name));
      }
      const error = yield* Effect.flip(PolicyImport.fromDirectory(source(), directory));
      assert.match(error.message, /there are no weights/);
      assert.deepEqual(Fs.readdirSync(parent), ["source"]);
    }),
  );
});

describe("PolicyImport.fromHub", () => {
  const withHub = <A, E>(body: (hub: HubServer.Hub) => Effect.Effect<A, E>) =>
    Effect.acquireUseRelease(
      Effect.promise(() => HubServer.serve(NAME.repo, filesOf(source()))),
      body,
      (hub) => Effect.promise(hub.close),
    );
  const fetched = (hub: HubServer.Hub) => hub.requests.map(({ file }) => file).sort();
  /** The first of the weights' files. */
  const shard = (): string => Fs.readdirSync(source()).find((name) => name.startsWith("model-00001")) ?? "";

  it.live("fetches what a policy needs and nothing else, and imports it", () =>
    withHub((hub) =>
      Effect.gen(function* () {
        const seen = new Map<string, number>();
        yield* PolicyImport.fromHub({ endpoint: hub.endpoint, token: "hf_secret" }, NAME, directory, {
          onDownload: (file, done, total) => seen.set(file, done / total),
        });
        const { card } = yield* isSource;
        assert.equal(card.licence, "mit");
        assert.include(card.provenance, `tiny/model, commit ${HubServer.COMMIT}`);
        const unneeded = ["README.md", "pytorch_model.bin"];
        assert.deepEqual(
          fetched(hub),
          Fs.readdirSync(source())
            .filter((name) => !unneeded.includes(name))
            .sort(),
        );
        assert.deepEqual([...seen.keys()].sort(), fetched(hub));
        assert.isTrue([...seen.values()].every((part) => part === 1));
        assert.isTrue(hub.requests.every(({ token }) => token === "Bearer hf_secret"));
        assert.deepEqual(Fs.readdirSync(parent).sort(), ["imported", "source"]);
      }),
    ),
  );

  it.live("fetches the one GGUF file that is asked for", () =>
    Effect.gen(function* () {
      const file = "tiny-Q8.gguf";
      yield* GgufExport.run(yield* Policy.read(source()), Path.join(source(), file), {
        dtype: "BF16",
        pre: "gpt-2",
      });
      yield* withHub((hub) =>
        Effect.gen(function* () {
          yield* PolicyImport.fromHub({ endpoint: hub.endpoint }, NAME, directory, { file, dtype: "BF16" });
          assert.deepEqual(fetched(hub), [file]);
          const { card } = yield* isSource;
          assert.match(card.provenance, /tiny\/model, tiny-Q8\.gguf, commit/);
        }),
      );
      for (const name of Fs.readdirSync(source()))
        if (name.includes("safetensors")) Fs.rmSync(Path.join(source(), name));
      yield* withHub((hub) =>
        Effect.gen(function* () {
          const import_ = PolicyImport.fromHub({ endpoint: hub.endpoint }, NAME, directory, {
            replace: true,
          });
          assert.match(
            (yield* Effect.flip(import_)).message,
            /no model\.safetensors, but tiny-Q8\.gguf\. Choose one of these with --file/,
          );
        }),
      );
    }),
  );

  it.live("goes on where a connection was cut", () =>
    withHub((hub) =>
      Effect.gen(function* () {
        hub.cut = { file: shard(), after: 7_000, times: 2 };
        yield* PolicyImport.fromHub({ endpoint: hub.endpoint }, NAME, directory);
        yield* isSource;
        const starts = hub.requests.filter(({ file }) => file === shard()).map(({ from }) => from);
        assert.equal(starts[0], 0);
        assert.equal(starts.length, 3);
        assert.isTrue(
          starts.every((from, i) => i === 0 || from > (starts[i - 1] ?? 0)),
          String(starts),
        );
      }),
    ),
  );

  it.live("keeps what has arrived for the next attempt, and says so", () =>
    withHub((hub) =>
      Effect.gen(function* () {
        hub.cut = { file: shard(), after: 7_000, times: 1 };
        const first = PolicyImport.fromHub({ endpoint: hub.endpoint }, NAME, directory, {
          onDownload: (file, done) => {
            // From here on nothing arrives.
            if (file === shard() && done >= 7_000) hub.cut = { file, after: 0, times: 9 };
          },
        });
        const error = yield* Effect.flip(first);
        assert.match(
          error.message,
          /the connection to 127.* was cut.*What has arrived is kept: the same command goes on/,
        );
        assert.isFalse(Fs.existsSync(directory));
        hub.cut = undefined;
        hub.requests.length = 0;
        yield* PolicyImport.fromHub({ endpoint: hub.endpoint }, NAME, directory);
        yield* isSource;
        assert.equal(hub.requests.find(({ file }) => file === shard())?.from, 7_000);
        assert.notInclude(fetched(hub), "config.json");
      }),
    ),
  );

  for (const name of ["config.json", "the weights"]) {
    it.live(`refuses ${name} with another hash than the hub lists`, () =>
      withHub((hub) =>
        Effect.gen(function* () {
          const file = name === "config.json" ? name : shard();
          const bytes = Uint8Array.from(Fs.readFileSync(Path.join(source(), file)));
          bytes[bytes.length - 3] ^= 1;
          hub.swapped.set(file, bytes);
          const import_ = PolicyImport.fromHub({ endpoint: hub.endpoint }, NAME, directory);
          const error = yield* Effect.flip(import_);
          assert.match(
            error.message,
            /what arrived has the sha(1|256) [0-9a-f]+, expected [0-9a-f]+\. It was removed/,
          );
          hub.swapped.clear();
          yield* PolicyImport.fromHub({ endpoint: hub.endpoint }, NAME, directory);
          yield* isSource;
        }),
      ),
    );
  }

  it.live("says which model, revision or file there is not, and when the hub cannot be reached", () =>
    withHub((hub) =>
      Effect.gen(function* () {
        const message = (name: typeof NAME, options = {}, access = { endpoint: hub.endpoint }) =>
          Effect.map(
            Effect.flip(PolicyImport.fromHub(access, name, directory, options)),
            (error) => error.message,
          );
        assert.match(
          yield* message({ repo: "no/model", revision: "main" }),
          /no\/model@main: 127\.0\.0\.1:\d+ refuses access \(401\).*HF_TOKEN/,
        );
        assert.match(yield* message({ ...NAME, revision: "v9" }), /no such model, revision or file \(404\)/);
        assert.match(
          yield* message(NAME, { file: "model.gguf" }),
          /there is no file model\.gguf; of its kind there is none/,
        );
        const token = { endpoint: hub.endpoint, token: "secret" };
        assert.match(yield* message(NAME, {}, token), /HF_TOKEN does not begin with hf_/);
        assert.match(
          yield* message(NAME, {}, { endpoint: "http://127.0.0.1:1" }),
          /127\.0\.0\.1:1 cannot be reached.*HF_ENDPOINT names a mirror.*give its path/,
        );
        Fs.mkdirSync(directory);
        Fs.writeFileSync(Path.join(directory, "thesis.txt"), "");
        assert.match(yield* message(NAME), /holds other files/);
      }),
    ),
  );
});

describe("PolicyImport.storedType", () => {
  it("is the type of all tensors, else F32", async () => {
    await TinyPolicy.withDirectory((folder) => {
      const path = Path.join(folder, "x.safetensors");
      Safetensors.writeSync(path, [{ name: "a", shape: [1], data: () => Float32Array.of(1) }], {
        dtype: "F16",
      });
      assert.equal(PolicyImport.storedType(Safetensors.openSync(path)), "F16");
      return Promise.resolve();
    });
  });
});
