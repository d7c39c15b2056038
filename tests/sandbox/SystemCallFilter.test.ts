/** The system call filter of both machines, interpreted here, and the numbers in it against the kernel's headers. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assert, describe, it } from "@effect/vitest";

const images = fileURLToPath(new URL("../../sandbox-images/", import.meta.url));
const python = (code: string): string => {
  const env = { ...process.env, PYTHONPATH: `${images}supervisor`, PYTHONDONTWRITEBYTECODE: "1" };
  const { status, stdout, stderr } = spawnSync("python3", ["-c", code], { env, encoding: "utf8" });
  assert.strictEqual(status, 0, stderr);
  return stdout;
};
const noPython = spawnSync("python3", ["-V"]).status !== 0;
if (noPython) console.log("filter tests skipped: there is no python3");

const MACHINES = { x86_64: 0xc000003e, aarch64: 0xc00000b7 } as const;
const [ALLOW, KILL, EPERM, ENOSYS] = [0x7fff0000, 0x80000000, 0x00050001, 0x00050026];

interface Filter {
  readonly code: Buffer;
  readonly numbers: Readonly<Record<string, number>>;
}

const filter = (machine: keyof typeof MACHINES, options = ""): Filter => {
  const { code, numbers } = JSON.parse(
    python(`
import json
from drydock_sandbox import seccomp
architecture, table = seccomp.MACHINES["${machine}"]
numbers = seccomp.syscalls.numbers(table)
seccomp.machine = lambda: (architecture, numbers)
print(json.dumps({"code": seccomp.program(7${options}).hex(), "numbers": numbers}))`),
  ) as { code: string; numbers: Record<string, number> };
  return { code: Buffer.from(code, "hex"), numbers };
};

/** What the filter answers: classic BPF, of which it uses five instructions. */
const decide = (
  code: Buffer,
  architecture: number,
  number: number,
  argument = 0,
  more: ReadonlyArray<readonly [at: number, value: number]> = [],
): number => {
  const data = new Map([[0, number], [4, architecture], [16, argument], ...more]);
  let loaded = 0;
  for (let at = 0; ; at += 8) {
    const [operation, ifTrue, ifFalse, operand] = [
      code.readUInt16LE(at),
      code[at + 2] ?? 0,
      code[at + 3] ?? 0,
      code.readUInt32LE(at + 4),
    ];
    const jump = (holds: boolean): void => {
      at += 8 * (holds ? ifTrue : ifFalse);
    };
    if (operation === 0x06) return operand;
    if (operation === 0x20) loaded = data.get(operand) ?? Number.NaN;
    else if (operation === 0x15) jump(loaded === operand);
    else if (operation === 0x35) jump(loaded >= operand);
    else if (operation === 0x45) jump((loaded & operand) !== 0);
    else assert.fail(`instruction ${operation}`);
  }
};

