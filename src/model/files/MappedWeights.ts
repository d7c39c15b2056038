/** Where in its files a model's variables lie, for executors that map files: what `WeightLayout.pack` would read. */
import type { Files, FilePart } from "../../tensor/Session.ts";
import type { StoredType, TensorSource } from "../directory/Policy.ts";
import type { Stored } from "../WeightLayout.ts";

const types: Record<StoredType, FilePart["dtype"]> = { F32: "float32", F16: "float16", BF16: "bfloat16" };

/** By variable name; undefined for a variable that is not the model's. */
export const files = (variables: ReadonlyArray<Stored>, source: TensorSource): Files => {
  const stored = new Map(variables.map((variable) => [variable.name, variable]));
  const part = ({ name, rows }: Stored["parts"][number]): FilePart | undefined => {
    const tensor = source.tensors.get(name);
    return tensor === undefined ? undefined : { ...source.locate(name), dtype: types[tensor.dtype], rows };
  };
  return (name) => {
    const variable = stored.get(name);
    if (variable === undefined) return undefined;
    const parts = variable.parts.map(part).filter((found) => found !== undefined);
    const { columns, transposed } = variable;
    return parts.length === variable.parts.length ? { parts, columns, transposed } : undefined;
  };
};
