import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Alignment from "../../src/generator/Alignment.ts";
import * as Tokenizer from "../../src/model/tokenizer/Tokenizer.ts";
import * as TinyPolicy from "../model/TinyPolicy.ts";

const TEXT = "const f = naïve 🙂;";

describe("log-probs of a server's tokens", () => {
  it.effect("are ours where its tokens are exactly ours, the end included", () =>
    Effect.gen(function* () {
      const tokenizer = yield* Tokenizer.make(TinyPolicy.tokenizer, "tiny");
      const own = [...tokenizer.encode(TEXT), tokenizer.eos];
      const server = own.map(
        (id, i): Alignment.ServerToken => ({
          text: tokenizer.decode([id]),
          bytes: i === own.length - 1 ? null : [...tokenizer.bytes(id)],
          logProb: -i / 4,
        }),
      );
      const expected = own.map((_, i) => -i / 4);
      const aligned = (tokens: ReadonlyArray<Alignment.ServerToken>) =>
        Alignment.logProbs(tokenizer, own, tokens);
      assert.deepStrictEqual(aligned(server), expected);
      const named = server.with(server.length - 1, {
        text: tokenizer.specialText.eos_token ?? "",
        bytes: null,
        logProb: -9,
      });
      assert.strictEqual(aligned(named)?.at(-1), -9);

      // Without bytes a token that is part of a character cannot be compared: it is not taken on trust.
      assert.isNull(aligned(server.map((token) => ({ ...token, bytes: null }))));
      const merged = {
        text: "x",
        bytes: [...(server[0].bytes ?? []), ...(server[1].bytes ?? [])],
        logProb: -1,
      };
      assert.isNull(aligned([merged, ...server.slice(2)]), "other boundaries");
      assert.isNull(aligned(server.slice(0, -1)), "no end");
      assert.isNull(
        aligned(server.with(server.length - 1, { text: "\n", bytes: null, logProb: -1 })),
        "a stop string as the end",
      );
      assert.isNull(aligned(server.with(2, { ...server[2], logProb: null })), "a log-prob is missing");
      assert.isNull(aligned([...server.slice(0, 1), ...server]), "one too many");
    }),
  );
});