describe.skipIf(noPython)("the system call filter", () => {
  for (const [machine, architecture] of Object.entries(MACHINES) as Array<[keyof typeof MACHINES, number]>) {
    it(`allows, refuses and kills as it should on ${machine}`, () => {
      const { code, numbers } = filter(machine);
      const ask = (name: string, argument = 0): number => {
        assert.property(numbers, name);
        return decide(code, architecture, numbers[name] ?? 0, argument);
      };
      for (const name of ["read", "write", "openat", "mmap", "futex", "exit_group", "getrandom"])
        assert.strictEqual(ask(name), ALLOW, name);
      for (const name of [
        "socket",
        "execve",
        "execveat",
        "memfd_create",
        "prctl",
        "setuid",
        "io_uring_enter",
      ])
        assert.strictEqual(ask(name), EPERM, name);
      for (const name of [
        "ptrace",
        "mount",
        "unshare",
        "setns",
        "bpf",
        "io_uring_setup",
        "keyctl",
        "pidfd_getfd",
      ])
        assert.strictEqual(ask(name), KILL, name);
      assert.strictEqual(ask("clone3"), ENOSYS);
      assert.strictEqual(ask("clone", 0x10000), ALLOW, "a thread");
      assert.strictEqual(ask("clone", 17), EPERM, "a process");
      assert.strictEqual(ask("kill", 7), ALLOW, "itself");
      assert.strictEqual(ask("kill", 1), EPERM);
      const limit = (pid: number, which: number, low: number, high: number): number =>
        decide(code, architecture, numbers["prlimit64"] ?? 0, pid, [
          [24, which],
          [32, low],
          [36, high],
        ]);
      assert.strictEqual(limit(0, 3, 0x1000, 1), ALLOW, "its own stack");
      assert.strictEqual(limit(1, 3, 0, 0), EPERM, "another's");
      assert.strictEqual(limit(0, 0, 0, 0), ALLOW, "reads its CPU time");
      assert.strictEqual(limit(0, 0, 0x1000, 0), EPERM, "sets its CPU time");
      assert.strictEqual(limit(0, 0, 0, 1), EPERM, "sets its CPU time, from high memory");
      // Of another machine, and x32's numbers.
      assert.strictEqual(decide(code, 0x40000003, numbers["read"] ?? 0), KILL);
      assert.strictEqual(decide(code, architecture, 0x40000000), KILL);
    });

    it(`of a compiler allows processes without namespaces on ${machine}`, () => {
      const { code, numbers } = filter(machine, ", ('execve',), True");
      const ask = (name: string, argument = 0): number =>
        decide(code, architecture, numbers[name] ?? -1, argument);
      assert.strictEqual(ask("clone", 0x4111), ALLOW);
      assert.strictEqual(ask("clone", 0x10000000 | 17), EPERM, "a user namespace");
      assert.strictEqual(ask("execve"), ALLOW);
      assert.strictEqual(ask("unshare"), KILL);
      assert.strictEqual(ask("socket"), EPERM);
    });
  }

  const headers = "/usr/include/asm-generic/unistd.h";
  const noHeaders = !existsSync(headers) || spawnSync("cc", ["--version"]).status !== 0;
  if (noHeaders) console.log(`the numbers are not compared with the kernel's: no ${headers} or no cc`);
  it.skipIf(noHeaders)("has the numbers of the kernel's headers", () => {
    const script = `${images}common/syscall-numbers.py`;
    const { status, stdout, stderr } = spawnSync("python3", [script], { encoding: "utf8" });
    assert.strictEqual(status, 0, stderr);
    const compared = JSON.parse(
      python(`
import json
from drydock_sandbox import syscalls
theirs = {}
exec(${JSON.stringify(stdout)}, theirs)
wrong, common = [], 0
for table in ("X86_64", "AARCH64"):
    ours, kernel = syscalls.numbers(getattr(syscalls, table)), syscalls.numbers(theirs[table])
    common += len(set(ours) & set(kernel))
    wrong += [f"{table} {name}" for name in set(ours) & set(kernel) if ours[name] != kernel[name]]
print(json.dumps([common, wrong]))`),
    ) as [number, Array<string>];
    assert.deepStrictEqual(compared[1], []);
    assert.isAbove(compared[0], 600);
  });

  it("reads out-of-memory kills of cgroup v2 and v1", () => {
    const out = python(`
import tempfile, os
from drydock_sandbox import cgroup
scope = tempfile.TemporaryDirectory()
folder = scope.name
v2, v1 = os.path.join(folder, "v2"), os.path.join(folder, "v1")
open(v2, "w").write("low 0\\nhigh 0\\nmax 12\\noom 4\\noom_kill 3\\noom_group_kill 1\\n")
open(v1, "w").write("oom_kill_disable 0\\nunder_oom 0\\noom_kill 5\\n")
print(cgroup.oom_kills((v2, v1)), cgroup.oom_kills((folder + "/none", v1)), cgroup.oom_kills((folder + "/none",)))`);
    assert.strictEqual(out.trim(), "3 5 0");
  });
});
