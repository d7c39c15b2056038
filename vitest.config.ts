import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    // Processes, not threads: native TensorFlow reads its settings once per process.
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    env: { TF_CPP_MIN_LOG_LEVEL: "2" },
  },
});
