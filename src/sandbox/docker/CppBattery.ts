/** The self-test's programs in C++: right ones, wrong ones and a handful of attacks, each with its only right end. */
import type { Limits, Task, Tests } from "../../domain/Task.ts";
import type { Outcome } from "../../domain/Verdict.ts";
import type { Probe } from "./Languages.ts";

const limits: Limits = {
  cpuSeconds: 0.5,
  wallSeconds: 8,
  memoryBytes: 256 * 1024 * 1024,
  outputBytes: 16_384,
};

const task = (tests: Tests): Task => ({
  id: `self-test/${tests.kind}`,
  source: "self-test",
  split: "test",
  language: "cpp",
  statement: "",
  entryPoint: "f",
  limits,
  tests,
});
const byCall = task({ kind: "call", visible: 0, cases: [{ args: [2], expected: 4 }] });
const byAssert = task({ kind: "assert", setup: "int f(int x) {", asserts: ["assert(f(2) == 4);"] });
const byPrinting = task({
  kind: "stdio",
  comparison: "exact",
  visible: 0,
  cases: [{ input: "2\n", output: "4\n" }],
});

/** Everything that must be refused: gives the right answer only if all of it was. */
const REFUSED = `#include <unistd.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
int f(int x) {
  char program[] = "/usr/bin/python3", none[] = "";
  char* arguments[] = {program, nullptr};
  if (fork() != -1) return 1;
  if (execv(program, arguments) != -1) return 2;
  if (socket(AF_INET, SOCK_STREAM, 0) != -1) return 3;
  if (kill(getpid() > 1 ? 1 : -1, SIGKILL) != -1) return 44;
  if (open("/supervisor/left", O_CREAT | O_WRONLY, 0600) != -1) return 5;
  if (open("/proc/1/environ", O_RDONLY) != -1) return 6;
  return x * 2;
}`;

const battery: ReadonlyArray<readonly [task: Task, program: string, expected: Outcome]> = [
  [byCall, "int f(int x) { return x * 2; }", "Passed"],
  [byAssert, "int f(int x) { return x * 2; }", "Passed"],
  [byAssert, "int f(int x) { return 5; }", "WrongAnswer"],
  [byPrinting, "#include <iostream>\nint main() { int x; std::cin >> x; std::cout << x * 2; }", "Passed"],
  [byCall, "int f(int x) { return y; }", "CompileError"],
  [byAssert, "#include <unistd.h>\nint f(int x) { _exit(0); }", "RuntimeError"],
  [byCall, REFUSED, "Passed"],
  [byCall, 'int f(int x) { std::ofstream("/tmp/left") << "x"; return 4; }', "Passed"],
  [byCall, 'int f(int x) { return std::ifstream("/tmp/left") ? 5 : 4; }', "Passed"],
  [byCall, "#include <sys/ptrace.h>\nint f(int x) { return ptrace(PTRACE_TRACEME, 0, 0, 0); }", "Forbidden"],
  [byCall, 'int f(int x) { for (;;) asm volatile(""); }', "TimedOut"],
  [byCall, "int f(int x) { return std::vector<long>(1 << 30, x).size(); }", "OutOfMemory"],
  [byCall, 'int f(int x) { for (;;) std::puts("flood"); }', "OutputLimit"],
];

export const probes: ReadonlyArray<Probe> = battery.map(([of, program, expected]) => ({
  task: of,
  program,
  expected,
}));
