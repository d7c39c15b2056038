// Entry of every worker thread: teaches the thread TypeScript, then runs the module named by workerData.entry (a
// URL). Node 20 refuses `execArgv: ["--import", "tsx"]` in workers, hence this file.
import { workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
await import(workerData.entry);
