/**
 * The learner's state on disk: learner.safetensors (trainable weights, heads, moments; float32, exact) and
 * learner.json (steps and samplers of each training, and the executor that it was made with: the same executor,
 * threads and build go on bit for bit, others to rounding).
 */
import * as path from "node:path";
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import { writeJson } from "../model/files/Files.ts";
import * as fs from "node:fs";
import type { Parameter } from "../model/Lora.ts";
import { PolicyError } from "../model/PolicyError.ts";
import * as Safetensors from "../model/files/Safetensors.ts";
import type { Session } from "../tensor/Session.ts";

export const FORMAT = 1;

/** The file of the variables: two checkpoints with the same bytes in it hold the same policy and heads. */
export const WEIGHTS = "learner.safetensors";

const SamplerState = Schema.Struct({ queue: Schema.Array(Schema.String), random: Schema.String });
const TrainingState = Schema.Struct({
  steps: Schema.Int,
  sampler: Schema.Struct({ offline: SamplerState, online: SamplerState }),
});
const State = Schema.Struct({
  formatVersion: Schema.Literal(FORMAT),
  executor: Schema.String,
  trainings: Schema.Record(Schema.String, TrainingState),
});
export type State = typeof State.Type;

const decode = Schema.decodeUnknownResult(State, { errors: "all" });

/** Elements that are copied out of the session at once, about: 256 MB. */
const GROUP = 67_108_864;

/**
 * Reads variables in groups: a read of one costs a native session as much as a read of many. Ask in the order of
 * the list; the last group is kept.
 */
export const reader = (
  session: Session,
  parameters: ReadonlyArray<Parameter>,
): ((name: string) => Float32Array) => {
  const groups: Array<Array<string>> = [[]];
  let elements = 0;
  for (const { name, shape } of parameters) {
    if (elements >= GROUP) {
      groups.push([]);
      elements = 0;
    }
    groups.at(-1)?.push(name);
    elements += shape.reduce((a, b) => a * b, 1);
  }
  let held: ReadonlyMap<string, Float32Array> = new Map();
  return (name) => {
    if (!held.has(name)) held = session.getVariables(groups.find((group) => group.includes(name)) ?? [name]);
    return held.get(name) as Float32Array;
  };
};

export const save = (
  directory: string,
  session: Session,
  parameters: ReadonlyArray<Parameter>,
  state: Omit<State, "formatVersion">,
): void => {
  const read = reader(session, parameters);
  Safetensors.writeSync(
    path.join(directory, WEIGHTS),
    parameters.map(({ name, shape }) => ({ name, shape, data: () => read(name) })),
  );
  writeJson(path.join(directory, "learner.json"), { formatVersion: FORMAT, ...state });
};

/** Reads and checks everything before the first variable is set. Throws a PolicyError where it does not fit. */
export const restore = (
  directory: string,
  session: Session,
  parameters: ReadonlyArray<Parameter>,
  trainings: ReadonlyArray<string>,
): State => {
  const file = path.join(directory, "learner.json");
  const refuse = (at: string, reason: string): PolicyError =>
    new PolicyError({
      path: at,
      reason,
      remedy: "Resume with the configuration that made the checkpoint, or from another checkpoint.",
    });
  let json: unknown;
  try {
    json = JSON.parse(fs.readFileSync(file, "utf8"));
  } catch (cause) {
    throw refuse(file, `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`);
  }
  const decoded = decode(json);
  if (Result.isFailure(decoded)) {
    throw refuse(file, `is no learner state: ${decoded.failure.message.replaceAll("\n", " ")}.`);
  }
  const state = decoded.success;
  const missing = trainings.find((id) => state.trainings[id] === undefined);
  if (missing !== undefined) throw refuse(file, `has no state of training "${missing}".`);

  const source = Safetensors.openSync(path.join(directory, WEIGHTS));
  for (const { name, shape } of parameters) {
    const found = source.tensors.get(name)?.shape.join();
    if (found !== shape.join()) {
      throw refuse(
        source.path,
        `tensor "${name}" is ${found === undefined ? "missing" : `of shape [${found}]`}, expected [${shape.join()}].`,
      );
    }
  }
  let group = new Map<string, Float32Array>();
  let elements = 0;
  for (const { name } of parameters) {
    const data = source.read(name);
    group.set(name, data);
    elements += data.length;
    if (elements < GROUP) continue;
    session.setVariables(group);
    group = new Map();
    elements = 0;
  }
  session.setVariables(group);
  return state;
};
