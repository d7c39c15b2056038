import { describe, expect, it } from "vitest";
import * as Fence from "../../src/generator/Fence.ts";

describe("the program in a chat model's answer", () => {
  it.each([
    ["none without a fence", "const f = 1;", null],
    ["that of a fence", "Here it is:\n```js\nconst f = 1;\n```\nIt works.", "const f = 1;"],
    ["the first of several", "```\na\n```\nand\n```\nb\n```", "a"],
    ["an empty block is passed over", "```\n\n```\n```\nb\n```", "b"],
    ["cut off by the end", "```python\ndef f():\n  return 1", "def f():\n  return 1"],
    ["inner blank lines and indentation stay", "```\n a\n\n  b\n```", "a\n\n  b"],
    ["tildes", "~~~js\na\n~~~", "a"],
    ["a longer fence holds a shorter one", "````\n```\na\n```\n````", "```\na\n```"],
    ["Windows line ends", "```js\r\na\r\nb\r\n```\r\n", "a\nb"],
    ["an indented fence", "1. So:\n   ```js\n   a\n   ```", "a"],
    ["code within a line is no fence", "Use ```f(1)``` for it", null],
  ])("%s", (_, answer, code) => expect(Fence.code(answer)).toBe(code));
});
