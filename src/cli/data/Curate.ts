/** What the commands share that choose from a dataset's records. */
import * as Effect from "effect/Effect";
import * as Argument from "effect/cli/Argument";
import * as Flag from "effect/cli/Flag";
import { DatasetError } from "../../dataset/DatasetError.ts";
import * as Inference from "../Inference.ts";
import { percent } from "../Output.ts";
import * as ProgressLine from "../ProgressLine.ts";

export const dataset = Argument.String("dataset").pipe(Argument.withDescription("A dataset directory"));

export const written = {
  out: Flag.String("out").pipe(Flag.withDescription("Dataset directory to write")),
  overwrite: Flag.Boolean("overwrite").pipe(
    Flag.withDescription("Replace the directory if it is there"),
    Flag.withDefault(false),
  ),
};

export const seed = Flag.Int("seed").pipe(Flag.withDescription("Seed of what is drawn"), Flag.withDefault(1));

/** A share from 0 to 1. */
export const share = (name: string) =>
  Flag.Finite(name).pipe(
    Flag.filter(
      (value) => value >= 0 && value <= 1,
      () => "a number from 0 to 1",
    ),
  );

/** Runs what reads records of a dataset; a damaged record, which its reader throws, is an error. */
export const reading = <A>(run: () => A): Effect.Effect<A, DatasetError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run());
    } catch (error) {
      return error instanceof DatasetError ? Effect.fail(error) : Effect.die(error);
    }
  });

/** Draws how far a walk over `total` records is, at each hundredth of it. */
export const progress = (what: string, total: number): ((done: number) => void) => {
  const line = ProgressLine.make();
  let drawn = -1;
  return (done) => {
    const hundredth = total === 0 ? 100 : Math.floor((100 * done) / total);
    if (hundredth === drawn) return;
    drawn = hundredth;
    line.draw(`${what}: ${done} of ${total} (${percent(total === 0 ? 1 : done / total)})`, done === total);
  };
};

/** `pass=1,TimedOut=0.5` as a record of weights. */
export const parseWeights = Effect.fnUntraced(function* (
  flag: string,
  text: string,
  names: ReadonlyArray<string>,
) {
  const out: Record<string, number> = {};
  for (const part of text.split(",").filter((one) => one.trim() !== "")) {
    const [name = "", value = ""] = part.split("=").map((one) => one.trim());
    const weight = Number(value);
    if (!names.includes(name) || value === "" || !(weight >= 0 && Number.isFinite(weight))) {
      return yield* new Inference.InferenceError({
        reason: `--${flag}: ${JSON.stringify(part)} is not a weight`,
        remedy: `write NAME=WEIGHT with commas between; names are ${names.join(", ")}`,
      });
    }
    out[name] = weight;
  }
  return out;
});

/** Text from a dataset for a terminal: what could move the cursor or hide text is shown as a sign. */
export const printable = (text: string): string =>
  text
    .replace(/\r\n?/g, "\n")
    .replace(/\t/g, "    ")
    .replace(/(?!\n)[\p{Cc}\p{Bidi_Control}]/gu, "\ufffd");
