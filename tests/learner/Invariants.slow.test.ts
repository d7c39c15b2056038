/** Options of algorithms that take other paths than the defaults. */
import * as Trainings from "../support/trainings.ts";
import { describeRow } from "./Invariants.ts";

for (const row of Trainings.optional) describeRow(row);
