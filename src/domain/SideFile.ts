/**
 * A side input of a task's tests: a file that lies in the jail's /tmp before the program starts.
 *
 * It is the task's, never the program's. Bounded, since it travels with every run into a small file system.
 */
import * as Schema from "effect/Schema";

export const MAX_FILES = 32;
/** Of the contents together, as UTF-8. */
export const MAX_BYTES = 4 * 1024 * 1024;
const MAX_PATH = 200;

export const SideFile = Schema.Struct({
  /** Below /tmp: relative, parts divided by "/", no "." or "..". */
  path: Schema.String,
  content: Schema.String,
});
export type SideFile = typeof SideFile.Type;

/** What is wrong with these files, for a person; undefined where nothing is. */
export const fault = (files: ReadonlyArray<SideFile>): string | undefined => {
  if (files.length > MAX_FILES) return `${files.length} side files, at most ${MAX_FILES} are allowed`;
  const bytes = files.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
  if (bytes > MAX_BYTES) return `side files of ${bytes} bytes together, at most ${MAX_BYTES} are allowed`;
  const paths = files.map(({ path }) => path);
  for (const [index, path] of paths.entries()) {
    const parts = path.split("/");
    if (path.length > MAX_PATH || /[\0\\]/.test(path) || parts.some((part) => /^\.{0,2}$/.test(part))) {
      return `side file path ${JSON.stringify(path.slice(0, MAX_PATH))}: expected a relative path below /tmp such as "data/in.txt", without empty parts, "." or ".."`;
    }
    if (paths.some((other, at) => at !== index && (other === path || other.startsWith(`${path}/`)))) {
      return `side file path ${JSON.stringify(path)} occurs twice, or is both a file and a folder`;
    }
  }
  return undefined;
};

export const SideFiles = Schema.Array(SideFile).check(Schema.makeFilter((files) => fault(files)));
