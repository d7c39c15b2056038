import { assert, describe, it } from "vitest";
import * as PythonImports from "../../../../src/dataset/import/formats/PythonImports.ts";

/** The lines that a program is given. */
const added = (program: string): ReadonlyArray<string> => {
  const complete = PythonImports.complete(program, PythonImports.APPS);
  assert.isTrue(complete.endsWith(program));
  return complete
    .slice(0, complete.length - program.length)
    .split("\n")
    .slice(0, -1);
};

describe("imports that a grader has ready", () => {
  it("are added where a program relies on them", () => {
    assert.deepStrictEqual(added("print(gcd(4, 6))"), ["from math import gcd"]);
    assert.deepStrictEqual(added("def f(a: List[int]) -> Tuple[int, int]: return a"), [
      "from typing import List, Tuple",
    ]);
    assert.deepStrictEqual(added("q = deque()\nd = collections.Counter()"), [
      "import collections",
      "from collections import deque",
    ]);
    assert.deepStrictEqual(added("for line in stdin:\n    print(line)"), ["from sys import stdin"]);
    assert.deepStrictEqual(added("print(*map(sqrt, [1, 4]))"), ["from math import sqrt"]);
    assert.deepStrictEqual(added("@lru_cache(None)\ndef f(n): return n"), [
      "from functools import lru_cache",
    ]);
    assert.deepStrictEqual(added("h = []\nheappush(h, 1)"), ["from heapq import heappush"]);
    assert.deepStrictEqual(added('print(f"{floor(2.5)}")'), ["from math import floor"]);
  });

  it("are not added where the program makes the name, or does not use it", () => {
    for (const program of [
      "print(1)",
      "import math\nprint(math.gcd(4, 6))",
      "from math import gcd\nprint(gcd(4, 6))",
      "from math import (\n    sqrt,\n    gcd,\n)\nprint(gcd(4, 6))",
      "from math import *\nprint(gcd(4, 6))",
      "from fractions import gcd\nprint(gcd(4, 6))",
      "import collections as deque\nprint(deque.x)",
      "def gcd(a, b): return a\nprint(gcd(4, 6))",
      "def f():\n    def gcd(a, b): return a\n    return gcd(4, 6)",
      "class Counter: pass\nprint(Counter())",
      "exp = 3\nprint(exp)",
      "a, exp = 3, 4\nprint(exp)",
      "def f():\n    log = []\n    log.append(1)\n    return log",
      "for product in [1, 2]:\n    print(product)",
      "print([floor for floor in range(3)])",
      "def f(exp, n): return exp + n",
      "time = 5\nprint(time)",
      "# gcd(1, 2) and deque()\nprint('sqrt(2)')",
      '"""math.pi, gcd(a, b)"""\nprint(1)',
      "x.gcd(3)\ny.time.z",
    ]) {
      assert.deepStrictEqual(added(program), [], program);
    }
  });

  it("come after imports of the future", () => {
    const program = "from __future__ import annotations\nprint(gcd(4, 6))";
    assert.strictEqual(
      PythonImports.complete(program, PythonImports.APPS),
      "from __future__ import annotations\nfrom math import gcd\nprint(gcd(4, 6))",
    );
  });

  it("are found in a program of hundreds of kilobytes in one line", () => {
    for (const piece of ["for x ", "import a, ", "lambda a, ", "a, ", "def f(a, ", '"""', "#"]) {
      const long = piece.repeat(Math.ceil(3e5 / piece.length));
      assert.isTrue(PythonImports.complete(`gcd(1, 2); ${long}`, PythonImports.APPS).includes("gcd(1, 2)"));
    }
  });
});

describe("a whole program", () => {
  it("is put into a function where it returns at the top", () => {
    const program = "import sys\nn = int(input())\nif n == 0:\n    print(1)\n    return\nprint(2)";
    assert.strictEqual(
      PythonImports.whole(program),
      "import sys\ndef code():\n\tn = int(input())\n\tif n == 0:\n\t    print(1)\n\t    return\n\tprint(2)\ncode()\n",
    );
  });

  it("stays as it is otherwise", () => {
    for (const program of [
      "def f(n):\n    if n:\n        return 1\n\n    return 2\nprint(f(1))",
      "class A:\n    def g(self):\n        for i in range(3):\n            return i\nprint(A().g())",
      "async def f():\n    return 1",
      "print('x')\n# return",
      "text = '''\nreturn\n'''",
    ]) {
      assert.strictEqual(PythonImports.whole(program), program);
    }
  });
});
