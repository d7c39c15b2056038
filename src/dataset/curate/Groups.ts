/** Which attempts belong to a task, as numbers: eight bytes an attempt and a hash a task, whatever their order. */
import { Keys } from "../Keys.ts";

export interface Groups {
  /** Tasks that have attempts. */
  readonly size: number;
  /** The numbers of a group's attempts, ascending; groups are in the order of their first ones. */
  readonly at: (group: number) => Uint32Array;
  /** Those of a task; none where it has no attempts. */
  readonly of: (taskId: string) => Uint32Array;
}

const NONE = new Uint32Array(0);

/** `taskIds`: of each attempt, in their order; `length` of them. */
export const byTask = (taskIds: Iterable<string>, length: number): Groups => {
  const keys = new Keys();
  const groupOf = new Uint32Array(length);
  let number = 0;
  for (const id of taskIds) {
    groupOf[number++] = keys.add(id, keys.size) ?? keys.size - 1;
  }
  const { size } = keys;
  // A counting sort: where each group ends, then each attempt to its place.
  const ends = new Uint32Array(size);
  for (let at = 0; at < number; at++) ends[groupOf[at]]++;
  for (let group = 1; group < size; group++) ends[group] += ends[group - 1];
  const numbers = new Uint32Array(number);
  for (let at = number - 1; at >= 0; at--) numbers[--ends[groupOf[at]]] = at;
  // Now they are where each group starts.
  const at = (group: number): Uint32Array =>
    numbers.subarray(ends[group], group + 1 < size ? ends[group + 1] : number);
  return {
    size,
    at,
    of: (taskId) => {
      const group = keys.get(taskId);
      return group === undefined ? NONE : at(group);
    },
  };
};

/** One fact of each record. */
export function* each<A, B>(items: Iterable<A>, fact: (item: A) => B): Iterable<B> {
  for (const item of items) yield fact(item);
}
