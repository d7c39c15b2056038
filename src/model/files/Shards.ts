/**
 * A model's weights in one file, or where they are too large for that in numbered ones with an index, named as
 * transformers names them: model.safetensors; model-00001-of-00003.safetensors, … and model.safetensors.index.json.
 */
import * as path from "node:path";
import { type Slices, writeJson } from "./Files.ts";
import type { StoredType, TensorToWrite } from "../directory/Policy.ts";
import * as Safetensors from "./Safetensors.ts";

/** Bytes of a file's tensors, at most, unless one tensor alone is larger: transformers' older default. */
export const MAX_BYTES = 5_000_000_000;

const sizeOf = ({ shape }: TensorToWrite, dtype: StoredType): number =>
  shape.reduce((a, b) => a * b, dtype === "F32" ? 4 : 2);

/** The tensors in their order, cut where the next one would exceed `maxBytes`. */
export const split = (
  tensors: ReadonlyArray<TensorToWrite>,
  dtype: StoredType,
  maxBytes: number,
): ReadonlyArray<ReadonlyArray<TensorToWrite>> => {
  const shards: Array<Array<TensorToWrite>> = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = sizeOf(tensor, dtype);
    if (bytes > 0 && bytes + size > maxBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)?.push(tensor);
    bytes += size;
  }
  return shards;
};

/** Writes the weights into an existing directory, the index last. */
export function* writing(
  directory: string,
  tensors: ReadonlyArray<TensorToWrite>,
  { dtype, maxBytes }: { readonly dtype: StoredType; readonly maxBytes: number },
): Slices {
  const shards = split(tensors, dtype, maxBytes);
  if (shards.length === 1) {
    yield* Safetensors.writing(path.join(directory, "model.safetensors"), tensors, { dtype });
    return;
  }
  const number = (n: number): string => String(n).padStart(5, "0");
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const name = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    for (const tensor of shard) weightMap[tensor.name] = name;
    yield* Safetensors.writing(path.join(directory, name), shard, { dtype });
  }
  writeJson(path.join(directory, "model.safetensors.index.json"), {
    metadata: { total_size: tensors.reduce((sum, tensor) => sum + sizeOf(tensor, dtype), 0) },
    weight_map: weightMap,
  });
}
