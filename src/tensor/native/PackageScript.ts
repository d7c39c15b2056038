/**
 * Native TensorFlow by tfjs-node's own install script, which fetches an older libtensorflow and a prebuilt addon
 * from a storage host: needs no compiler, and does not work everywhere, so it gets little time to show a sign of
 * life.
 */
import * as Crypto from "node:crypto";
import * as Fs from "node:fs";
import * as Path from "node:path";
import { run } from "./Command.ts";
import * as NativeStore from "./NativeStore.ts";
import { Unavailable } from "./Wheel.ts";

const noLifeMillis = 10_000;
const timeoutMillis = 300_000;

const hasLife = (deps: string): boolean => Fs.existsSync(deps) && Fs.readdirSync(deps).length > 0;

/** Builds an installation in `directory`. @throws Unavailable */
export const build = async (
  flavour: NativeStore.Flavour,
  directory: string,
  log: (line: string) => void,
): Promise<void> => {
  const source = NativeStore.packageDirectory(flavour);
  if (source === undefined) throw new Unavailable("tfjs-node is not installed", "run `npm ci`");
  // The script works in place and edits package.json: give it a copy beside the package, where its own
  // dependencies resolve.
  const copy = `${source}.setup-${process.pid}`;
  const removeCopy = () => Fs.rmSync(copy, { recursive: true, force: true });
  process.once("exit", removeCopy);
  try {
    Fs.cpSync(source, copy, {
      recursive: true,
      filter: (from) => !/(?:\/deps|\/lib)$/.test(from.slice(source.length)),
    });
    log("Trying tfjs-node's own install script ...");
    const bin = Path.join(source, "..", "..", ".bin");
    const deps = Path.join(copy, "deps");
    const outcome = await run(process.execPath, ["scripts/install.js", flavour, "download"], {
      cwd: copy,
      env: { ...process.env, PATH: `${bin}${Path.delimiter}${process.env["PATH"] ?? ""}` },
      timeoutMillis,
      giveUp: (elapsed) =>
        elapsed > noLifeMillis && !hasLife(deps) ? "its download host does not answer" : undefined,
    });
    const addon = NativeStore.addonPath(copy);
    if (!outcome.ok || !Fs.existsSync(addon)) {
      throw new Unavailable(
        `tfjs-node's own install script failed: ${outcome.why}`,
        "run `npm run setup` again",
      );
    }
    for (const name of ["deps", "lib"]) {
      Fs.cpSync(Path.join(copy, name), Path.join(directory, name), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
    NativeStore.writeManifest(directory, {
      tensorflow: NativeStore.scriptVersion,
      flavour,
      origin: "package-script",
      sha256: Crypto.createHash("sha256")
        .update(Fs.readFileSync(NativeStore.addonPath(directory)))
        .digest("hex"),
      files: NativeStore.measure(directory),
    });
  } finally {
    removeCopy();
    process.removeListener("exit", removeCopy);
  }
};
