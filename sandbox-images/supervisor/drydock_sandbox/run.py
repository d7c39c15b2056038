"""Processes that run and end together: their pipes, their deadlines and how they ended."""
import marshal
import os
import select
import signal
import socket
import time

from . import cgroup, zygote

# How long a checker may take to say what it saw once the program's process is gone.
GRACE_SECONDS = 1.0
# CPU time of a checker beyond the program's.
CHECKER_SECONDS = 2
# How long a program may take to end once the checker has.
LAST_WORDS_SECONDS = 0.2
# How long pipes that the dead have left may take to drain.
DRAIN_SECONDS = 0.05
# Node tells of a full heap before it shows its own stack.
MAX_ERRORS = 4000


class SetupFailed(Exception):
    """The sandbox could not start a jailed process: a fault, not a verdict."""


class Run:
    """One program's process, with a checker's beside it where there is one."""

    def __init__(self, request, link):
        self.request, self.link, self.limits = request, link, request["limits"]
        self.started = time.monotonic()
        self.oom_before = cgroup.oom_kills()
        self.caps = {}  # descriptor -> (most bytes, whether more ends the run; else the last are kept)
        self.reading = {}  # descriptor -> what has arrived
        self.candidate = self.checker = self.killed = None
        self.roles, self.fds = [], []
        self.ended = {}  # pid -> how

    def pipe(self, cap, kills=True):
        """A pipe whose reading end is watched: (reading, writing)."""
        reading, writing = os.pipe()
        self.caps[reading] = cap, kills
        self.reading[reading] = bytearray()
        return reading, writing

    def add(self, role, fds, files=None, flags=()):
        """A process of this run, with these descriptors; `begin` starts it and closes them here."""
        self.fds += fds if files is None else [*fds, files]
        self.roles.append({
            "role": role,
            "limits": self.allowed(role),
            "fds": len(fds),
            "files": files is not None,
            "flags": list(flags),
        })

    def begin(self):
        """Starts the processes, all with one word to the zygote: what it does between two forks is done on pages that
        the first has made it copy."""
        request, roles = self.request, self.roles
        header = {
            "launch": "compile" if roles[0]["role"] == "compiler" else request["launch"],
            "entry": request.get("entry", ""),
            "namespaces": request["namespaces"],
            "roles": roles,
        }
        try:
            socket.send_fds(self.link, [marshal.dumps(header)], self.fds)
        except OSError as error:
            raise SetupFailed(f"the zygote has ended ({error})") from None
        finally:
            for fd in set(self.fds):
                os.close(fd)
        pids = zygote.begun(self.hear())
        if type(pids) is str:
            raise SetupFailed(pids)
        self.candidate, self.checker = pids if len(pids) == 2 else (pids[0], None)

    def hear(self):
        try:
            packet = self.link.recv(65536)
        except OSError:
            packet = b""
        if not packet:
            raise SetupFailed("the zygote has ended")
        return packet

    def allowed(self, role):
        """A role's limits. A checker mostly waits, but what the program answered may cost it some time."""
        extra = CHECKER_SECONDS if role == "checker" else 0
        return {**self.limits, "cpuSeconds": self.limits["cpuSeconds"] + extra}

    def cpu_left(self):
        """The least CPU time that a living process has left. It takes at least as long by the wall to use it up."""
        left = []
        for role, pid in (("candidate", self.candidate), ("checker", self.checker)):
            if pid is not None and pid not in self.ended:
                try:
                    used = time.clock_gettime(process_cpu_clock(pid))
                except OSError:  # just ended
                    continue
                left.append(self.allowed(role)["cpuSeconds"] - used)
        return min(left, default=1.0)

    def watch(self):
        """Until every process has ended and every pipe is drained; closes the pipes."""
        try:
            self._watch()
        finally:
            for fd in self.reading:
                os.close(fd)
        if not self.request["namespaces"]:
            self.signal(self.candidate)  # and with it what it has left running
        for report in self.ended.values():
            if not report["started"]:
                raise SetupFailed(self.errors())
        status = self.ended[self.candidate]["status"]
        self.exit = os.waitstatus_to_exitcode(status)

    def _watch(self):
        poll = select.poll()
        for fd in (*self.reading, self.link.fileno()):
            poll.register(fd, select.POLLIN)
        open_fds = set(self.reading)
        count = 1 if self.checker is None else 2
        deadline = self.started + self.limits["wallSeconds"]
        drained_by = None
        # When CPU time is looked at next: no sooner than it could be used up. Most runs end before.
        check, cpu_left = 0.0, None
        while len(self.ended) < count or open_fds:
            now = time.monotonic()
            if len(self.ended) == count:
                drained_by = drained_by or now + DRAIN_SECONDS
                if now >= drained_by:
                    break
                left = drained_by - now
            else:
                if now >= check:
                    cpu_left = self.cpu_left()
                    check = now + max(0.002, cpu_left)
                left = min(deadline, check) - now
            spent = cpu_left is not None and cpu_left <= 0 and self.killed is None and len(self.ended) < count
            if left <= 0 or spent:
                self.kill("cpu" if left > 0 else "wall")
                deadline = now + GRACE_SECONDS
                continue
            for fd, _ in poll.poll(max(1, left * 1000)):
                if fd == self.link.fileno():
                    report = zygote.ended(self.hear())
                    self.ended[report["pid"]] = report
                    if report["pid"] == self.candidate:
                        deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
                    elif self.candidate not in self.ended:
                        # The checker has said all there is to say; a program that waits for calls ends with it.
                        deadline = min(deadline, time.monotonic() + LAST_WORDS_SECONDS)
                elif not self.drain(fd):
                    poll.unregister(fd)
                    open_fds.discard(fd)

    def drain(self, fd):
        piece = os.read(fd, 65536)
        if not piece:
            return False
        kept = self.reading[fd]
        cap, kills = self.caps[fd]
        kept += piece
        if len(kept) > cap:
            if kills:
                self.kill("output")
                del kept[cap:]
            else:
                del kept[:-cap]  # the last line says what went wrong
        return True

    def kill(self, why):
        """Ends the program; the checker then has its grace to report, and is ended at the second call."""
        if self.killed is None:
            self.killed = why
        if self.candidate not in self.ended:
            self.signal(self.candidate)
        elif self.checker is not None and self.checker not in self.ended:
            self.signal(self.checker)

    def signal(self, pid):
        """To the process, with which its namespace ends; without one, to all that it has started."""
        for send in (os.kill,) if self.request["namespaces"] else (os.killpg, os.kill):
            try:
                send(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def errors(self):
        """The ends of what was written to the pipes for errors."""
        kept = [bytes(self.reading[fd]) for fd, (_, kills) in self.caps.items() if not kills]
        return b"".join(kept).decode("utf-8", "replace")[-MAX_ERRORS:]

    def ending(self):
        return {"exit": self.exit} if self.exit >= 0 else {"signal": -self.exit}

    def seen(self):
        """What every reply says."""
        candidate = self.ended[self.candidate]
        return {
            "ended": self.ending(),
            "killed": self.killed,
            "oomKilled": cgroup.oom_kills() > self.oom_before,
            "cpuSeconds": candidate["cpu"],
            "wallSeconds": time.monotonic() - self.started,
            "memoryBytes": candidate["memory"],
            "errors": self.errors(),
        }


def process_cpu_clock(pid):
    """The clock of another process's CPU time, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | 2
