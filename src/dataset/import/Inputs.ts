/** The files that are imported: their hashes, for the manifest and to tell that a resumed import reads the same. */
import { createHash } from "node:crypto";
import * as Fs from "node:fs";
import type { Source } from "./Source.ts";
import * as Bytes from "./source/Bytes.ts";

/** SHA-256 of a file as it is on disk; undefined of a folder. */
export const sha256 = async (
  source: Source,
  onBytes: (bytes: number) => void,
): Promise<string | undefined> => {
  if (source.kind === "folder") return undefined;
  const hash = createHash("sha256");
  try {
    for await (const bytes of Fs.createReadStream(source.path, { highWaterMark: 1 << 20 })) {
      hash.update(bytes as Buffer);
      onBytes((bytes as Buffer).length);
    }
  } catch (cause) {
    throw Bytes.faultOf(cause);
  }
  return hash.digest("hex");
};
