"""Z: a Python with the usual modules loaded, which forks one jailed child per role.

Programs and tests reach the child by descriptors alone, so nothing of an earlier run is ever in a later one's memory.
Each request is one packet with descriptors attached; replies are {"pid"} and, when a child has ended,
{"pid", "status", "cpu"}.
"""
# Loaded here once, so that a program's imports cost nothing.
import abc, array, base64, bisect, calendar, cmath, collections, copy, dataclasses, datetime, decimal, enum  # noqa: E401,F401
import fractions, functools, heapq, hashlib, io, itertools, json, math, numbers, operator, queue, random, re  # noqa: E401,F401
import statistics, string, struct, textwrap, time, types, typing, unicodedata, uuid, threading, contextlib  # noqa: E401,F401
import gc
import os
import socket
import sys
import traceback

from . import candidate, checker, jail, seccomp


def serve(link):
    seccomp.program(1)
    sys.set_int_max_str_digits(0)  # datasets are older than the limit, and CPU time is limited anyway
    gc.collect()
    gc.freeze()
    uid, gid = os.getuid(), os.getgid()
    living = 0
    while True:
        packet, fds, _, _ = socket.recv_fds(link, 65536, 16)
        if not packet:
            os._exit(0)
        request = json.loads(packet)
        try:
            pid = jail.fork(request["namespaces"])
        except OSError as error:
            link.send(json.dumps({"failed": str(error)}).encode())
            pid = -1
        if pid == 0:
            link.close()
            play(request, fds, uid, gid)
        for fd in fds:
            os.close(fd)
        if pid > 0:
            living += 1
            link.send(json.dumps({"pid": pid}).encode())
        if request["last"]:
            while living:
                ended, status, usage = os.wait4(-1, 0)
                living -= 1
                report = {"pid": ended, "status": status, "cpu": usage.ru_utime + usage.ru_stime}
                link.send(json.dumps(report).encode())


SETUP_FAILED = 125


def play(request, fds, uid, gid):
    """The child's whole life."""
    try:
        jail.arrange_fds(fds[:3], fds[3:])
        jail.enter(request["namespaces"], request["limits"], uid, gid)
    except BaseException:
        os.write(2, traceback.format_exc().encode()[-2000:])
        os._exit(SETUP_FAILED)
    try:
        if request["role"] == "candidate":
            random.seed(0)  # the same program, the same verdict
            candidate.run(request["entry"])
        else:
            checker.run()
    except BaseException:
        os.write(2, traceback.format_exc().encode()[-2000:])
        os._exit(1)
    finally:
        sys.stdout.flush()
    os._exit(0)
