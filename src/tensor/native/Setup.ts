/**
 * The ladder of tensor backends: native TensorFlow on an NVIDIA GPU, native on the CPU, WebAssembly.
 *
 * {@link ensureNative} finds the best one that works here and prepares it when that is allowed. It is safe to
 * call at every start: with everything in place it costs about a millisecond, and two processes that call it at
 * once do the work once.
 */
import * as Fs from "node:fs";
import * as Path from "node:path";
import { threadId } from "node:worker_threads";
import { run } from "./Command.ts";
import * as NativeStore from "./NativeStore.ts";
import * as PackageScript from "./PackageScript.ts";
import { isAlive, withLock } from "./SetupLock.ts";
import * as Wheel from "./Wheel.ts";

export type Forced = "native" | "native-gpu" | "wasm";

export interface Options {
  /** Use this backend or fail with a {@link Wheel.Unavailable}. */
  readonly backend?: Forced | undefined;
  /** Download and compile what is missing (default), or only look at what is there. */
  readonly install?: boolean;
  /** Try again what failed at an earlier set-up (default); `npm start` and `npm test` do not wait for it anew. */
  readonly retry?: boolean;
  /** Receives one line per step while something is downloaded or compiled. Default: nothing is said. */
  readonly log?: (line: string) => void;
}

export interface Result {
  readonly kind: "gpu" | "cpu" | "wasm";
  /** Why this one, for people: half a sentence. */
  readonly reason: string;
  /** How to get a faster backend; absent when there is none to be had. */
  readonly betterBy?: string;
  /** The native installation; absent for WebAssembly. */
  readonly installed?: NativeStore.Installed;
}

// Creates a tensor, runs one op and reads it back: the libraries load, the binding fits them, the CPU has the
// instructions they were built for. In a process of its own, for a bad addon crashes.
const probeScript = `
const b = require(process.argv[1]);
const id = b.createTensor([2], b.TF_FLOAT, new Float32Array([2, 3]));
const [out] = b.executeOp("Mul", [{ name: "T", type: b.TF_ATTR_TYPE, value: b.TF_FLOAT }], [id, id], 1);
const v = b.tensorDataSync(out.id);
if (v[0] !== 4 || v[1] !== 9) throw new Error("2*2, 3*3 gave " + v);
console.log(JSON.stringify({ gpu: b.isUsingGpuDevice() }));
`;

const probe = async (
  addon: string,
): Promise<{ readonly ok: boolean; readonly gpu: boolean; readonly why: string }> => {
  const outcome = await run(process.execPath, ["-e", probeScript, addon], {
    timeoutMillis: 60_000,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "2" },
  });
  const gpu = outcome.ok && /"gpu":true/.test(outcome.output);
  const error = /^(?:\w*Error: .*|.*cannot open shared object.*)$/m.exec(outcome.output)?.[0];
  return { ok: outcome.ok, gpu, why: error ?? outcome.why };
};

const prepareIt = "prepare it with `npm run setup`";

/** Removes what a killed set-up left half made: up to 900 MB. */
const sweep = (): void => {
  for (const name of Fs.readdirSync(NativeStore.cacheRoot())) {
    const owner = /\.making-(\d+)-\d+$/.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) {
      Fs.rmSync(Path.join(NativeStore.cacheRoot(), name), { recursive: true, force: true });
    }
  }
};

/** Makes an installation by the rungs in order; the first that passes the probe is published by one rename. */
const install = (
  flavour: NativeStore.Flavour,
  log: (line: string) => void,
): Promise<NativeStore.Installed> => {
  const lock = Path.join(NativeStore.cacheRoot(), `setup-${process.arch}-${flavour}.lock`);
  return withLock(
    lock,
    (owner) => log(`Waiting for process ${owner}, which is preparing TensorFlow ...`),
    async () => {
      const present = NativeStore.find(flavour);
      if (present !== undefined) return present;
      sweep();
      const failures: Array<Wheel.Unavailable> = [];
      // The wheel's TensorFlow is the one that everything was measured and tested with.
      const rungs = [
        { version: NativeStore.wheelVersion, build: Wheel.build },
        { version: NativeStore.scriptVersion, build: PackageScript.build },
      ];
      for (const rung of rungs) {
        const target = NativeStore.cacheDirectory(flavour, rung.version);
        const making = `${target}.making-${process.pid}-${threadId}`;
        const removeHalfMade = () => Fs.rmSync(making, { recursive: true, force: true });
        process.once("exit", removeHalfMade);
        try {
          Fs.mkdirSync(making, { recursive: true });
          await rung.build(flavour, making, log);
          const proof = await probe(NativeStore.addonPath(making));
          if (!proof.ok) {
            throw new Wheel.Unavailable(
              `TensorFlow ${rung.version} does not run on this machine: ${proof.why}`,
              "use --backend wasm",
            );
          }
          Fs.rmSync(target, { recursive: true, force: true });
          Fs.renameSync(making, target);
          const installed = NativeStore.find(flavour);
          if (installed !== undefined) {
            Fs.rmSync(failureFile(flavour), { force: true });
            return installed;
          }
        } catch (error) {
          failures.push(asUnavailable(error));
        } finally {
          removeHalfMade();
          process.removeListener("exit", removeHalfMade);
        }
      }
      // What would have made the first rung work is what a person should do.
      const [first] = failures;
      throw first ?? new Wheel.Unavailable("nothing was installed", prepareIt);
    },
  );
};

