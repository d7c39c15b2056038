/**
 * QuickJS's worker thread with one thing more: programs can call `trace(text)`, which adds a line to the file that
 * workerData names. The line is written in this thread while the program runs, by the program's own call: whoever runs
 * the run cannot make one, and a program that did not run has none.
 */
import * as Fs from "node:fs";
import { workerData } from "node:worker_threads";
import { type ContextOptions, type QuickJSContext, QuickJSRuntime } from "quickjs-emscripten";

const { traceFile } = workerData as { readonly traceFile: string };
type Make = (this: QuickJSRuntime, options?: ContextOptions) => QuickJSContext;
const make: Make = Reflect.get(QuickJSRuntime.prototype, "newContext");
QuickJSRuntime.prototype.newContext = function (options) {
  const context = make.call(this, options);
  const trace = context.newFunction("trace", (text) => {
    Fs.appendFileSync(traceFile, `${context.getString(text)}\n`);
    // The parent may kill the process at any line: this one is between the program's beginning and its verdict.
    Fs.writeSync(1, "executed\n");
  });
  context.setProp(context.global, "trace", trace);
  return context;
};

await import("../../src/sandbox/quickjs/QuickJsWorker.ts");
