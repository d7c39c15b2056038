/** Warnings from below the command line, as one line each on stderr: stdout is for results. */
import * as Logger from "effect/Logger";
import * as Screen from "./Screen.ts";

const text = (message: unknown): string =>
  (Array.isArray(message) ? message : [message])
    .map((part: unknown) =>
      typeof part === "string" ? part : part instanceof Error ? part.message : JSON.stringify(part),
    )
    .join(" ");

export const layer = Logger.layer([
  Logger.make(({ logLevel, message }) => {
    if (logLevel === "Debug" || logLevel === "Trace") return;
    Screen.say(`drydock: ${logLevel === "Info" ? "" : `${logLevel.toLowerCase()}: `}${text(message)}`);
  }),
]);
