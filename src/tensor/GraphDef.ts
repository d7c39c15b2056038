/**
 * Writes TensorFlow's GraphDef and SavedModel in the protobuf wire format (tensorflow/core/framework/graph.proto,
 * node_def.proto, attr_value.proto, tensor.proto; core/protobuf/saved_model.proto). Only what we need: nodes,
 * their attributes and constants; no signatures, no functions.
 */
import type { Attr, Attrs } from "./TfOps.ts";

type Bytes = Buffer;

/** The one-byte numbers: most field tags and lengths. */
const small = Array.from({ length: 128 }, (_, n) => Buffer.of(n));

const varint = (n: number): Bytes => {
  if (n >= 0 && n < 128) return small[n];
  const out: Array<number> = [];
  let rest = BigInt.asUintN(64, BigInt(n));
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Buffer.from(out);
};

const number = (field: number, n: number): Bytes => Buffer.concat([varint(field * 8), varint(n)]);

const bytes = (field: number, content: Bytes | string): Bytes => {
  const data = typeof content === "string" ? Buffer.from(content) : content;
  return Buffer.concat([varint(field * 8 + 2), varint(data.length), data]);
};

const float = (field: number, x: number): Bytes => {
  const data = Buffer.alloc(4);
  data.writeFloatLE(x);
  return Buffer.concat([varint(field * 8 + 5), data]);
};

const shapeProto = (shape: ReadonlyArray<number>): Bytes =>
  Buffer.concat(shape.map((d) => bytes(2, number(1, d))));

const attrValue = (attr: Attr): Bytes => {
  switch (attr.kind) {
    case "string":
      return bytes(2, attr.value);
    case "int":
      return number(3, attr.value);
    case "float":
      return float(4, attr.value);
    case "bool":
      return number(5, attr.value ? 1 : 0);
    case "type":
      return number(6, attr.value);
    case "shape":
      return bytes(7, shapeProto(attr.value));
  }
};

const attribute = (name: string, value: Bytes): Bytes =>
  bytes(5, Buffer.concat([bytes(1, name), bytes(2, value)]));

const nodeDef = (
  name: string,
  op: string,
  inputs: ReadonlyArray<string>,
  attributes: ReadonlyArray<Bytes>,
  device?: string,
): Bytes =>
  bytes(
    1,
    Buffer.concat([
      bytes(1, name),
      bytes(2, op),
      ...inputs.map((input) => bytes(3, input)),
      ...(device === undefined ? [] : [bytes(4, device)]),
      ...attributes,
    ]),
  );

/** Collects nodes. Names are the caller's; an input is "name", "name:index" or "^name" (control). */
export class GraphDef {
  readonly #nodes: Array<Bytes> = [];
  /** The same few attributes come again and again. */
  readonly #attributes = new Map<string, Bytes>();

  private attribute(name: string, attr: Attr): Bytes {
    const key = `${name} ${attr.kind} ${String(attr.value)}`;
    const known = this.#attributes.get(key);
    if (known !== undefined) return known;
    const made = attribute(name, attrValue(attr));
    this.#attributes.set(key, made);
    return made;
  }

  /** `device` is where TensorFlow must run it; by default it chooses. */
  node(name: string, op: string, inputs: ReadonlyArray<string>, attrs: Attrs, device?: string): void {
    const list = Object.entries(attrs).map(([key, attr]) => this.attribute(key, attr));
    this.#nodes.push(nodeDef(name, op, inputs, list, device));
  }

  /** A Const node; `data` holds the elements as TensorFlow stores them. */
  constant(name: string, dataType: number, shape: ReadonlyArray<number>, data: ArrayBufferView): void {
    const content = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const tensor = Buffer.concat([number(1, dataType), bytes(2, shapeProto(shape)), bytes(4, content)]);
    this.#nodes.push(
      nodeDef(
        name,
        "Const",
        [],
        [attribute("dtype", number(6, dataType)), attribute("value", bytes(8, tensor))],
      ),
    );
  }

  /** The content of `saved_model.pb`: one meta graph under a tag. */
  savedModel(tag: string): Bytes {
    // 1640: the producer version of the GraphDef, that of TensorFlow 2.15.
    const graph = Buffer.concat([...this.#nodes, bytes(4, number(1, 1640))]);
    const meta = Buffer.concat([bytes(1, bytes(4, tag)), bytes(2, graph)]);
    return Buffer.concat([number(1, 1), bytes(2, meta)]);
  }
}
