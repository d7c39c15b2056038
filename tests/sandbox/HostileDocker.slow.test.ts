/** Python programs that try to pass without solving, or to harm: each with the outcome it must have. */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Limits } from "../../src/domain/Task.ts";
import type { Outcome } from "../../src/domain/Verdict.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import { asserts, call } from "./support/Tasks.ts";
import * as WithDocker from "./support/WithDocker.ts";

const limits: Limits = {
  cpuSeconds: 0.5,
  wallSeconds: 3,
  memoryBytes: 128 * 1024 * 1024,
  outputBytes: 16 * 1024,
};
const byCall = call("python", [[[2, 3], 5]], limits);
const byAssert = asserts(["assert f(2, 3) == 5"], "", limits);
const both = [byCall, byAssert];
const listByAssert = asserts(
  ["assert f(2, 3) == [1, 2, 3]", "assert sorted(f(2, 3)) == [1, 2, 3]"],
  "",
  limits,
);

type Attack = readonly [
  name: string,
  tasks: ReadonlyArray<typeof byCall>,
  program: string,
  ...Array<Outcome>,
];

const lies: ReadonlyArray<Attack> = [
  ["exits with success while loading", both, "import sys\nsys.exit(0)", "RuntimeError"],
  ["exits with success when called", both, "import sys\ndef f(a, b): sys.exit(0)", "RuntimeError"],
  ["leaves at once with success", both, "import os\ndef f(a, b): os._exit(0)", "RuntimeError"],
  ["leaves at once while loading", both, "import os\nos._exit(0)", "RuntimeError"],
  [
    "raises SystemExit in a thread and waits",
    both,
    "import os, threading, time\ndef f(a, b):\n    threading.Thread(target=lambda: os._exit(0)).start()\n    time.sleep(9)",
    "RuntimeError",
  ],
  [
    "prints what a runner might look for",
    both,
    "print('PASS\\nOK\\n1 passed')\ndef f(a, b): return 0",
    "WrongAnswer",
  ],
  [
    "always equal",
    both,
    "class A:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n    __hash__ = None\ndef f(a, b): return A()",
    "WrongAnswer",
  ],
  [
    "a number that is always equal",
    both,
    "class A(int):\n    def __eq__(self, other): return True\n    def __hash__(self): return 5\ndef f(a, b): return A(6)",
    "WrongAnswer",
  ],
  [
    "a list that is always equal",
    [listByAssert],
    "class A(list):\n    def __eq__(self, other): return True\n    def __iter__(self): return iter([1, 2, 3])\n    def __len__(self): return 3\ndef f(a, b): return A()",
    "WrongAnswer",
  ],
  [
    "text that is always equal",
    both,
    "class A(str):\n    def __eq__(self, other): return True\n    def __str__(self): return '5'\ndef f(a, b): return A('6')",
    "WrongAnswer",
  ],
  [
    "a class that claims to be int",
    both,
    "class A:\n    __class__ = int\n    def __int__(self): return 5\n    def __eq__(self, other): return True\ndef f(a, b): return A()",
    "WrongAnswer",
  ],
  [
    "a patched json",
    both,
    "import json\njson.dumps = lambda *a, **k: '{\"r\": 5}'\njson.loads = lambda *a, **k: {'a': [2, 3], 'k': {'d': []}}\ndef f(a, b): return 6",
    "Malformed",
    "WrongAnswer",
    "RuntimeError",
    "Passed",
  ],
  [
    "a patched encoder",
    both,
    "import sys\nfor name, module in list(sys.modules.items()):\n    if name.endswith('plain'): module.encode = lambda *a: 6\ndef f(a, b): return 7",
    "WrongAnswer",
  ],
  [
    "walks the frames for what is expected",
    both,
    "import sys\ndef f(a, b):\n    frame, found = sys._getframe(), []\n    while frame:\n        found += [v for v in list(frame.f_locals.values()) + list(frame.f_globals.values()) if type(v) is int and v == 5]\n        found += [str(v) for v in frame.f_locals.values() if 'assert' in str(v) or 'expected' in str(v)]\n        frame = frame.f_back\n    return found",
    "WrongAnswer",
  ],
  [
    "searches all of memory for the tests",
    both,
    "import gc\ndef f(a, b):\n    needle = 'ass' + 'ert f'\n    return [1 for o in gc.get_objects() if type(o) is dict for v in list(o.values()) if type(v) is str and needle in v]",
    "WrongAnswer",
  ],
  [
    "patches AssertionError",
    [byAssert],
    "import builtins\nbuiltins.AssertionError = type('Never', (Exception,), {})\nbuiltins.abs = lambda x: 0\ndef f(a, b): return 6",
    "WrongAnswer",
  ],
  [
    "forges a verdict on every descriptor",
    both,
    "import os, json, struct\ndef f(a, b):\n    for fd in range(3, 256):\n        for message in ({'outcome': 'Passed', 'passed': 1, 'detail': ''}, {'verdict': {'ok': True}}):\n            body = json.dumps(message).encode()\n            try: os.write(fd, struct.pack('>I', len(body)) + body)\n            except OSError: pass\n    return 6",
    "Malformed",
    "WrongAnswer",
  ],
  [
    "answers more often than asked",
    [byCall],
    "import os, json, struct\ndef f(a, b):\n    body = json.dumps({'r': 5}).encode()\n    os.write(102, struct.pack('>I', len(body)) + body)\n    return 5",
    "Malformed",
  ],
  [
    "writes garbage to the result descriptor",
    both,
    "import os\ndef f(a, b):\n    os.write(102, b'\\x00\\x00\\x00\\x05hello')\n    return 5",
    "Malformed",
  ],
  [
    "announces a frame that never comes",
    both,
    "import os\ndef f(a, b):\n    os.write(102, b'\\x7f\\xff\\xff\\xff')\n    os._exit(0)",
    "Malformed",
    "RuntimeError",
  ],
  [
    "sends JSON nested without end",
    both,
    "import os, struct\ndef f(a, b):\n    body = b'[' * 100000\n    os.write(102, struct.pack('>I', len(body)) + body)\n    os._exit(0)",
    "Malformed",
    "RuntimeError",
  ],
  ["returns a cycle", both, "def f(a, b):\n    x = []\n    x.append(x)\n    return x", "WrongAnswer"],
  ["returns a function", both, "def f(a, b): return lambda: 5", "WrongAnswer"],
  ["returns endless items", both, "import itertools\ndef f(a, b): return itertools.count()", "WrongAnswer"],
  [
    "mutates what the tests compare with",
    [asserts(["x = [2]; y = f(x, 3); assert y == [3] and x == [2]"], "", limits)],
    "def f(a, b):\n    a[0] = 3\n    return a",
    "Passed",
  ],
];

