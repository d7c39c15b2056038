/**
 * The imports that a grader puts before every program, for the programs that rely on them.
 *
 * A program of APPS may say `List` or `gcd` without an import of it, since its grader has them ready. A sandbox has not,
 * and a policy should learn to write programs that run as they are: so a program gets the lines that it needs, and no
 * others. Programs are looked at as text; a line too many does no harm, as none of these names is a builtin.
 */

/** `import NAME`, or `from MODULE import NAME, …`. */
export interface Import {
  readonly module: string;
  /** Absent: the module itself. */
  readonly names?: ReadonlyArray<string>;
}

const HEAPQ = [
  "heappush",
  "heappop",
  "heapify",
  "heappushpop",
  "heapreplace",
  "nlargest",
  "nsmallest",
  "merge",
];

/** Source: hendrycks/apps, eval/testing_util.py, `run_test`; numpy aside, which a sandbox has not. */
export const APPS: ReadonlyArray<Import> = [
  ...["sys", "time", "itertools", "collections", "math", "fractions", "random", "heapq"].map((module) => ({
    module,
  })),
  { module: "sys", names: ["stdin", "stdout"] },
  { module: "itertools", names: ["accumulate", "product", "permutations", "combinations"] },
  { module: "collections", names: ["Counter", "OrderedDict", "deque", "defaultdict", "ChainMap"] },
  { module: "functools", names: ["lru_cache"] },
  { module: "math", names: "sqrt sin cos tan ceil fabs floor gcd exp log log2".split(" ") },
  { module: "typing", names: ["List", "Tuple"] },
  { module: "heapq", names: HEAPQ },
];

/** What LeetCode's starter code takes for granted. */
export const TYPING: ReadonlyArray<Import> = [
  { module: "typing", names: ["Any", "Callable", "Dict", "List", "Optional", "Set", "Tuple", "Union"] },
];

const NON_CODE =
  /[fF]"""[^]*?"""|[fF]'''[^]*?'''|"""[^]*?"""|'''[^]*?'''|[fF]?"(?:[^"\\\n]|\\[^])*"|[fF]?'(?:[^'\\\n]|\\[^])*'|#[^\n]*/g;

/** Without comments and strings, formatted strings aside: those hold expressions. */
const codeOf = (program: string): string =>
  program.replace(NON_CODE, (text) => (/^[fF]/.test(text) ? text : " "));

/** The program with those of the imports in front that it uses and does not make itself. */
export const complete = (program: string, available: ReadonlyArray<Import>): string => {
  const code = codeOf(program);
  const words = new Set(code.match(/[A-Za-z_]\w*/g));
  const lines = available.flatMap(({ module, names }) => {
    if (names === undefined) return words.has(module) && usesModule(code, module) ? [`import ${module}`] : [];
    const said = names.filter((name) => words.has(name));
    if (said.length === 0 || importsAll(code, module)) return [];
    const needed = said.filter((name) => usesName(code, name));
    return needed.length === 0 ? [] : [`from ${module} import ${needed.join(", ")}`];
  });
  if (lines.length === 0) return program;
  // Imports of the future come first, or not at all.
  const own = program.split("\n");
  const at = own.findLastIndex((line) => line.startsWith("from __future__ ")) + 1;
  return [...own.slice(0, at), ...lines, ...own.slice(at)].join("\n");
};

const importsAll = (code: string, module: string): boolean =>
  new RegExp(`^[ \\t]*from[ \\t]+${module}[ \\t]+import[ \\t]*\\*`, "m").test(code);

const usesModule = (code: string, module: string): boolean =>
  new RegExp(`(?<![\\w.])${module}[ \\t]*\\.[ \\t]*[A-Za-z_]`).test(code) && !makes(code, module);

const usesName = (code: string, name: string): boolean => {
  if (makes(code, name)) return false;
  if (new RegExp(`(?<![\\w.])${name}[ \\t]*\\(`).test(code)) return true;
  return new RegExp(`(?<![\\w.])${name}(?!\\w)`).test(code) && !isVariable(code, name);
};

/** Whether the program imports or defines the name, or assigns it at the top. */
const makes = (code: string, name: string): boolean =>
  new RegExp(
    [
      // In brackets, the names of an import go over several lines.
      `^[ \\t]*(?:from[ \\t]+[\\w.]+[ \\t]+)?import[ \\t]+(?:\\([^)]{0,2000}|[^\\n(]{0,400})(?<![\\w.])${name}(?![\\w.])`,
      `^[ \\t]*(?:async[ \\t]+)?(?:def|class)[ \\t]+${name}(?!\\w)`,
      `^${name}[ \\t]*=(?!=)`,
      `^[\\w, \\t]*(?<!\\w)${name}[ \\t]*,[\\w, \\t]*=(?!=)`,
      `^[\\w, \\t]*,[ \\t]*${name}[ \\t]*=(?!=)`,
    ].join("|"),
    "m",
  ).test(code);

/** Whether a bare name is likely a variable of the program's own, somewhere. */
const isVariable = (code: string, name: string): boolean =>
  new RegExp(
    [
      `(?<![\\w.])${name}[ \\t]*(?:[-+*/%&|^]|//|\\*\\*|<<|>>)?=(?!=)`,
      `\\bfor[ \\t][^\\n:]{0,200}(?<![\\w.])${name}(?!\\w)[^\\n:]{0,200}[ \\t]in\\b`,
      `\\b(?:def[ \\t]+\\w+[ \\t]*\\(|lambda\\b)[^\\n:]{0,400}(?<![\\w.:])${name}[ \\t]*[,):=]`,
      `^[\\w, \\t]*(?<!\\w)${name}[ \\t]*,[\\w, \\t]*=(?!=)`,
    ].join("|"),
    "m",
  ).test(code);

/**
 * A whole program in a function, as APPS' grader runs all of them, where it could not run otherwise: a few of its
 * programs `return` at the top.
 */
export const whole = (program: string): string => {
  const lines = program.split("\n");
  if (!returnsAtTop(codeOf(program).split("\n"))) return program;
  const first = lines.findIndex((line) => !/^(?:from|import) /.test(line));
  const body = lines.slice(first).map((line) => `\t${line}`);
  return [...lines.slice(0, first), "def code():", ...body, "code()", ""].join("\n");
};

const indent = (line: string): number => line.length - line.trimStart().length;

const returnsAtTop = (lines: ReadonlyArray<string>): boolean =>
  lines.some((line, index) => {
    if (!/^\s*return\b/.test(line)) return false;
    let depth = indent(line);
    for (let i = index - 1; i >= 0 && depth > 0; i--) {
      const above = lines[i] ?? "";
      if (above.trim() === "" || indent(above) >= depth) continue;
      if (/^\s*(?:async\s+)?def\b/.test(above)) return false;
      depth = indent(above);
    }
    return true;
  });
