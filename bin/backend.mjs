// `--backend cpu|gpu` of the benchmarks and the tests: which native TensorFlow they run on, told to them (and to
// their child processes) by DRYDOCK_BACKEND.

/** The arguments without `--backend`, which goes into the environment. */
export const takeBackend = (args) => {
  const at = args.indexOf("--backend");
  if (at < 0) return args;
  const backend = args[at + 1];
  if (backend !== "cpu" && backend !== "gpu") {
    console.error(`--backend takes cpu or gpu here; found ${backend ?? "nothing"}`);
    process.exit(1);
  }
  process.env.DRYDOCK_BACKEND = backend;
  return args.toSpliced(at, 2);
};

/** What set-up is to prepare: the best there is, unless the GPU is asked for. */
export const nativeBackend = () => (process.env.DRYDOCK_BACKEND === "gpu" ? "native-gpu" : undefined);
