/** `drydock serve` as a process: where it listens, whom it answers, how it ends. */
import * as Net from "node:net";
import * as Path from "node:path";
import OpenAI from "openai";
import { afterAll, assert, describe, it } from "vitest";
import * as Drydock from "./Drydock.ts";
import { refusal } from "./Refusal.ts";

const POLICY = Path.resolve(import.meta.dirname, "../../policies/js-compose");
const PROMPT = "Given numbers xs, double each.\n";

const place = Drydock.workplace();
afterAll(place.remove);

describe("drydock serve", () => {
  it("serves a policy until SIGTERM, to those who have the key", async () => {
    const args = ["serve", POLICY, "--port", "0", "--model-name", "mine", "--api-key", "TEST_KEY"];
    const running = Drydock.start(args, { env: { TEST_KEY: "secret" } });
    const [, baseURL = ""] = await running.until(/Serving mine at (http:\/\/127\.0\.0\.1:\d+\/v1)/);
    const client = new OpenAI({ baseURL, apiKey: "secret", maxRetries: 0 });
    const request = { model: "mine", prompt: PROMPT, seed: 1 };
    const { choices } = await client.completions.create(request);
    assert.match(choices[0].text, /^function f\(/);
    let streamed = "";
    for await (const chunk of await client.completions.create({ ...request, stream: true }))
      streamed += chunk.choices[0].text;
    assert.strictEqual(streamed, choices[0].text);
    assert.strictEqual((await fetch(`${baseURL}/models`)).status, 401);
    running.child.kill("SIGTERM");
    const { code, stdout, stderr } = await running.ended;
    assert.strictEqual(code, 0, stderr);
    assert.strictEqual(stdout, "");
    assert.notInclude(stderr, "secret");
  }, 60_000);

  it("says what is wrong, and what to do", async () => {
    const server = Net.createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as Net.AddressInfo).port));
    });
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
      // Before a model is loaded: no backend is looked for.
      [
        [POLICY, "--backend", "native-gpu", "--port", String(port)],
        new RegExp(`port ${port} of 127.0.0.1 is in use.*--port N`, "s"),
      ],
      [["nowhere"], /nowhere: no such directory.*drydock policy import/s],
      [[POLICY, "--api-key", "UNSET_KEY"], /UNSET_KEY, which is not set.*UNSET_KEY=\.\.\. drydock serve/s],
      [[POLICY, "--context", "300"], /256 positions.*--context a number from 2 to 256/s],
    ];
    try {
      for (const [args, says] of cases) assert.match(await refusal(["serve", ...args]), says);
    } finally {
      server.close();
    }
  }, 60_000);
});
