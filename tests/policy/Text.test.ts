import * as Effect from "effect/Effect";
import { assert, beforeAll, describe, it } from "vitest";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Text from "../../src/policy/Text.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";

let policy: Policy.PolicyFiles;
beforeAll(async () => {
  policy = await Effect.runPromise(Policy.read(await TinyPolicy.write(), { weights: "optional" }));
});

const [episode] = TinyPolicy.episodes();

describe("Text", () => {
  it("ends a program with the end-of-sequence token, and a prompt with nothing", () => {
    const text = Text.make(policy);
    assert.strictEqual(text.program("red red;").at(-1), policy.tokenizer.eos);
    assert.strictEqual(text.decode(text.program("red red;")), "red red;");
    assert.notInclude(text.prompt("say red\n"), policy.tokenizer.eos);
    assert.strictEqual(text.decode(text.prompt("say red\n")), "say red\n");
  });

  it("puts the beginning-of-sequence token in front where the tokenizer asks for it", () => {
    const bos = 7;
    const text = Text.make({ ...policy, tokenizer: { ...policy.tokenizer, prefix: [bos] } });
    assert.deepStrictEqual(text.prompt("say red\n"), [bos, ...policy.tokenizer.encode("say red\n")]);
    assert.notInclude(text.program("red;"), bos);
  });

  it("takes the policy's own tokens for an episode that it wrote, and the text's for others", () => {
    if (episode === undefined) throw new Error("no episode");
    const text = Text.make(policy);
    const plain = text.episode(episode);
    assert.deepStrictEqual(plain.tokens, [...text.prompt(episode.prompt), ...text.program(episode.program)]);
    const own = text.episode({ ...episode, tokens: [5, 6], behaviourLogProbs: [-1, -2], policyVersion: 3 });
    assert.deepStrictEqual(own.tokens, [...text.prompt(episode.prompt), 5, 6]);
    assert.strictEqual(own.promptLength, text.prompt(episode.prompt).length);
    assert.deepStrictEqual(own.behaviourLogProbs, [-1, -2]);
    assert.strictEqual(plain.reasoningLength, 0);
    assert.throws(() => text.episode({ ...episode, tokens: [1_000_000] }), /holds token 1000000/);
  });

  it("counts the tokens of reasoning, its own ones too; the last token is never one", () => {
    if (episode === undefined) throw new Error("no episode");
    const text = Text.make(policy);
    for (const reasoning of ["// red, then é 😀\n", "// red", "//\n// blue blue\n"]) {
      for (const program of ["red red;", "\nred;", ""]) {
        const {
          tokens,
          promptLength,
          reasoningLength = 0,
        } = text.episode({ ...episode, reasoning, program });
        const actions = Array.from(tokens).slice(promptLength);
        assert.deepStrictEqual(actions, text.program(reasoning + program));
        const before = text.decode(actions.slice(0, reasoningLength));
        const after = text.decode(actions.slice(0, reasoningLength + 1));
        assert.isTrue(reasoning.startsWith(before), before);
        // The next token ends a part of the program, or ends the whole.
        if (reasoningLength < actions.length - 1) assert.isAbove(after.length, reasoning.length);
        else assert.strictEqual(before, reasoning);
        const own = text.episode({ ...episode, reasoning, program, tokens: actions });
        assert.strictEqual(own.reasoningLength, reasoningLength);
      }
    }
  });
});
