/** `drydock runs`: the runs of a directory, newest first. */
import * as DateTime from "effect/DateTime";
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import * as RunDirectory from "../store/RunDirectory.ts";
import { json, percent, print, table } from "./Output.ts";
import { root } from "./RunsRoot.ts";

const row = ({ id, state, problem, holder }: RunDirectory.RunSummary): ReadonlyArray<string> => {
  if (state === null) return [id, "unreadable", problem?.reason ?? "", "-", "-", "-"];
  const cutShort = (state.status === "running" || state.status === "paused") && holder === null;
  const sampled = state.evaluations.filter(({ result }) => result.temperature > 0);
  const last = sampled.find(({ index }) => index === sampled.at(-1)?.index);
  return [
    id,
    cutShort ? "cut short" : state.status,
    state.stage === null
      ? "-"
      : `${state.stage + 1}/${state.stages.length} ${state.stages[state.stage]?.label ?? ""}`,
    `${state.budgets.verifications.spent}/${state.budgets.verifications.limit}`,
    last === undefined ? "-" : `${last.result.stage} ${percent(last.result.passAt1)}`,
    state.startedAt === null ? "-" : DateTime.formatIso(DateTime.makeUnsafe(state.startedAt)).slice(0, 16),
  ];
};

export const runs = Command.make(
  "runs",
  { root, json },
  Effect.fn(function* (options) {
    const found = yield* RunDirectory.list(options.root);
    yield* print(options.json, found, (list) =>
      list.length === 0
        ? `No runs in ${options.root}. Start one: npm start`
        : table(
            ["run", "status", "stage", "verifications", "last pass@1", "started (UTC)"],
            [...list].reverse().map(row),
          ),
    );
  }),
).pipe(
  Command.withDescription("List runs"),
  Command.withExamples([{ command: "drydock runs --json", description: "As JSON" }]),
);