const asUnavailable = (error: unknown): Wheel.Unavailable => {
  if (error instanceof Wheel.Unavailable) return error;
  const cause = error as NodeJS.ErrnoException;
  const remedy =
    cause.code === "ENOSPC"
      ? Wheel.moreSpace()
      : ["EACCES", "EROFS", "ENOTDIR", "ENOENT", "EPERM"].includes(cause.code ?? "")
        ? `make ${NativeStore.cacheRoot()} writable, or point DRYDOCK_CACHE elsewhere`
        : prepareIt;
  return new Wheel.Unavailable(cause.message, remedy);
};

const failureFile = (flavour: NativeStore.Flavour): string =>
  Path.join(NativeStore.cacheRoot(), `setup-${process.arch}-${flavour}.failed.json`);

const writeFailure = (flavour: NativeStore.Flavour, { message, remedy }: Wheel.Unavailable): void => {
  try {
    Fs.writeFileSync(failureFile(flavour), JSON.stringify({ message, remedy }));
  } catch {
    // A cache that cannot be written is itself the failure, and quick to meet again.
  }
};

const readFailure = (flavour: NativeStore.Flavour): Wheel.Unavailable | undefined => {
  try {
    const { message, remedy } = JSON.parse(
      Fs.readFileSync(failureFile(flavour), "utf8"),
    ) as Wheel.Unavailable;
    const again = remedy.includes("npm run setup") ? "" : ", then `npm run setup`";
    return new Wheel.Unavailable(message, remedy + again);
  } catch {
    return undefined;
  }
};

/** Undefined where a GPU build could run; otherwise why not. Asks the driver first: most machines end there. */
const whyNoGpu = async (): Promise<Wheel.Unavailable | undefined> => {
  const driver = await run("nvidia-smi", ["-L"], { timeoutMillis: 15_000 });
  if (!driver.ok || !driver.output.includes("GPU ")) {
    return new Wheel.Unavailable(
      "no NVIDIA driver answers",
      "install the NVIDIA driver (nvidia-smi must answer)",
    );
  }
  const known = await run("ldconfig", ["-p"], { timeoutMillis: 15_000 });
  const folders = (process.env["LD_LIBRARY_PATH"] ?? "").split(":").filter((folder) => folder !== "");
  const missing = ["libcudart.so.12", "libcublas.so.12", "libcudnn.so.8"].filter(
    (name) =>
      !known.output.includes(name) && !folders.some((folder) => Fs.existsSync(Path.join(folder, name))),
  );
  if (missing.length === 0) return undefined;
  return new Wheel.Unavailable(
    `an NVIDIA GPU answers, but ${missing.join(", ")} cannot be found`,
    "install CUDA 12 and cuDNN 8, or add their folders to LD_LIBRARY_PATH, then `npm run setup`",
  );
};

const obtain = async (flavour: NativeStore.Flavour, options: Options): Promise<NativeStore.Installed> => {
  const present = NativeStore.find(flavour);
  if (present === undefined && options.install === false) {
    throw readFailure(flavour) ?? new Wheel.Unavailable("native TensorFlow is not prepared", prepareIt);
  }
  const earlier = present === undefined && options.retry === false ? readFailure(flavour) : undefined;
  if (earlier !== undefined) throw earlier;
  try {
    const installed = present ?? (await install(flavour, options.log ?? (() => undefined)));
    NativeStore.link(installed);
    return installed;
  } catch (error) {
    const obstacle = asUnavailable(error);
    writeFailure(flavour, obstacle);
    throw obstacle;
  }
};

const obtainGpu = async (options: Options): Promise<Result> => {
  const obstacle = await whyNoGpu();
  if (obstacle !== undefined) throw obstacle;
  const installed = await obtain("gpu", options);
  const proof = await probe(installed.addon);
  if (!proof.gpu) {
    throw new Wheel.Unavailable(
      "TensorFlow finds no GPU it can use",
      "check that the driver supports CUDA 12 and that nvidia-smi lists the GPU",
    );
  }
  return { kind: "gpu", reason: `an NVIDIA GPU answers, TensorFlow ${installed.tensorflow}`, installed };
};

const obtainCpu = async (options: Options): Promise<Result> => {
  const installed = await obtain("cpu", options);
  return { kind: "cpu", reason: `TensorFlow ${installed.tensorflow} on the CPU`, installed };
};

/**
 * The best backend that works here, prepared if need be.
 * @throws Wheel.Unavailable (through the promise) only if `backend` forces one that cannot be had.
 */
export const ensureNative = async (options: Options = {}): Promise<Result> => {
  if (options.backend === "wasm") return { kind: "wasm", reason: "asked for by --backend wasm" };
  if (options.backend === "native-gpu") return obtainGpu(options);
  if (options.backend === "native") return obtainCpu(options);
  let gpuObstacle: Wheel.Unavailable;
  try {
    return await obtainGpu(options);
  } catch (error) {
    gpuObstacle = asUnavailable(error);
  }
  try {
    const result = await obtainCpu(options);
    // Without an NVIDIA driver there is nothing to gain; with one, what is missing is worth a line.
    if (gpuObstacle.message === "no NVIDIA driver answers") return result;
    return { ...result, reason: `${result.reason}; ${gpuObstacle.message}`, betterBy: gpuObstacle.remedy };
  } catch (error) {
    const obstacle = asUnavailable(error);
    return { kind: "wasm", reason: `no native TensorFlow: ${obstacle.message}`, betterBy: obstacle.remedy };
  }
};

const names = { gpu: "native TensorFlow on the GPU", cpu: "native TensorFlow", wasm: "WebAssembly" } as const;

/** One line for people: which backend, why, and how to get the better one. */
export const describe = (result: Result): string =>
  `Tensors: ${names[result.kind]} (${result.reason}).` +
  (result.betterBy === undefined ? "" : ` For a faster one: ${result.betterBy}.`);
