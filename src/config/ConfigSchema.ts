/**
 * The JSON Schema of a run's configuration, and validation against it with errors for a person.
 *
 * Generated from `RunConfig`; the committed copy is `configs/schema/run.schema.json`.
 */
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import * as Schema from "effect/Schema";
import type { ConfigIssue } from "./ConfigError.ts";
import { type ConfigSource, type Path, showPath } from "./ConfigSource.ts";
import { RunConfig } from "./RunConfig.ts";

type Json = { readonly [key: string]: unknown };

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const tagged = (schema: unknown): boolean =>
  isObject(schema) && isObject(schema["properties"]) && isObject(schema["properties"]["kind"]);

/**
 * A union of structs told apart by `kind` becomes `oneOf` with ajv's discriminator, so that an error is about
 * the variant that was meant and not about all of them; safe-integer bounds, which say nothing, go.
 */
const refine = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(refine);
  if (!isObject(schema)) return schema;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "default") out[key] = value;
    else if (key === "maximum" && value === Number.MAX_SAFE_INTEGER) continue;
    else if (key === "minimum" && value === Number.MIN_SAFE_INTEGER) continue;
    else if (key === "anyOf" && Array.isArray(value) && value.every(tagged)) {
      out["type"] = "object";
      out["discriminator"] = { propertyName: "kind" };
      out["oneOf"] = value.map(refine);
    } else out[key] = refine(value);
  }
  return out;
};

/** The JSON Schema document (draft 2020-12). */
export const jsonSchema = (): Json => {
  const document = Schema.toJsonSchemaDocument(RunConfig, { onExcessProperty: "error" });
  const schema = refine(document.schema) as Json;
  const definitions = refine(document.definitions) as Json;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Drydock run",
    ...schema,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions }),
  };
};

const pathOf = (pointer: string, value: unknown): Path => {
  let at = value;
  return pointer
    .split("/")
    .slice(1)
    .map((raw) => {
      const part = raw.replaceAll("~1", "/").replaceAll("~0", "~");
      const step = Array.isArray(at) ? Number(part) : part;
      at = typeof at === "object" && at !== null ? (at as Record<string | number, unknown>)[step] : undefined;
      return step;
    });
};

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (at, step) =>
      typeof at === "object" && at !== null ? (at as Record<string | number, unknown>)[step] : undefined,
    value,
  );

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

const list = (values: ReadonlyArray<unknown>): string => values.map((v) => JSON.stringify(v)).join(", ");

/** Edit distance, for "did you mean". */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
};

const kinds = (variants: unknown): ReadonlyArray<unknown> =>
  (Array.isArray(variants) ? variants : []).flatMap((variant: unknown) => {
    const properties = isObject(variant) ? variant["properties"] : undefined;
    const kind = isObject(properties) ? properties["kind"] : undefined;
    const names = isObject(kind) ? kind["enum"] : undefined;
    return Array.isArray(names) ? (names as ReadonlyArray<unknown>) : [];
  });

const issueOf = (source: ConfigSource, error: ErrorObject): ConfigIssue => {
  const path = pathOf(error.instancePath, source.value);
  const found = valueAt(source.value, path);
  const params = error.params as Json;
  const at = (problem: string, to: Path = path, key = false): ConfigIssue => ({
    path: showPath(to),
    line: source.line(to, key),
    problem,
  });
  const parent = error.parentSchema;
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(params["additionalProperty"]);
      const allowed = Object.keys(isObject(parent?.["properties"]) ? parent["properties"] : {});
      const near = allowed.find((name) => distance(name.toLowerCase(), key.toLowerCase()) <= 2);
      const hint = near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`;
      return at(`unknown key; allowed here: ${allowed.join(", ")}${hint}`, [...path, key], true);
    }
    case "required":
      return at(`the key ${JSON.stringify(params["missingProperty"])} is missing`);
    case "discriminator": {
      const allowed = kinds(parent?.["oneOf"]);
      const kind = valueAt(source.value, [...path, "kind"]);
      return kind === undefined
        ? at(`the key "kind" is missing; it must be one of ${list(allowed)}`)
        : at(`found ${show(kind)}, must be one of ${list(allowed)}`, [...path, "kind"]);
    }
    case "enum":
      return at(
        `found ${show(found)}, must be one of ${list(params["allowedValues"] as ReadonlyArray<unknown>)}`,
      );
    case "anyOf": {
      const types = (error.schema as ReadonlyArray<Json>).map((s) => String(s["type"]));
      return at(`found ${show(found)}, must be of type ${types.join(" or ")}`);
    }
    default: {
      const limit = path.includes("budget") && typeof found === "number";
      const hint = limit ? "; for no limit of its own leave it out" : "";
      return at(`found ${show(found)}, ${error.message ?? "is not allowed"}${hint}`);
    }
  }
};

let compiled: ReturnType<Ajv2020["compile"]> | undefined;

/** What the schema has against a file, at most one problem a place; empty where it is valid. */
export const validate = (source: ConfigSource): ReadonlyArray<ConfigIssue> => {
  compiled ??= new Ajv2020({ strict: true, allErrors: true, verbose: true, discriminator: true }).compile(
    jsonSchema(),
  );
  if (compiled(source.value)) return [];
  const errors = compiled.errors ?? [];
  // A nullable value fails as a whole too: an error inside it says more.
  const inner = errors.filter((error) =>
    error.keyword === "anyOf"
      ? !errors.some((e) => e.keyword !== "type" && e.schemaPath.startsWith(`${error.schemaPath}/`))
      : !(error.keyword === "type" && error.schemaPath.includes("/anyOf/")),
  );
  const seen = new Set<string>();
  return inner
    .map((error) => issueOf(source, error))
    .filter((issue) => {
      const key = `${issue.path} ${issue.problem}`;
      return seen.has(key) ? false : seen.add(key);
    })
    .sort((a, b) => a.line - b.line);
};
