// `npm run setup`: prepares native TensorFlow, and says in one line which backend this machine gets and why.
import { parseArgs } from "node:util";
import { register } from "tsx/esm/api";

register();
const { describe, ensureNative } = await import("../src/tensor/native/Setup.ts");
const backends = ["native", "native-gpu", "wasm"];

const fail = (message, remedy) => {
  console.error(`drydock setup: ${message}${remedy ? `. To change that: ${remedy}.` : ""}`);
  process.exit(1);
};

let options;
try {
  options = parseArgs({
    args: process.argv.slice(2).filter((argument, index) => !(index === 0 && argument === "setup")),
    options: {
      backend: { type: "string" },
      quiet: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  }).values;
} catch (error) {
  fail(error.message);
}
if (options.help) {
  console.log(`Usage: npm run setup -- [--backend ${backends.join("|")}] [--quiet]`);
  process.exit(0);
}
if (options.backend !== undefined && !backends.includes(options.backend)) {
  fail(`--backend is ${backends.join(", ")}; found "${options.backend}"`);
}
// Interrupted: leave by process.exit, so that half-made directories and child processes go too.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
try {
  const result = await ensureNative({
    backend: options.backend,
    log: (line) => console.error(line),
  });
  if (!options.quiet) console.log(describe(result));
} catch (error) {
  fail(error.message, error.remedy);
}
