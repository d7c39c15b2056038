/**
 * Writing a round's programs: reserve, ask the generator, store as candidates.
 *
 * The own policy writes the round as a whole. A remote generator is asked for the samples of one problem at a time,
 * several at once, and each answer is in the store before it counts: whatever ends the process, an answer that was
 * paid for is not asked for again.
 */
import * as Effect from "effect/Effect";
import type { OnlineStage, RunConfig } from "../config/RunConfig.ts";
import * as Costs from "../domain/Costs.ts";
import { Generator, GeneratorError } from "../generator/Generator.ts";
import { RunStore, type StoredCandidate } from "../store/RunStore.ts";
import * as CircuitBreaker from "./CircuitBreaker.ts";
import { rollout, type RolloutItem } from "./Rollout.ts";
import type { Carried, RunContext } from "./RunContext.ts";
import { SafePoint } from "./SafePoint.ts";

export interface Writing {
  readonly index: number;
  readonly round: number;
  readonly stage: OnlineStage;
  readonly carried: Carried;
  /** The round's programs by slot. */
  readonly items: ReadonlyArray<RolloutItem>;
  /** Slots that are in the store already. */
  readonly written: ReadonlySet<number>;
}

interface Slot extends RolloutItem {
  readonly slot: number;
}

/** Whether nothing is left to write in a round: the own policy's are written at once, a remote one's one by one until the first is decided. */
export const isWritten = (
  remote: Generator["Service"]["remote"],
  candidates: ReadonlyArray<StoredCandidate>,
): boolean =>
  candidates.length > 0 && (remote === null || candidates.some(({ decision }) => decision !== "open"));

const byTask = (slots: ReadonlyArray<Slot>): ReadonlyArray<ReadonlyArray<Slot>> => {
  const groups = new Map<string, Array<Slot>>();
  for (const slot of slots) {
    const group = groups.get(slot.task.id);
    if (group === undefined) groups.set(slot.task.id, [slot]);
    else group.push(slot);
  }
  return [...groups.values()];
};

/** The longest program in tokens: the server's, where one writes it. */
export const maxTokens = ({ compute }: RunConfig, { generator }: OnlineStage): number =>
  generator.kind === "own" ? compute.maxNewTokens : (generator.maxTokens ?? compute.maxNewTokens);

/** The samples of one request, from reservation to store. Once answered they are stored, come what may. */
const writeSlots = Effect.fnUntraced(function* (
  context: RunContext,
  { index, round, stage, carried }: Writing,
  slots: ReadonlyArray<Slot>,
) {
  const store = yield* RunStore;
  const safePoint = yield* SafePoint;
  const { generate, remote } = yield* Generator;
  const prices = context.config.budget.prices ?? null;
  yield* Effect.uninterruptibleMask(
    Effect.fnUntraced(function* (restore) {
      const most = Costs.programs(slots.length, maxTokens(context.config, stage), prices);
      const reservation = yield* safePoint.reserving(store.reserve(most, index));
      const completions = yield* restore(
        rollout(
          context,
          slots,
          { purpose: `online/${index}`, temperature: stage.temperature, tilt: carried.tilt },
          generate,
        ),
      ).pipe(Effect.onError(() => Effect.ignore(store.refund(reservation))));
      const tokens = completions.reduce(
        (sum, { tokens: own, generated }) => sum + (generated ?? own.length),
        0,
      );
      yield* store.addCandidates(
        completions.map((completion, i) => ({
          stage: index,
          round,
          slot: slots[i].slot,
          taskId: slots[i].task.id,
          program: completion.text,
          cacheKey: context.cacheKey(slots[i].task, completion.text),
          // Log-probs belong to tokens one to one; a text cut at a stop string is tokenised afresh.
          tokens: completion.finished === "end" ? completion.tokens : [],
          logProbs: completion.finished === "end" ? completion.logProbs : [],
          ...(remote === null
            ? { policyVersion: carried.policyVersion }
            : { policyVersion: null, origin: remote.origin }),
          temperature: stage.temperature,
        })),
        reservation,
        Costs.written(slots.length, tokens, prices),
      );
    }),
  );
});

/** What a round cost at a remote generator, as metrics called "generator"; the own policy has none. */
const record = Effect.fnUntraced(function* ({ index, round }: Writing) {
  const store = yield* RunStore;
  const values = yield* (yield* Generator).takeFigures;
  if (Object.keys(values).length === 0) return;
  yield* store.append({ _tag: "Metrics", index, training: "generator", step: round + 1, values });
});

/**
 * Writes what is not there yet. A request that a remote generator gives up leaves its programs out of the round; the
 * run stops where every request would fail in the same way, where too many were given up, or where nothing was written.
 */
export const writeRound = Effect.fn("WriteRound.writeRound")(function* (
  context: RunContext,
  writing: Writing,
) {
  const { remote } = yield* Generator;
  const safePoint = yield* SafePoint;
  const open = writing.items
    .map((item, slot): Slot => ({ ...item, slot }))
    .filter(({ slot }) => !writing.written.has(slot));
  if (open.length === 0) return;
  if (remote === null) {
    // Someone lowered the limit since: nothing is written.
    return yield* writeSlots(context, writing, open).pipe(
      Effect.catchTag("BudgetExhausted", () => Effect.void),
    );
  }

  let done = 0;
  let lost = 0;
  const giveUp = Effect.fnUntraced(function* (error: GeneratorError, programs: number) {
    lost += programs;
    if (error.lasting) return yield* error;
    const nothing = lost === open.length && writing.written.size === 0;
    if (!nothing && !CircuitBreaker.tooMany(lost, done + lost)) return;
    const reason = `${lost} of ${done + lost} programs could not be had; the last error: ${error.reason}`;
    return yield* new GeneratorError({ reason, remedy: error.remedy, lasting: true });
  });
  // A server may take its time: a stop does not wait for the answers under way.
  const stopped = safePoint.pass.pipe(Effect.delay("1 second"), Effect.forever);
  const written = Effect.forEach(
    byTask(open),
    (slots) =>
      writeSlots(context, writing, slots).pipe(
        Effect.andThen(Effect.sync(() => void (done += slots.length))),
        Effect.catchTag("GeneratorError", (error) => giveUp(error, slots.length)),
        // Someone lowered the limit since: the programs stay unwritten.
        Effect.catchTag("BudgetExhausted", () => Effect.void),
      ),
    { concurrency: remote.concurrency, discard: true },
  );
  yield* Effect.raceFirst(written, stopped).pipe(Effect.ensuring(Effect.ignore(record(writing))));
});
