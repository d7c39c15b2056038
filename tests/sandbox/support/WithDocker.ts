/** Whether the Docker tests can run here; DRYDOCK_REQUIRE_DOCKER=1 makes them fail rather than be skipped. */
import * as Effect from "effect/Effect";
import * as DockerCheck from "../../../src/sandbox/docker/DockerCheck.ts";

const found = await Effect.runPromise(DockerCheck.probe);
const required = process.env["DRYDOCK_REQUIRE_DOCKER"] === "1";

export const skip = !found.available && !required;

if (skip) console.log(`Docker tests skipped: ${found.detail}`);
