/** The served policy as OpenAI's own client sees it. */
import * as Fs from "node:fs";
import * as Effect from "effect/Effect";
import OpenAI from "openai";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import * as Served from "./Served.ts";

const PROMPT = "Given numbers xs, double each, drop multiples of 3.\n";
const MODEL = "js";

const directory = Served.withChatTemplate();
let served: Served.Served;
let client: OpenAI;

beforeAll(async () => {
  served = await Served.open(directory, { capacity: 8 });
  client = served.client;
});
afterAll(async () => {
  await served.close();
  Fs.rmSync(directory, { recursive: true, force: true });
});

/** The error that a request is refused with. */
const refusal = async (request: Promise<unknown>) => {
  try {
    await request;
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error;
    throw error;
  }
  throw new Error("it was not refused");
};

const sum = (list: ReadonlyArray<number>): number => list.reduce((a, b) => a + b, 0);

const collect = async <A>(stream: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const list: Array<A> = [];
  for await (const one of stream) list.push(one);
  return list;
};

/** Resolves once the server has no choice under way; the request's end is what brings it about. */
const idle = async (): Promise<void> => {
  while (served.server.taken() > 0) await new Promise((resolve) => setImmediate(resolve));
};

describe("completions", () => {
  it("lists the model", async () => {
    const { data } = await client.models.list();
    assert.deepEqual(
      data.map(({ id }) => id),
      [MODEL],
    );
    assert.strictEqual((await client.models.retrieve(MODEL)).id, MODEL);
  });

  it("answers whole, by the card's settings, the same for the same seed", async () => {
    const request = { model: MODEL, prompt: PROMPT, seed: 5 };
    const [one, two] = [await client.completions.create(request), await client.completions.create(request)];
    assert.match(one.id, /^cmpl-/);
    assert.strictEqual(one.object, "text_completion");
    assert.strictEqual(one.choices[0]?.finish_reason, "stop");
    // The card ends programs at the line's end.
    assert.match(one.choices[0]?.text ?? "", /^function f\([^\n]*$/);
    assert.strictEqual(one.choices[0]?.text, two.choices[0]?.text);
    assert.strictEqual(one.usage?.prompt_tokens, served.files.tokenizer.encode(PROMPT).length);
    assert.isAbove(one.usage?.completion_tokens ?? 0, 5);
    assert.strictEqual(
      one.usage?.total_tokens,
      (one.usage?.prompt_tokens ?? 0) + (one.usage?.completion_tokens ?? 0),
    );
  });

  it("streams what it answers whole", async () => {
    const request = { model: MODEL, prompt: PROMPT, seed: 7, max_tokens: 40, logprobs: 2 };
    const whole = await client.completions.create(request);
    const chunks = await collect(
      await client.completions.create({ ...request, stream: true, stream_options: { include_usage: true } }),
    );
    const choices = chunks.flatMap((chunk) => chunk.choices);
    assert.isAbove(choices.length, 5);
    assert.strictEqual(choices.map(({ text }) => text).join(""), whole.choices[0]?.text);
    assert.strictEqual(choices.at(-1)?.finish_reason, whole.choices[0]?.finish_reason);
    assert.deepEqual(
      choices.flatMap(({ logprobs }) => logprobs?.tokens ?? []),
      whole.choices[0]?.logprobs?.tokens,
    );
    assert.deepEqual(
      choices.flatMap(({ logprobs }) => logprobs?.text_offset ?? []),
      whole.choices[0]?.logprobs?.text_offset,
    );
    assert.deepEqual(chunks.at(-1)?.usage, whole.usage);
    assert.deepEqual(chunks.at(-1)?.choices, []);
  });

  it("ends at stop strings, which are not part of the text", async () => {
    const request = { model: MODEL, prompt: PROMPT, temperature: 0, logprobs: 0 };
    const whole = (await client.completions.create(request)).choices[0];
    const stop = ["map(", "never"];
    const cut = (await client.completions.create({ ...request, stop })).choices[0];
    assert.include(whole?.text, "map(");
    assert.strictEqual(cut?.text, whole?.text.split("map(")[0]);
    assert.strictEqual(cut?.finish_reason, "stop");
    const short = (await client.completions.create({ ...request, max_tokens: 3 })).choices[0];
    assert.strictEqual(short?.finish_reason, "length");
    assert.strictEqual(short?.logprobs?.tokens?.length, 3);
  });

  it("gives log-probs that scoring agrees with", async () => {
    const { choices } = await client.completions.create({
      model: MODEL,
      prompt: PROMPT,
      n: 3,
      seed: 3,
      stop: [],
      max_tokens: 100,
      temperature: 1,
      top_p: 0.9,
      logprobs: 5,
    });
    assert.strictEqual(choices.length, 3);
    for (const { text, logprobs, finish_reason, index } of choices) {
      const tokens = logprobs?.tokens ?? [];
      const logProbs = logprobs?.token_logprobs ?? [];
      assert.strictEqual(logProbs.length, tokens.length);
      assert.isTrue(logProbs.every((logProb) => logProb <= 1e-6));
      logprobs?.top_logprobs?.forEach((top, t) => {
        assert.include([5, 6], Object.keys(top).length, `choice ${index}, token ${t}`);
        assert.isAtLeast(Math.max(...Object.values(top)), logProbs[t] - 1e-6);
        assert.strictEqual(top[tokens[t]], logProbs[t]);
      });
      // A text that ended by itself has the tokens that scoring sees: the program's, and the end.
      assert.strictEqual(finish_reason, "stop", "it writes one line and ends");
      const [score] = await Effect.runPromise(served.compute.score([{ prompt: PROMPT, program: text }]));
      assert.strictEqual(score?.tokens, logProbs.length);
      assert.closeTo(sum(logProbs), score?.logProb ?? 0, 1e-3);
    }
  });

  it("names tokens by their ids where that is asked for, and they decode to the text", async () => {
    const request = { model: MODEL, prompt: PROMPT, logprobs: 0, seed: 4, max_tokens: 12, stop: [] };
    const { choices } = await client.completions.create({
      ...request,
      return_tokens_as_token_ids: true,
    } as typeof request);
    const ids = choices[0]?.logprobs?.tokens?.map((name) => Number(/^token_id:(\d+)$/.exec(name)?.[1]));
    assert.strictEqual(served.files.tokenizer.decode(ids ?? []), choices[0]?.text);
  });

  it("takes several prompts, as texts and as token ids, with n choices of each", async () => {
    const other = "Given words ws, take the word lengths.\n";
    const ids = [PROMPT, other].map((text) => [...served.files.tokenizer.encode(text)]);
    const request = { model: MODEL, n: 2, seed: 11, max_tokens: 30 };
    const texts = await client.completions.create({ ...request, prompt: [PROMPT, other] });
    const tokens = await client.completions.create({ ...request, prompt: ids });
    const alone = await client.completions.create({ ...request, prompt: ids[1] });
    assert.deepEqual(
      texts.choices.map(({ index }) => index),
      [0, 1, 2, 3],
    );
    const written = texts.choices.map(({ text }) => text);
    assert.notStrictEqual(written[0], written[1]);
    assert.deepEqual(
      tokens.choices.map(({ text }) => text),
      written,
    );
    assert.deepEqual(
      alone.choices.map(({ text }) => text),
      written.slice(2),
    );
    assert.strictEqual(texts.usage?.prompt_tokens, ids.flat().length);
  });

  it("gives concurrent requests what each gets alone", async () => {
    const requests = [0, 1, 2, 3, 4, 5].map((seed) => ({
      model: MODEL,
      prompt: PROMPT,
      seed,
      temperature: seed % 2 === 0 ? 1 : 0.5,
      ...(seed % 3 === 0 ? { top_p: 0.8 } : {}),
    }));
    const together = await Promise.all(requests.map((request) => client.completions.create(request)));
    for (const [i, request] of requests.entries()) {
      const alone = await client.completions.create(request);
      assert.strictEqual(alone.choices[0]?.text, together[i]?.choices[0]?.text, `request ${i}`);
    }
  });

  it("frees the slots of a client that goes away, streamed and whole", async () => {
    const long = { model: MODEL, prompt: PROMPT, stop: ["never"], n: 4, max_tokens: 100 };
    const stream = await client.completions.create({ ...long, stream: true });
    for await (const _ of stream) break;
    const leave = new AbortController();
    const whole = client.completions.create(long, { signal: leave.signal }).catch((error: unknown) => error);
    while (served.server.taken() === 0) await new Promise((resolve) => setImmediate(resolve));
    leave.abort();
    assert.instanceOf(await whole, OpenAI.APIUserAbortError);
    await idle();
    const after = await client.completions.create({ model: MODEL, prompt: PROMPT });
    assert.strictEqual(after.choices.length, 1);
  });
});

describe("chat completions", () => {
  const messages = [{ role: "user" as const, content: PROMPT.trim() }];

  it("puts messages into the chat template", async () => {
    const chat = await client.chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: [{ type: "text", text: PROMPT.trim() }] }],
      stop: "\n",
      seed: 5,
    });
    const plain = await client.completions.create({
      model: MODEL,
      prompt: PROMPT,
      seed: 5,
      stop: "\n",
      max_tokens: 100,
    });
    assert.match(chat.id, /^chatcmpl-/);
    assert.strictEqual(chat.object, "chat.completion");
    assert.strictEqual(chat.choices[0]?.message.role, "assistant");
    assert.strictEqual(chat.choices[0]?.message.content, plain.choices[0]?.text);
    assert.deepEqual(chat.usage, plain.usage);
  });

  it("streams, with log-probs and their bytes", async () => {
    const request = {
      model: MODEL,
      messages,
      seed: 9,
      max_completion_tokens: 30,
      n: 2,
      logprobs: true,
      top_logprobs: 3,
    };
    const whole = await client.chat.completions.create(request);
    const chunks = await collect(await client.chat.completions.create({ ...request, stream: true }));
    for (const { index, message, logprobs, finish_reason } of whole.choices) {
      const parts = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index);
      assert.strictEqual(parts[0]?.delta.role, "assistant");
      assert.strictEqual(parts.map(({ delta }) => delta.content ?? "").join(""), message.content);
      assert.strictEqual(parts.at(-1)?.finish_reason, finish_reason);
      const streamed = parts.flatMap((part) => part.logprobs?.content ?? []);
      assert.deepEqual(streamed, logprobs?.content);
      assert.isTrue(streamed.every(({ top_logprobs }) => top_logprobs.length === 3));
      const bytes = Uint8Array.from(streamed.flatMap((token) => token.bytes ?? []));
      assert.isTrue(new TextDecoder().decode(bytes).startsWith(message.content ?? ""));
    }
    assert.strictEqual(whole.choices.length, 2);
  });

  it("says what to do where the model has no template", async () => {
    const plain = await Served.open(Served.JS_COMPOSE);
    try {
      const error = await refusal(plain.client.chat.completions.create({ model: MODEL, messages }));
      assert.strictEqual(error.status, 400);
      assert.match(error.message, /no chat template.*chat_template\.jinja/);
    } finally {
      await plain.close();
    }
  });
});

