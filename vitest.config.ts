import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    // Processes, not threads: native TensorFlow reads its settings once per process.
    pool: "forks",
    // Two even on two cores, where vitest would take one: many tests wait for processes, containers and timers.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 60_000,
    env: { TF_CPP_MIN_LOG_LEVEL: "2" },
  },
});
