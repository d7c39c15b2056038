"""Z: a Python with the usual modules loaded, which forks one jailed child per role.

Programs and tests reach the child by descriptors alone, so nothing of an earlier run is ever in a later one's memory.
Each request is one packet (what S says, marshalled) with the descriptors of all roles attached. Replies are packets
that `begun` and `ended` read: the pids, then one for each child that has ended.
"""
import os

# Hooks that modules would run after each fork (threads' locks, a new seed) find nothing to do here: the zygote has one
# thread, which holds no lock, and seeds are fixed. They cost a fifth of a run, in pages that they write.
register_at_fork, os.register_at_fork = os.register_at_fork, lambda **hooks: None
# Loaded here once, so that a program's imports cost nothing: what programs for MBPP, HumanEval, APPS and CodeContests
# import more than once in a thousand. All others (dataclasses, decimal, fractions, hashlib, statistics, ...) are read when
# they are wanted, which takes 1 to 10 ms; here they would cost every run a twentieth, in pages to be mapped.
import abc, array, base64, bisect, cmath, collections, copy, datetime, enum, functools, heapq, io  # noqa: E401,F401
import itertools, json, math, operator, random, re, string, struct, textwrap, time, types, typing  # noqa: E401,F401
import unicodedata, threading, contextlib  # noqa: E401,F401
import atexit  # noqa: F401
import builtins
import gc
import marshal
import mmap
import socket
import sys
import traceback

from . import candidate, checker, compiler, files, jail, launch as launches, plain

os.register_at_fork = register_at_fork

# Each has its place in the page that says whose set-up succeeded.
ROLES = ("candidate", "whole", "checker", "compiler")


PIDS, ENDED, FAILED = b"P", b"E", b"F"
REPORT = struct.Struct("=iidq?")  # pid, wait status, CPU seconds, most bytes resident, whether its set-up succeeded
MOST_FDS = 32


def begun(packet):
    """Pids in the order of the roles, or why there are none."""
    if packet[:1] == PIDS:
        return struct.unpack(f"={len(packet) // 4}i", packet[1:])
    return packet[1:].decode("utf-8", "replace")


def ended(packet):
    return dict(zip(("pid", "status", "cpu", "memory", "started"), REPORT.unpack(packet[1:])))


def serve(link):
    launches_by_name = launches.load()
    candidate.open_streams()
    warm_up()
    random.seed(0)  # the same program, the same verdict
    builtins.exit = builtins.quit = sys.exit  # as the site module has them, which is not loaded
    sys.set_int_max_str_digits(0)  # datasets are older than the limit, and CPU time is limited anyway
    uid, gid, own_bytes = os.getuid(), os.getgid(), jail.address_space()

    @functools.lru_cache(64)
    def steps(namespaces, name, cpu_seconds, memory_bytes, fds, with_stdin):
        limits = {"cpuSeconds": cpu_seconds, "memoryBytes": memory_bytes}
        return jail.steps(namespaces, limits, launches_by_name[name], uid, gid, own_bytes, fds, with_stdin)

    confining = {name: jail.confining(launch) for name, launch in launches_by_name.items()}
    started = mmap.mmap(-1, mmap.PAGESIZE)
    gc.collect()
    gc.freeze()
    while True:
        packet, attached, _, _ = link.recvmsg(65536, socket.CMSG_SPACE(4 * MOST_FDS))
        if not packet:
            os._exit(0)
        request = marshal.loads(packet)
        namespaces, name = request["namespaces"], request["launch"]
        fds = list(memoryview(attached[0][2]).cast("i"))
        children, at = [], 0
        for part in request["roles"]:
            own, limits = tuple(fds[at : at + part["fds"]]), part["limits"]
            at += part["fds"] + part["files"]
            part["files"] = fds[at - 1] if part["files"] else None
            with_stdin = part["role"] == "whole"
            entering = steps(namespaces, name, limits["cpuSeconds"], limits["memoryBytes"], own, with_stdin)
            children.append((part, entering, ROLES.index(part["role"])))
        living, reply = {}, PIDS
        try:
            for part, entering, place in children:
                started[place] = 0
                pid = jail.fork(namespaces)
                if pid == 0:
                    last = confining[name] if namespaces else jail.confining(launches_by_name[name], os.getpid())
                    play(part, request["entry"], launches_by_name[name], entering, last, started, place)
                living[pid] = place
            reply += struct.pack(f"={len(living)}i", *living)
        except OSError as error:
            reply = FAILED + str(error).encode()
        for fd in fds:
            os.close(fd)
        link.send(reply)
        while living:
            pid, status, usage = os.wait4(-1, 0)
            cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10
            link.send(ENDED + REPORT.pack(pid, status, cpu, memory, started[living.pop(pid)] == 1))


def warm_up():
    """Runs what every child will run, so that it finds its memory as it needs it: each page that it writes first is
    a page that the kernel copies."""
    answers, answering = os.pipe()
    tests = json.dumps({"setup": "a = 1\n", "asserts": ["assert f(1)"], "entry": "f", "counts": False}).encode()
    for _ in range(20):
        module = types.ModuleType("warm")
        exec(compile("def f(x, *y):\n    return [x, y]\nassert f(1)", "warm.py", "exec", dont_inherit=True), module.__dict__)
        plain.send(answering, {"a": plain.encode([1, 2.0, "a", [True, None], (1,), {"a": {2}}])})
        plain.decode(plain.receive(answers)["a"])
        json.loads(tests)
    os.close(answers)
    os.close(answering)


def play(part, entry, launch, entering, confining, started, place):
    """The child's whole life."""
    role, limits = part["role"], part["limits"]
    try:
        side_inputs = () if part["files"] is None else json.loads(plain.read_all(part["files"]))
        jail.take(entering)
        files.write(side_inputs)
        if launch["run"] is not None and role != "compiler":
            started[place] = 1  # undone below where exec fails
            jail.execute(launch, launches.command(launch, role, entry, limits), confining)
        jail.take(confining)
        started[place] = 1
        started.close()
    except BaseException:
        started[place] = 0
        os.write(2, traceback.format_exc().encode()[-2000:])
        os._exit(1)
    status = 0
    try:
        if role == "checker":
            checker.run()
        elif role == "compiler":
            compiler.run(launch, limits, part["flags"])
        elif role == "whole":
            status = candidate.run_whole()
        else:
            candidate.run(entry)
        sys.stdout.flush()
    except BaseException:
        os.write(2, traceback.format_exc().encode()[-2000:])
        status = 1
    os._exit(status)
