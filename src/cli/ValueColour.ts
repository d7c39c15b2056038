/** Colours of a value in 0 .. 1, from red to green, on a terminal of 256 colours. */

const COLOURS = [196, 208, 220, 148, 46];

const colour = (code: number, text: string): string => `\u001b[38;5;${code}m${text}\u001b[39m`;

/** The text in its value's colour. */
export const paint = (text: string, value: number): string => {
  if (text === "") return text;
  const step = Math.min(COLOURS.length - 1, Math.max(0, Math.floor(value * COLOURS.length)));
  return colour(COLOURS[step], text);
};

/** One line that says which colour stands for what. */
export const legend = (): string => {
  const width = 1 / COLOURS.length;
  const parts = COLOURS.map((code, i) =>
    colour(code, `${(i * width).toFixed(1)}–${((i + 1) * width).toFixed(1)}`),
  );
  return `value, the critic's probability of success: ${parts.join("  ")}`;
};
