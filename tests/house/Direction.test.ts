import * as Path from "node:path";
import { describe, expect, it } from "vitest";
import * as Sources from "./Sources.ts";

/** Folders of src from the ground up; those in one row do not import each other. */
const rows: ReadonlyArray<ReadonlyArray<string>> = [
  ["domain", "random"],
  ["syntax"],
  ["config"],
  ["tensor"],
  ["model"],
  ["algorithms"],
  ["replay", "dataset"],
  ["learner", "policy"],
  ["compute", "sandbox"],
  ["generator"],
  ["budget"],
  ["store"],
  ["stages"],
  ["orchestrator"],
  ["plan"],
  ["progress"],
  ["serve"],
  ["cli"],
  ["App"],
  ["main"],
];

/** The log is all that progress reads: it never sees a stage. */
const onlyFrom: Readonly<Record<string, ReadonlyArray<string>>> = { progress: ["domain", "store"] };

const rowOf = (part: string): number => rows.findIndex((row) => row.includes(part));

/** "src/tensor/Shapes.ts" -> "tensor"; "src/App.ts" -> "App". */
const partOf = (path: string): string => (path.split("/")[1] ?? "").replace(/\.ts$/, "");

/** The rules that an import breaks, each with its name. */
const broken = (from: string, to: string): string | undefined => {
  if (rowOf(from) < 0)
    return `unknown-folder: src/${from} has no place in the order of tests/house/Direction`;
  if (rowOf(to) < 0) return `unknown-folder: src/${to} has no place in the order of tests/house/Direction`;
  if (from === to) return undefined;
  const only = onlyFrom[from];
  if (only !== undefined && !only.includes(to)) {
    return `only-from: ${from} sees only ${only.join(" and ")}, not ${to}`;
  }
  if (rowOf(to) > rowOf(from)) return `direction: ${to} stands above ${from}, which may not know of it`;
  if (rowOf(to) === rowOf(from))
    return `neighbours: ${from} and ${to} stand side by side, neither imports the other`;
  return undefined;
};

describe("imports between the folders of src", () => {
  const sources = Sources.below("src");

  it("go from right to left in the order of docs/architecture.md", () => {
    const faults = sources.flatMap((source) =>
      Sources.imports(source)
        .filter(({ specifier }) => specifier.startsWith("."))
        .map(({ specifier, line }) => ({
          line,
          to: Path.posix.join(Path.posix.dirname(source.path), specifier),
        }))
        .filter(({ to }) => to.startsWith("src/"))
        .flatMap(({ to, line }) => {
          const rule = broken(partOf(source.path), partOf(to));
          return rule === undefined ? [] : [`${source.path}:${line}: ${rule}`];
        }),
    );
    expect(faults).toEqual([]);
  });

  it("never reach into tests or bench", () => {
    const faults = sources.flatMap((source) =>
      Sources.imports(source)
        .filter(({ specifier }) => /(?:^|\/)(?:tests|bench)\//.test(specifier))
        .map(({ line, specifier }) => `${source.path}:${line}: no-tests-in-src: ${specifier}`),
    );
    expect(faults).toEqual([]);
  });

  it("are told apart by the rules", () => {
    expect(broken("tensor", "domain")).toBeUndefined();
    expect(broken("domain", "tensor")).toContain("direction");
    expect(broken("domain", "random")).toContain("neighbours");
    expect(broken("progress", "stages")).toContain("only-from");
    expect(broken("tensor", "misc")).toContain("unknown-folder");
  });
});
