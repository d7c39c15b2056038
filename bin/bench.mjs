// `npm run bench NAME [-- --backend gpu]`: runs bench/NAME.ts, whose default export gives one figure beside its peer's. The last line
// is JSON: {"name","ours","peer","unit","ratio"}; peer and ratio are null where there is no peer to run here.
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { register } from "tsx/esm/api";
import { nativeBackend, takeBackend } from "./backend.mjs";
import { quietWarnings } from "./quiet.mjs";

quietWarnings();
const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "bench");
const [name, ...args] = takeBackend(process.argv.slice(2));
const file = join(folder, `${name}.ts`);
if (name === undefined || !/^[a-z][\w-]*$/.test(name) || !existsSync(file)) {
  const names = readdirSync(folder)
    .filter((each) => /^[a-z].*\.ts$/.test(each))
    .map((each) => each.slice(0, -3));
  console.error(
    `${name === undefined ? "Which benchmark?" : `There is no benchmark "${name}".`} npm run bench NAME, with NAME one of: ${names.join(", ")}`,
  );
  process.exit(1);
}
register();
const { prepare } = await import("./setup.mjs");
await prepare({ quiet: true, backend: nativeBackend() });
const { default: bench } = await import(pathToFileURL(file).href);
const { ours, peer, unit } = await bench(args);
const known = typeof peer === "number";
console.log(
  JSON.stringify({ name, ours, peer: known ? peer : null, unit, ratio: known ? ours / peer : null }),
);
process.exit(0);
