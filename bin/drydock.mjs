#!/usr/bin/env node
// The `drydock` command: teaches Node TypeScript and hands over to src/main.ts.
import * as util from "node:util";
import { register } from "tsx/esm/api";
import { quietWarnings } from "./quiet.mjs";

quietWarnings();
// tfjs still calls helpers that Node 23 removed.
const modern = util.default;
modern.isNullOrUndefined ??= (value) => value === null || value === undefined;
modern.isArray ??= Array.isArray;

if (process.argv[2] === "setup") {
  await import("./setup.mjs");
} else {
  register();
  await import("../src/main.ts");
}
