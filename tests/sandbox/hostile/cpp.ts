/**
 * Hostile C++ programs: each with its aim and the outcomes that it may have. The task is to add two numbers, f(2, 3), by
 * call, by assert or from stdin to stdout; no program here knows that 5 is asked for, or says so without having worked.
 */
import type * as Common from "./Hostile.ts";

/** "function": by call and by assert. */
type Hostile = Common.Hostile<"function" | "call" | "assert" | "stdio">;

const from =
  (aim: Hostile["aim"]) =>
  (name: string, style: Hostile["style"], program: string, ...outcomes: Hostile["outcomes"]): Hostile => ({
    name,
    aim,
    program,
    style,
    outcomes,
  });
const [exhaust, escape, persist, spy, cheat] = (
  ["exhaust", "escape", "persist", "spy", "cheat"] as const
).map(from) as [
  ReturnType<typeof from>,
  ReturnType<typeof from>,
  ReturnType<typeof from>,
  ReturnType<typeof from>,
  ReturnType<typeof from>,
];

const SYSTEM = "#include <unistd.h>\n#include <fcntl.h>\n#include <signal.h>\n#include <sys/syscall.h>\n";
/** Makes a call that is answered with EPERM, or ends the process. */
const calls = (call: string): string => `${SYSTEM}int f(int a, int b) { return ${call} == -1 ? 0 : 5; }`;
/** Sends a frame on a descriptor, whatever it says. */
const FRAME = `${SYSTEM}void frame(int fd, std::string body) {
  unsigned n = __builtin_bswap32(body.size());
  if (write(fd, &n, 4) != 4 || write(fd, body.data(), body.size()) < 0) return;
}
`;
const AT_LOAD = (code: string): string => `struct Load { Load() { ${code} } } load;\n`;
const AT_END = (code: string): string => `struct End { ~End() { ${code} } } last;\n`;
const ZERO = "int f(int a, int b) { return 0; }";

