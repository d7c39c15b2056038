/** SmolLM2-135M-Instruct, the real file: weights and tokenizer against the gguf package and `tokenizers`. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fs from "node:fs";
import * as Gguf from "../../src/model/gguf/Gguf.ts";
import * as GgufImport from "../../src/model/gguf/GgufImport.ts";
import * as GgufTokenizer from "../../src/model/gguf/GgufTokenizer.ts";
import * as Tokenizer from "../../src/model/tokenizer/Tokenizer.ts";
import * as Smollm2 from "../support/Smollm2.ts";

const golden = JSON.parse(Fs.readFileSync(new URL("golden/smollm2.json", import.meta.url), "utf8")) as {
  readonly texts: ReadonlyArray<{
    readonly text: string;
    readonly ids: ReadonlyArray<number>;
    readonly decoded: string;
  }>;
  /** First four values (one of a vector) by tensor and row. */
  readonly tensors: Readonly<Record<string, Readonly<Record<string, ReadonlyArray<number>>>>>;
};

const file = await Smollm2.gguf();

describe.skipIf(file === undefined)("SmolLM2-135M-Instruct", () => {
  const open = Gguf.open(file ?? "");

  it.effect("has the tokenizer of Hugging Face, id for id", () =>
    Effect.gen(function* () {
      const { metadata, path } = yield* open;
      const files = yield* GgufTokenizer.convert(metadata, path);
      const tokenizer = yield* Tokenizer.make(files, "smollm2");
      assert.equal(tokenizer.size, 49152);
      assert.equal(tokenizer.eos, 2);
      assert.match(tokenizer.chatTemplate ?? "", /im_start/);
      for (const { text, ids, decoded } of golden.texts) {
        assert.deepEqual([...tokenizer.encode(text)], [...ids], JSON.stringify(text));
        assert.equal(tokenizer.decode(ids), decoded);
      }
    }),
  );

  it.effect("has the weights of the gguf package, bit for bit", () =>
    Effect.gen(function* () {
      const gguf = yield* open;
      assert.equal(gguf.tensors.size, 272);
      for (const [name, rows] of Object.entries(golden.tensors)) {
        const stored = gguf.read(GgufImport.ggufName(name));
        const data = name.endsWith("q_proj.weight")
          ? GgufImport.unpermute(stored, 9, 64)
          : name.endsWith("k_proj.weight")
            ? GgufImport.unpermute(stored, 3, 64)
            : stored;
        const columns = gguf.tensors.get(GgufImport.ggufName(name))?.shape[1] ?? 1;
        for (const [row, values] of Object.entries(rows)) {
          const at = Number(row) * columns;
          assert.deepEqual([...data.subarray(at, at + values.length)], [...values], `${name} row ${row}`);
        }
      }
    }),
  );
});
