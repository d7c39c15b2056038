/** The frames of a run: a 4-byte big-endian length and that many bytes of JSON, again and again. Untrusted. */

/** Deeper than any plain data (64 levels, up to 3 of JSON each); what looks at answers may recurse below this. */
const MAX_DEPTH = 256;

/**
 * The JSON of each whole frame, and how many bytes of a cut-off one are left; undefined where a frame is not JSON or
 * is nested too deep.
 */
export const parse = (
  base64: string,
): { readonly messages: ReadonlyArray<unknown>; readonly rest: number } | undefined => {
  const bytes = Buffer.from(base64, "base64");
  const messages: Array<unknown> = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const size = bytes.readUInt32BE(at);
    if (at + 4 + size > bytes.length) break;
    try {
      const message: unknown = JSON.parse(bytes.toString("utf8", at + 4, at + 4 + size));
      if (isTooDeep(message)) return undefined;
      messages.push(message);
    } catch {
      return undefined;
    }
    at += 4 + size;
  }
  return { messages, rest: bytes.length - at };
};

const isTooDeep = (message: unknown): boolean => {
  let level: Array<unknown> = [message];
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const below: Array<unknown> = [];
    for (const value of level) {
      if (typeof value !== "object" || value === null) continue;
      for (const item of Object.values(value))
        if (typeof item === "object" && item !== null) below.push(item);
    }
    if (below.length === 0) return false;
    level = below;
  }
  return true;
};

export const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
