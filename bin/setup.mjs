// `npm run setup`: prepares native TensorFlow, and says in one line which backend this machine gets and why.
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { register } from "tsx/esm/api";

const backends = ["auto", "native", "native-gpu", "wasm"];

const fail = (message, remedy) => {
  console.error(`drydock setup: ${message}.${remedy ? ` To change that: ${remedy}.` : ""}`);
  process.exit(1);
};

/**
 * Prepares the backend asked for (undefined or "auto": the best there is), or ends the process with what to do.
 * `retry`: try again what an earlier set-up failed at.
 */
export const prepare = async ({ backend: asked, quiet, retry = false }) => {
  const backend = asked === "auto" ? undefined : asked;
  if (backend !== undefined && !backends.includes(backend)) {
    fail(`--backend takes ${backends.join(", ")}; found "${backend}"`);
  }
  const { describe, ensureNative } = await import("../src/tensor/native/Setup.ts");
  // Interrupted: leave by process.exit, so that half-made directories and child processes go too.
  const interrupt = () => process.exit(130);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, interrupt);
  try {
    const result = await ensureNative({ backend, retry, log: (line) => console.error(line) });
    if (!quiet) console.log(describe(result));
    return result;
  } catch (error) {
    return fail(error.message, error.remedy);
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"]) process.removeListener(signal, interrupt);
  }
};

const main = async () => {
  let options;
  const args = process.argv.slice(2);
  try {
    options = parseArgs({
      args: args[0] === "setup" ? args.slice(1) : args,
      options: {
        backend: { type: "string" },
        quiet: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    return fail(error.message.replace(/\.$/, ""));
  }
  if (options.help) {
    console.log(`Usage: npm run setup -- [--backend ${backends.join("|")}] [--quiet]`);
    return;
  }
  register();
  await prepare({ ...options, retry: true });
};

const isEntry = import.meta.url === pathToFileURL(process.argv[1] ?? "").href;
if (isEntry || process.argv[2] === "setup") await main();
