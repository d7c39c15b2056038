/** Conversions between float32 and the 16-bit formats F16 (IEEE 754 half) and BF16, as bit patterns. */

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** The value of one half-precision bit pattern. */
export const halfToFloat = (h: number): number => {
  const exponent = (h >>> 10) & 0x1f;
  const mantissa = h & 0x3ff;
  const sign = h & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
};

let table: Float32Array | undefined;

/** All 65,536 half values by bit pattern (256 KiB), built at first use. */
export const halfTable = (): Float32Array => {
  table ??= Float32Array.from({ length: 65536 }, (_, h) => halfToFloat(h));
  return table;
};

/** Nearest half, ties to even; overflow gives infinity. */
export const floatToHalf = (value: number): number => {
  float[0] = value;
  const x = bits[0] ?? 0;
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: a multiple of 2^-24. The scaled value is exact in a double, so this rounds once.
    const scaled = Math.abs(float[0]) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && (floor & 1) === 1) ? floor + 1 : floor);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
};

/** Nearest bfloat16, ties to even. */
export const floatToBfloat = (value: number): number => {
  float[0] = value;
  const x = bits[0] ?? 0;
  if ((x & 0x7fffffff) > 0x7f800000) return ((x >>> 16) & 0xffff) | 0x40;
  return ((x + 0x7fff + ((x >>> 16) & 1)) >>> 16) & 0xffff;
};

/** The bytes of values stored as `dtype`, rounded to nearest; throws a RangeError where one is too large for F16. */
export const encode = (data: Float32Array, dtype: "F32" | "F16" | "BF16"): Uint8Array => {
  if (dtype === "F32") return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const out = new Uint16Array(data.length);
  const convert = dtype === "F16" ? floatToHalf : floatToBfloat;
  for (let i = 0; i < out.length; i++) {
    out[i] = convert(data[i]);
    if ((out[i] & 0x7fff) === 0x7c00 && dtype === "F16" && Number.isFinite(data[i])) {
      throw new RangeError(`holds ${data[i]}, beyond the largest F16 (65504)`);
    }
  }
  return new Uint8Array(out.buffer);
};
