import * as Path from "node:path";
import { describe, expect, it } from "vitest";
import * as Sources from "./Sources.ts";

const src = Sources.below("src");
const all = Sources.below("src", "tests", "bench");

describe("house rules", () => {
  it("effect-by-path: Effect's modules are imported by path, never the barrel", () => {
    const faults = all.flatMap((source) =>
      Sources.imports(source)
        .filter(({ specifier }) => specifier === "effect" || specifier === "@effect/platform-node")
        .map(({ specifier, line }) => `${source.path}:${line}: import from "${specifier}/Module"`),
    );
    expect(faults).toEqual([]);
  });

  it("extension: relative imports end in .ts (or .mjs, .json)", () => {
    const faults = all.flatMap((source) =>
      Sources.imports(source)
        .filter(({ specifier }) => specifier.startsWith(".") && !/\.(?:ts|mjs|json)$/.test(specifier))
        .map(({ specifier, line }) => `${source.path}:${line}: ${specifier}`),
    );
    expect(faults).toEqual([]);
  });

  it("no-barrel: no module exists to re-export others", () => {
    const faults = src.flatMap((source) => [
      ...Sources.places(source, /^\s*export\s*\*\s*from\b/),
      ...(/(?:^|\/)(?:index|mod)\.ts$/.test(source.path) ? [source.path] : []),
    ]);
    expect(faults).toEqual([]);
  });

  it("seeded: chance comes from src/random, never Math.random", () => {
    expect(src.flatMap((source) => Sources.places(source, /\bMath\.random\b/))).toEqual([]);
  });

  it("clock: time comes from Effect's Clock, never Date.now or new Date()", () => {
    expect(src.flatMap((source) => Sources.places(source, /\bDate\.now\b|\bnew Date\(\s*\)/))).toEqual([]);
  });

  // Effect.runForkWith and its kin are fine: a service's callback runs in the context that its layer captured.
  it("one-edge: only main.ts (and worker entries) run effects", () => {
    const faults = src
      .filter((source) => source.path !== "src/main.ts" && !source.path.endsWith("Worker.ts"))
      .flatMap((source) => Sources.places(source, /\bEffect\.run(?:Promise|Sync|Fork|Callback)(?:Exit)?\(/));
    expect(faults).toEqual([]);
  });

  it("honest-types: no `as any`, no ts-ignore", () => {
    const directive = /@ts-(?:ignore|nocheck)/;
    const faults = all
      .filter((source) => source.path !== "tests/house/Rules.test.ts")
      .flatMap((source) => [
        ...Sources.places(source, /\bas any\b/),
        ...(directive.test(source.text) ? [source.path] : []),
      ]);
    expect(faults).toEqual([]);
  });

  it("private-tfjs: only src/tensor/native knows tfjs-node's addon", () => {
    const faults = src
      .filter((source) => !source.path.startsWith("src/tensor/native/"))
      .filter((source) => /@tensorflow\/tfjs-node|tfjs_binding/.test(source.text))
      .map((source) => source.path);
    expect(faults).toEqual([]);
  });

  it("names: modules are PascalCase, folders lower case", () => {
    const faults = src
      .map((source) => source.path)
      .filter((path) => path !== "src/main.ts")
      .filter(
        (path) =>
          !/^[A-Z]\w*$/.test(Path.posix.basename(path, ".ts")) ||
          !/^[a-z][a-z0-9-]*(?:\/[a-z][a-z0-9-]*)*$/.test(Path.posix.dirname(path)),
      );
    expect(faults).toEqual([]);
  });
});

describe("the reader of sources", () => {
  const source: Sources.Source = {
    path: "src/x/Y.ts",
    text: [
      'import * as A from "./A.ts";',
      "import {",
      "  b,",
      '} from "../b/B.ts";',
      'import "./C.ts";',
      'export type { D } from "./D.ts";',
      'const later = () => import("./E.ts");',
      'const worker = new URL("./F.ts", import.meta.url);',
      "// Math.random is not used",
      'const text = "Math.random";',
      "const chance = Math.random();",
    ].join("\n"),
  };

  it("finds every kind of import, with its line", () => {
    expect(Sources.imports(source).map(({ specifier, line }) => `${line} ${specifier}`)).toEqual([
      "1 ./A.ts",
      "4 ../b/B.ts",
      "5 ./C.ts",
      "6 ./D.ts",
      "7 ./E.ts",
      "8 ./F.ts",
    ]);
  });

  it("looks at code, not at comments and strings", () => {
    expect(Sources.places(source, /\bMath\.random\b/)).toEqual(["src/x/Y.ts:11"]);
  });
});
