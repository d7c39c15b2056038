/**
 * Native TensorFlow from the Python wheel: the two shared libraries and the C headers come out of the wheel, and
 * tfjs-node's binding (two C++ files, in the npm package) is compiled against them.
 */
import * as Crypto from "node:crypto";
import * as Fs from "node:fs";
import * as Path from "node:path";
import { run } from "./Command.ts";
import * as Command from "./Command.ts";
import * as NativeStore from "./NativeStore.ts";

interface Source {
  readonly name: string;
  readonly platform: string;
  readonly sha256: string;
  readonly megabytes: number;
}

const sources: Readonly<Record<string, Source>> = {
  "cpu-x64": {
    name: "tensorflow-cpu",
    platform: "manylinux2014_x86_64",
    sha256: "54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26",
    megabytes: 207,
  },
  "cpu-arm64": {
    name: "tensorflow-cpu-aws",
    platform: "manylinux2014_aarch64",
    sha256: "d4c3a3a9363bf42999adedbbd514e3a133be2d62f61fee9cfa46aaefb087c09e",
    megabytes: 212,
  },
  "gpu-x64": {
    name: "tensorflow",
    platform: "manylinux2014_x86_64",
    sha256: "bb0edd69103c154245c5f209f0507355cc68ba7e4de350084bc31edc562478e4",
    megabytes: 475,
  },
};

/** A rung of the ladder that did not hold: what happened, and what the user can do. */
export class Unavailable extends Error {
  readonly remedy: string;
  constructor(message: string, remedy: string) {
    super(message);
    this.name = "Unavailable";
    this.remedy = remedy;
  }
}

/** What to do about a full disk. */
export const moreSpace = (): string =>
  `free 2 GB on the disk of ${NativeStore.cacheRoot()}, or point DRYDOCK_CACHE elsewhere`;

const sha256 = async (file: string): Promise<string> => {
  const hash = Crypto.createHash("sha256");
  for await (const chunk of Fs.createReadStream(file, { highWaterMark: 1 << 20 }))
    hash.update(chunk as Buffer);
  return hash.digest("hex");
};

// Only what is linked against leaves the wheel: 610 MB of its 900, and none of its Python.
const unpackScript = `
import os, shutil, sys, zipfile
wheel, target = sys.argv[1:3]
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        if name in ("tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2"):
            out = os.path.join(target, "lib", os.path.basename(name))
        elif name.startswith("tensorflow/include/") and not name.endswith("/"):
            out = os.path.join(target, name[len("tensorflow/"):])
        else:
            continue
        os.makedirs(os.path.dirname(out), exist_ok=True)
        with z.open(name) as i, open(out, "wb") as o:
            shutil.copyfileobj(i, o, 1 << 20)
`;

const findPython = async (): Promise<string> => {
  for (const python of ["python3", "python"]) {
    if ((await run(python, ["-m", "pip", "--version"], { timeoutMillis: 20_000 })).ok) return python;
  }
  throw new Unavailable("Python's pip is not installed", "install python3-pip and run `npm run setup`");
};

const findCompiler = async (): Promise<string> => {
  const own = process.env["CXX"];
  const compiler = await Command.firstThatRuns([...(own ? [own] : []), "g++", "c++", "clang++"]);
  if (compiler === undefined) {
    throw new Unavailable("no C++ compiler is installed", "install g++ and run `npm run setup`");
  }
  return compiler;
};

/** Node's C headers: beside the node binary, else the two files of the `node-api-headers` package. */
const findHeaders = async (scratch: string): Promise<string> => {
  const beside = Path.join(Path.dirname(Fs.realpathSync(process.execPath)), "..", "include", "node");
  const gyp = Path.join(NativeStore.cacheRoot(), "..", "node-gyp", process.versions.node, "include", "node");
  for (const directory of [beside, gyp]) {
    if (Fs.existsSync(Path.join(directory, "node_api.h"))) return directory;
  }
  const prefix = Path.join(scratch, "headers");
  Fs.mkdirSync(prefix);
  Fs.writeFileSync(Path.join(prefix, "package.json"), "{}");
  const outcome = await run("npm", ["install", "--ignore-scripts", "--no-audit", "node-api-headers@1.5.0"], {
    cwd: prefix,
    timeoutMillis: 60_000,
  });
  const include = Path.join(prefix, "node_modules", "node-api-headers", "include");
  if (!Fs.existsSync(Path.join(include, "node_api.h"))) {
    throw new Unavailable(
      `Node's C headers are neither beside ${process.execPath} nor to be had from npm: ${outcome.why}`,
      "install Node from its own archive (it holds include/node), or Debian's libnode-dev",
    );
  }
  return include;
};

