"""The jail of one run: namespaces, an own /tmp, no /proc, resource limits, no capabilities, a system call filter."""
import ctypes
import os
import resource
import struct

from . import seccomp

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
libc.syscall.restype = ctypes.c_long

CLONE = 56
NEW_NAMESPACES = 0x20000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000  # mount, uts, ipc, user, pid
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
READONLY, NOSUID, NODEV, NOEXEC, RECURSIVE, PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000
CAPABILITY_VERSION_3 = 0x20080522
FIRST_FD = 100


def fork(namespaces):
    """Forks, into new namespaces where asked. The pid, 0 in the child."""
    if not namespaces:
        return os.fork()
    signal_on_exit = 17  # SIGCHLD
    before, in_child, in_parent = (
        getattr(ctypes.pythonapi, name) for name in ("PyOS_BeforeFork", "PyOS_AfterFork_Child", "PyOS_AfterFork_Parent")
    )
    before()
    pid = libc.syscall(CLONE, ctypes.c_ulong(signal_on_exit | NEW_NAMESPACES), 0, 0, 0, 0)
    if pid == 0:
        in_child()
        return 0
    error = ctypes.get_errno()
    in_parent()
    if pid < 0:
        raise OSError(error, "clone: " + os.strerror(error))
    return pid


def hide_from_peers():
    """No process of the same user may look into this one through /proc or ptrace."""
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def arrange_fds(stdio, rest):
    """Makes `stdio` descriptors 0 to 2 and `rest` 100, 101, ...; closes every other."""
    for target, source in enumerate(stdio):
        os.dup2(source, target)
    for offset, source in enumerate(rest):
        os.dup2(source, FIRST_FD + offset)
    os.closerange(3, FIRST_FD)
    os.closerange(FIRST_FD + len(rest), 256)


def enter(namespaces, limits, uid, gid):
    """Locks the calling process in, for good."""
    if namespaces:
        libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else its /proc files belong to root
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/oom_score_adj", "1000")  # the first to go where memory runs out
    interpreter = _address_space()
    if namespaces:
        _mount(None, b"/", None, RECURSIVE | PRIVATE)
        _mount(b"tmpfs", b"/tmp", b"tmpfs", NOSUID | NODEV | NOEXEC, b"size=16m,nr_inodes=1k,mode=1777")
        for hidden in (b"/proc", b"/sys"):
            _mount(b"tmpfs", hidden, b"tmpfs", READONLY | NOSUID | NODEV | NOEXEC, b"size=0,nr_inodes=2")
    else:
        os.setsid()
    os.chdir("/tmp")
    bounds = [
        # A backstop: the supervisor, which counts more finely, comes first. Hard = soft, because process 1 of a
        # namespace ignores the soft limit's signal.
        (resource.RLIMIT_CPU, int(limits["cpuSeconds"]) + 2),
        (resource.RLIMIT_AS, interpreter + int(limits["memoryBytes"])),
        (resource.RLIMIT_FSIZE, 4 << 20),
        (resource.RLIMIT_NOFILE, FIRST_FD + 32),
        (resource.RLIMIT_STACK, 64 << 20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ]
    if namespaces:  # elsewhere it would count every process of this user on the machine
        bounds.append((resource.RLIMIT_NPROC, 16))
    for which, bound in bounds:
        resource.setrlimit(which, (bound, bound))
    if libc.capset(struct.pack("Ii", CAPABILITY_VERSION_3, 0), b"\0" * 24):
        raise OSError(ctypes.get_errno(), "capset")
    hide_from_peers()
    seccomp.install(libc, os.getpid())


def _address_space():
    """Bytes that this process has mapped: what the interpreter takes before the program does anything."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)


def _mount(source, target, kind, flags, data=None):
    if libc.mount(source, target, kind, ctypes.c_ulong(flags), data):
        error = ctypes.get_errno()
        raise OSError(error, f"mount {target.decode()}: {os.strerror(error)}")
