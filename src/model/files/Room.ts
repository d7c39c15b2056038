/** Whether a model fits: into memory before it is loaded, onto the disk before it is written. */
import * as Effect from "effect/Effect";
import * as fs from "node:fs";
import * as path from "node:path";
import * as MemoryLimit from "../../tensor/MemoryLimit.ts";
import * as ModelConfig from "../ModelConfig.ts";
import type { StoredType } from "../directory/Policy.ts";
import { PolicyError } from "../PolicyError.ts";

/** Bytes of a weight. */
export const BYTES: Readonly<Record<StoredType, number>> = { F32: 4, F16: 2, BF16: 2 };

/** 1500000000 -> "1.50 GB". */
export const size = (bytes: number): string =>
  bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;

/** Bytes of a model's weights when each is held once. */
export const weights = (config: ModelConfig.ModelConfig, dtype: StoredType): number =>
  ModelConfig.parameterCount(config) * BYTES[dtype];

/**
 * Fails where the weights alone, held once, are more than the process may take: then nothing can be done with the
 * model here, and it is better said before memory is asked for. Training needs several times as much.
 */
export const checkMemory = (
  directory: string,
  config: ModelConfig.ModelConfig,
  dtype: StoredType = "F32",
  available = MemoryLimit.limit(),
): Effect.Effect<void, PolicyError> => {
  const needed = weights(config, dtype);
  if (needed < available) return Effect.void;
  return Effect.fail(
    new PolicyError({
      path: directory,
      reason: `the model is too large for this machine: its ${ModelConfig.parameterCount(config).toLocaleString("en")} weights take ${size(needed)} as ${dtype}, and the process may take ${size(available)}.`,
      remedy:
        dtype === "F32"
          ? "Choose a smaller model, a machine with more memory, or a frozen base in bfloat16, which takes half."
          : "Choose a smaller model, or a machine with more memory.",
    }),
  );
};

/** Free bytes on the disk of a path, which need not exist, and the nearest directory of it that does. */
export const free = (target: string): { readonly bytes: number; readonly at: string } => {
  let at = path.resolve(target);
  while (!fs.existsSync(at)) at = path.dirname(at);
  const { bavail, bsize } = fs.statfsSync(at);
  return { bytes: bavail * bsize, at };
};

/** Fails where the weights find no room on the disk of `target` (which need not exist), or the largest of them none in memory. */
export const checkWriting = (
  target: string,
  config: ModelConfig.ModelConfig,
  dtype: StoredType,
): Effect.Effect<void, PolicyError> =>
  Effect.suspend(() => {
    const { bytes: room } = free(target);
    const bytes = weights(config, dtype);
    if (room < bytes) {
      return Effect.fail(
        new PolicyError({
          path: target,
          reason: `${size(bytes)} are to be written, but the disk has ${size(room)} free.`,
          remedy: "Free some space, or write to another disk with --out.",
        }),
      );
    }
    const largest = Math.max(
      ...ModelConfig.tensorShapes(config).map(({ shape }) => shape.reduce((a, b) => a * b, 1)),
    );
    // A tensor is held as read and, where its rows are put in another order or it is stored in 16 bits, once more.
    const needed = 2 * BYTES.F32 * largest;
    if (needed < MemoryLimit.limit()) return Effect.void;
    return Effect.fail(
      new PolicyError({
        path: target,
        reason: `the largest tensor takes ${size(needed)} of memory while it is converted, and the process may take ${size(MemoryLimit.limit())}.`,
        remedy: "Choose a smaller model, or a machine with more memory.",
      }),
    );
  });
