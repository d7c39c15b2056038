/** What a person reads when a command fails: one message, with what to do. */

/** Stands between what happened and what to do about it. */
export const REMEDY = "\n  What to do: ";

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/** Whether a configuration's problems are in its text, and not that there is none. */
const inside = (issues: unknown): boolean =>
  Array.isArray(issues) && issues.some((issue: { readonly line?: unknown }) => Number(issue.line) > 0);

/** The message of an error; null where it was printed already (the option parser's own). */
export const describe = (error: unknown): string | null => {
  if (typeof error !== "object" || error === null) return String(error);
  const fields = error as { readonly [field: string]: unknown };
  if (fields._tag === "ShowHelp") return null;
  // A class that words its own message has put the remedy into it.
  const message = text(fields.message);
  if (fields._tag === "ConfigError" && message !== undefined && inside(fields["issues"])) {
    return `${message}${REMEDY}correct the file; \`drydock config check FILE\` looks at it again`;
  }
  if (fields._tag !== undefined && message !== undefined) return message;
  const what = text(fields.reason) ?? message ?? text(fields._tag) ?? JSON.stringify(error);
  const remedy = text(fields.remedy);
  // A defect is a mistake of ours: the stack is what a report of it needs.
  if (fields._tag === undefined && error instanceof Error) {
    return `${error.stack ?? error.message}\n  This is a fault of Drydock. Please report it with the lines above.`;
  }
  return remedy === undefined ? what : `${what}${REMEDY}${remedy}`;
};
