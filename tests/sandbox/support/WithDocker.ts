/** Whether the Docker tests can run here; DRYDOCK_REQUIRE_DOCKER=1 makes them fail rather than be skipped. */
import * as Effect from "effect/Effect";
import * as Diagnosis from "../../../src/sandbox/docker/Diagnosis.ts";

const found = await Effect.runPromise(Effect.result(Diagnosis.engine));
const required = process.env["DRYDOCK_REQUIRE_DOCKER"] === "1";

export const skip = found._tag === "Failure" && !required;

if (skip && found._tag === "Failure") console.log(`Docker tests skipped: ${found.failure.reason}`);