const download = async (python: string, source: Source, scratch: string): Promise<string> => {
  const args = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"];
  args.push("--no-cache-dir", "--python-version", "3.11", "--platform", source.platform, "--dest", scratch);
  args.push(`${source.name}==${NativeStore.wheelVersion}`);
  const show = process.stderr.isTTY;
  const outcome = await run(python, show ? args : [...args, "--quiet"], { timeoutMillis: 1_800_000, show });
  const wheel = Fs.readdirSync(scratch).find((name) => name.endsWith(".whl"));
  if (!outcome.ok || wheel === undefined) {
    if (outcome.output.includes("No space left")) throw new Unavailable("the disk is full", moreSpace());
    throw new Unavailable(
      `pip could not download ${source.name}==${NativeStore.wheelVersion}: ${outcome.why}`,
      "check the connection (or pip's index and proxy settings) and run `npm run setup`",
    );
  }
  const file = Path.join(scratch, wheel);
  const found = await sha256(file);
  if (found !== source.sha256) {
    throw new Unavailable(
      `${wheel} has sha256 ${found}, expected ${source.sha256}`,
      "the download is damaged or was tampered with: run `npm run setup` again",
    );
  }
  return file;
};

const compile = async (compiler: string, headers: string, directory: string): Promise<void> => {
  const source = NativeStore.packageDirectory("cpu");
  if (source === undefined) {
    throw new Unavailable("@tensorflow/tfjs-node is not installed", "run `npm ci`");
  }
  const addon = NativeStore.addonPath(directory);
  Fs.mkdirSync(Path.dirname(addon), { recursive: true });
  const args = ["-O2", "-std=c++17", "-fPIC", "-shared", "-w", "-DNAPI_VERSION=8"];
  for (const include of [Path.join(source, ".."), source, Path.join(directory, "deps", "include"), headers]) {
    args.push("-I", include);
  }
  args.push(Path.join(source, "binding", "tfjs_backend.cc"), Path.join(source, "binding", "tfjs_binding.cc"));
  args.push("-o", addon, "-L", Path.join(directory, "deps", "lib"), "-ltensorflow", "-ltensorflow_framework");
  args.push("-Wl,-rpath,$ORIGIN/../../deps/lib");
  const outcome = await run(compiler, args, { timeoutMillis: 300_000 });
  if (!outcome.ok) {
    throw new Unavailable(
      `${compiler} could not compile tfjs-node's binding: ${outcome.why}`,
      "install a C++17 compiler (g++ 9 or later) and run `npm run setup`",
    );
  }
};

/** Builds an installation in `directory` (fresh, on the cache's file system). @throws Unavailable */
export const build = async (
  flavour: NativeStore.Flavour,
  directory: string,
  log: (line: string) => void,
): Promise<void> => {
  const source = sources[`${flavour}-${process.arch}`];
  if (process.platform !== "linux" || source === undefined) {
    throw new Unavailable(
      `there is no TensorFlow ${NativeStore.wheelVersion} wheel for ${process.platform}-${process.arch}`,
      "use Linux on x64 or arm64",
    );
  }
  const python = await findPython();
  const compiler = await findCompiler();
  const scratch = Path.join(directory, "scratch");
  Fs.mkdirSync(scratch, { recursive: true });
  const headers = await findHeaders(scratch);
  log(`Downloading TensorFlow ${NativeStore.wheelVersion} (${source.megabytes} MB, once) ...`);
  const wheel = await download(python, source, scratch);
  log("Unpacking its libraries ...");
  const deps = Path.join(directory, "deps");
  const unpacked = await run(python, ["-c", unpackScript, wheel, deps], { timeoutMillis: 300_000 });
  if (!unpacked.ok) {
    throw new Unavailable(`the wheel could not be unpacked: ${unpacked.why}`, moreSpace());
  }
  const libraries = Path.join(deps, "lib");
  Fs.symlinkSync("libtensorflow_cc.so.2", Path.join(libraries, "libtensorflow.so"));
  Fs.symlinkSync("libtensorflow_cc.so.2", Path.join(libraries, "libtensorflow.so.2"));
  Fs.symlinkSync("libtensorflow_framework.so.2", Path.join(libraries, "libtensorflow_framework.so"));
  log("Compiling tfjs-node's binding (about 10 s) ...");
  await compile(compiler, headers, directory);
  Fs.rmSync(scratch, { recursive: true, force: true });
  NativeStore.writeManifest(directory, {
    tensorflow: NativeStore.wheelVersion,
    flavour,
    origin: "wheel",
    sha256: await sha256(NativeStore.addonPath(directory)),
    files: NativeStore.measure(directory),
  });
};
