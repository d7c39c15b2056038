// Warnings that tell a user nothing: Node's notes on its own experimental and deprecated parts, which libraries
// set off. Everything else is still printed.
const silent = new Set(["ExperimentalWarning", "DeprecationWarning"]);

export const quietWarnings = () => {
  // Read once per process, when TensorFlow loads: 2 keeps its errors and drops its notes about the CPU.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
  if (process.env.NODE_OPTIONS?.includes("--trace-warnings")) return;
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (!silent.has(warning.name)) process.stderr.write(`${warning.name}: ${warning.message}\n`);
  });
};
