"""The jail of one run: namespaces, an own /tmp, no /proc, resource limits, no capabilities, a system call filter."""
import ctypes
import os
import resource
import signal
import struct

from . import seccomp

# Keeps Python's lock and leaves errno alone: the zygote has one thread, and its child is as it was.
libc = ctypes.PyDLL(None)
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
libc.syscall.restype = ctypes.c_long
errno = libc.__errno_location
errno.restype = ctypes.POINTER(ctypes.c_int)

NEW_NAMESPACES = 0x20000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000  # mount, uts, ipc, user, pid
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
READONLY, NOSUID, NODEV, NOEXEC, REMOUNT = 1, 2, 4, 8, 32
HIDDEN = READONLY | NOSUID | NODEV | NOEXEC
AT_EMPTY_PATH = 0x1000
CAPABILITY_VERSION_3 = 0x20080522
FIRST_FD = 100
# By whether there are to be namespaces: what clone is called with.
FORKS = [
    (seccomp.machine()[1]["clone"], ctypes.c_ulong(signal.SIGCHLD | flags), 0, 0, 0, 0) for flags in (0, NEW_NAMESPACES)
]


def fork(namespaces):
    """Forks, into new namespaces where asked. The pid, 0 in the child. What Python does around a fork of its own (locks
    and state of other threads) is left out: there are none, and it is a tenth of the pages that a child writes."""
    pid = libc.syscall(*FORKS[namespaces])
    if pid < 0:
        raise failed("clone")
    return pid


def hide_from_peers():
    """No process of the same user may look into this one through /proc or ptrace."""
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def steps(namespaces, limits, launch, uid, gid, own_bytes, fds, with_stdin):
    """What takes a process into a jail, `confine` aside: (function, arguments) in order, made before it is forked. The
    child then runs one loop over what is there; each page that it writes is one that the kernel copies for it.

    Its descriptors: the first three of `fds` become 0 to 2, the rest 100, 101, ...; every other is closed. `own_bytes`
    are what this Python had mapped before, which a program that runs in it is not charged for."""
    made = [(libc.dup2, (fd, target)) for target, fd in enumerate(fds[:3])]
    made += [(libc.dup2, (fd, FIRST_FD + offset)) for offset, fd in enumerate(fds[3:])]
    made += [(os.closerange, (3, FIRST_FD)), (os.closerange, (FIRST_FD + len(fds) - 3, 256))]
    if namespaces:
        made.append((libc.prctl, (PR_SET_DUMPABLE, 1, 0, 0, 0)))  # else its /proc files belong to root
        made += _written(b"/proc/self/setgroups", b"deny")
        made += _written(b"/proc/self/gid_map", b"%d %d 1" % (gid, gid))
        made += _written(b"/proc/self/uid_map", b"%d %d 1" % (uid, uid))
        made += _written(b"/proc/self/oom_score_adj", b"1000")  # the first to go where memory runs out
        # What is mounted here stays here: mounts of a new user namespace pass nothing back to where they are copied from.
        size = b"size=%d,nr_inodes=1k,mode=1777" % launch["tmpBytes"]
        made.append(_mount(b"/tmp", NOSUID | NODEV | NOEXEC, size))
        made.append((_proc_of_stdin, ()) if with_stdin else _mount(b"/proc", HIDDEN, b"size=0,nr_inodes=2"))
        made.append(_mount(b"/sys", HIDDEN, b"size=0,nr_inodes=2"))
    else:
        made.append((os.setsid, ()))
    made.append((libc.chdir, (b"/tmp",)))
    bounds = [
        # A backstop: the supervisor, which counts more finely, comes first. Hard = soft, because process 1 of a
        # namespace ignores the soft limit's signal.
        (resource.RLIMIT_CPU, int(limits["cpuSeconds"]) + 2),
        (resource.RLIMIT_FSIZE, launch["fileBytes"]),
        (resource.RLIMIT_NOFILE, FIRST_FD + 32),
        (resource.RLIMIT_STACK, launch["stackBytes"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_SIGPENDING, 64),  # timers; counted for the user over all slots
    ]
    if launch["addressSpace"] is not None:
        own = own_bytes if launch["run"] is None else 0
        bounds.append((resource.RLIMIT_AS, own + launch["addressSpace"] + int(limits["memoryBytes"])))
    if namespaces:  # elsewhere it would count every process of this user on the machine
        bounds.append((resource.RLIMIT_NPROC, launch["processes"]))
    made += [(libc.setrlimit, (which, (ctypes.c_ulong * 2)(bound, bound))) for which, bound in bounds]
    return made


def confining(launch, pid=1):
    """The last steps, by which a process that sees itself as `pid` drops what rights are left and installs the filter."""
    return [
        (libc.capset, (struct.pack("Ii", CAPABILITY_VERSION_3, 0), b"\0" * 24)),
        (libc.prctl, (PR_SET_DUMPABLE, 0, 0, 0, 0)),
        *seccomp.steps(libc, pid, allowed(launch), launch["children"]),
    ]


def take(made):
    """Takes these steps, for good."""
    for step, arguments in made:
        if step(*arguments) == -1:
            raise failed(f"{step.__name__} {arguments}")


def failed(what):
    """The error of the call just made."""
    error = errno()[0]
    return OSError(error, f"{what}: {os.strerror(error)}")


def allowed(launch):
    """What a launch may call beyond seccomp.ALLOWED."""
    run = launch["run"]
    return (*launch["allow"], *(() if run is None else ("execveat",) if run == "program" else ("execve",)))


def execute(launch, command, confining):
    """Confines this process and makes it the command, or the program on descriptor 100. Returns only by raising."""
    arguments = _strings(command)
    environment = _strings(f"{name}={value}" for name, value in launch["environment"].items())
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    take(confining)
    if launch["run"] == "program":
        execveat = seccomp.machine()[1]["execveat"]
        libc.syscall(execveat, ctypes.c_int(FIRST_FD), b"", arguments, environment, ctypes.c_int(AT_EMPTY_PATH))
    else:
        libc.execve(arguments[0], arguments, environment)
    raise failed(f"exec {command[0]}")


def _strings(texts):
    encoded = [text.encode() for text in texts]
    return (ctypes.c_char_p * (len(encoded) + 1))(*encoded, None)


def _proc_of_stdin():
    """An empty /proc but for what /dev/stdin leads to: a copy of descriptor 0, which is made to be that file."""
    size = os.fstat(0).st_size
    options = b"size=%d,nr_inodes=8" % (size + resource.getpagesize())
    take([_mount(b"/proc", NOSUID | NODEV | NOEXEC, options)])
    os.makedirs("/proc/self/fd")
    with open("/proc/self/fd/0", "wb") as file:
        while size > 0:
            size -= os.sendfile(file.fileno(), 0, None, size)
    take([_mount(b"/proc", HIDDEN | REMOUNT, options)])
    stdin = os.open("/proc/self/fd/0", os.O_RDONLY)
    os.dup2(stdin, 0)
    os.close(stdin)


def address_space():
    """Bytes that this process has mapped."""
    fd = os.open("/proc/self/statm", os.O_RDONLY)
    pages = os.read(fd, 100).split()[0]
    os.close(fd)
    return int(pages) * resource.getpagesize()


def _written(path, text):
    """Steps that write a file. The descriptor is the lowest that is free."""
    return [(libc.open, (path, os.O_WRONLY)), (libc.write, (3, text, len(text))), (libc.close, (3,))]


def _mount(target, flags, options):
    return libc.mount, (b"tmpfs", target, b"tmpfs", ctypes.c_ulong(flags), options)
