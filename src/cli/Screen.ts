/**
 * The terminal below the command: a block of lines that is drawn over itself, and lines of text above it.
 *
 * Everything a run says while its bars are on the screen goes through `say`, so that neither overwrites the other.
 * Progress and messages go to stderr; stdout is for results.
 */

const out = process.stderr;
let block: ReadonlyArray<string> = [];

const clear = (): string => (block.length === 0 ? "" : `\u001b[${block.length}A\u001b[0J`);

const fit = (line: string): string => line.slice(0, Math.max(20, (out.columns || 100) - 1));

/** A bar that is full at 1. */
export const bar = (fraction: number, width = 24): string => {
  const full = Math.round(width * Math.min(1, Math.max(0, fraction)));
  return `${"█".repeat(full)}${"░".repeat(width - full)}`;
};

/** Whether a block can be drawn: on a terminal that moves its cursor. */
export const isTerminal = (): boolean => out.isTTY && process.env["TERM"] !== "dumb";

/** Puts `lines` in place of the block that was drawn last. What is higher than the terminal loses its top. */
export const draw = (lines: ReadonlyArray<string>): void => {
  const next = lines.slice(-Math.max(1, (out.rows || 24) - 1)).map(fit);
  if (next.length === block.length && next.every((line, i) => line === block[i])) return;
  const before = clear();
  block = next;
  out.write(`${before}${next.map((line) => `${line}\n`).join("")}`);
};

/** Leaves what is drawn where it is; later lines go below. */
export const release = (): void => {
  block = [];
};

/** A line of text, above the block if there is one. */
export const say = (text: string): void => {
  out.write(`${clear()}${text}\n${block.map((line) => `${line}\n`).join("")}`);
};
