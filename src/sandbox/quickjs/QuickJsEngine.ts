/**
 * QuickJS as a WebAssembly module whose memory cannot grow past a limit.
 *
 * QuickJS's own memory limit does not see block sizes in this build, so the limit is the WebAssembly memory's
 * maximum. Memory never shrinks: a module that has grown, or that a program broke, is replaced by a new one.
 */
import { newQuickJSWASMModule, newVariant, type QuickJSWASMModule, RELEASE_SYNC } from "quickjs-emscripten";

/** The one piece of WebAssembly's global that is used here; lib ES2023 leaves it out. */
declare const WebAssembly: {
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => object;
};

/** Part of the sandbox's identity. */
export const ENGINE_VERSION = "quickjs-emscripten-0.32.0";

const PAGE = 65_536;
/** What the module itself needs at the start: its initial memory. */
const BASE_BYTES = 16 * 1024 * 1024;

const size = (module: QuickJSWASMModule): number => module.getWasmMemory().buffer.byteLength;

/** A new module in which a program can use `memoryBytes`. */
export const make = (memoryBytes: number): Promise<QuickJSWASMModule> =>
  newQuickJSWASMModule(
    newVariant(RELEASE_SYNC, {
      wasmMemory: new WebAssembly.Memory({
        initial: BASE_BYTES / PAGE,
        maximum: Math.ceil((BASE_BYTES + memoryBytes) / PAGE),
      }),
    }),
  );

/** Whether next to nothing is left of the memory. */
export const isFull = (module: QuickJSWASMModule, memoryBytes: number): boolean =>
  size(module) >= BASE_BYTES + 0.8 * memoryBytes;

/** Whether a program has made it grow: the next one should start with a module of its own. */
export const hasGrown = (module: QuickJSWASMModule): boolean => size(module) > BASE_BYTES;
