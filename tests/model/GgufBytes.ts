/** Writes small GGUF files for tests; the format is the specification's, version 3, little-endian. */

export type Meta =
  | { readonly type: "u32"; readonly value: number }
  | { readonly type: "f32"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly value: ReadonlyArray<string> }
  | { readonly type: "i32s"; readonly value: ReadonlyArray<number> };

export interface TensorBytes {
  readonly name: string;
  /** Row-major, slowest first. */
  readonly shape: ReadonlyArray<number>;
  /** ggml_type. */
  readonly type: number;
  readonly data: Uint8Array;
}

const u32 = (x: number): Buffer => {
  const b = Buffer.alloc(4);
  b.writeUInt32LE(x);
  return b;
};
const u64 = (x: number): Buffer => {
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(BigInt(x));
  return b;
};
const f32 = (x: number): Buffer => {
  const b = Buffer.alloc(4);
  b.writeFloatLE(x);
  return b;
};
const text = (s: string): Buffer => {
  const bytes = Buffer.from(s);
  return Buffer.concat([u64(bytes.length), bytes]);
};

const meta = (m: Meta): Buffer => {
  switch (m.type) {
    case "u32":
      return Buffer.concat([u32(4), u32(m.value)]);
    case "f32":
      return Buffer.concat([u32(6), f32(m.value)]);
    case "string":
      return Buffer.concat([u32(8), text(m.value)]);
    case "strings":
      return Buffer.concat([u32(9), u32(8), u64(m.value.length), ...m.value.map(text)]);
    case "i32s":
      return Buffer.concat([u32(9), u32(5), u64(m.value.length), ...m.value.map((x) => u32(x))]);
  }
};

const padded = (bytes: Uint8Array): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]);

export const encode = (
  metadata: Readonly<Record<string, Meta>>,
  tensors: ReadonlyArray<TensorBytes>,
): Buffer => {
  const entries = Object.entries(metadata);
  const parts: Array<Buffer> = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(entries.length)];
  for (const [key, value] of entries) parts.push(text(key), meta(value));
  let offset = 0;
  for (const t of tensors) {
    parts.push(
      text(t.name),
      u32(t.shape.length),
      ...[...t.shape].reverse().map(u64),
      u32(t.type),
      u64(offset),
    );
    offset += padded(t.data).length;
  }
  return Buffer.concat([padded(Buffer.concat(parts)), ...tensors.map((t) => padded(t.data))]);
};

export const floats = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
