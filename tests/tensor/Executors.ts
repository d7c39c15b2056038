/** The executors that this machine has, for tests that hold them equal. */
import * as Executor from "../../src/tensor/Executor.ts";
import * as NativeEager from "../../src/tensor/NativeEager.ts";
import * as Binding from "../../src/tensor/native/Binding.ts";
import type { Executor as TensorExecutor } from "../../src/tensor/Session.ts";
import * as Tfjs from "../../src/tensor/Tfjs.ts";
import * as Requirements from "../support/Requirements.ts";

export interface Named {
  readonly name: string;
  readonly executor: TensorExecutor;
}

const native = async (): Promise<Array<Named>> =>
  Requirements.native()
    ? [
        { name: "native graph", executor: await Executor.load(Executor.nativeBackend()) },
        {
          name: "native eager",
          executor: NativeEager.make(Binding.load(Executor.flavourOf(Executor.nativeBackend()))),
        },
      ]
    : [];

/** tfjs has one global backend: a file uses its plain JavaScript or its WebAssembly, not both. */
export const executors = async (tfjs: "wasm" | "cpu" = "wasm"): Promise<Array<Named>> => [
  ...(await native()),
  { name: tfjs, executor: await Tfjs.make(tfjs) },
];

/** Largest difference relative to max(1, the largest magnitude). */
export const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let scale = 1;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i], b[i]];
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.POSITIVE_INFINITY;
    scale = Math.max(scale, Math.abs(x));
    most = Math.max(most, Math.abs(x - y));
  }
  return most / scale;
};

/** Fails with a message that says where. */
export const expectClose = (
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  where: string,
): void => {
  const far = difference(expected, found);
  if (far <= tolerance) return;
  const show = (a: ArrayLike<number>) => Array.from(a).slice(0, 24).join(", ");
  throw new Error(
    `${where}: off by ${far} (at most ${tolerance}): ${show(found)} instead of ${show(expected)}`,
  );
};
