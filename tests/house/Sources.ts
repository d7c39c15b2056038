/** The repository's own source files, and what each imports. */
import * as Fs from "node:fs";
import * as Path from "node:path";

export const root = Path.resolve(import.meta.dirname, "../..");

export interface Source {
  /** Relative to the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** The .ts files below these folders of the repository. */
export const below = (...folders: ReadonlyArray<string>): ReadonlyArray<Source> =>
  folders.flatMap((folder) =>
    Fs.readdirSync(Path.join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => ({
        path: Path.posix.join(folder, name.split(Path.sep).join("/")),
        text: Fs.readFileSync(Path.join(root, folder, name), "utf8"),
      })),
  );

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

const fromClause = /(?:^|\n)\s*(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']/g;
const bareImport = /(?:^|\n)\s*import\s*["']([^"']+)["']/g;
const dynamicImport = /\bimport\(\s*["']([^"']+)["']\s*\)/g;
const moduleUrl = /\bnew URL\(\s*["']([^"']+\.ts)["']\s*,\s*import\.meta\.url/g;

/** Every static, dynamic and worker import of a source file, in order. */
export const imports = (source: Source): ReadonlyArray<Import> =>
  [fromClause, bareImport, dynamicImport, moduleUrl]
    .flatMap((pattern) => [...source.text.matchAll(pattern)])
    .map((match) => ({
      specifier: match[1] ?? "",
      line: source.text.slice(0, match.index + match[0].length).split("\n").length,
    }))
    .sort((a, b) => a.line - b.line);

/** The text without comments and without the content of strings, its lines in place. */
export const codeOf = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, (found) =>
    found.replace(/[^\n]/g, " "),
  );

/** Places in the code that match, as `path:line`. */
export const places = (source: Source, pattern: RegExp): ReadonlyArray<string> =>
  codeOf(source.text)
    .split("\n")
    .flatMap((line, index) => (pattern.test(line) ? [`${source.path}:${index + 1}`] : []));
