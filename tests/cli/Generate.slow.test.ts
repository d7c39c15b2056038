/** `drydock generate` as a person calls it. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import * as Generate from "../../src/cli/Generate.ts";
import { Compute } from "../../src/compute/Compute.ts";
import * as ComputeWorker from "../../src/compute/ComputeWorker.ts";
import * as Drydock from "./Drydock.ts";
import { refusal } from "./Refusal.ts";

const POLICY = Path.resolve(import.meta.dirname, "../../policies/js-compose");
const PROMPT = "Given numbers xs, double each.\n";

const place = Drydock.workplace();
const prompt = Path.join(place.directory, "prompt.txt");
const withHeads = Path.join(place.directory, "with-heads");

/** The shipped policy with value heads that nobody trained. */
const exportWithHeads = Effect.gen(function* () {
  const compute = yield* Compute;
  yield* compute.open({
    policy: { path: POLICY, init: "weights" },
    backend: "auto",
    seed: 1,
    trainable: { kind: "heads" },
    heads: true,
    frozenType: "float32",
    trainings: [],
    maxTrainTokens: 2,
    generation: { batch: 1, maxPromptTokens: 2, maxNewTokens: 2 },
  });
  yield* compute.exportPolicy({ directory: withHeads, provenance: "test", tilt: 0.5 });
}).pipe(Effect.provide(ComputeWorker.layer));

beforeAll(async () => {
  Fs.writeFileSync(prompt, PROMPT);
  await Effect.runPromise(exportWithHeads);
});
afterAll(place.remove);

interface Line {
  readonly sample: number;
  readonly seed: number;
  readonly text: string;
  readonly tokens: ReadonlyArray<number>;
  readonly logProbs: ReadonlyArray<number>;
  readonly values: ReadonlyArray<number>;
}

const lines = (stdout: string): ReadonlyArray<Line> =>
  stdout
    .trim()
    .split("\n")
    .map((line): Line => JSON.parse(line))
    .toSorted((a, b) => a.sample - b.sample);

describe("drydock generate", () => {
  it("takes the prompt from a file and from standard input", async () => {
    const piped = Drydock.start(["generate", POLICY, "--seed", "1"]);
    piped.child.stdin.end(PROMPT);
    const ended = await Promise.all([
      Drydock.run(["generate", POLICY, "--file", prompt, "--seed", "1"]),
      piped.ended,
    ]);
    for (const { code, stdout, stderr } of ended) {
      assert.strictEqual(code, 0, stderr);
      assert.match(stdout, /^function f\(.*\n$/);
      assert.strictEqual(stdout, ended[0].stdout);
    }
  }, 60_000);

  it("writes samples in their order; --json has each one's tokens, log-probs and values", async () => {
    const args = ["generate", withHeads, PROMPT, "--seed", "1", "--samples", "3"];
    const [text, json] = await Promise.all([Drydock.run(args), Drydock.run([...args, "--json", "--value"])]);
    const samples = lines(json.stdout);
    assert.strictEqual(samples.length, 3, json.stderr);
    for (const { tokens, logProbs, values } of samples) {
      assert.strictEqual(logProbs.length, tokens.length);
      assert.strictEqual(values.length, tokens.length);
      assert.isTrue(values.every((value) => value > 0 && value < 1));
    }
    assert.strictEqual(new Set(samples.map(({ seed }) => seed)).size, 3);
    assert.strictEqual(
      text.stdout,
      samples.map((one) => `--- sample ${one.sample + 1} of 3, seed ${one.seed}\n${one.text}\n`).join(""),
    );
  }, 60_000);

  it("colours by value where colours are wanted; the text stays the same", async () => {
    const args = ["generate", withHeads, PROMPT, "--seed", "1", "--tilt", "0", "--value"];
    const [plain, coloured] = await Promise.all([
      Drydock.run(args),
      Drydock.run(args, { env: { NO_COLOR: "", FORCE_COLOR: "1" } }),
    ]);
    assert.notInclude(plain.stdout, "\u001b", plain.stderr);
    assert.match(plain.stderr, /value: 0\.\d\d at the first token, 0\.\d\d at the last/);
    assert.include(coloured.stdout, "\u001b[38;5;");
    assert.match(coloured.stderr, /0\.0–0\.2/);
    // oxlint-disable-next-line no-control-regex
    assert.strictEqual(coloured.stdout.replace(/\u001b\[[\d;]*m/g, ""), plain.stdout);
  }, 60_000);

  it("ends at Ctrl-C", async () => {
    const running = Drydock.start(["generate", POLICY, PROMPT, "--samples", "2000"]);
    await running.until(/sample 2 of/);
    running.child.kill("SIGINT");
    const { code, stderr } = await running.ended;
    assert.strictEqual(code, 130, stderr);
  }, 60_000);

  const wrong: ReadonlyArray<readonly [name: string, args: ReadonlyArray<string>, says: RegExp]> = [
    ["a policy that is not there", ["nowhere", "x"], /nowhere: no such directory.*drydock policy import/s],
    ["values without heads", [POLICY, "x", "--value"], /no value heads.*What to do/s],
    ["a chat without a template", [POLICY, "x", "--chat"], /no chat template.*chat_template\.jinja/s],
    ["too many tokens", [POLICY, "x", "--max-tokens", "256"], /256 positions.*at most 255 new tokens/s],
    ["two prompts", [POLICY, "x", "--file", prompt], /one by --file.*give one of them/s],
    ["no prompt text", [POLICY, ""], /the prompt is empty/],
  ];
  for (const [name, args, says] of wrong) {
    it(`says what to do about ${name}`, async () => {
      assert.match(await refusal(["generate", ...args]), says);
    });
  }

  it("lets no control character through to a terminal", () => {
    assert.strictEqual(Generate.harmless("a\u001b[2Jb\n\tc\u009b1"), "a\ufffd[2Jb\n\tc\ufffd1");
  });
});
