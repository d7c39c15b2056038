"""The system call filter of a jailed process: one process with threads, no new processes, no network, no signals to
others, no namespaces. What a program does by accident is refused with EPERM; what it can only do on purpose (ptrace,
mount, bpf, ...) kills it with SIGSYS, which is reported as Forbidden.

For x86-64 and aarch64; a call that a machine has not is left out there.
"""
import ctypes
import functools
import os
import struct

from . import syscalls

ALLOWED = """
read write close fstat lseek mmap munmap brk rt_sigaction futex exit_group openat newfstatat
access alarm arch_prctl chdir chmod clock_getres clock_gettime clock_nanosleep close_range copy_file_range creat dup
dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd2 exit faccessat faccessat2
fadvise64 fallocate fchdir fchmod fchmodat fcntl fdatasync flock fstatfs fsync ftruncate futex_waitv get_robust_list
getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid
getpriority getrandom getresgid getresuid getrlimit getrusage getsid gettid gettimeofday getuid lstat madvise
membarrier mkdir mkdirat mprotect mremap msync nanosleep open pause pipe pipe2 poll ppoll pread64 preadv pselect6
pwrite64 pwritev readlink readlinkat readv rename renameat renameat2 restart_syscall rmdir rseq rt_sigpending
rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait sched_getaffinity sched_getparam sched_getscheduler
sched_yield select sendfile set_robust_list set_tid_address setitimer sigaltstack socketpair stat statfs statx sysinfo
time timer_create timer_delete timer_settime timerfd_create timerfd_settime times truncate umask uname unlink unlinkat
utimensat wait4 writev
""".split()
FORBIDDEN = """
add_key bpf chroot finit_module fsopen init_module io_uring_setup kexec_load keyctl mount move_mount open_tree
perf_event_open pidfd_getfd pivot_root process_vm_readv process_vm_writev ptrace setns umount2 unshare userfaultfd
""".split()

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS, ENOTTY = (0x00050000 | number for number in (1, 38, 25))
AT_NUMBER, AT_ARCHITECTURE, AT_FIRST_ARGUMENT, AT_SECOND_ARGUMENT, AT_THIRD_ARGUMENT = 0, 4, 16, 24, 32
X32_BIT = 0x40000000
CLONE_THREAD = 0x10000
RLIMIT_CPU = 0
CLONE_NAMESPACES = 0x7E020000

# What the kernel calls the machine -> (its AUDIT_ARCH, its calls).
MACHINES = {"x86_64": (0xC000003E, syscalls.X86_64), "aarch64": (0xC00000B7, syscalls.AARCH64)}


@functools.lru_cache(1)
def machine():
    """(AUDIT_ARCH, name -> number) of the machine that this runs on."""
    name = os.uname().machine
    if name not in MACHINES:
        raise OSError(f"no system call filter for {name}: it is written for {', '.join(MACHINES)}")
    architecture, table = MACHINES[name]
    return architecture, syscalls.numbers(table)


def program(pid, also=(), children=False):
    """The filter as BPF, for a process that sees itself as `pid`: `also` allows more calls by name, `children` new
    processes without new namespaces, and signals to them."""
    architecture, number = machine()
    answers = {}  # number -> instructions that say what becomes of the call

    def on(names, *said):
        for name in names:
            if name in number:
                answers[number[name]] = said

    def on_first_argument(name, test, operand, passed, failed=EPERM):
        """`passed` where the call's first argument passes the test, else `failed`."""
        on([name], (LOAD, AT_FIRST_ARGUMENT), (test, operand, 0, 1), (RETURN, passed), (RETURN, failed))

    on((*ALLOWED, *also), (RETURN, ALLOW))
    on(FORBIDDEN, (RETURN, KILL))
    # The C library falls back to clone, whose flags a filter can see.
    on(["clone3"], (RETURN, ENOSYS))
    if children:
        on_first_argument("clone", JUMP_SET, CLONE_NAMESPACES, EPERM, ALLOW)
        on(("fork", "vfork", "execve", "waitid", "kill", "tgkill"), (RETURN, ALLOW))
    else:
        on_first_argument("clone", JUMP_SET, CLONE_THREAD, ALLOW)
        on_first_argument("tgkill", JUMP_EQUAL, pid, ALLOW)
        on_first_argument("kill", JUMP_EQUAL, pid, ALLOW)
    on(["ioctl"], (RETURN, ENOTTY))
    # Its own limits, but for that of CPU time, which it may only read (no new limit, 64 bits): at one that it had set
    # itself the kernel would kill it, as if from outside.
    on(
        ["prlimit64"],
        (LOAD, AT_FIRST_ARGUMENT),
        (JUMP_EQUAL, 0, 0, 7),
        (LOAD, AT_SECOND_ARGUMENT),
        (JUMP_EQUAL, RLIMIT_CPU, 0, 4),
        (LOAD, AT_THIRD_ARGUMENT),
        (JUMP_EQUAL, 0, 0, 3),
        (LOAD, AT_THIRD_ARGUMENT + 4),
        (JUMP_EQUAL, 0, 0, 1),
        (RETURN, ALLOW),
        (RETURN, EPERM),
    )
    code = [
        (LOAD, AT_ARCHITECTURE),
        (JUMP_EQUAL, architecture, 1, 0),
        (RETURN, KILL),
        (LOAD, AT_NUMBER),
        (JUMP_AT_LEAST, X32_BIT, 0, 1),
        (RETURN, KILL),
        *search(runs(answers)),
    ]
    return b"".join(instruction(*parts) for parts in code)


def instruction(operation, operand, if_true=0, if_false=0):
    return struct.pack("HBBI", operation, if_true, if_false, operand)


def runs(answers):
    """[(first number, instructions)] in order, each for all numbers up to the next; EPERM for those without an answer."""
    found = []
    for number in sorted({0} | set(answers) | {number + 1 for number in answers}):
        said = answers.get(number, ((RETURN, EPERM),))
        if not found or found[-1][1] != said:
            found.append((number, said))
    return found


def search(found):
    """Halves the numbers until one answer is left: some eight comparisons. The kernel asks the filter about every number
    there is when it is installed, so that in a long list this would be most of its cost."""
    if len(found) == 1:
        return list(found[0][1])
    middle = len(found) // 2
    below, above = search(found[:middle]), search(found[middle:])
    return [(JUMP_AT_LEAST, found[middle][0], len(below), 0), *below, *above]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


@functools.lru_cache(16)
def prepared(pid, also=(), children=False):
    """The filter as the kernel takes it."""
    code = program(pid, also, children)
    prepared = _Program(len(code) // 8, ctypes.cast(ctypes.c_char_p(code), ctypes.c_void_p))
    prepared.code = code  # kept alive
    return prepared


PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2


def steps(libc, pid, also=(), children=False):
    """Calls that install the filter, irrevocably, for the calling process and all that it becomes."""
    code = ctypes.addressof(prepared(pid, also, children))
    return [
        (libc.prctl, (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)),
        (libc.prctl, (PR_SET_SECCOMP, MODE_FILTER, code, 0, 0)),
    ]
