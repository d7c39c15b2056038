/**
 * Variables that start with what lies in a file: TensorFlow maps the file (ImmutableConst over the whole of it) and
 * cuts, widens and transposes in its own threads, so that the numbers never pass through JavaScript.
 */
import type { GraphBuilder } from "../GraphBuilder.ts";
import type { Declared } from "../Ir.ts";
import type { FilePart, FileValue } from "../Session.ts";
import { type Attr, type } from "../TfOps.ts";
import { DType } from "./Binding.ts";

/** Bytes that are cut out of the file before others are: what is held twice at once. */
const GROUP = 134_217_728;

export const bytesOf: Record<FilePart["dtype"], number> = { float32: 4, float16: 2, bfloat16: 2 };

/** Where the file is cut: with a GPU only the pieces go there. */
const CPU = "/device:CPU:0";

const attr = (dtype: FilePart["dtype"]): Attr => ({ kind: "type", value: DType[dtype] });
const long: Attr = { kind: "type", value: DType.int64 };

/** Whether TensorFlow can cut it out: numbers lie at multiples of their size. */
export const fits = ({ parts }: FileValue): boolean =>
  parts.every(({ offset, dtype }) => offset % bytesOf[dtype] === 0);

export interface FileVariable {
  readonly name: string;
  readonly declared: Declared;
  readonly value: FileValue;
}

export interface Compiled {
  /** Feed int64 [0] here: TensorFlow would fold slices of constants when it prepares the run, in one thread. */
  readonly start: string;
  readonly done: string;
}

/** The nodes that set the variables; none reads a file before it is run. `sizeOf` gives a file's bytes. */
export const compile = (
  builder: GraphBuilder,
  variables: ReadonlyArray<FileVariable>,
  sizeOf: (file: string) => number,
): Compiled => {
  const start = builder.op("Placeholder", [], { dtype: long, shape: { kind: "shape", value: [1] } });
  const files = new Map<string, string>();
  /** A file as one row of numbers. */
  const whole = ({ file, dtype }: FilePart): string => {
    const key = `${dtype} ${file}`;
    const known = files.get(key);
    if (known !== undefined) return known;
    const length = Math.floor(sizeOf(file) / bytesOf[dtype]);
    const mapped = builder.op("ImmutableConst", [], {
      dtype: attr(dtype),
      shape: { kind: "shape", value: [length] },
      memory_region_name: { kind: "string", value: file },
    });
    const all = builder.longs([length]);
    const opened = builder.op("Slice", [mapped, start, all], { T: attr(dtype), Index: long }, [], CPU);
    files.set(key, opened);
    return opened;
  };
  let previous: ReadonlyArray<string> = [];
  let group: Array<string> = [];
  let bytes = 0;
  for (const { name, declared, value } of variables) {
    const { columns, transposed } = value;
    const T = type(declared.dtype);
    const parts = value.parts.map((part) => {
      const count = part.rows * columns;
      bytes += count * bytesOf[part.dtype];
      const begin = builder.longs([part.offset / bytesOf[part.dtype]]);
      const cut = builder.op(
        "Slice",
        [whole(part), begin, builder.longs([count])],
        { T: attr(part.dtype), Index: long },
        previous,
        CPU,
      );
      return part.dtype === declared.dtype
        ? cut
        : builder.op("Cast", [cut], { SrcT: attr(part.dtype), DstT: T });
    });
    const rows = value.parts.reduce((sum, part) => sum + part.rows, 0);
    const one = parts.length === 1;
    const flat = one
      ? parts[0]
      : builder.op("ConcatV2", [...parts, builder.emitter.ints([0], [])], {
          T,
          N: { kind: "int", value: parts.length },
          Tidx: type("int32"),
        });
    const shape = transposed ? [rows, columns] : declared.shape;
    const shaped = builder.op("Reshape", [flat, builder.emitter.ints(shape, [shape.length])], {
      T,
      Tshape: type("int32"),
    });
    const turned = transposed
      ? builder.op("Transpose", [shaped, builder.emitter.ints([1, 0], [2])], { T, Tperm: type("int32") })
      : shaped;
    // A variable must not share the mapped file's memory, which cannot be written.
    const shares =
      one && value.parts[0]?.dtype === declared.dtype && !(transposed && rows > 1 && columns > 1);
    const owned = shares ? builder.op("DeepCopy", [turned], { T }) : turned;
    group.push(
      builder.op("AssignVariableOp", [builder.handle(name, declared), owned], { dtype: T }).split(":")[0],
    );
    if (bytes < GROUP) continue;
    previous = [builder.op("NoOp", [], {}, group)];
    group = [];
    bytes = 0;
  }
  return { start, done: builder.done([...previous, ...group]) };
};
