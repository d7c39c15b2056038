import { execFile } from "node:child_process";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as NativeStore from "../../../src/tensor/native/NativeStore.ts";
import * as Setup from "../../../src/tensor/native/Setup.ts";
import { withLock } from "../../../src/tensor/native/SetupLock.ts";
import * as Wheel from "../../../src/tensor/native/Wheel.ts";
import * as Requirements from "../../support/Requirements.ts";

const root = Path.resolve(import.meta.dirname, "../../..");
const setup = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}) =>
  promisify(execFile)(process.execPath, [Path.join(root, "bin/setup.mjs"), ...args], {
    cwd: root,
    env: { ...process.env, ...env },
  });

let scratch: string;
beforeEach(() => {
  scratch = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-setup-"));
});
afterEach(() => {
  Fs.rmSync(scratch, { recursive: true, force: true });
});

describe.skipIf(!Requirements.native())("set-up with TensorFlow in the cache", () => {
  it("says the same, and makes nothing, when run twice at once", async () => {
    const addon = NativeStore.find("cpu")?.addon ?? "";
    const before = Fs.statSync(addon).mtimeMs;
    const both = await Promise.all([setup(["--backend", "native"]), setup(["--backend", "native"])]);
    for (const { stdout, stderr } of both) {
      expect(stdout).toMatch(/^Tensors: native TensorFlow \(TensorFlow \d+\.\d+\.\d+ on the CPU\)\.\n$/);
      expect(stderr).toBe("");
    }
    expect(Fs.statSync(addon).mtimeMs).toBe(before);
  });

  it("links a package that npm ci has just made anew, and puts right a link that leads elsewhere", () => {
    const installed = NativeStore.find("cpu");
    if (installed === undefined) throw new Error("native TensorFlow disappeared");
    const fakePackage = Path.join(scratch, "tfjs-node");
    Fs.mkdirSync(fakePackage);
    NativeStore.link(installed, fakePackage);
    expect(Fs.realpathSync(NativeStore.addonPath(fakePackage))).toBe(Fs.realpathSync(installed.addon));
    Fs.rmSync(Path.join(fakePackage, "lib"));
    Fs.symlinkSync(Path.join(scratch, "gone"), Path.join(fakePackage, "lib"));
    NativeStore.link(installed, fakePackage);
    expect(Fs.existsSync(NativeStore.addonPath(fakePackage))).toBe(true);
  });
});

describe("set-up", () => {
  it("takes an installation with a file missing or cut short for none", () => {
    const lib = Path.join(scratch, "deps", "lib");
    Fs.mkdirSync(lib, { recursive: true });
    const library = Path.join(lib, "libtensorflow_cc.so.2");
    Fs.writeFileSync(library, "library");
    const addon = NativeStore.addonPath(scratch);
    Fs.mkdirSync(Path.dirname(addon), { recursive: true });
    Fs.writeFileSync(addon, "addon");
    NativeStore.writeManifest(scratch, {
      tensorflow: "2.15.1",
      flavour: "cpu",
      origin: "wheel",
      sha256: "",
      files: NativeStore.measure(scratch),
    });
    expect(NativeStore.readInstalled(scratch)?.addon).toBe(addon);
    Fs.writeFileSync(library, "lib");
    expect(NativeStore.readInstalled(scratch)).toBeUndefined();
    Fs.rmSync(library);
    expect(NativeStore.readInstalled(scratch)).toBeUndefined();
  });

  it("uses WebAssembly where it may not install, and says how to get the better one", async () => {
    const before = process.env["DRYDOCK_CACHE"];
    process.env["DRYDOCK_CACHE"] = scratch;
    try {
      const result = await Setup.ensureNative({ install: false });
      expect(result.kind).toBe("wasm");
      expect(Setup.describe(result)).toMatch(/WebAssembly .* For a faster one: .*npm run setup/);
      await expect(Setup.ensureNative({ backend: "native", install: false })).rejects.toBeInstanceOf(
        Wheel.Unavailable,
      );
    } finally {
      if (before === undefined) delete process.env["DRYDOCK_CACHE"];
      else process.env["DRYDOCK_CACHE"] = before;
    }
  });

  it("does not try again what failed, unless asked to", async () => {
    // Nothing listens at that address, and an empty PATH has neither pip nor a compiler: every rung fails at once.
    const env = { DRYDOCK_CACHE: scratch, PATH: scratch, TFJS_NODE_CDN_STORAGE: "http://127.0.0.1:9/" };
    const first = await setup([], env);
    expect(first.stdout).toMatch(/WebAssembly \(no native TensorFlow: .*pip.*\).*npm run setup/);
    expect(first.stderr).not.toBe("");
    const probe = [
      'import { register } from "tsx/esm/api"',
      "register()",
      `const { prepare } = await import(${JSON.stringify(Path.join(root, "bin/setup.mjs"))})`,
      "await prepare({})",
    ].join(";");
    const again = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", probe], {
      cwd: root,
      env: { ...process.env, ...env },
    });
    expect(again.stdout).toBe(first.stdout);
    expect(again.stderr).toBe("");
  });

  it("is forced by --backend, and refuses a backend it does not know", async () => {
    expect((await setup(["--backend", "wasm"])).stdout).toContain("asked for by --backend wasm");
    await expect(setup(["--backend", "cuda"])).rejects.toMatchObject({
      code: 1,
      stderr: 'drydock setup: --backend takes auto, native, native-gpu, wasm; found "cuda".\n',
    });
  });

  it("refuses to force a GPU where no driver answers, with the remedy", async () => {
    // An empty PATH has no nvidia-smi, on whatever machine this runs.
    await expect(setup(["--backend", "native-gpu"], { PATH: scratch })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /no NVIDIA driver answers\. To change that: install the NVIDIA driver/,
      ) as string,
    });
  });
});

describe("the set-up's lock", () => {
  it("lets one body run at a time", async () => {
    const file = Path.join(scratch, "lock");
    let inside = 0;
    let most = 0;
    const body = async () => {
      inside++;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
    };
    await Promise.all([1, 2, 3].map(() => withLock(file, () => undefined, body)));
    expect(most).toBe(1);
    expect(Fs.readdirSync(scratch)).toEqual([]);
  });

  it("is taken over from a process that died", async () => {
    const file = Path.join(scratch, "lock");
    const { stdout } = await promisify(execFile)(process.execPath, ["-p", "process.pid"]);
    Fs.writeFileSync(file, stdout);
    const waits: Array<number> = [];
    const result = await withLock(
      file,
      (owner) => waits.push(owner),
      () => Promise.resolve("done"),
    );
    expect(result).toBe("done");
    expect(waits).toEqual([]);
  });
});
