/**
 * TensorFlow op by op, without a graph: the oracle that the graph executor is tested against. It shares the table
 * of TensorFlow ops with it, and nothing of sessions, gating, resource variables and graph rewriting.
 */
import type { DType, TensorData } from "./Ir.ts";
import * as Interpreter from "./Interpreter.ts";
import { AttrType, type Binding, type DType as TfType, type OpAttr } from "./native/Binding.ts";
import type { Executor } from "./Session.ts";
import { type Attrs, dataType, type Emitter, emit, type } from "./TfOps.ts";

const opAttrs = (attrs: Attrs): Array<OpAttr> =>
  Object.entries(attrs).map(([name, { kind, value }]) => ({ name, type: AttrType[kind], value }));

const kernels = (binding: Binding): Interpreter.Kernels<number> => {
  const op = (
    name: string,
    inputs: ReadonlyArray<number>,
    attrs: Attrs,
    outputs: number,
  ): ReadonlyArray<number> => binding.executeOp(name, opAttrs(attrs), inputs, outputs).map(({ id }) => id);
  const cast = (id: number, from: DType, to: DType): number =>
    op("Cast", [id], { SrcT: type(from), DstT: type(to) }, 1)[0];
  /** The binding shares the array's memory with the tensor, so it gets its own. */
  const create: Interpreter.Kernels<number>["create"] = (data, { shape, dtype }) => {
    const outer = dtype === "bfloat16" ? "float32" : dtype;
    const id = binding.createTensor(shape, dataType[outer] as TfType, data.slice());
    if (outer === dtype) return id;
    const low = cast(id, outer, dtype);
    binding.deleteTensor(id);
    return low;
  };
  return {
    create,
    read: (id, { dtype }) => {
      if (dtype !== "bfloat16") return binding.tensorDataSync(id) as TensorData;
      const wide = cast(id, dtype, "float32");
      const data = binding.tensorDataSync(wide) as TensorData;
      binding.deleteTensor(wide);
      return data;
    },
    free: (id) => binding.deleteTensor(id),
    same: (id, { dtype }) => op("Identity", [id], { T: type(dtype) }, 1)[0],
    apply: (node, inputs) => {
      const made: Array<number> = [];
      const constant = (id: number): number => {
        made.push(id);
        return id;
      };
      const emitter: Emitter<number> = {
        op,
        ints: (values, shape) => constant(create(Int32Array.from(values), { shape, dtype: "int32" })),
        float: (value) => constant(create(Float32Array.of(value), { shape: [], dtype: "float32" })),
      };
      try {
        return emit(emitter, node, inputs);
      } finally {
        for (const id of made) binding.deleteTensor(id);
      }
    },
    tensors: () => binding.getNumOfTensors(),
  };
};

export const make = (binding: Binding): Executor => ({
  name: `native TensorFlow ${binding.tensorflowVersion} (eager, ${binding.usesGpu ? "GPU" : "CPU"}, ${binding.threads} threads)`,
  open: (graph, initial) => Interpreter.open(kernels(binding), graph, initial),
});
