// Worker of bench/quickjs.ts's peer: each program in an isolate of its own (isolated-vm, where workerData.isolatedVm
// says where it is installed), else in a fresh context of Node's vm, which is no sandbox at all: reference solutions only.
import { createRequire } from "node:module";
import * as vm from "node:vm";
import { parentPort, workerData } from "node:worker_threads";

const ivm =
  workerData.isolatedVm === null
    ? null
    : createRequire(`${workerData.isolatedVm}/package.json`)("isolated-vm");

// The same work as ours: the program, then each call by JSON text; the answers are compared outside.
const caller = (entryPoint) => `(text) => JSON.stringify(${entryPoint}(...JSON.parse(text)))`;

const inIsolate = ({ reference, entryPoint, tests }) => {
  const isolate = new ivm.Isolate({ memoryLimit: 64 });
  try {
    const context = isolate.createContextSync();
    context.evalSync(reference, { timeout: 1000 });
    const call = context.evalSync(caller(entryPoint), { reference: true });
    return tests.cases.every(
      ({ args, expected }) =>
        call.applySync(undefined, [JSON.stringify(args)], { timeout: 1000 }) === JSON.stringify(expected),
    );
  } finally {
    isolate.dispose();
  }
};

const inContext = ({ reference, entryPoint, tests }) => {
  const context = vm.createContext({});
  vm.runInContext(reference, context, { timeout: 1000 });
  const call = vm.runInContext(caller(entryPoint), context);
  return tests.cases.every(({ args, expected }) => call(JSON.stringify(args)) === JSON.stringify(expected));
};

parentPort.on("message", (tasks) => {
  const passed = tasks.filter(ivm === null ? inContext : inIsolate).length;
  parentPort.postMessage(passed);
});
