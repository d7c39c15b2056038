/** Flags that the commands which write a policy share. */
import * as Option from "effect/Option";
import * as Flag from "effect/cli/Flag";
import type { StoredType } from "../model/directory/Policy.ts";

const dtypes = { f32: "F32", f16: "F16", bf16: "BF16" } as const;

/** The type of the stored weights, where one is chosen. */
export const dtype = (description: string) =>
  Flag.Literals("dtype", ["f32", "f16", "bf16"]).pipe(
    Flag.withDescription(`Type of the stored weights; default: ${description}`),
    Flag.map((name) => dtypes[name]),
    Flag.optional,
  );

/** The chosen type as an option of what writes. */
export const withDtype = (chosen: Option.Option<StoredType>): { readonly dtype?: StoredType } =>
  Option.isSome(chosen) ? { dtype: chosen.value } : {};

export const force = (description: string) =>
  Flag.Boolean("force").pipe(Flag.withDescription(description), Flag.withDefault(false));
