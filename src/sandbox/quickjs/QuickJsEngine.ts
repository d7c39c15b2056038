/**
 * QuickJS as WebAssembly modules whose memory cannot grow past a limit.
 *
 * QuickJS's own memory limit does not see block sizes in this build, so the limit is the WebAssembly memory's
 * maximum. Memory never shrinks: a module that has grown, or that a program broke, is replaced by a new one.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { newQuickJSWASMModule, newVariant, type QuickJSWASMModule, RELEASE_SYNC } from "quickjs-emscripten";

/** The pieces of WebAssembly's global that are used here; lib ES2023 leaves them out. */
declare const WebAssembly: {
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => object;
  readonly compile: (bytes: Uint8Array) => Promise<object>;
};

/** Part of the sandbox's identity. */
export const ENGINE_VERSION = "quickjs-emscripten-0.32.0";

const PAGE = 65_536;
/** What the module itself needs at the start: its initial memory. */
const BASE_BYTES = 16 * 1024 * 1024;

let compiled: Promise<object> | undefined;

/** Compiled once a thread: a new module then costs only its memory. */
const code = (): Promise<object> => {
  const require = createRequire(createRequire(import.meta.url).resolve("quickjs-emscripten"));
  compiled ??= WebAssembly.compile(readFileSync(require.resolve("@jitl/quickjs-wasmfile-release-sync/wasm")));
  return compiled;
};

/** A new module in which a program can use `memoryBytes`. */
export const make = async (memoryBytes: number): Promise<QuickJSWASMModule> =>
  newQuickJSWASMModule(
    newVariant(RELEASE_SYNC, {
      wasmModule: await code(),
      wasmMemory: new WebAssembly.Memory({
        initial: BASE_BYTES / PAGE,
        maximum: Math.ceil((BASE_BYTES + memoryBytes) / PAGE),
      }),
    }),
  );

/** All of a module's memory, now. */
export const memory = (module: QuickJSWASMModule): Uint8Array =>
  new Uint8Array(module.getWasmMemory().buffer);

/** Whether next to nothing is left of the memory. */
export const isFull = (module: QuickJSWASMModule, memoryBytes: number): boolean =>
  memory(module).length >= BASE_BYTES + 0.8 * memoryBytes;

/** Whether a program has made it grow: the next one should start with a module of its own. */
export const hasGrown = (module: QuickJSWASMModule): boolean => memory(module).length > BASE_BYTES;
