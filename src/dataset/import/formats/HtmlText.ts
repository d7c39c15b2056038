/**
 * A problem's HTML as text for a prompt: blocks on lines of their own, preformatted text as it is, scripts, styles and
 * comments gone. For descriptions of problems, which are small and flat; it is no parser of HTML, and what it makes of
 * broken mark-up is text all the same.
 */

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  le: "≤",
  leq: "≤",
  ge: "≥",
  geq: "≥",
  ne: "≠",
  times: "×",
  minus: "−",
  plusmn: "±",
  hellip: "…",
  ldots: "…",
  cdots: "⋯",
  middot: "·",
  sdot: "⋅",
  ndash: "–",
  mdash: "—",
  lsquo: "‘",
  rsquo: "’",
  ldquo: "“",
  rdquo: "”",
  larr: "←",
  rarr: "→",
  infin: "∞",
  sum: "∑",
  radic: "√",
  isin: "∈",
  cap: "∩",
  cup: "∪",
  deg: "°",
  pi: "π",
  theta: "θ",
  alpha: "α",
  beta: "β",
  yen: "¥",
  copy: "©",
};

/** Elements that begin and end a line. */
const BLOCKS =
  /^(?:p|div|h[1-6]|ul|ol|dl|dt|dd|table|tr|thead|tbody|section|article|header|footer|blockquote|center|hr|pre|title|figure)$/;

const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]{2,8}));?/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name)] ?? whole;
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

/** A comment, a script or style with its content, or a tag; each alternative is bounded by its own end. */
const MARKUP = /<!--[^]*?-->|<(script|style)\b[^>]*>[^]*?<\/\1\s*>|<!?\/?([A-Za-z][A-Za-z0-9]*)\b[^<>]*>/gi;

export const of = (html: string): string => {
  const text: Array<string> = [];
  /** Within how many <pre> the place is: blanks and line ends stay there. */
  let preformatted = 0;
  let at = 0;
  const add = (piece: string): void => {
    const plain = unescaped(piece);
    text.push(preformatted > 0 ? plain : plain.replace(/[ \t\r\n\u00a0]+/g, " "));
  };
  for (const found of html.matchAll(MARKUP)) {
    add(html.slice(at, found.index));
    at = found.index + found[0].length;
    const tag = found[2]?.toLowerCase();
    if (tag === undefined) continue;
    const closes = found[0].startsWith("</");
    if (tag === "br") text.push("\n");
    else if (tag === "sup" && !closes) text.push("^");
    else if (tag === "sub" && !closes) text.push("_");
    else if (tag === "li") text.push(closes ? "\n" : "\n- ");
    else if ((tag === "td" || tag === "th") && closes) text.push(" ");
    else if (BLOCKS.test(tag)) text.push("\n\n");
    if (tag === "pre") preformatted = Math.max(0, preformatted + (closes ? -1 : 1));
  }
  add(html.slice(at));
  return text
    .join("")
    .replaceAll("\r\n", "\n")
    .replace(/[ \t\u00a0]+$/gm, "")
    .replace(/\n +(?=\S)/g, (blanks) => (blanks.length === 2 ? "\n" : blanks))
    .replace(/\n{3,}/g, "\n\n")
    .trim();
};
