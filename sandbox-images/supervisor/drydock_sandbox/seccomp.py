"""The system call filter of a jailed process (x86-64): one process with threads, no new processes, no network,
no signals to others, no namespaces. What a Python program does by accident is refused with EPERM; what it can
only do on purpose (ptrace, mount, bpf, ...) kills it with SIGSYS, which is reported as Forbidden.
"""
import ctypes
import functools
import os
import struct

ALLOWED = """
read=0 write=1 open=2 close=3 stat=4 fstat=5 lstat=6 poll=7 lseek=8 mmap=9 mprotect=10 munmap=11 brk=12
rt_sigaction=13 rt_sigprocmask=14 rt_sigreturn=15 pread64=17 pwrite64=18 readv=19 writev=20 access=21 pipe=22
select=23 sched_yield=24 mremap=25 msync=26 madvise=28 dup=32 dup2=33 pause=34 nanosleep=35 getitimer=36 alarm=37
setitimer=38 getpid=39 sendfile=40 socketpair=53 exit=60 wait4=61 uname=63 fcntl=72 flock=73 fsync=74 fdatasync=75
truncate=76 ftruncate=77 getdents=78 getcwd=79 chdir=80 fchdir=81 rename=82 mkdir=83 rmdir=84 creat=85 unlink=87
readlink=89 chmod=90 fchmod=91 umask=95 gettimeofday=96 getrlimit=97 getrusage=98 sysinfo=99 times=100 getuid=102
getgid=104 geteuid=107 getegid=108 getppid=110 getpgrp=111 getgroups=115 getresuid=118 getresgid=120 getpgid=121
getsid=124 rt_sigpending=127 rt_sigtimedwait=128 rt_sigsuspend=130 sigaltstack=131 statfs=137 fstatfs=138
getpriority=140 sched_getparam=143 sched_getscheduler=145 arch_prctl=158 gettid=186 time=201 futex=202
sched_getaffinity=204 epoll_create=213 getdents64=217 set_tid_address=218 restart_syscall=219 fadvise64=221
timer_create=222 timer_settime=223 timer_delete=226 clock_gettime=228 clock_getres=229 clock_nanosleep=230
exit_group=231 epoll_wait=232 epoll_ctl=233 openat=257 mkdirat=258 newfstatat=262 unlinkat=263 renameat=264
readlinkat=267 fchmodat=268 faccessat=269 pselect6=270 ppoll=271 set_robust_list=273 get_robust_list=274
utimensat=280 epoll_pwait=281 timerfd_create=283 fallocate=285 timerfd_settime=286 eventfd2=290 epoll_create1=291
dup3=292 pipe2=293 preadv=295 pwritev=296 getcpu=309 renameat2=316 getrandom=318 membarrier=324
copy_file_range=326 statx=332 rseq=334 close_range=436 faccessat2=439 epoll_pwait2=441 futex_waitv=449
"""
FORBIDDEN = """
ptrace=101 pivot_root=155 chroot=161 mount=165 umount2=166 init_module=175 kexec_load=246 add_key=248 keyctl=250
unshare=272 perf_event_open=298 setns=308 process_vm_readv=310 process_vm_writev=311 finit_module=313 bpf=321
userfaultfd=323 io_uring_setup=425 open_tree=428 move_mount=429 fsopen=430 pidfd_getfd=438
"""
# Tested first: nearly every call that a program makes is one of these.
FREQUENT = (0, 1, 3, 5, 8, 9, 11, 12, 13, 202, 231, 257, 262)

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS, ENOTTY = (0x00050000 | number for number in (1, 38, 25))
AT_NUMBER, AT_ARCHITECTURE, AT_FIRST_ARGUMENT = 0, 4, 16
X86_64, X32_BIT = 0xC000003E, 0x40000000
CLONE, CLONE_THREAD, CLONE3, IOCTL, PRLIMIT64, KILL_CALL, TGKILL = 56, 0x10000, 435, 16, 302, 62, 234


def _numbers(table):
    return [int(entry.split("=")[1]) for entry in table.split()]


@functools.lru_cache(4)
def program(pid):
    """The filter as BPF, for a process that sees itself as `pid`."""
    code = []

    def emit(operation, operand, if_true=0, if_false=0):
        code.append(struct.pack("HBBI", operation, if_true, if_false, operand))

    def on(number, result):
        emit(JUMP_EQUAL, number, 0, 1)
        emit(RETURN, result)

    def on_first_argument(number, test, operand, result):
        """`result` where the call's first argument passes the test, else EPERM."""
        emit(JUMP_EQUAL, number, 0, 4)
        emit(LOAD, AT_FIRST_ARGUMENT)
        emit(test, operand, 0, 1)
        emit(RETURN, result)
        emit(RETURN, EPERM)

    emit(LOAD, AT_ARCHITECTURE)
    emit(JUMP_EQUAL, X86_64, 1, 0)
    emit(RETURN, KILL)
    emit(LOAD, AT_NUMBER)
    emit(JUMP_AT_LEAST, X32_BIT, 0, 1)
    emit(RETURN, KILL)
    for number in FREQUENT:
        on(number, ALLOW)
    for number in _numbers(ALLOWED):
        if number not in FREQUENT:
            on(number, ALLOW)
    for number in _numbers(FORBIDDEN):
        on(number, KILL)
    on_first_argument(CLONE, JUMP_SET, CLONE_THREAD, ALLOW)
    # The C library falls back to clone, whose flags a filter can see.
    on(CLONE3, ENOSYS)
    on(IOCTL, ENOTTY)
    on_first_argument(PRLIMIT64, JUMP_EQUAL, 0, ALLOW)
    on_first_argument(TGKILL, JUMP_EQUAL, pid, ALLOW)
    on_first_argument(KILL_CALL, JUMP_EQUAL, pid, ALLOW)
    emit(RETURN, EPERM)
    return b"".join(code)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2


def install(libc, pid):
    """Irrevocable, for the calling process."""
    code = program(pid)
    buffer = ctypes.create_string_buffer(code, len(code))
    description = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.addressof(description), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp filter refused: " + os.strerror(ctypes.get_errno()))
