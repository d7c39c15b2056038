/** One line on stderr that is redrawn on a terminal; where stderr is a file, only what is finished is written. */

export interface ProgressLine {
  /** `finished`: this was the last of its kind, and the next begins a new line. */
  readonly draw: (text: string, finished: boolean) => void;
}

export const make = (): ProgressLine => {
  const tty = process.stderr.isTTY;
  return {
    draw: (text, finished) => {
      if (tty) process.stderr.write(`\r\u001b[2K${text}${finished ? "\n" : ""}`);
      else if (finished) process.stderr.write(`${text}\n`);
    },
  };
};
