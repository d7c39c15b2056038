/**
 * A QuickJS runtime in a WebAssembly module of its own, with our guest loaded, that starts every run from one image.
 *
 * The image is the module's whole memory right after the guest was loaded: engine, allocator, stack and heap. `reset` puts
 * every byte back, so nothing of one run, not even of one that corrupts memory, is in the next; and it is 3 times
 * cheaper than making and freeing a runtime. Values that a run made are never freed: the next reset does that.
 */
import type { QuickJSContext, QuickJSHandle, QuickJSWASMModule } from "quickjs-emscripten";
import * as QuickJsEngine from "./QuickJsEngine.ts";

/** Bytes of native stack that a program may use; deeper recursion is its own error. */
const STACK_BYTES = 256 * 1024;

/** What a run threw, in one line. */
export interface Thrown {
  readonly thrown: string;
  readonly handle: QuickJSHandle;
}

export interface Realm {
  readonly context: QuickJSContext;
  /** Back to the image; `stop` is asked now and then whatever runs, and ends it. */
  readonly reset: (stop: () => boolean) => void;
  /** Runs a script in the global scope; its value. */
  readonly evaluate: (source: string, file: string) => QuickJSHandle | Thrown;
  /** Whether the text is a program at all. */
  readonly compiles: (source: string) => boolean;
  /** Calls one of the guest's functions; its value. */
  readonly guest: (
    name: string,
    ...args: ReadonlyArray<QuickJSHandle | string | number>
  ) => QuickJSHandle | Thrown;
  /** The text of a handle that holds text. */
  readonly text: (handle: QuickJSHandle) => string | undefined;
  /** Whether next to nothing is left of its memory. */
  readonly isFull: () => boolean;
  /** Whether its memory grew: then it cannot be reset. */
  readonly hasGrown: () => boolean;
  /** Bytes that the run has used, from the highest memory page that holds anything; 4 KiB pages are sampled. */
  readonly usedBytes: () => number;
}

export const isThrown = (result: QuickJSHandle | Thrown): result is Thrown => "thrown" in result;

/** `guestSource` evaluates to an object of functions, `describe` among them; `asked` is what `ask` calls on our side. */
export const make = async (
  memoryBytes: number,
  guestSource: string,
  open?: (realm: Pick<Realm, "context" | "guest" | "text">) => void,
): Promise<Realm> => {
  const module = await QuickJsEngine.make(memoryBytes);
  const runtime = module.newRuntime();
  let stop = (): boolean => false;
  runtime.setMaxStackSize(STACK_BYTES);
  runtime.setInterruptHandler(() => stop());
  const context = runtime.newContext();
  const guestObject = context.unwrapResult(context.evalCode(guestSource, "guest.js", { type: "global" }));
  const functions = new Map<string, QuickJSHandle>();
  for (const key of context.unwrapResult(context.getOwnPropertyNames(guestObject, { strings: true }))) {
    functions.set(context.getString(key), context.getProp(guestObject, key));
  }
  const known = (name: string): QuickJSHandle => {
    const found = functions.get(name);
    if (found === undefined) throw new Error(`the guest has no ${name}`);
    return found;
  };
  const text = (handle: QuickJSHandle): string | undefined =>
    context.typeof(handle) === "string" ? context.getString(handle) : undefined;

  const thrown = (handle: QuickJSHandle): Thrown => {
    const described = context.callFunction(known("describe"), context.undefined, handle);
    const line = described.error ? undefined : text(described.value);
    return { thrown: line ?? "unreadable error", handle };
  };
  const settle = (result: ReturnType<QuickJSContext["evalCode"]>): QuickJSHandle | Thrown =>
    result.error ? thrown(result.error) : result.value;
  const toHandle = (value: QuickJSHandle | string | number): QuickJSHandle =>
    typeof value === "string"
      ? context.newString(value)
      : typeof value === "number"
        ? context.newNumber(value)
        : value;
  const guest: Realm["guest"] = (name, ...args) =>
    settle(context.callFunction(known(name), context.undefined, ...args.map(toHandle)));

  open?.({ context, guest, text });
  const image = Image.take(module);
  return {
    context,
    reset: (next) => {
      stop = next;
      image.restore();
    },
    evaluate: (source, file) => settle(context.evalCode(source, file, { type: "global" })),
    compiles: (source) => {
      const { error } = context.evalCode(source, "program.js", { type: "global", compileOnly: true });
      return error === undefined;
    },
    guest,
    text,
    isFull: () => QuickJsEngine.isFull(module, memoryBytes),
    hasGrown: () => QuickJsEngine.hasGrown(module),
    usedBytes: () => image.usedBytes(),
  };
};

/** A module's memory as it was once: the bytes between its first and its last that is not zero. */
class Image {
  private readonly module: QuickJSWASMModule;
  private readonly start: number;
  private readonly bytes: Uint8Array;

  private constructor(module: QuickJSWASMModule, start: number, bytes: Uint8Array) {
    this.module = module;
    this.start = start;
    this.bytes = bytes;
  }

  static take(module: QuickJSWASMModule): Image {
    const memory = QuickJsEngine.memory(module);
    const start = memory.findIndex((byte) => byte !== 0);
    const end = memory.findLastIndex((byte) => byte !== 0) + 1;
    return new Image(module, start, memory.slice(start, end));
  }

  restore(): void {
    const memory = QuickJsEngine.memory(this.module);
    const end = this.start + this.bytes.length;
    memory.fill(0, 0, this.start);
    memory.set(this.bytes, this.start);
    memory.fill(0, end);
  }

  usedBytes(): number {
    const memory = QuickJsEngine.memory(this.module);
    const words = new Int32Array(memory.buffer);
    const first = (this.start + this.bytes.length) >> 12;
    for (let page = (memory.length >> 12) - 1; page > first; page--) {
      // Eight words a page, a cache line apart.
      for (let at = page << 10; at < (page + 1) << 10; at += 136) {
        if (words[at] !== 0) return ((page + 1) << 12) - (first << 12);
      }
    }
    return 0;
  }
}
