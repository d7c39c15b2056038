/**
 * The wire protocol: JSON text frames over one WebSocket. `docs/protocol.md` describes it for other languages.
 *
 *     client                                   server
 *     {type:"hello", from, filter?, state?} -> {type:"hello", protocol, runId, head, formatVersion}
 *                                              {type:"event", seq, at, event}   in order, none left out
 *                                              {type:"state", state}            the fold, if asked for
 *                                              {type:"heartbeat", head}
 *     {type:"command", id, token, command}  -> {type:"ack", id} | {type:"error", id, code, message}
 *                                              {type:"result", id, refused}     once it is carried out, or refused
 */
import { Ajv2020 } from "ajv/dist/2020.js";
import * as Schema from "effect/Schema";
import { RunCommand } from "../domain/RunCommand.ts";
import { LoggedEvent, RunEvent } from "../domain/RunEvent.ts";
import type { RunState } from "../domain/RunState.ts";

export const PROTOCOL_VERSION = 1;

/** Bytes of the largest frame that a client may send. */
export const MAX_FRAME_BYTES = 8 * 1024;

/** Close codes: RFC 6455's where one fits. */
export const Close = {
  normal: 1000,
  goingAway: 1001,
  notText: 1003,
  malformed: 1007,
  policy: 1008,
  tooBig: 1009,
  fault: 1011,
  helloTimeout: 4408,
} as const;

const Tag = Schema.Literals(RunEvent.members.map((member) => member.fields._tag.schema.literal));

/** `from`: the last sequence number that the client has; events after it follow. 0: the whole log. */
export const Hello = Schema.Struct({
  type: Schema.Literal("hello"),
  from: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  /** Only events of these tags; left out: all. */
  filter: Schema.optionalKey(Schema.Array(Tag)),
  /** Send the fold of the whole log too, a few times a second while it changes. */
  state: Schema.optionalKey(Schema.Boolean),
});
export type Hello = typeof Hello.Type;

export const Command = Schema.Struct({
  type: Schema.Literal("command"),
  /** Chosen by the client; comes back in the answer. */
  id: Schema.String.check(Schema.isMaxLength(64)),
  token: Schema.String.check(Schema.isMaxLength(256)),
  /** What the client calls itself: written into the log with its address. */
  as: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(100))),
  command: RunCommand,
});
export type Command = typeof Command.Type;

export type ClientFrame = Hello | Command;

export type ServerFrame =
  | {
      readonly type: "hello";
      readonly protocol: number;
      readonly runId: string;
      readonly head: number;
      readonly formatVersion: number;
    }
  | ({ readonly type: "event" } & LoggedEvent)
  | { readonly type: "state"; readonly state: RunState }
  | { readonly type: "heartbeat"; readonly head: number }
  | { readonly type: "ack"; readonly id: string }
  /** The command is carried out (null), or refused, and why. */
  | { readonly type: "result"; readonly id: string; readonly refused: string | null }
  | {
      readonly type: "error";
      readonly id?: string;
      readonly code: "token" | "busy" | "refused";
      readonly message: string;
    };

const loggedEvent = Schema.toCodecJson(LoggedEvent);
const encodeLogged = Schema.encodeSync(loggedEvent);
const decodeLogged = Schema.decodeUnknownSync(loggedEvent);

/** An event as a frame; numbers that JSON does not know are the strings "NaN", "Infinity" and "-Infinity". */
export const eventFrame = (logged: LoggedEvent): string =>
  JSON.stringify({ type: "event", ...(encodeLogged(logged) as object) });

/** Any other frame; in a state, numbers that JSON does not know are null. */
export const frame = (value: Exclude<ServerFrame, { readonly type: "event" }>): string =>
  JSON.stringify(value);

type Json = { readonly [key: string]: unknown };

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Unions become `oneOf` told apart by one key, so that an error is about the variant that was meant. */
const told = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(told);
  if (!isObject(schema)) return schema;
  const { anyOf, ...rest } = schema;
  const out = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, told(value)]));
  if (!Array.isArray(anyOf)) return out;
  const first: unknown = anyOf[0];
  const properties = isObject(first) && isObject(first["properties"]) ? first["properties"] : {};
  const propertyName = "_tag" in properties ? "_tag" : "type";
  return { ...out, type: "object", discriminator: { propertyName }, oneOf: anyOf.map(told) };
};

/** JSON Schema (draft 2020-12) of what a client may send, generated from the schemas above. */
export const clientSchema = (): Json => {
  const document = Schema.toJsonSchemaDocument(Schema.Union([Hello, Command]), { onExcessProperty: "error" });
  const definitions = told(document.definitions) as Json;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Drydock progress: frames of a client",
    ...(told(document.schema) as Json),
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions }),
  };
};

const ajv = new Ajv2020({ strict: true, discriminator: true });
const valid = ajv.compile<ClientFrame>(clientSchema());

/** A client's frame, or what is wrong with it in a few words. */
export const parseClient = (text: string): ClientFrame | string => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "the frame is not JSON";
  }
  if (valid(value)) return value;
  const error = valid.errors?.[0];
  const unknown: unknown = error?.params["additionalProperty"];
  const hint = typeof unknown === "string" ? ` (${unknown.slice(0, 40)})` : "";
  return `${error?.instancePath || "the frame"} ${error?.message ?? "is not allowed"}${hint}`;
};

/** A server's frame as a client reads it. Throws where it is not one. */
export const parseServer = (text: string): ServerFrame => {
  const value: unknown = JSON.parse(text);
  if (!isObject(value) || typeof value["type"] !== "string")
    throw new Error(`not a frame: ${text.slice(0, 80)}`);
  if (value["type"] !== "event") return value as unknown as ServerFrame;
  const { type: _, ...logged } = value;
  return { type: "event", ...decodeLogged(logged) };
};
