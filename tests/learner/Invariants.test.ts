/** A policy, a critic, and pairs with a reference; the other rows of the table are in Invariants.slow.test.ts. */
import * as Trainings from "../support/trainings.ts";
import { describeRow } from "./Invariants.ts";

for (const row of Trainings.defaults) if (Trainings.quick.has(row.training.algorithm)) describeRow(row);
