/** Every HumanEval and MBPP text through SmolLM2's tokenizer: ids of transformers, and the text back. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { createHash } from "node:crypto";
import * as Fs from "node:fs";
import { gunzipSync } from "node:zlib";
import * as Gguf from "../../src/model/gguf/Gguf.ts";
import * as GgufTokenizer from "../../src/model/gguf/GgufTokenizer.ts";
import * as Tokenizer from "../../src/model/tokenizer/Tokenizer.ts";
import * as Requirements from "../support/Requirements.ts";
import * as Smollm2 from "../support/Smollm2.ts";

/** By golden/smollm2-texts.py: 8 hexadecimal digits a text, one after the other. */
const golden = JSON.parse(Fs.readFileSync(new URL("golden/smollm2-texts.json", import.meta.url), "utf8")) as {
  readonly hashes: Readonly<Record<string, string>>;
};

const records = (text: string): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line));

const file = await Smollm2.gguf();
const humaneval = Requirements.sharedData("humaneval/HumanEval.jsonl.gz");
const mbpp = Requirements.sharedData("mbpp/mbpp.jsonl");

const texts = (kind: string): ReadonlyArray<string> => {
  const [set, field = ""] = kind.split(" ");
  const content =
    set === "humaneval"
      ? gunzipSync(Fs.readFileSync(humaneval ?? "")).toString("utf8")
      : Fs.readFileSync(mbpp ?? "", "utf8");
  return records(content).map((record) => {
    const text = record[field];
    return Array.isArray(text) ? text.join("\n") : String(text);
  });
};

const ready = file !== undefined && humaneval !== undefined && mbpp !== undefined;

describe.skipIf(!ready)("SmolLM2's tokenizer from the GGUF", () => {
  for (const [kind, expected] of Object.entries(golden.hashes)) {
    it.effect(`gives transformers' ids, and the text back: ${kind}`, () =>
      Effect.gen(function* () {
        const { metadata, path } = yield* Gguf.open(file ?? "");
        const files = yield* GgufTokenizer.convert(metadata, path);
        const tokenizer = yield* Tokenizer.make(files, "smollm2");
        const all = texts(kind);
        assert.equal(expected.length, 8 * all.length);
        all.forEach((text, i) => {
          const ids = tokenizer.encode(text);
          const hash = createHash("sha256").update(ids.join(",")).digest("hex").slice(0, 8);
          assert.equal(hash, expected.slice(8 * i, 8 * i + 8), `${kind} ${i}`);
          assert.equal(tokenizer.decode(ids), text, `${kind} ${i}`);
        });
      }),
    );
  }
});
