/** The table of operations. */
import * as ListOperations from "./ListOperations.ts";
import type { Operation } from "./Operation.ts";
import * as TextOperations from "./TextOperations.ts";

export const all: ReadonlyArray<Operation> = [...ListOperations.all, ...TextOperations.all];

const byId = new Map(all.map((operation) => [operation.id, operation]));

/** Throws a RangeError where no operation has this id. */
export const get = (id: string): Operation => {
  const operation = byId.get(id);
  if (operation === undefined) throw new RangeError(`js-compose has no operation "${id}"`);
  return operation;
};
