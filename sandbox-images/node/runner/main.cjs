// What a jail runs: `node main.cjs candidate|checker|whole ENTRY`. Descriptors as in sandbox-images/supervisor/README.md.
const [, , role, entry] = process.argv;
process.argv = [process.argv[0], "/tmp/solution.js"];
require(`./${role}.cjs`).run(entry);
