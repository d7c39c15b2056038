"""Z: a Python with the usual modules loaded, which forks one jailed child per role.

Programs and tests reach the child by descriptors alone, so nothing of an earlier run is ever in a later one's memory.
Each request is one packet with descriptors attached; replies are {"pid"} and, when a child has ended,
{"pid", "status", "cpu", "memory", "started"}.
"""
import os

# Hooks that modules would run after each fork (threads' locks, a new seed) find nothing to do here: the zygote has one
# thread, which holds no lock, and seeds are fixed. They cost a fifth of a run, in pages that they write.
register_at_fork, os.register_at_fork = os.register_at_fork, lambda **hooks: None
# Loaded here once, so that a program's imports cost nothing.
import abc, array, base64, bisect, calendar, cmath, collections, copy, dataclasses, datetime, decimal, enum  # noqa: E401,F401
import fractions, functools, heapq, hashlib, io, itertools, json, math, numbers, operator, queue, random, re  # noqa: E401,F401
import statistics, string, struct, textwrap, time, types, typing, unicodedata, uuid, threading, contextlib  # noqa: E401,F401
import atexit  # noqa: F401
import builtins
import gc
import mmap
import socket
import sys
import traceback

from . import candidate, checker, compiler, files, jail, launch as launches, plain, seccomp

os.register_at_fork = register_at_fork

# Each has its place in the page that says whose set-up succeeded.
ROLES = ("candidate", "whole", "checker", "compiler")


def serve(link):
    launches_by_name = launches.load()
    for launch in launches_by_name.values():
        seccomp.prepared(1, jail.allowed(launch), launch["children"])
    candidate.open_streams()
    warm_up()
    builtins.exit = builtins.quit = sys.exit  # as the site module has them, which is not loaded
    sys.set_int_max_str_digits(0)  # datasets are older than the limit, and CPU time is limited anyway
    gc.collect()
    gc.freeze()
    uid, gid, own_bytes = os.getuid(), os.getgid(), jail.address_space()
    started = mmap.mmap(-1, mmap.PAGESIZE)
    living = {}
    while True:
        packet, fds, _, _ = socket.recv_fds(link, 65536, 16)
        if not packet:
            os._exit(0)
        request = json.loads(packet)
        place = ROLES.index(request["role"])
        started[place] = 0
        try:
            pid = jail.fork(request["namespaces"])
        except OSError as error:
            link.send(json.dumps({"failed": str(error)}).encode())
            pid = -1
        if pid == 0:
            link.close()
            play(request, launches_by_name[request["launch"]], fds, uid, gid, own_bytes, started, place)
        for fd in fds:
            os.close(fd)
        if pid > 0:
            living[pid] = place
            link.send(json.dumps({"pid": pid}).encode())
        if request["last"]:
            while living:
                ended, status, usage = os.wait4(-1, 0)
                report = {
                    "pid": ended,
                    "status": status,
                    "cpu": usage.ru_utime + usage.ru_stime,
                    "memory": usage.ru_maxrss << 10,
                    "started": started[living.pop(ended)] == 1,
                }
                link.send(json.dumps(report).encode())


def warm_up():
    """Runs what every child will run, so that it finds its memory as it needs it: each page that it writes first is
    a page that the kernel copies."""
    for _ in range(20):
        module = types.ModuleType("warm")
        exec(compile("def f(x, *y):\n    return [x, y]\nassert f(1)", "warm.py", "exec", dont_inherit=True), module.__dict__)
        sent = plain.frame({"a": plain.encode([1, 2.0, "a", [True, None], (1,), {"a": {2}}])})
        plain.decode(json.loads(sent[4:])["a"])


def play(request, launch, fds, uid, gid, own_bytes, started, place):
    """The child's whole life."""
    role, entry, limits = request["role"], request["entry"], request["limits"]
    try:
        side_inputs = json.loads(plain.read_all(fds.pop())) if request["files"] else ()
        jail.arrange_fds(fds[:3], fds[3:])
        jail.enter(request["namespaces"], limits, launch, uid, gid, own_bytes, with_stdin=role == "whole")
        files.write(side_inputs)
        if launch["run"] is not None and role != "compiler":
            started[place] = 1  # undone below where exec fails
            jail.execute(launch, launches.command(launch, role, entry, limits))
        jail.confine(launch)
        started[place] = 1
        started.close()
    except BaseException:
        started[place] = 0
        os.write(2, traceback.format_exc().encode()[-2000:])
        os._exit(1)
    status = 0
    try:
        random.seed(0)  # the same program, the same verdict
        if role == "checker":
            checker.run()
        elif role == "compiler":
            compiler.run(launch, limits, request["flags"])
        elif role == "whole":
            status = candidate.run_whole()
        else:
            candidate.run(entry)
        sys.stdout.flush()
    except BaseException:
        os.write(2, traceback.format_exc().encode()[-2000:])
        status = 1
    os._exit(status)
