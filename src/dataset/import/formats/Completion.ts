/** What a language model wrote, taken apart: the program, and the reasoning before it. */

export interface Parts {
  readonly program: string;
  readonly reasoning?: string;
}

/**
 * The program is the last fenced block, or all of the text where there is none. What stands in `<think>` tags is never
 * part of it. The reasoning is, by `keep`: nothing, what the tags hold, or that and all text before the program.
 */
export const parts = (completion: string, keep: "none" | "think" | "prose"): Parts => {
  const text = completion.replaceAll("\r\n", "\n");
  const { thought, rest } = thinking(text);
  const block = lastBlock(rest);
  const program = block === undefined ? rest : block.code;
  const said = keep === "none" ? [] : keep === "think" ? [thought] : [thought, block?.before ?? ""];
  const reasoning = said
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n\n");
  // A completion that is nothing but a program stays as it is.
  const whole = block === undefined && rest === text;
  return { program: whole ? text : trimmed(program), ...(reasoning === "" ? {} : { reasoning }) };
};

/** Without blank lines at the beginning, after which the first line may be indented, and at the end. */
const trimmed = (program: string): string => program.replace(/^(?:[ \t]*\n)+/, "").trimEnd();

/** A thought that was never ended is all that there is. Templates may have put the first tag into the prompt. */
const thinking = (text: string): { readonly thought: string; readonly rest: string } => {
  const end = text.lastIndexOf("</think>");
  const start = text.indexOf("<think>");
  if (end < 0) {
    if (start < 0) return { thought: "", rest: text };
    return { thought: text.slice(start + "<think>".length), rest: text.slice(0, start) };
  }
  const from = start >= 0 && start < end ? start + "<think>".length : 0;
  return { thought: text.slice(from, end), rest: text.slice(end + "</think>".length) };
};

const lastBlock = (text: string): { readonly code: string; readonly before: string } | undefined => {
  let last: { readonly code: string; readonly before: string } | undefined;
  let open: { readonly at: number; readonly from: number; readonly mark: string } | undefined;
  let at = 0;
  for (const line of text.split("\n")) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (open === undefined && mark !== undefined) open = { at, from: at + line.length + 1, mark };
    else if (open !== undefined && mark !== undefined && mark.startsWith(open.mark) && line.trim() === mark) {
      last = { code: text.slice(open.from, at), before: text.slice(0, open.at) };
      open = undefined;
    }
    at += line.length + 1;
  }
  // A block that was cut off is the program as far as it came.
  return open === undefined ? last : { code: text.slice(open.from), before: text.slice(0, open.at) };
};
