import { Tokenizer } from "@huggingface/tokenizers";
import { assert, describe, it } from "vitest";
import * as Generate from "../../src/dataset/jscompose/Generate.ts";
import * as BpeTrainer from "../../src/model/tokenizer/BpeTrainer.ts";

const { corpus } = Generate.generate(7, {
  train: 10,
  validation: 5,
  test: 5,
  corpusProblems: 150,
  corpusAttemptsPerProblem: 1,
  labelledProblems: 5,
});
const texts = [...corpus.tasks.map(Generate.prompt), ...corpus.attempts.map(({ program }) => program)];

describe("BpeTrainer", () => {
  const trained = BpeTrainer.train(texts, { vocabSize: 640 });
  const tokenizer = new Tokenizer(structuredClone(trained), {
    clean_up_tokenization_spaces: false,
  });

  it("fills the vocabulary, with unique tokens and end of text first", () => {
    const ids = Object.values(trained.model.vocab);
    assert.strictEqual(ids.length, 640);
    assert.deepStrictEqual(
      ids.toSorted((a, b) => a - b),
      Array.from({ length: 640 }, (_, i) => i),
    );
    assert.strictEqual(trained.model.vocab[BpeTrainer.END_OF_TEXT], 0);
    assert.strictEqual(trained.model.merges.length, 640 - 257);
  });

  it("gives a file from which Hugging Face's tokenizer reads back every text", () => {
    let tokens = 0;
    for (const text of [...texts, 'naïve → 日本\t\u0000 and a "quote"\n\n  x']) {
      const { ids } = tokenizer.encode(text);
      tokens += ids.length;
      assert.strictEqual(tokenizer.decode(ids), text);
    }
    assert.isBelow(tokens / corpus.tasks.length, 60, "tokens of a prompt and a program");
    assert.deepStrictEqual(tokenizer.encode(`a${BpeTrainer.END_OF_TEXT}`).ids.at(-1), 0);
  });

  it("keeps digits apart and is deterministic", () => {
    const vocabulary = Object.keys(trained.model.vocab);
    assert.isFalse(vocabulary.some((token) => /\d./u.test(token) || /.\d/u.test(token)));
    assert.strictEqual(JSON.stringify(BpeTrainer.train(texts, { vocabSize: 640 })), JSON.stringify(trained));
    assert.throws(() => BpeTrainer.train(texts, { vocabSize: 100 }), /at least 257/);
  });

  it("merges the most frequent pair first, as by hand", () => {
    const { model } = BpeTrainer.train(["ab ab ab bc bc"], { vocabSize: 259, pieces: "\\w+" });
    assert.deepStrictEqual(model.merges, [
      ["a", "b"],
      ["b", "c"],
    ]);
  });
});
