/** Programs to augment: those that ship, some that hold what is awkward, and real ones where they are at hand. */
import * as Fs from "node:fs";
import * as Zlib from "node:zlib";
import * as Path from "node:path";
import type { Language, Task } from "../../../src/domain/Task.ts";
import * as Requirements from "../../support/Requirements.ts";

export interface Sample {
  readonly task: Task;
  readonly program: string;
}

const task = (language: Language, entryPoint: string): Task => ({
  id: `test/${language}/${entryPoint}`,
  source: "test",
  split: "train",
  language,
  statement: "Do it.",
  entryPoint,
  tests: { kind: "call", cases: [{ args: [1], expected: 1 }], visible: 0 },
});

export const awkward: ReadonlyArray<Sample> = [
  {
    task: task("javascript", "f"),
    program:
      "function f(xs) { let i = 0; while (i < xs.length && !(xs[i] === -1)) i++; return i - -1 > 2 ? `${xs[i]} a` : [...xs].slice(1).map((x) => x ** 2).filter((x) => x % 2 === 0); }",
  },
  {
    task: task("python", "f"),
    program:
      'def helper(a, b=1, *rest):\n    """Adds."""\n    return a + b  # right\n\ndef f(xs, key=None):\n    total = 0\n    for i in range(1, len(xs)):\n        if xs[i] >= 2 and not xs[i - 1]:\n            total += helper(xs[i], b=2)\n        elif xs[i] is None:\n            continue\n    return sorted([x for x in xs if x > total], key=lambda y: -y)[:3] if True else f"{total} {xs!r}"\n',
  },
  {
    task: task("cpp", "f"),
    program:
      "#include <vector>\n#include <algorithm>\nusing namespace std;\nint f(vector<int> v) {\n  int best = 0; // so far\n  for (int i = 0; i + 1 < (int)v.size(); i++) {\n    if (v[i] >= v[i + 1] && !v.empty()) { best = max(best, v[i] - -1); }\n  }\n  return best > 3 ? best : 0;\n}\n",
  },
];

/** Shipped JavaScript. */
export const shipped = (): ReadonlyArray<Sample> => {
  const folder = Path.resolve(import.meta.dirname, "../../../datasets/js-compose");
  const lines = Zlib.gunzipSync(Fs.readFileSync(Path.join(folder, "attempts.jsonl.gz")))
    .toString()
    .trim()
    .split("\n");
  return lines
    .map((line) => JSON.parse(line) as { program: string })
    .slice(0, 60)
    .map(({ program }) => ({ task: task("javascript", "f"), program }));
};

/** HumanEval in three languages, every fourth problem; none where the data is absent. */
export const real = (): ReadonlyArray<Sample> =>
  (["python", "js", "cpp"] as const).flatMap((name) => {
    const path = Requirements.sharedData("humanevalpack", `${name}.jsonl`);
    if (path === undefined) return [];
    const language = name === "js" ? "javascript" : name;
    return Fs.readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .filter((_, i) => i % 4 === 0)
      .map(
        (line) =>
          JSON.parse(line) as { declaration: string; canonical_solution: string; entry_point: string },
      )
      .map((row) => ({
        task: task(language, row.entry_point),
        program: row.declaration + row.canonical_solution,
      }));
  });
