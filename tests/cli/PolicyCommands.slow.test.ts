/** `drydock policy import`, `list` and `inspect` as the real binary, with a hub of our own. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as HubServer from "../model/HubServer.ts";
import * as TinyPolicy from "../model/TinyPolicy.ts";
import * as Drydock from "./Drydock.ts";

const place = Drydock.workplace();
const at = (...parts: ReadonlyArray<string>): string => Path.join(place.directory, ...parts);
let hub: HubServer.Hub;

const drydock = (...args: ReadonlyArray<string>): Promise<Drydock.Ended> =>
  Drydock.start(args, { cwd: place.directory, env: { HF_ENDPOINT: hub.endpoint, HF_TOKEN: "" } }).ended;

const json = (ended: Drydock.Ended): unknown => {
  assert.strictEqual(ended.code, 0, ended.stderr);
  return JSON.parse(ended.stdout);
};

beforeAll(async () => {
  await Effect.runPromise(Policy.write(at("source"), TinyPolicy.policy(), { dtype: "F16" }));
  const files = new Map(
    Fs.readdirSync(at("source")).map((name) => [name, Fs.readFileSync(at("source", name))]),
  );
  hub = await HubServer.serve("tiny/model", files);
});
afterAll(async () => {
  await hub.close();
  place.remove();
});

describe("drydock policy", () => {
  it("imports from the hub and from a directory, and lists and shows what is there", async () => {
    const fetched = await drydock("policy", "import", "tiny/model", "--json");
    assert.deepInclude(json(fetched), { directory: "policies/model", name: "tiny" });
    assert.match(fetched.stderr, /^fetching model\.safetensors 100 % of/m);
    assert.match(fetched.stderr, /^importing tensors 20\/20/m);
    const copied = await drydock("policy", "import", "source", "--out", "policies/copy", "--dtype", "f32");
    assert.strictEqual(copied.code, 0, copied.stderr);
    assert.match(copied.stdout, /Wrote policies\/copy\. Try it/);
    Fs.mkdirSync(at("policies", "wrong"));
    Fs.writeFileSync(at("policies", "README.md"), "");

    const [asJson, text, inspected] = await Promise.all([
      drydock("policy", "list", "--json"),
      drydock("policy", "list"),
      drydock("policy", "inspect", "policies/model"),
    ]);
    const listed = json(asJson);
    const shown = { architecture: "LlamaForCausalLM", tensors: 20, heads: null, chatTemplate: false };
    assert.isArray(listed);
    const [copy, model, wrong] = listed as ReadonlyArray<object>;
    assert.deepInclude(copy, { ...shown, directory: "policies/copy", dtypes: { F32: 20 } });
    assert.deepInclude(model, { ...shown, directory: "policies/model", dtypes: { F16: 20 } });
    assert.deepInclude(wrong, { directory: "policies/wrong" });
    assert.match(text.stdout, /copy +│ Llama +│ 0\.0M +│ F32/);
    assert.match(text.stdout, /^broken: policies\/wrong: no config\.json in this directory/m);

    assert.match(inspected.stdout, /end tokens +│ <\|endoftext\|> \(0\)/);
    assert.match(inspected.stdout, /weights +│ F16/);
    assert.match(inspected.stdout, /rotary +│ theta 10000, not scaled/);
  });

  it("says what to do where the source is nowhere, or is here and fetched from nowhere", async () => {
    const [nowhere, local] = await Promise.all([
      drydock("policy", "import", "nowhere"),
      drydock("policy", "import", "source", "--revision", "main"),
    ]);
    assert.strictEqual(nowhere.code, 1);
    assert.match(nowhere.stderr, /nowhere: no such file\. Give the path/);
    assert.match(local.stderr, /--revision and --file choose what is fetched from the hub\. Leave them out/);
  });
});
