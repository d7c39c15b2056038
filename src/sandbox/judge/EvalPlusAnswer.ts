/**
 * EvalPlus' comparison of a call's answer (HumanEval+, MBPP+): Python's `==`, or else close floats.
 *
 * Source: evalplus 0.3.1, evalplus/eval/__init__.py, `unsafe_execute` with `is_floats`; numpy 2 `allclose`. The oracles of
 * single tasks are in EvalPlusOracle.ts.
 */
import * as PythonValue from "./PythonValue.ts";

const RTOL = 1e-7;
/** The tolerance of tasks that name none, once a float is expected. */
const FLOAT_ATOL = 1e-6;

/**
 * Each test's absolute tolerance. As there, a task without one gets FLOAT_ATOL from the first test on that expects a
 * float, or a list or tuple of nothing but floats; it stays for the tests behind it.
 */
export const tolerances = (expected: ReadonlyArray<unknown>, atol: number): ReadonlyArray<number> => {
  let current = atol;
  return expected.map((value) => {
    if (current === 0 && isFloats(value)) current = FLOAT_ATOL;
    return current;
  });
};

/** Values are tagged plain data of Python. */
export const equals = (expected: unknown, answer: unknown, atol: number): boolean =>
  PythonValue.equals(answer, expected) || isClose(expected, answer, atol);

/** Whether an answer that is not equal is of the same type and close. */
export const isClose = (expected: unknown, answer: unknown, atol: number): boolean => {
  if (atol === 0) return false;
  const type = PythonValue.typeOf(expected);
  if (type === undefined || type !== PythonValue.typeOf(answer)) return false;
  if (PythonValue.items(answer)?.length !== PythonValue.items(expected)?.length) return false;
  return allClose(answer, expected, atol);
};

const isFloats = (value: unknown): boolean => {
  const items = PythonValue.items(value);
  if (items === undefined) return PythonValue.typeOf(value) === "float";
  return items.length > 0 && items.every((item) => PythonValue.typeOf(item) === "float");
};

type Complex = readonly [re: number, im: number];

/** A value as numpy.array makes one of it. */
interface Numbers {
  readonly shape: ReadonlyArray<number>;
  readonly data: ReadonlyArray<Complex>;
}

/** |a - b| <= atol + RTOL |b| everywhere, after broadcasting; NaN is close to nothing. False where numpy would raise. */
const allClose = (a: unknown, b: unknown, atol: number): boolean => {
  const [x, y] = [numbers(a), numbers(b)];
  if (x === undefined || y === undefined) return false;
  const shape = broadcast(x.shape, y.shape);
  if (shape === undefined) return false;
  const count = shape.reduce((product, size) => product * size, 1);
  for (let index = 0; index < count; index++) {
    const [p, q] = [at(x, shape, index), at(y, shape, index)];
    const distance = Math.hypot(p[0] - q[0], p[1] - q[1]);
    const finite = Number.isFinite(q[0]) && Number.isFinite(q[1]);
    const close = finite && distance <= atol + RTOL * Math.hypot(q[0], q[1]);
    if (!close && !(p[0] === q[0] && p[1] === q[1])) return false;
  }
  return true;
};

/** undefined where it is ragged, not of numbers, or holds an int too large for an array's 64 bits. */
const numbers = (value: unknown): Numbers | undefined => {
  const data: Array<Complex> = [];
  let huge = false;
  const shapeOf = (part: unknown): ReadonlyArray<number> | undefined => {
    const items = PythonValue.items(part);
    if (items === undefined) {
      const number = PythonValue.numeric(part);
      if (number === undefined) return undefined;
      if (number.kind === "int") huge ||= number.value < -(2n ** 63n) || number.value >= 2n ** 64n;
      data.push(number.kind === "complex" ? number.value : [Number(number.value), 0]);
      return [];
    }
    let inner: ReadonlyArray<number> | undefined;
    for (const item of items) {
      const shape = shapeOf(item);
      if (shape === undefined || (inner !== undefined && shape.join() !== inner.join())) return undefined;
      inner = shape;
    }
    return [items.length, ...(inner ?? [])];
  };
  const shape = shapeOf(value);
  return shape === undefined || (huge && shape.length > 0) ? undefined : { shape, data };
};

const broadcast = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): ReadonlyArray<number> | undefined => {
  const rank = Math.max(a.length, b.length);
  const shape: Array<number> = [];
  for (let axis = 0; axis < rank; axis++) {
    const [m, n] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (m !== n && m !== 1 && n !== 1) return undefined;
    shape.push(m === 1 ? n : m);
  }
  return shape;
};

/** The element of `array`, stretched to `shape`, at a place counted along the rows. */
const at = (array: Numbers, shape: ReadonlyArray<number>, index: number): Complex => {
  let [rest, place, stride] = [index, 0, 1];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    const own = array.shape[axis - shape.length + array.shape.length] ?? 1;
    if (own !== 1) place += (rest % size) * stride;
    stride *= own;
    rest = Math.floor(rest / size);
  }
  return array.data[place] ?? [Number.NaN, 0];
};
