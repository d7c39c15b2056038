/**
 * GGUF's stored types: how many values a block has, how many bytes, and what they mean.
 *
 * A quantised block of 32 values is a scale d (half), in the _1 types a minimum m (half), in the Q5
 * types 32 high bits, then the low bits: 4-bit values hold value i and value i + 16 in one byte.
 * Source: ggml-quants.c, dequantize_row_*. Products are rounded to float32 before m is added, as there.
 */
import { halfTable } from "./HalfFloat.ts";

export interface BlockFormat {
  /** Values in a block. */
  readonly values: number;
  /** Bytes of a block. */
  readonly bytes: number;
}

/** The supported types by name. */
export const formats: ReadonlyMap<string, BlockFormat> = new Map([
  ["F32", { values: 1, bytes: 4 }],
  ["F16", { values: 1, bytes: 2 }],
  ["BF16", { values: 1, bytes: 2 }],
  ["Q8_0", { values: 32, bytes: 34 }],
  ["Q4_0", { values: 32, bytes: 18 }],
  ["Q4_1", { values: 32, bytes: 20 }],
  ["Q5_0", { values: 32, bytes: 22 }],
  ["Q5_1", { values: 32, bytes: 24 }],
]);

/** Dequantises whole blocks of `source` into the start of `out`. */
export const dequantise = (type: string, source: Uint8Array, out: Float32Array): void => {
  const format = formats.get(type);
  if (format === undefined || source.length % format.bytes !== 0) {
    throw new RangeError(`${source.length} bytes are not whole blocks of ${type}`);
  }
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  const half = halfTable();
  const halfAt = (at: number): number => half[view.getUint16(at, true)] ?? 0;
  const blocks = source.length / format.bytes;
  if (type === "F32") {
    for (let i = 0; i < blocks; i++) out[i] = view.getFloat32(4 * i, true);
    return;
  }
  if (type === "F16") {
    for (let i = 0; i < blocks; i++) out[i] = halfAt(2 * i);
    return;
  }
  if (type === "BF16") {
    const bits = new Uint32Array(out.buffer, out.byteOffset, blocks);
    for (let i = 0; i < blocks; i++) bits[i] = view.getUint16(2 * i, true) << 16;
    return;
  }
  if (type === "Q8_0") {
    for (let b = 0; b < blocks; b++) {
      const at = b * 34;
      const d = halfAt(at);
      for (let i = 0; i < 32; i++) out[b * 32 + i] = view.getInt8(at + 2 + i) * d;
    }
    return;
  }
  const five = type === "Q5_0" || type === "Q5_1";
  const offset = type === "Q4_1" || type === "Q5_1";
  // Without a minimum the integers are centred.
  const centre = offset ? 0 : five ? 16 : 8;
  for (let b = 0; b < blocks; b++) {
    let at = b * format.bytes;
    const d = halfAt(at);
    at += 2;
    let m = 0;
    if (offset) {
      m = halfAt(at);
      at += 2;
    }
    let high = 0;
    if (five) {
      high = view.getUint32(at, true);
      at += 4;
    }
    for (let i = 0; i < 16; i++) {
      const byte = source[at + i] ?? 0;
      const low = (byte & 15) | (((high >>> i) & 1) << 4);
      const upper = (byte >>> 4) | (((high >>> (i + 16)) & 1) << 4);
      const first = Math.fround((low - centre) * d);
      const second = Math.fround((upper - centre) * d);
      // Adding a zero would turn -0 into 0.
      out[b * 32 + i] = offset ? first + m : first;
      out[b * 32 + i + 16] = offset ? second + m : second;
    }
  }
};
