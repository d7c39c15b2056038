/**
 * A configuration file's text as plain data that remembers where each value stands.
 *
 * `.yaml` and `.yml` are YAML; anything else is JSON, with comments and trailing commas allowed. A key that
 * stands twice in one object is an error in both: one of the two would be ignored without a word.
 */
import * as Jsonc from "jsonc-parser";
import * as Yaml from "yaml";
import type { ConfigIssue } from "./ConfigError.ts";

export type Path = ReadonlyArray<string | number>;

export interface ConfigSource {
  readonly value: unknown;
  /** 1-based line of a value, or of its key where `key`; of the nearest parent where the path is absent; 0: unknown. */
  readonly line: (path: Path, key?: boolean) => number;
}

/** `stages[1].training` */
export const showPath = (path: Path): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === "number"
        ? `${text}[${part}]`
        : /^[A-Za-z_$][\w$-]*$/.test(part)
          ? text === ""
            ? part
            : `${text}.${part}`
          : `${text}[${JSON.stringify(part)}]`,
    "",
  );

const lineOf = (text: string, offset: number): number => {
  let line = 1;
  for (let i = 0; i < offset && i < text.length; i++) if (text.charCodeAt(i) === 10) line++;
  return line;
};

const spoken = (code: string): string =>
  code.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`).toLowerCase();

const duplicates = (root: Jsonc.Node, text: string): Array<ConfigIssue> => {
  const issues: Array<ConfigIssue> = [];
  const visit = (node: Jsonc.Node): void => {
    if (node.type === "object") {
      const seen = new Set<string>();
      for (const property of node.children ?? []) {
        const key = property.children?.[0];
        if (key === undefined) continue;
        const name = String(key.value);
        if (seen.has(name)) {
          issues.push({
            path: showPath([...Jsonc.getNodePath(node), name]),
            line: lineOf(text, key.offset),
            problem: "this key stands twice in the same object; remove one of the two",
          });
        }
        seen.add(name);
      }
    }
    for (const child of node.children ?? []) visit(child);
  };
  visit(root);
  return issues;
};

const fromJson = (text: string): ConfigSource | ReadonlyArray<ConfigIssue> => {
  const errors: Array<Jsonc.ParseError> = [];
  const root = Jsonc.parseTree(text, errors, { allowTrailingComma: true });
  const first = errors[0];
  if (first !== undefined) {
    const problem = `not JSON: ${spoken(Jsonc.printParseErrorCode(first.error))}`;
    return [{ path: "", line: lineOf(text, first.offset), problem }];
  }
  if (root === undefined) return [{ path: "", line: 1, problem: "the file is empty" }];
  const twice = duplicates(root, text);
  if (twice.length > 0) return twice;
  return {
    value: Jsonc.getNodeValue(root),
    line: (path, key = false) => {
      for (let length = path.length; length >= 0; length--) {
        const node = Jsonc.findNodeAtLocation(root, path.slice(0, length));
        if (node === undefined) continue;
        const whole = node.parent?.type === "property" && (key || length < path.length) ? node.parent : node;
        return lineOf(text, whole.offset);
      }
      return 0;
    },
  };
};

const fromYaml = (text: string): ConfigSource | ReadonlyArray<ConfigIssue> => {
  const counter = new Yaml.LineCounter();
  const document = Yaml.parseDocument(text, { lineCounter: counter, prettyErrors: false });
  if (document.errors.length > 0) {
    return document.errors.map((error) => ({
      path: "",
      line: counter.linePos(error.pos[0]).line,
      problem: `not YAML: ${error.message}`,
    }));
  }
  if (document.contents === null) return [{ path: "", line: 1, problem: "the file is empty" }];
  return {
    value: document.toJS(),
    line: (path, key = false) => {
      for (let length = path.length; length >= 0; length--) {
        const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
        if (!Yaml.isNode(node) || !node.range) continue;
        const parent: unknown =
          length < 2 ? document.contents : document.getIn(path.slice(0, length - 1), true);
        if ((key || length < path.length) && length > 0 && Yaml.isMap(parent)) {
          const pair = parent.items.find(
            (item) => Yaml.isScalar(item.key) && String(item.key.value) === String(path[length - 1]),
          );
          if (pair !== undefined && Yaml.isScalar(pair.key) && pair.key.range) {
            return counter.linePos(pair.key.range[0]).line;
          }
        }
        return counter.linePos(node.range[0]).line;
      }
      return 0;
    },
  };
};

/** Parses a file's text; the name decides on the format. */
export const parse = (file: string, text: string): ConfigSource | ReadonlyArray<ConfigIssue> =>
  /\.ya?ml$/i.test(file) ? fromYaml(text) : fromJson(text);

export const isIssues = (
  parsed: ConfigSource | ReadonlyArray<ConfigIssue>,
): parsed is ReadonlyArray<ConfigIssue> => Array.isArray(parsed);
