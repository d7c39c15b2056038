/**
 * Where native TensorFlow lives on this machine: a cache directory outside node_modules (so that `npm ci` does
 * not lose 600 MB of libraries), and the links through which tfjs-node's own loader finds it.
 */
import * as Fs from "node:fs";
import { createRequire } from "node:module";
import * as Os from "node:os";
import * as Path from "node:path";

/** A build of TensorFlow: `cpu`, or `gpu` (which needs an NVIDIA driver and CUDA libraries to load). */
export type Flavour = "cpu" | "gpu";

/** What `installed.json` records beside the libraries. Sizes are in bytes, `sha256` is that of the addon. */
export interface Manifest {
  readonly tensorflow: string;
  readonly flavour: Flavour;
  readonly origin: "wheel" | "package-script";
  readonly sha256: string;
  readonly files: Readonly<Record<string, number>>;
}

/** One usable installation. */
export interface Installed {
  readonly directory: string;
  readonly addon: string;
  readonly tensorflow: string;
  readonly flavour: Flavour;
}

/** The TensorFlow that Drydock is tested with, and the one that tfjs-node's own script brings. */
export const wheelVersion = "2.15.1";
export const scriptVersion = "2.9.1";

const addonInside = Path.join("lib", "napi-v8", "tfjs_binding.node");

const packageNames = { cpu: "@tensorflow/tfjs-node", gpu: "@tensorflow/tfjs-node-gpu" } as const;

/** The folder of the installed tfjs-node (or tfjs-node-gpu) package; undefined if it is not installed. */
export const packageDirectory = (flavour: Flavour): string | undefined => {
  try {
    return Path.dirname(createRequire(import.meta.url).resolve(`${packageNames[flavour]}/package.json`));
  } catch {
    return undefined;
  }
};

/** `$DRYDOCK_CACHE`, else `$XDG_CACHE_HOME/drydock`, else `~/.cache/drydock`. */
export const cacheRoot = (): string => {
  const own = process.env["DRYDOCK_CACHE"];
  if (own !== undefined && own !== "") return Path.resolve(own);
  const xdg = process.env["XDG_CACHE_HOME"];
  const base = xdg !== undefined && Path.isAbsolute(xdg) ? xdg : Path.join(Os.homedir(), ".cache");
  return Path.join(base, "drydock");
};

export const cacheDirectory = (flavour: Flavour, version: string): string =>
  Path.join(cacheRoot(), `tensorflow-${version}-${process.arch}${flavour === "gpu" ? "-gpu" : ""}-napi`);

/** The files that an installation consists of, beside its headers, with their sizes in bytes. */
export const measure = (directory: string): Record<string, number> => {
  const files: Record<string, number> = {};
  const libraries = Path.join(directory, "deps", "lib");
  for (const name of Fs.existsSync(libraries) ? Fs.readdirSync(libraries) : []) {
    files[Path.join("deps", "lib", name)] = Fs.statSync(Path.join(libraries, name)).size;
  }
  files[addonInside] = Fs.statSync(Path.join(directory, addonInside)).size;
  return files;
};

export const addonPath = (directory: string): string => Path.join(directory, addonInside);

const manifestPath = (directory: string): string => Path.join(directory, "installed.json");

export const writeManifest = (directory: string, manifest: Manifest): void => {
  Fs.writeFileSync(manifestPath(directory), `${JSON.stringify(manifest, undefined, 2)}\n`);
};

/** Reads an installation's manifest and checks that every file is there with its size: about a millisecond. */
export const readInstalled = (directory: string): Installed | undefined => {
  try {
    const manifest = JSON.parse(Fs.readFileSync(manifestPath(directory), "utf8")) as Manifest;
    for (const [name, size] of Object.entries(manifest.files)) {
      if (Fs.statSync(Path.join(directory, name)).size !== size) return undefined;
    }
    return {
      directory,
      addon: Path.join(directory, addonInside),
      tensorflow: manifest.tensorflow,
      flavour: manifest.flavour,
    };
  } catch {
    return undefined;
  }
};

/** An installation that somebody else made inside the package (tfjs-node's own install script, say). */
const readPackage = (flavour: Flavour): Installed | undefined => {
  const directory = packageDirectory(flavour);
  if (directory === undefined) return undefined;
  // Our own links are no installation: they may point to another cache, or to one that is gone.
  const lib = Fs.lstatSync(Path.join(directory, "lib"), { throwIfNoEntry: false });
  if (lib === undefined || lib.isSymbolicLink()) return undefined;
  const addon = Path.join(directory, addonInside);
  const library = Path.join(directory, "deps", "lib", "libtensorflow.so.2");
  if (!Fs.existsSync(addon) || !Fs.existsSync(library)) return undefined;
  const real = /\.so\.(\d+\.\d+\.\d+)$/.exec(Fs.realpathSync(library));
  return { directory, addon, tensorflow: real?.[1] ?? "unknown", flavour };
};

/** The installation to use, if there is one: the tested version, then the script's, then the package's own. */
export const find = (flavour: Flavour): Installed | undefined =>
  readInstalled(cacheDirectory(flavour, wheelVersion)) ??
  readInstalled(cacheDirectory(flavour, scriptVersion)) ??
  readPackage(flavour);

/**
 * Links the package's `deps` and `lib` to the cache, so that `import "@tensorflow/tfjs-node"` works too.
 * Best effort: our own loader (Binding.ts) opens the addon in the cache and needs no link.
 */
export const link = (installed: Installed, directory = packageDirectory(installed.flavour)): void => {
  if (directory === undefined || directory === installed.directory) return;
  for (const name of ["deps", "lib"]) {
    const target = Path.join(installed.directory, name);
    const from = Path.join(directory, name);
    try {
      if (Fs.lstatSync(from, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
        if (Fs.readlinkSync(from) === target) continue;
      }
      Fs.rmSync(from, { recursive: true, force: true });
      Fs.symlinkSync(target, from);
    } catch {
      // Read-only node_modules, or another process linked it first.
    }
  }
};