export const programs: ReadonlyArray<Hostile> = [
  exhaust("loops", "function", 'int f(int a, int b) { for (;;) asm volatile(""); }', "TimedOut"),
  exhaust("loops while loading", "function", `${AT_LOAD('for (;;) asm volatile("");')}${ZERO}`, "TimedOut"),
  exhaust(
    "loops and takes no signal",
    "function",
    `${SYSTEM}int f(int a, int b) { for (int s = 1; s < 65; s++) signal(s, SIG_IGN); for (;;) asm volatile(""); }`,
    "TimedOut",
  ),
  exhaust("sleeps", "call", `${SYSTEM}int f(int a, int b) { sleep(1000); return 0; }`, "TimedOut"),
  exhaust(
    "reads what never comes",
    "call",
    `${SYSTEM}int f(int a, int b) { pause(); return 0; }`,
    "TimedOut",
  ),
  exhaust(
    "works in many threads",
    "call",
    'int f(int a, int b) { std::vector<std::thread> v; for (int i = 0; i < 4; i++) v.emplace_back([] { for (;;) asm volatile(""); }); v[0].join(); return 0; }',
    "TimedOut",
    "RuntimeError",
  ),
  exhaust(
    "starts threads without end",
    "function",
    `${SYSTEM}int f(int a, int b) { for (;;) std::thread([] { pause(); }).detach(); }`,
    "RuntimeError",
    "OutOfMemory",
  ),
  exhaust(
    "forks without end",
    "function",
    `${SYSTEM}int f(int a, int b) { while (fork() >= 0); return 0; }`,
    "WrongAnswer",
  ),
  exhaust(
    "takes memory",
    "function",
    "int f(int a, int b) { std::list<std::string> l; for (;;) l.emplace_back(1 << 20, 'x'); }",
    "OutOfMemory",
  ),
  exhaust(
    "maps memory past the allocator",
    "function",
    "#include <sys/mman.h>\n#include <cstring>\nint f(int a, int b) { for (;;) { void* p = mmap(nullptr, 1 << 24, 3, 34, -1, 0); if (p == MAP_FAILED) return 0; memset(p, 1, 1 << 24); } }",
    "WrongAnswer",
    "OutOfMemory",
  ),
  exhaust(
    "has a huge array of zeros",
    "function",
    `char big[1L << 32];\n${ZERO}`,
    "CompileError",
    "OutOfMemory",
    "RuntimeError",
  ),
  exhaust("has a huge array of numbers", "call", `int big[1 << 28] = {1};\n${ZERO}`, "CompileError"),
  exhaust(
    "recurses without end",
    "function",
    "int f(int a, int b) { volatile char c[1000]; c[0] = a; return f(a + 1, b) + c[0]; }",
    "RuntimeError",
  ),
  exhaust("floods stdout", "function", 'int f(int a, int b) { for (;;) std::puts("flood"); }', "OutputLimit"),
  exhaust(
    "floods stdout as a whole",
    "stdio",
    '#include <cstdio>\nint main() { for (;;) std::puts("5"); }',
    "OutputLimit",
  ),
  exhaust(
    "answers without end",
    "call",
    "std::vector<std::string> f(int a, int b) { return std::vector<std::string>(20, std::string(1 << 20, 'x')); }",
    "OutputLimit",
  ),
  exhaust(
    "fills /tmp",
    "function",
    "int f(int a, int b) { for (int i = 0; i < 2000; i++) { std::ofstream o(\"/tmp/\" + std::to_string(i)); o << std::string(1 << 20, 'x') << std::flush; if (!o) return 0; } return 5; }",
    "WrongAnswer",
    "RuntimeError",
  ),
  exhaust(
    "writes a large file",
    "call",
    `${SYSTEM}int f(int a, int b) { int fd = open("/tmp/x", O_CREAT | O_RDWR, 0600); std::string s(1 << 20, 'x'); while (write(fd, s.data(), s.size()) > 0); return 0; }`,
    "WrongAnswer",
    "RuntimeError",
  ),
  exhaust(
    "opens descriptors",
    "function",
    `${SYSTEM}int f(int a, int b) { int n = 0; while (dup(1) >= 0) n++; return n > 1000 ? 5 : 0; }`,
    "WrongAnswer",
  ),
  exhaust(
    "expands templates without end",
    "call",
    `template <int N> struct X { X<N + 1> next; };\nX<0> x;\n${ZERO}`,
    "CompileError",
  ),
  exhaust(
    "expands templates exponentially",
    "call",
    `template <int N, int P> struct X : X<N - 1, 2 * P>, X<N - 1, 2 * P + 1> {};\ntemplate <int P> struct X<0, P> {};\nX<24, 1> x;\n${ZERO}`,
    "CompileError",
  ),
  exhaust(
    "computes at compile time without end",
    "call",
    `constexpr int g() { int x = 0; for (;;) x ^= 1; return x; }\nconstexpr int y = g();\n${ZERO}`,
    "CompileError",
  ),
  exhaust(
    "expands macros exponentially",
    "call",
    `#define A(x) x x x x x x x x x x\n#define B(x) A(A(A(A(x))))\n#define C(x) B(B(B(x)))\nint y = 0 C(C(+ 1));\n${ZERO}`,
    "CompileError",
  ),
  exhaust("includes itself", "call", `#include "/tmp/program.cpp"\n${ZERO}`, "CompileError"),
  exhaust("includes an endless file", "call", `#include "/dev/zero"\n${ZERO}`, "CompileError"),
  exhaust("assembles an endless file", "call", `asm(".incbin \\"/dev/zero\\"");\n${ZERO}`, "CompileError"),
  exhaust(
    "assembles without end",
    "call",
    `asm(".rept 2000000000\\n.quad 1\\n.endr");\n${ZERO}`,
    "CompileError",
  ),
  exhaust("hangs at exit", "assert", `${AT_END('for (;;) asm volatile("");')}${ZERO}`, "WrongAnswer"),

  escape("traces", "function", calls("syscall(SYS_ptrace, 0, 0, 0, 0)"), "Forbidden"),
  escape("mounts", "function", calls('syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, 0)'), "Forbidden"),
  escape("leaves its namespaces", "function", calls("syscall(SYS_unshare, 0x10000000)"), "Forbidden"),
  escape("changes its root", "call", calls('syscall(SYS_chroot, "/")'), "Forbidden"),
  escape("loads a filter into the kernel", "call", calls("syscall(SYS_bpf, 0, 0, 0)"), "Forbidden"),
  escape("sets up io_uring", "call", calls("syscall(SYS_io_uring_setup, 8, 0)"), "Forbidden"),
  escape(
    "reads another process's memory",
    "call",
    calls("syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0)"),
    "Forbidden",
  ),
  escape("calls in 32-bit numbers", "call", calls("syscall(0x40000000 + 39)"), "Forbidden"),
  escape(
    "calls through the 32-bit gate",
    "call",
    `int f(int a, int b) { int r; asm volatile("int $0x80" : "=a"(r) : "a"(20)); return r; }`,
    "Forbidden",
    "RuntimeError",
    "WrongAnswer",
  ),
  escape("opens a socket", "function", calls("syscall(SYS_socket, 2, 1, 0)"), "WrongAnswer"),
  escape(
    "clones into new namespaces",
    "call",
    calls("syscall(SYS_clone, 0x10000000 | 17, 0, 0, 0, 0)"),
    "WrongAnswer",
    "Forbidden",
  ),
  escape("makes a file in memory to run", "call", calls('syscall(SYS_memfd_create, "x", 0)'), "WrongAnswer"),
  escape(
    "becomes another program",
    "function",
    `${SYSTEM}int f(int a, int b) { char p[] = "/usr/bin/python3", c[] = "-c", s[] = "print(5)"; char* v[] = {p, c, s, 0}; char* e[] = {0}; syscall(SYS_execveat, AT_FDCWD, p, v, e, 0); execve(p, v, e); return 0; }`,
    "RuntimeError",
    "WrongAnswer",
  ),
  escape(
    "starts a shell",
    "function",
    'int f(int a, int b) { return std::system("echo 5") == 0 ? 5 : 0; }',
    "WrongAnswer",
  ),
  escape(
    "kills everything",
    "function",
    `${SYSTEM}int f(int a, int b) { for (int p = -1; p < 64; p++) if (p != getpid() && p != 0) kill(p, 9); return 0; }`,
    "WrongAnswer",
    "RuntimeError",
  ),
  escape(
    "becomes root",
    "call",
    `${SYSTEM}int f(int a, int b) { return setuid(0) == 0 && getuid() == 0 ? 5 : 0; }`,
    "WrongAnswer",
  ),
  escape(
    "names another loader",
    "call",
    `const char loader[] __attribute__((section(".interp"), used)) = "/usr/bin/python3";\n${ZERO}`,
    "WrongAnswer",
    "RuntimeError",
    "CompileError",
  ),
  escape(
    "names a loader that is not there",
    "call",
    `const char loader[] __attribute__((section(".interp"), used)) = "/none";\n${ZERO}`,
    "WrongAnswer",
    "RuntimeError",
    "CompileError",
  ),

  persist(
    "leaves a file for the next",
    "function",
    'int f(int a, int b) { if (std::ifstream("/tmp/left")) return a + b; std::ofstream("/tmp/left") << 1; return 0; }',
    "WrongAnswer",
  ),
  persist(
    "changes the header that all include",
    "function",
    'int f(int a, int b) { std::ofstream o("/usr/include/drydock/plain.hpp", std::ios::app); o << "x" << std::flush; return o ? a + b : 0; }',
    "WrongAnswer",
  ),
  persist(
    "writes beside the supervisor",
    "call",
    'int f(int a, int b) { std::ofstream o("/supervisor/sitecustomize.py"); o << "x" << std::flush; return o ? a + b : 0; }',
    "WrongAnswer",
  ),
  persist(
    "shares memory with the next",
    "call",
    calls("syscall(SYS_shmget, 1234, 4096, 01666)"),
    "WrongAnswer",
  ),
  persist(
    "leaves a thread behind",
    "assert",
    `${SYSTEM}int f(int a, int b) { std::thread([] { for (;;) sleep(1); }).detach(); return 0; }`,
    "WrongAnswer",
    "RuntimeError",
  ),

  spy(
    "includes the environment of process 1",
    "call",
    `const char* text =\n#include "/proc/1/environ"\n;\n${ZERO}`,
    "CompileError",
  ),
  spy("includes its own maps", "call", `#include "/proc/self/maps"\n${ZERO}`, "CompileError"),
  spy("includes the supervisor", "call", `#include "/supervisor/launch.json"\n${ZERO}`, "CompileError"),
  spy(
    "includes a file that might be the tests",
    "call",
    `#include "/tmp/tests.cpp"\n${ZERO}`,
    "CompileError",
  ),
  spy(
    "assembles a file of the compiler's container",
    "call",
    `asm(".globl text\\ntext: .incbin \\"/etc/passwd\\"");\nextern "C" char text[];\nint f(int a, int b) { return text[0] == 'r' ? 0 : 5; }`,
    "WrongAnswer",
  ),
  spy(
    "reads the environment",
    "function",
    "extern char** environ;\nint f(int a, int b) { return environ[0] == nullptr ? 0 : 5; }",
    "WrongAnswer",
  ),
  spy(
    "reads every descriptor",
    "function",
    `${SYSTEM}int f(int a, int b) { std::string all; for (int fd = 3; fd < 256; fd++) if (fd != 101) { char c[4096]; int n = pread(fd, c, sizeof c, 0); if (n > 0) all.append(c, n); } return all.find("== 5") != all.npos || all.find("expected") != all.npos ? 5 : 0; }`,
    "WrongAnswer",
  ),
  spy(
    "lists processes",
    "call",
    `#include <dirent.h>\nint f(int a, int b) { int n = 0; DIR* d = opendir("/proc"); while (d && readdir(d)) n++; return n > 2 ? 5 : 0; }`,
    "WrongAnswer",
  ),
  spy(
    "looks for other programs in /tmp",
    "function",
    `#include <dirent.h>\nint f(int a, int b) { int n = 0; DIR* d = opendir("/tmp"); while (d && readdir(d)) n++; return n > 2 ? 5 : 0; }`,
    "WrongAnswer",
  ),
  spy(
    "reads the stack above main",
    "function",
    'int f(int a, int b) { extern char** environ; const char* p = (const char*)&p; std::string_view all(p, (const char*)environ - p); return all.find("f(2, 3)") != all.npos ? 5 : 0; }',
    "WrongAnswer",
  ),

  cheat("exits with success while loading", "function", `${AT_LOAD("std::exit(0);")}${ZERO}`, "RuntimeError"),
  cheat(
    "exits with success when called",
    "function",
    "int f(int a, int b) { std::exit(0); }",
    "RuntimeError",
  ),
  cheat("leaves at once", "function", `${SYSTEM}int f(int a, int b) { _exit(0); }`, "RuntimeError"),
  cheat(
    "exits with success in a destructor",
    "function",
    `${SYSTEM}${AT_END("_exit(0);")}${ZERO}`,
    "WrongAnswer",
  ),
  cheat("exits with success as a whole", "stdio", "int main() { return 0; }", "WrongAnswer"),
  cheat(
    "prints what a runner might look for",
    "function",
    `${AT_LOAD('std::puts("PASS\\nOK\\n1 passed");')}${ZERO}`,
    "WrongAnswer",
  ),
  cheat(
    "prints the answer to stderr",
    "stdio",
    "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cerr << a + b; }",
    "WrongAnswer",
  ),
  cheat(
    "prints half of the answer",
    "stdio",
    '#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << " or " << a - b; }',
    "WrongAnswer",
  ),
  cheat(
    "forges a verdict on every descriptor",
    "function",
    `${FRAME}int f(int a, int b) { for (int fd = 3; fd < 256; fd++) frame(fd, R"({"passed":1,"outcome":"Passed","detail":""})"); return 0; }`,
    "Malformed",
    "WrongAnswer",
  ),
  cheat(
    "answers before it is asked",
    "function",
    `${FRAME}${AT_LOAD('frame(102, R"({"ready":true})"); frame(102, R"({"r":6})");')}${ZERO}`,
    "Malformed",
    "WrongAnswer",
  ),
  cheat(
    "answers more often than asked",
    "call",
    `${FRAME}int f(int a, int b) { frame(102, R"({"r":5})"); return a + b; }`,
    "Malformed",
  ),
  cheat(
    "writes garbage to the answers",
    "function",
    `${SYSTEM}int f(int a, int b) { if (write(102, "\\0\\0\\0\\5hello", 9)) {} return a + b; }`,
    "Malformed",
  ),
  cheat(
    "announces a frame that never comes",
    "function",
    `${SYSTEM}int f(int a, int b) { if (write(102, "\\x7f\\xff\\xff\\xff", 4)) {} _exit(0); }`,
    "Malformed",
    "RuntimeError",
  ),
  cheat(
    "answers in endless brackets",
    "function",
    `${FRAME}int f(int a, int b) { frame(102, std::string(100000, '[')); _exit(0); }`,
    "Malformed",
    "RuntimeError",
  ),
  cheat(
    "answers with a tag that is not known",
    "function",
    `${FRAME}int f(int a, int b) { frame(102, R"({"r":{"q":5}})"); _exit(0); }`,
    "Malformed",
    "WrongAnswer",
    "RuntimeError",
  ),
  cheat("answers nan", "call", 'double f(int a, int b) { return std::nan(""); }', "WrongAnswer"),
  cheat(
    "closes the answers",
    "function",
    `${SYSTEM}int f(int a, int b) { close(102); return a + b; }`,
    "RuntimeError",
  ),
  cheat(
    "defines what assert calls",
    "assert",
    `extern "C" void __assert_fail(const char*, const char*, unsigned, const char*) noexcept {}\n#define assert(x)\n#define NDEBUG\n${ZERO}`,
    "WrongAnswer",
    "CompileError",
  ),
  cheat(
    "answers in place of the header",
    "function",
    `${FRAME}int drydock::serve() { frame(102, R"({"ready":true})"); frame(102, R"({"r":6})"); return 0; }\n${ZERO}`,
    "WrongAnswer",
    "CompileError",
  ),
  cheat(
    "answers what is equal to everything",
    "function",
    "struct Any { template <class T> operator T() const { return T(); } template <class T> bool operator==(const T&) const { return true; } };\nAny f(int a, int b) { return {}; }",
    "CompileError",
  ),
  cheat(
    "redefines the words of what comes below",
    "function",
    `#define drydock_entry drydock_entry_2{&::g}; int x\n#define decltype(x) int(int, int)\n${ZERO}\nint g(int a, int b) { return 1; }`,
    "WrongAnswer",
    "CompileError",
  ),
  cheat("comments out what comes below", "function", `${ZERO}\n/*`, "CompileError"),
  cheat("switches off what comes below", "function", `${ZERO}\n#if 0`, "CompileError"),
  cheat(
    "opens a text that swallows what comes below",
    "function",
    `${ZERO}\nconst char* s = R"(`,
    "CompileError",
  ),
  cheat(
    "ends the translation unit",
    "function",
    `${ZERO}\n#pragma GCC pch_preprocess "x"\n}`,
    "CompileError",
  ),
  cheat(
    "throws what throws when asked",
    "function",
    "struct E : std::exception { const char* what() const noexcept override { std::exit(0); } };\nint f(int a, int b) { throw E(); }",
    "RuntimeError",
  ),
  cheat("aborts", "function", "int f(int a, int b) { std::abort(); }", "RuntimeError"),
  cheat(
    "jumps out of the call",
    "function",
    "#include <csetjmp>\njmp_buf out;\nint depth = 0;\nint f(int a, int b) { if (depth++ == 0 && setjmp(out) == 0) return 0; std::longjmp(out, 1); }",
    "WrongAnswer",
    "RuntimeError",
  ),
];
