/** Limits of judges as limits of a sandbox. */
import type { Limits } from "../../../domain/Task.ts";

const MIB = 1024 * 1024;

/** Where a judge names no limit of memory. */
export const DEFAULT_MEMORY = 256 * MIB;

/** For one test: CPU seconds, and bytes of memory. */
export interface Given {
  readonly seconds: number;
  readonly memoryBytes: number;
}

/**
 * A judge's limits for each test of a stdio task. The clock may run longer than the CPU: the machine may be busy, and
 * what decides is CPU time. A sandbox that has less memory gives what it has.
 */
export const limits = ({ seconds, memoryBytes }: Given): Limits => ({
  cpuSeconds: seconds,
  wallSeconds: 5 * seconds + 10,
  memoryBytes: Math.round(memoryBytes),
  outputBytes: MIB,
});

/** "2.0 seconds", "1000 ms", "0.5 sec" in seconds; undefined where it says none. */
export const seconds = (text: string): number | undefined => {
  const [, number, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)/i.exec(text) ?? [];
  if (number === undefined) return undefined;
  const value = Number(number) * (/^(?:ms|milli)/i.test(unit) ? 1e-3 : /^min/i.test(unit) ? 60 : 1);
  return value > 0 ? value : undefined;
};

/** "256 megabytes", "256.0 MB", "1 GB", "65536 KB" in bytes; undefined where it says none. */
export const bytes = (text: string): number | undefined => {
  const [, number, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)/i.exec(text) ?? [];
  if (number === undefined) return undefined;
  const scale = /^k/i.test(unit) ? 1024 : /^g/i.test(unit) ? 1024 * MIB : /^b/i.test(unit) ? 1 : MIB;
  const value = Number(number) * scale;
  return value > 0 ? value : undefined;
};
