/** The program in the answer of a chat model. Pure. */

const OPENING = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;

/**
 * The text of the first fenced block that is not empty; null where there is none.
 *
 * A block begins and ends as in CommonMark (section 4.5): its closing fence has the character of the opening one, at
 * least as many of them and nothing behind it. One that the answer's end cut off goes to that end. The language behind
 * the opening fence is not looked at.
 */
export const code = (answer: string): string | null => {
  const lines = answer.split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const mark = OPENING.exec(lines[at])?.[1];
    if (mark === undefined) continue;
    const closing = new RegExp(`^ {0,3}${mark[0]}{${mark.length},}\\s*$`);
    const begin = at + 1;
    for (at = begin; at < lines.length && !closing.test(lines[at]); ) at++;
    const text = lines.slice(begin, at).join("\n").trim();
    if (text !== "") return text;
  }
  return null;
};
