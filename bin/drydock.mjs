#!/usr/bin/env node
// The `drydock` command: teaches Node TypeScript, prepares tensors for `start`, and hands over to src/main.ts.
import * as util from "node:util";
import { register } from "tsx/esm/api";
import { quietWarnings } from "./quiet.mjs";

quietWarnings();
// tfjs still calls helpers that Node 23 removed.
const modern = util.default;
modern.isNullOrUndefined ??= (value) => value === null || value === undefined;
modern.isArray ??= Array.isArray;

const [command, ...rest] = process.argv.slice(2);
if (command === "setup") {
  await import("./setup.mjs");
} else {
  register();
  if (command === "start" && !rest.includes("--help") && !rest.includes("--dry-run")) {
    const { prepare } = await import("./setup.mjs");
    await prepare({ backend: optionValue(rest, "--backend"), quiet: true });
  }
  await import("../src/main.ts");
}

function optionValue(args, name) {
  const index = args.indexOf(name);
  if (index >= 0) return args[index + 1];
  return args.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
}
