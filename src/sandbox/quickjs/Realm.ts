/**
 * A QuickJS runtime in a WebAssembly module of its own, with our guest loaded, that starts every run from one image.
 *
 * The image is the module's whole memory right after the guest was loaded: engine, allocator, stack and heap. `reset` puts
 * it back, so nothing of one run, not even of one that breaks the engine's own data, is in the next; and it is several
 * times cheaper than making and freeing a runtime. Values that a run made are never freed: the next reset does that.
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
  /** About how many bytes the run has used beyond the image. */
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

const PAGE_WORDS = 1024;

/**
 * A module's memory as it was once: the bytes between its first and its last that is not zero.
 *
 * Of the rest (the stack below, the heap above) only what a run used is zeroed again, as far as 4 KiB pages that hold
 * anything are found: four words of each are looked at. Nothing in the engine reads memory that it has not written.
 */
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
    const { start, end } = this;
    const [low, high] = this.used(memory);
    memory.fill(0, low, start);
    memory.set(this.bytes, start);
    memory.fill(0, end, high);
  }

  /** Bytes used above the image. */
  usedBytes(): number {
    const [, high] = this.used(QuickJsEngine.memory(this.module));
    return Math.max(0, high - this.end);
  }

  private get end(): number {
    return this.start + this.bytes.length;
  }

  /** Where the memory in use begins and ends, the image's own included. */
  private used(memory: Uint8Array): readonly [low: number, high: number] {
    const words = new Int32Array(memory.buffer);
    const holds = (page: number): boolean => {
      const at = page * PAGE_WORDS;
      return (words[at + 5] | words[at + 262] | words[at + 519] | words[at + 1018]) !== 0;
    };
    const [first, last] = [Math.floor(this.start / 4096), Math.ceil(this.end / 4096)];
    let [low, high] = [0, words.length / PAGE_WORDS];
    while (low < first && !holds(low)) low++;
    while (high > last && !holds(high - 1)) high--;
    // Two pages more, as their sampled words may be zero by chance.
    return [Math.max(0, low - 2) * 4096, Math.min(memory.length, (high + 2) * 4096)];
  }
}
