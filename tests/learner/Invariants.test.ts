/** Every row of the table of algorithms, with its defaults: a new algorithm is covered by being listed. */
import * as Trainings from "../support/trainings.ts";
import { describeRow } from "./Invariants.ts";

for (const row of Trainings.defaults) describeRow(row);