describe("refusals", () => {
  const create = (change: object) =>
    client.completions.create({ model: MODEL, prompt: PROMPT, ...change } as OpenAI.CompletionCreateParams);
  const chat = (change: object) =>
    client.chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: "x" }],
      ...change,
    } as OpenAI.ChatCompletionCreateParams);

  const cases: ReadonlyArray<
    readonly [
      name: string,
      request: () => Promise<unknown>,
      status: number,
      param: string | null,
      code: string | null,
    ]
  > = [
    ["another model", () => create({ model: "gpt" }), 404, "model", "model_not_found"],
    ["an unknown parameter", () => create({ tempreature: 1 }), 400, "tempreature", "unknown_parameter"],
    ["echo", () => create({ echo: true }), 400, "echo", "unsupported_parameter"],
    ["a penalty", () => chat({ presence_penalty: 1 }), 400, "presence_penalty", "unsupported_parameter"],
    ["tools", () => chat({ tools: [{ type: "function" }] }), 400, "tools", "unsupported_parameter"],
    [
      "a JSON schema",
      () => chat({ response_format: { type: "json_object" } }),
      400,
      "response_format",
      "unsupported_parameter",
    ],
    ["a temperature too high", () => create({ temperature: 3 }), 400, "temperature", "invalid_value"],
    ["a top_k between", () => create({ top_k: 500 }), 400, "top_k", "invalid_value"],
    ["log-probs too many", () => create({ logprobs: 21 }), 400, "logprobs", "invalid_value"],
    ["top_logprobs alone", () => chat({ top_logprobs: 2 }), 400, "top_logprobs", null],
    ["no prompt", () => create({ prompt: undefined }), 400, "prompt", "missing_required_parameter"],
    ["an empty prompt", () => create({ prompt: "" }), 400, "prompt", "invalid_value"],
    ["a token that is none", () => create({ prompt: [5, 1024] }), 400, "prompt", null],
    ["no messages", () => chat({ messages: [] }), 400, "messages", "invalid_value"],
    [
      "a picture",
      () => chat({ messages: [{ role: "user", content: [{ type: "image_url" }] }] }),
      400,
      "messages[0].content[0].type",
      "invalid_value",
    ],
    [
      "a prompt too long",
      () => create({ prompt: PROMPT.repeat(20) }),
      400,
      "prompt",
      "context_length_exceeded",
    ],
    [
      "a prompt far too long",
      () => create({ prompt: "x".repeat(1e6) }),
      400,
      "prompt",
      "context_length_exceeded",
    ],
    [
      "a chat too long",
      () => chat({ messages: [{ role: "user", content: PROMPT.repeat(20) }] }),
      400,
      "messages",
      "context_length_exceeded",
    ],
    ["too many new tokens", () => create({ max_tokens: 199 }), 400, "prompt", "context_length_exceeded"],
    ["too many choices", () => create({ n: 9 }), 400, "n", "invalid_value"],
    ["a tilt without heads", () => create({ tilt: 1 }), 400, "tilt", "invalid_value"],
    ["an empty stop", () => create({ stop: [""] }), 400, "stop", "invalid_value"],
    [
      "another endpoint",
      () => client.embeddings.create({ model: MODEL, input: "x" }),
      404,
      null,
      "unknown_url",
    ],
    ["a body too large", () => create({ prompt: "x".repeat(5e6) }), 413, null, "request_too_large"],
  ];
  for (const [name, request, status, param, code] of cases) {
    it(`${name}: ${status}`, async () => {
      const error = await refusal(request());
      assert.deepEqual([error.status, error.param, error.code], [status, param, code], error.message);
      assert.strictEqual(error.type, "invalid_request_error");
      assert.isAbove(error.message.length, 15);
    });
  }

  it("what asks for nothing is no obstacle", async () => {
    const answer = await create({
      user: "me",
      best_of: 1,
      echo: false,
      suffix: null,
      logit_bias: {},
      presence_penalty: 0,
      top_k: -1,
      max_tokens: 2,
    });
    assert.isDefined(answer);
  });

  it("a full queue: 429 with Retry-After, and nobody else is disturbed", async () => {
    const first = await client.completions.create({
      model: MODEL,
      prompt: PROMPT,
      n: 8,
      seed: 1,
      stream: true,
    });
    const error = await refusal(create({}));
    assert.instanceOf(error, OpenAI.RateLimitError);
    assert.strictEqual(error.headers?.get("retry-after"), "1");
    assert.isAbove((await collect(first)).length, 8);
    await idle();
    await create({});
  });

  it("a body that is no JSON, a method that is not answered, a page of another site", async () => {
    const at = (path: string, init: RequestInit) => fetch(`${served.server.url}${path}`, init);
    const broken = await at("/completions", { method: "POST", body: '{"model"' });
    assert.strictEqual(broken.status, 400);
    const got = await at("/completions", {});
    assert.strictEqual(got.status, 405);
    const foreign = await at("/models", { headers: { origin: "http://example.org" } });
    assert.strictEqual(foreign.status, 403);
    for (const answer of [broken, got, foreign]) {
      const body = (await answer.json()) as { readonly error: { readonly type: string } };
      assert.strictEqual(body.error.type, "invalid_request_error");
    }
  });
});

describe("access", () => {
  it("asks for the key where there is one; its health is everyone's to see", async () => {
    const locked = await Served.open(directory, { apiKey: "right", name: "team/js" });
    try {
      assert.strictEqual((await locked.client.models.list()).data.length, 1);
      assert.strictEqual((await locked.client.models.retrieve("team/js")).id, "team/js");
      const wrong = new OpenAI({ baseURL: locked.server.url, apiKey: "wrong", maxRetries: 0 });
      const error = await refusal(wrong.models.list());
      assert.instanceOf(error, OpenAI.AuthenticationError);
      assert.strictEqual(error.code, "invalid_api_key");
      assert.strictEqual((await fetch(`${locked.server.url}/models`)).status, 401);
      const health = await fetch(locked.server.url.replace("/v1", "/health"));
      assert.strictEqual(health.status, 200);
    } finally {
      await locked.close();
    }
  });
});
