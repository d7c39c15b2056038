/**
 * GGUF's stored types: how many values a block has, how many bytes, and what they mean.
 *
 * A block of 32 values is a scale d (half), in the _1 types a minimum m (half), in the Q5 types 32 high bits, then
 * the low bits: 4-bit values hold value i and value i + 16 in one byte. A block of 256 values (the K types) has
 * small integer scales, and in Q4_K and Q5_K minima, of its parts, which d and dmin (halves) scale again.
 * Source: ggml-quants.c, dequantize_row_*. Each product is rounded to float32 before the next step, as there.
 */
import { halfTable } from "../files/HalfFloat.ts";

export interface BlockFormat {
  /** Values in a block. */
  readonly values: number;
  /** Bytes of a block. */
  readonly bytes: number;
}

/** Writes the values of `count` blocks of `source` (viewed as `view`) to the start of `out`. */
type Dequantise = (source: Uint8Array, view: DataView, count: number, out: Float32Array) => void;

const f32 = Math.fround;

const f32s: Dequantise = (_source, view, count, out) => {
  for (let i = 0; i < count; i++) out[i] = view.getFloat32(4 * i, true);
};

const f16s: Dequantise = (_source, view, count, out) => {
  const half = halfTable();
  for (let i = 0; i < count; i++) out[i] = half[view.getUint16(2 * i, true)];
};

const bf16s: Dequantise = (_source, view, count, out) => {
  const bits = new Uint32Array(out.buffer, out.byteOffset, count);
  for (let i = 0; i < count; i++) bits[i] = view.getUint16(2 * i, true) << 16;
};

const q8: Dequantise = (_source, view, count, out) => {
  const half = halfTable();
  for (let b = 0; b < count; b++) {
    const at = b * 34;
    const d = half[view.getUint16(at, true)];
    for (let i = 0; i < 32; i++) out[b * 32 + i] = view.getInt8(at + 2 + i) * d;
  }
};

/** Q4_0, Q4_1, Q5_0, Q5_1. */
const nibbles =
  (type: { readonly five: boolean; readonly minimum: boolean }): Dequantise =>
  (source, view, count, out) => {
    const half = halfTable();
    const { five, minimum } = type;
    // Without a minimum the integers are centred.
    const centre = minimum ? 0 : five ? 16 : 8;
    let at = 0;
    for (let b = 0; b < count; b++) {
      const d = half[view.getUint16(at, true)];
      at += 2;
      const m = minimum ? half[view.getUint16(at, true)] : 0;
      if (minimum) at += 2;
      const high = five ? view.getUint32(at, true) : 0;
      if (five) at += 4;
      for (let i = 0; i < 16; i++) {
        const byte = source[at + i];
        const low = (byte & 15) | (((high >>> i) & 1) << 4);
        const upper = (byte >>> 4) | (((high >>> (i + 16)) & 1) << 4);
        const first = f32((low - centre) * d);
        const second = f32((upper - centre) * d);
        // Adding a zero would turn -0 into 0.
        out[b * 32 + i] = minimum ? first + m : first;
        out[b * 32 + i + 16] = minimum ? second + m : second;
      }
      at += 16;
    }
  };

/** Q4_K, Q5_K: d, dmin, 8 six-bit scales and minima in 12 bytes, in Q5_K 32 bytes of high bits, 128 of low ones. */
const kWithMinima =
  (type: { readonly five: boolean }): Dequantise =>
  (source, view, count, out) => {
    const half = halfTable();
    const size = type.five ? 176 : 144;
    for (let b = 0; b < count; b++) {
      const at = b * size;
      const d = half[view.getUint16(at, true)];
      const dmin = half[view.getUint16(at + 2, true)];
      const highs = at + 16;
      const lows = type.five ? highs + 32 : highs;
      for (let part = 0; part < 8; part++) {
        const j = part & 3;
        const [s, m, rest] = [source[at + 4 + j], source[at + 8 + j], source[at + 12 + j]];
        const scale = f32(d * (part < 4 ? s & 63 : (rest & 15) | ((s >>> 2) & 48)));
        const minimum = f32(dmin * (part < 4 ? m & 63 : (rest >>> 4) | ((m >>> 2) & 48)));
        const shift = 4 * (part & 1);
        for (let i = 0; i < 32; i++) {
          const low = (source[lows + 32 * (part >>> 1) + i] >>> shift) & 15;
          const q = type.five ? low | (((source[highs + i] >>> part) & 1) << 4) : low;
          out[b * 256 + part * 32 + i] = f32(scale * q) - minimum;
        }
      }
    }
  };

/** Q6_K: 128 bytes of 4 low bits, 64 of 2 high ones, 16 signed scales, d. */
const q6k: Dequantise = (source, view, count, out) => {
  const half = halfTable();
  for (let b = 0; b < count; b++) {
    const at = b * 210;
    const d = half[view.getUint16(at + 208, true)];
    for (let v = 0; v < 256; v++) {
      const side = v >>> 7;
      const low = (source[at + side * 64 + (v & 63)] >>> (4 * ((v >>> 6) & 1))) & 15;
      const high = (source[at + 128 + side * 32 + (v & 31)] >>> (2 * ((v >>> 5) & 3))) & 3;
      const scale = f32(d * view.getInt8(at + 192 + (v >>> 4)));
      out[b * 256 + v] = scale * ((low | (high << 4)) - 32);
    }
  }
};

const table: ReadonlyMap<string, BlockFormat & { readonly dequantise: Dequantise }> = new Map([
  ["F32", { values: 1, bytes: 4, dequantise: f32s }],
  ["F16", { values: 1, bytes: 2, dequantise: f16s }],
  ["BF16", { values: 1, bytes: 2, dequantise: bf16s }],
  ["Q8_0", { values: 32, bytes: 34, dequantise: q8 }],
  ["Q4_0", { values: 32, bytes: 18, dequantise: nibbles({ five: false, minimum: false }) }],
  ["Q4_1", { values: 32, bytes: 20, dequantise: nibbles({ five: false, minimum: true }) }],
  ["Q5_0", { values: 32, bytes: 22, dequantise: nibbles({ five: true, minimum: false }) }],
  ["Q5_1", { values: 32, bytes: 24, dequantise: nibbles({ five: true, minimum: true }) }],
  ["Q4_K", { values: 256, bytes: 144, dequantise: kWithMinima({ five: false }) }],
  ["Q5_K", { values: 256, bytes: 176, dequantise: kWithMinima({ five: true }) }],
  ["Q6_K", { values: 256, bytes: 210, dequantise: q6k }],
]);

/** The supported types by name. */
export const formats: ReadonlyMap<string, BlockFormat> = table;

/** Dequantises whole blocks of `source` into the start of `out`. */
export const dequantise = (type: string, source: Uint8Array, out: Float32Array): void => {
  const format = table.get(type);
  if (format === undefined || source.length % format.bytes !== 0) {
    throw new RangeError(`${source.length} bytes are not whole blocks of ${type}`);
  }
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  format.dequantise(source, view, source.length / format.bytes, out);
};
