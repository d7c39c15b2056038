"""The jail of one run: namespaces, an own /tmp, no /proc, resource limits, no capabilities, a system call filter."""
import ctypes
import os
import resource
import signal
import struct

from . import seccomp

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
libc.syscall.restype = ctypes.c_long
before_fork = ctypes.pythonapi.PyOS_BeforeFork
after_fork_in_child = ctypes.pythonapi.PyOS_AfterFork_Child
after_fork_in_parent = ctypes.pythonapi.PyOS_AfterFork_Parent

NEW_NAMESPACES = 0x20000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000  # mount, uts, ipc, user, pid
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
READONLY, NOSUID, NODEV, NOEXEC, REMOUNT = 1, 2, 4, 8, 32
HIDDEN = READONLY | NOSUID | NODEV | NOEXEC
AT_EMPTY_PATH = 0x1000
CAPABILITY_VERSION_3 = 0x20080522
FIRST_FD = 100


def fork(namespaces):
    """Forks, into new namespaces where asked. The pid, 0 in the child."""
    if not namespaces:
        return os.fork()
    clone = seccomp.machine()[1]["clone"]
    before_fork()
    pid = libc.syscall(clone, ctypes.c_ulong(signal.SIGCHLD | NEW_NAMESPACES), 0, 0, 0, 0)
    if pid == 0:
        after_fork_in_child()
        return 0
    error = ctypes.get_errno()
    after_fork_in_parent()
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


def enter(namespaces, limits, launch, uid, gid, own_bytes, with_stdin):
    """Takes the calling process into namespaces and under limits, for good. `confine` is the last step. `own_bytes` are
    what this Python had mapped before, which a program that runs in it is not charged for."""
    if namespaces:
        libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else its /proc files belong to root
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/oom_score_adj", "1000")  # the first to go where memory runs out
        # What is mounted here stays here: mounts of a new user namespace pass nothing back to where they are copied from.
        size = b"size=%d,nr_inodes=1k,mode=1777" % launch["tmpBytes"]
        _mount(b"tmpfs", b"/tmp", b"tmpfs", NOSUID | NODEV | NOEXEC, size)
        if with_stdin:
            _proc_of_stdin()
        else:
            _mount(b"tmpfs", b"/proc", b"tmpfs", HIDDEN, b"size=0,nr_inodes=2")
        _mount(b"tmpfs", b"/sys", b"tmpfs", HIDDEN, b"size=0,nr_inodes=2")
    else:
        os.setsid()
    os.chdir("/tmp")
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
    ]
    if launch["addressSpace"] is not None:
        own = own_bytes if launch["run"] is None else 0
        bounds.append((resource.RLIMIT_AS, own + launch["addressSpace"] + int(limits["memoryBytes"])))
    if namespaces:  # elsewhere it would count every process of this user on the machine
        bounds.append((resource.RLIMIT_NPROC, launch["processes"]))
    for which, bound in bounds:
        resource.setrlimit(which, (bound, bound))


def confine(launch):
    """Drops what rights are left and installs the system call filter."""
    if libc.capset(struct.pack("Ii", CAPABILITY_VERSION_3, 0), b"\0" * 24):
        raise OSError(ctypes.get_errno(), "capset")
    hide_from_peers()
    seccomp.install(libc, seccomp.prepared(os.getpid(), allowed(launch), launch["children"]))


def allowed(launch):
    """What a launch may call beyond seccomp.ALLOWED."""
    run = launch["run"]
    return (*launch["allow"], *(() if run is None else ("execveat",) if run == "program" else ("execve",)))


def execute(launch, command):
    """Confines this process and makes it the command, or the program on descriptor 100. Returns only by raising."""
    arguments = _strings(command)
    environment = _strings(f"{name}={value}" for name, value in launch["environment"].items())
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    confine(launch)
    if launch["run"] == "program":
        execveat = seccomp.machine()[1]["execveat"]
        libc.syscall(execveat, ctypes.c_int(FIRST_FD), b"", arguments, environment, ctypes.c_int(AT_EMPTY_PATH))
    else:
        libc.execve(arguments[0], arguments, environment)
    raise OSError(ctypes.get_errno(), f"exec {command[0]}: {os.strerror(ctypes.get_errno())}")


def _strings(texts):
    encoded = [text.encode() for text in texts]
    return (ctypes.c_char_p * (len(encoded) + 1))(*encoded, None)


def _proc_of_stdin():
    """An empty /proc but for what /dev/stdin leads to: a copy of descriptor 0, which is made to be that file."""
    size = os.fstat(0).st_size
    options = b"size=%d,nr_inodes=8" % (size + resource.getpagesize())
    _mount(b"tmpfs", b"/proc", b"tmpfs", NOSUID | NODEV | NOEXEC, options)
    os.makedirs("/proc/self/fd")
    with open("/proc/self/fd/0", "wb") as file:
        while size > 0:
            size -= os.sendfile(file.fileno(), 0, None, size)
    _mount(b"tmpfs", b"/proc", b"tmpfs", HIDDEN | REMOUNT, options)
    stdin = os.open("/proc/self/fd/0", os.O_RDONLY)
    os.dup2(stdin, 0)
    os.close(stdin)


def address_space():
    """Bytes that this process has mapped."""
    fd = os.open("/proc/self/statm", os.O_RDONLY)
    pages = os.read(fd, 100).split()[0]
    os.close(fd)
    return int(pages) * resource.getpagesize()


def _write(path, text):
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, text.encode())
    os.close(fd)


def _mount(source, target, kind, flags, data=None):
    if libc.mount(source, target, kind, ctypes.c_ulong(flags), data):
        error = ctypes.get_errno()
        raise OSError(error, f"mount {target.decode()}: {os.strerror(error)}")