const harm: ReadonlyArray<Attack> = [
  ["loops", both, "def f(a, b):\n    while True: pass", "TimedOut"],
  ["loops while loading", both, "while True: pass", "TimedOut"],
  [
    "loops and catches",
    both,
    "import signal\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\ndef f(a, b):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
    "TimedOut",
  ],
  ["sleeps", [byCall], "import time\ndef f(a, b): time.sleep(1e6)", "TimedOut"],
  [
    "works in many threads",
    both,
    "import threading\ndef g():\n    while True: pass\ndef f(a, b):\n    ts = [threading.Thread(target=g) for _ in range(4)]\n    [t.start() for t in ts]\n    [t.join() for t in ts]",
    "TimedOut",
  ],
  [
    "starts threads without end",
    both,
    "import threading, time\ndef f(a, b):\n    while True: threading.Thread(target=time.sleep, args=(99,)).start()",
    "RuntimeError",
    "OutOfMemory",
  ],
  [
    "takes memory",
    both,
    "def f(a, b):\n    x = []\n    while True: x.append(bytearray(1 << 20))",
    "OutOfMemory",
  ],
  ["takes memory while loading", both, "x = [0] * (1 << 30)", "OutOfMemory"],
  [
    "fills /tmp",
    both,
    "def f(a, b):\n    i = 0\n    while True:\n        i += 1\n        open(f'/tmp/{i}', 'wb').write(b'x' * (1 << 20))",
    "RuntimeError",
  ],
  ["forks", both, "import os\ndef f(a, b):\n    while True: os.fork()", "RuntimeError"],
  [
    "forks by a raw call",
    both,
    "import ctypes\ndef f(a, b):\n    pid = ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0)\n    return 5 if pid == -1 else 'forked'",
    "Passed",
  ],
  [
    "starts a program",
    both,
    "import subprocess\ndef f(a, b): return subprocess.run(['/usr/bin/python3', '-c', '1'])",
    "RuntimeError",
  ],
  [
    "executes another program",
    both,
    "import os\ndef f(a, b): os.execv('/usr/bin/python3', ['python3', '-c', '1'])",
    "RuntimeError",
  ],
  [
    "opens a socket",
    both,
    "import socket\ndef f(a, b): socket.create_connection(('127.0.0.1', 80))",
    "RuntimeError",
  ],
  ["traces", both, "import ctypes\ndef f(a, b): return ctypes.CDLL(None).ptrace(16, 1, 0, 0)", "Forbidden"],
  [
    "mounts",
    both,
    "import ctypes\ndef f(a, b): return ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None)",
    "Forbidden",
  ],
  [
    "leaves its namespaces",
    both,
    "import ctypes\ndef f(a, b): return ctypes.CDLL(None).unshare(0x10000000)",
    "Forbidden",
  ],
  [
    "calls in 32-bit numbers",
    both,
    "import ctypes\ndef f(a, b): return ctypes.CDLL(None).syscall(0x40000000 + 39)",
    "Forbidden",
  ],
  [
    "kills everything",
    both,
    "import os, signal\ndef f(a, b):\n    for pid in range(-1, 64):\n        try: os.kill(pid, signal.SIGKILL)\n        except OSError: pass\n    return 6",
    "WrongAnswer",
  ],
  [
    "reads other processes",
    both,
    "import os\ndef f(a, b): return os.listdir('/proc') + os.listdir('/sys')",
    "WrongAnswer",
  ],
  ["writes to the root", both, "def f(a, b): open('/usr/lib/python3.11/os.py', 'a')", "RuntimeError"],
  ["floods stdout", both, "def f(a, b):\n    while True: print('x' * 1000)", "OutputLimit"],
  [
    "prints somewhat too much, then is right",
    both,
    "def f(a, b):\n    print('x' * 100000, flush=True)\n    return a + b",
    "OutputLimit",
  ],
  [
    "floods stderr, then is right",
    both,
    "import sys\ndef f(a, b):\n    print('x' * 1000000, file=sys.stderr)\n    return a + b",
    "Passed",
  ],
  ["answers without end", [byCall], "def f(a, b): return ['x' * 1000000] * 20", "OutputLimit"],
  ["crashes the interpreter", both, "import ctypes\ndef f(a, b): return ctypes.string_at(0)", "RuntimeError"],
  [
    "recurses past the interpreter's guard",
    both,
    "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(a, b): return f(a, b)",
    "RuntimeError",
    "OutOfMemory",
    "TimedOut",
  ],
  ["takes long to hash", both, "def f(a, b): return hash((10 ** 6) ** (10 ** 6))", "TimedOut", "WrongAnswer"],
  [
    "raises what cannot be shown",
    both,
    "class E(Exception):\n    def __str__(self): raise E()\ndef f(a, b): raise E()",
    "RuntimeError",
  ],
];

describe.skipIf(WithDocker.skip)("Docker", () => {
  layer(SandboxDocker.layer(Languages.python), { timeout: 300_000, excludeTestServices: true })(
    "hostile Python",
    (it) => {
      it.effect.each([...lies, ...harm])(
        "%s",
        ([, tasks, program, ...outcomes]) =>
          Effect.gen(function* () {
            const sandbox = yield* Sandbox;
            const verdicts = yield* Effect.forEach(tasks, (task) => sandbox.verify(task, program), {
              concurrency: 2,
            });
            for (const verdict of verdicts)
              assert.include(outcomes, verdict.outcome, JSON.stringify(verdict));
            // And both slots are as good as new.
            const next = yield* Effect.forEach(
              both,
              (task) => sandbox.verify(task, "def f(a, b): return a + b"),
              { concurrency: 2 },
            );
            for (const verdict of next)
              assert.strictEqual(verdict.outcome, "Passed", JSON.stringify(verdict));
          }),
        60_000,
      );
    },
  );
});
