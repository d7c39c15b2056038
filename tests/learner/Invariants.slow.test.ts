/**
 * Every row of the table of algorithms, with its defaults: a new algorithm is covered by being listed; and the options
 * that take other paths than the defaults.
 */
import * as Trainings from "../support/trainings.ts";
import { describeRow } from "./Invariants.ts";

for (const row of Trainings.defaults) if (!Trainings.quick.has(row.training.algorithm)) describeRow(row);
for (const row of Trainings.optional) describeRow(row);
