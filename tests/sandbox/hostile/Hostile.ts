/** A hostile program, as data: what every language's list says of it. */
import type { Outcome } from "../../../src/domain/Verdict.ts";

export interface Hostile<Style extends string> {
  readonly name: string;
  readonly aim: "exhaust" | "escape" | "persist" | "spy" | "cheat";
  /** How it is run. */
  readonly style: Style;
  readonly program: string;
  /** Those that it may have; a pass is never one. */
  readonly outcomes: ReadonlyArray<Exclude<Outcome, "Passed">>;
}
