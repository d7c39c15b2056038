/**
 * The worker thread that runs JavaScript programs: one job at a time, each from a fresh image.
 * Started by `SandboxQuickJs` through bin/boot.mjs; speaks `Request` and `Reply`.
 */
import { readFileSync } from "node:fs";
import { type MessagePort, parentPort } from "node:worker_threads";
import * as QuickJsRun from "./QuickJsRun.ts";

export interface Request {
  readonly id: number;
  readonly job: QuickJsRun.Job;
}

export type Reply =
  | { readonly kind: "ready" }
  /** The job is about to run: what takes long after this is the program. */
  | { readonly kind: "started"; readonly id: number }
  | { readonly kind: "done"; readonly id: number; readonly report: QuickJsRun.Report }
  | { readonly kind: "fault"; readonly id: number; readonly reason: string };

const wall = (): number => performance.now() / 1000;

/** CPU seconds of this thread on Linux; the wall clock elsewhere. */
const cpu = (): number => {
  try {
    return Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e9;
  } catch {
    return wall();
  }
};

const serve = (port: MessagePort): void => {
  const reply = (message: Reply): void => port.postMessage(message);
  let memoryBytes = 64 * 1024 * 1024;
  let withTests = false;
  const make = (): Promise<QuickJsRun.Engine> => QuickJsRun.engine(memoryBytes, withTests);
  let engine = make();
  const handle = async ({ id, job }: Request): Promise<void> => {
    try {
      const needsTests = job.tests.kind === "assert" && !withTests;
      if (job.limits.memoryBytes !== memoryBytes || needsTests) {
        memoryBytes = job.limits.memoryBytes;
        withTests ||= needsTests;
        engine = make();
      }
      const ready = await engine;
      reply({ kind: "started", id });
      const { report, broken } = QuickJsRun.run(ready, job, { wall, cpu });
      reply({ kind: "done", id, report });
      if (broken) engine = make();
    } catch (error) {
      reply({ kind: "fault", id, reason: String(error) });
      engine = make();
    }
  };
  port.on("message", (request: Request) => void handle(request));
  reply({ kind: "ready" });
};

if (parentPort !== null) serve(parentPort);
