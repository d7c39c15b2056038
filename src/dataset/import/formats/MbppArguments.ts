/**
 * MBPP+'s arguments, which JSON cannot say: tuples, sets, complex numbers (as evalplus 0.3.1 reads them,
 * evalplus/data/mbpp.py), and the oracles that some of its tasks have (evalplus/eval/_special_oracle.py).
 */
import type * as Schema from "effect/Schema";
import type { EvalPlusOracle } from "../../../domain/Task.ts";
import * as PythonJson from "../source/PythonJson.ts";

type Json = Schema.Json;
/** From plain data to tagged plain data. */
type Reading = (value: Json) => Json;

const plain: Reading = PythonJson.tagged;
const list =
  (item: Reading): Reading =>
  (value) =>
    PythonJson.isArray(value) ? value.map(item) : plain(value);
const tuple =
  (item: Reading): Reading =>
  (value) =>
    PythonJson.isArray(value) ? { t: value.map(item) } : plain(value);
/** Lists as tuples all the way down. */
const tuples: Reading = (value) => tuple(tuples)(value);
/** A set; of nothing, an empty dictionary. */
const set: Reading = (value) =>
  PythonJson.isArray(value) ? (value.length === 0 ? { d: [] } : { s: value.map(plain) }) : plain(value);
const dictionaryOfTuples: Reading = (value) =>
  typeof value === "object" && value !== null && !PythonJson.isArray(value)
    ? { d: Object.entries(value).map(([key, item]) => [key, tuple(plain)(item)]) }
    : plain(value);
const text = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));
const float: Reading = (value) => ({ f: text(value) });
/** "(1+2j)", "1j", "1" as Python writes them. */
const complex: Reading = (value) => {
  const [, real, imaginary] =
    /^\(?([-+]?[\d.]+(?:e[-+]?\d+)?(?!j|[\d.]))?(?:([-+]?[\d.]*(?:e[-+]?\d+)?)j)?\)?$/.exec(text(value)) ??
    [];
  return { c: [real ?? "0.0", imaginary ?? "0.0"] };
};

/** How the arguments of these tasks are read; the last reading is also that of the arguments after it. */
const READINGS: ReadonlyArray<readonly [tasks: ReadonlyArray<number>, ...ReadonlyArray<Reading>]> = [
  [
    [
      2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744,
      809,
    ],
    tuple(plain),
  ],
  [[63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780], list(tuple(plain))],
  [[75, 413, 444, 753], list(tuple(plain)), plain],
  [[106, 750], plain, tuple(plain)],
  [[115], list(set)],
  [[124], float, complex],
  [[250, 307, 405, 446, 617, 720, 763, 808], tuple(plain), plain],
  [[259, 401, 445], tuple(tuple(plain))],
  [[278], tuple(tuple(plain))],
  [[722], dictionaryOfTuples, plain],
  [[252], complex],
  [[580, 615, 791], tuples],
];

/** An argument list as tagged plain data. */
export const tagged = (task: number, args: ReadonlyArray<Json>): ReadonlyArray<Json> => {
  const [, ...readings] = READINGS.find(([tasks]) => tasks.includes(task)) ?? [[], plain];
  return args.map((value, index) => (readings[Math.min(index, readings.length - 1)] ?? plain)(value));
};

const ORACLES: ReadonlyArray<readonly [oracle: EvalPlusOracle, ...tasks: ReadonlyArray<number>]> = [
  ["any", 164],
  ["or-zero", 295],
  ["surface-area", 581],
  ["digit-distance", 558],
  ["set", 2, 7, 111, 140, 232, 249, 579, 769],
  ["not-none", 737, 787, 794],
];

/** What judges the answers of a task; undefined where that is the ordinary comparison. */
export const oracleOf = (task: number): EvalPlusOracle | undefined =>
  ORACLES.find(([, ...tasks]) => tasks.includes(task))?.[0];
