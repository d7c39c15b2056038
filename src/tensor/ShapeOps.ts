/** The op interface, continued: ops that move elements about. See Graph. */
import type { DType, Op, Shape, Value } from "./Ir.ts";
import { Recorder } from "./Recorder.ts";
import { axisOf, broadcast, checkShape, dim, fail, sameShape, show, sizeOf } from "./Shapes.ts";

export class ShapeOps extends Recorder {
  protected one(op: Op, inputs: ReadonlyArray<Value>, shape: Shape, dtype: DType): Value {
    return this.record(op, inputs, [{ shape, dtype }])[0];
  }

  /** One dimension may be -1: it is what the others leave. */
  reshape(a: Value, shape: Shape): Value {
    const known = shape.reduce((x, d) => (d === -1 ? x : x * d), 1);
    const full = shape.map((d) => (d === -1 ? sizeOf(a.shape) / known : d));
    checkShape("reshape", full);
    if (sizeOf(full) !== sizeOf(a.shape) || shape.filter((d) => d === -1).length > 1) {
      fail("reshape", `${show(a.shape)} does not hold as many elements as ${show(shape)}`);
    }
    if (sameShape(full, a.shape)) return a;
    const from = this.producer(a);
    if (from.op.kind === "reshape") return this.reshape(from.inputs[0], full);
    return this.one({ kind: "reshape" }, [a], full, a.dtype);
  }
  /** Repeats dimensions of size 1 (and missing leading ones). */
  broadcastTo(a: Value, shape: Shape): Value {
    checkShape("broadcastTo", shape);
    if (sameShape(a.shape, shape)) return a;
    if (!sameShape(broadcast(a.shape, shape) ?? [], shape)) {
      fail("broadcastTo", `${show(a.shape)} does not broadcast to ${show(shape)}`);
    }
    if (sizeOf(a.shape) === sizeOf(shape)) return this.reshape(a, shape);
    return this.one({ kind: "broadcastTo" }, [a], shape, a.dtype);
  }
  /** Axis i of the result is axis perm[i] of the input. */
  transpose(a: Value, perm: ReadonlyArray<number>): Value {
    if (perm.length !== a.shape.length || [...perm].sort((x, y) => x - y).some((p, i) => p !== i)) {
      fail("transpose", `${show(perm)} is no permutation of the axes of ${show(a.shape)}`);
    }
    if (perm.every((p, i) => p === i)) return a;
    const from = this.producer(a);
    if (from.op.kind === "transpose") {
      const inner = from.op.perm;
      return this.transpose(
        from.inputs[0],
        perm.map((p) => dim(inner, p)),
      );
    }
    return this.one(
      { kind: "transpose", perm: [...perm] },
      [a],
      perm.map((p) => dim(a.shape, p)),
      a.dtype,
    );
  }
  concat(list: ReadonlyArray<Value>, axis: number): Value {
    const first = list[0] ?? fail("concat", "needs at least one tensor");
    if (list.length === 1) return first;
    const at = axisOf("concat", axis, first.shape.length);
    for (const { shape, dtype } of list) {
      if (dtype !== first.dtype) fail("concat", `dtypes differ: ${first.dtype} and ${dtype}`);
      if (shape.length !== first.shape.length || shape.some((d, i) => i !== at && d !== first.shape[i])) {
        fail("concat", `${show(first.shape)} and ${show(shape)} differ outside axis ${at}`);
      }
    }
    const total = list.reduce((n, { shape }) => n + dim(shape, at), 0);
    return this.one({ kind: "concat", axis: at }, list, first.shape.with(at, total), first.dtype);
  }
  split(a: Value, sizes: ReadonlyArray<number>, axis: number): ReadonlyArray<Value> {
    const at = axisOf("split", axis, a.shape.length);
    checkShape("split", sizes);
    if (sizes.reduce((n, s) => n + s, 0) !== a.shape[at]) {
      fail("split", `sizes ${show(sizes)} do not add up to axis ${at} of ${show(a.shape)}`);
    }
    if (sizes.length === 1) return [a];
    return this.record(
      { kind: "split", axis: at, sizes: [...sizes] },
      [a],
      sizes.map((size) => ({ shape: a.shape.with(at, size), dtype: a.dtype })),
    );
  }
  slice(a: Value, begin: ReadonlyArray<number>, size: ReadonlyArray<number>): Value {
    checkShape("slice", begin);
    checkShape("slice", size);
    const rank = a.shape.length;
    if (
      begin.length !== rank ||
      size.length !== rank ||
      size.some((s, i) => s + dim(begin, i) > dim(a.shape, i))
    ) {
      fail("slice", `begin ${show(begin)} and size ${show(size)} leave a tensor of ${show(a.shape)}`);
    }
    if (sameShape(size, a.shape)) return a;
    return this.one({ kind: "slice", begin: [...begin], size: [...size] }, [a], size, a.dtype);
  }
  /** Zeros before and after, a pair an axis. */
  pad(a: Value, paddings: ReadonlyArray<readonly [number, number]>): Value {
    checkShape("pad", paddings.flat());
    if (paddings.length !== a.shape.length)
      fail("pad", `${paddings.length} pairs for a tensor of ${show(a.shape)}`);
    if (paddings.every(([before, after]) => before + after === 0)) return a;
    const shape = a.shape.map((d, i) => d + (paddings[i]?.[0] ?? 0) + (paddings[i]?.[1] ?? 0));
    return this.one({ kind: "pad", paddings }, [a], shape, a.dtype);
  }
  /** Element i goes to i + shift, round the end. */
  roll(a: Value, shift: number, axis: number): Value {
    const at = axisOf("roll", axis, a.shape.length);
    if (!Number.isInteger(shift)) fail("roll", `the shift must be an integer, found ${shift}`);
    const size = Math.max(1, dim(a.shape, at));
    const forward = ((shift % size) + size) % size;
    return forward === 0 ? a : this.one({ kind: "roll", shift: forward, axis: at }, [a], a.shape, a.dtype);
  }
  /** The whole tensor repeated, a count an axis. */
  tile(a: Value, multiples: ReadonlyArray<number>): Value {
    checkShape("tile", multiples);
    if (multiples.length !== a.shape.length)
      fail("tile", `${show(multiples)} for a tensor of ${show(a.shape)}`);
    if (multiples.every((m) => m === 1)) return a;
    const shape = a.shape.map((d, i) => d * dim(multiples, i));
    return this.one({ kind: "tile", multiples: [...multiples] }, [a], shape, a.dtype);
  }
  protected ids(op: string, ids: Value): Value {
    return ids.dtype === "int32" ? ids : fail(op, `indices must be int32, found ${ids.dtype}`);
  }
  /** int32 [...] -> float32 [..., depth]; an id outside 0 .. depth-1 gives zeros. */
  oneHot(ids: Value, depth: number): Value {
    checkShape("oneHot", [depth]);
    return this.one({ kind: "oneHot", depth }, [this.ids("oneHot", ids)], [...ids.shape, depth], "float32");
  }
  /** Takes `indices` (any shape) along `axis`: [..., indices..., ...]. Indices must be in range. */
  gather(params: Value, indices: Value, axis = 0): Value {
    const at = axisOf("gather", axis, params.shape.length);
    const shape = [...params.shape.slice(0, at), ...indices.shape, ...params.shape.slice(at + 1)];
    return this.one({ kind: "gather", axis: at }, [params, this.ids("gather", indices)], shape, params.dtype);
  }
  /** Row by row: params [n,m], indices [n,k] -> [n,k]. */
  gatherBatch(params: Value, indices: Value): Value {
    if (params.shape.length !== 2 || indices.shape.length !== 2 || params.shape[0] !== indices.shape[0]) {
      fail("gatherBatch", `needs [n,m] and [n,k], found ${show(params.shape)} and ${show(indices.shape)}`);
    }
    return this.one(
      { kind: "gatherBatch" },
      [params, this.ids("gatherBatch", indices)],
      indices.shape,
      params.dtype,
    );
  }
  /** Sums rows by id: x [ids..., rest...] -> [segments, rest...]; negative ids are dropped. */
  unsortedSegmentSum(x: Value, ids: Value, segments: number): Value {
    checkShape("unsortedSegmentSum", [segments]);
    const rank = this.ids("unsortedSegmentSum", ids).shape.length;
    if (!sameShape(x.shape.slice(0, rank), ids.shape)) {
      fail("unsortedSegmentSum", `ids ${show(ids.shape)} are no prefix of ${show(x.shape)}`);
    }
    const shape = [segments, ...x.shape.slice(rank)];
    return this.one({ kind: "unsortedSegmentSum", segments }, [x, ids], shape, x.dtype);
  }
}
