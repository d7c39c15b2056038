/** How many programs a run's sandboxes run at once, where nobody says. */
import { availableParallelism } from "node:os";

/**
 * Two for each core that training leaves, as a slot waits for its container about as long as its program computes; two
 * at the least, as programs are verified while nothing trains.
 * @param threads of the tensor backend; undefined: it takes every core
 */
export const byDefault = (threads: number | undefined, cores = availableParallelism()): number =>
  Math.max(2, 2 * (cores - (threads ?? cores)));
