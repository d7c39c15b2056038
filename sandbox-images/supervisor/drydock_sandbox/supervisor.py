"""S, process 1 of the container: one run at a time, asked for on stdin and answered on stdout.

Request {"id", "kind": "call"|"assert", "program", "entry", "limits", "namespaces"} with "calls" (a list of lists of
encoded arguments) or "setup" and "asserts". Reply {"id", "answers" or "verdict", "ended", "killed", "oomKilled",
"cpuSeconds", "wallSeconds", "errors"}. The reply says what was seen; Drydock makes the verdict of it.
"""
import base64
import json
import os
import select
import signal
import socket
import struct
import sys
import time

from . import jail, plain, zygote

PROTOCOL = 1
MAX_ANSWERS = 4 << 20
MAX_ERRORS = 2000
# How long a checker may take to say what it saw once the program's process is gone.
GRACE_SECONDS = 1.0
# CPU time of a checker beyond the program's.
CHECKER_SECONDS = 2
# How long a program may take to end once the checker has.
LAST_WORDS_SECONDS = 0.2
OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


class SetupFailed(Exception):
    """The sandbox could not start a jailed process: a fault, not a verdict."""


def main():
    jail.hide_from_peers()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        nothing = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1):
            os.dup2(nothing, fd)
        os.close(nothing)
        jail.die_with_parent()
        zygote.serve(theirs)
    theirs.close()
    version = ".".join(map(str, sys.version_info[:3]))
    plain.send(1, {"ready": True, "protocol": PROTOCOL, "python": version, "machine": os.uname().machine})
    while True:
        try:
            (length,) = struct.unpack(">I", plain.read_exactly(0, 4))
            request = json.loads(plain.read_exactly(0, length))
        except EOFError:
            os._exit(0)  # Drydock has gone
        try:
            reply = Run(request, ours).result()
        except SetupFailed as error:
            reply = {"fault": str(error)[:2000]}
        plain.send(1, {"id": request["id"], **reply})
        if "fault" in reply:
            os._exit(1)
        clean_tmp()


class Run:
    """One program's run: its processes, its pipes and its deadlines."""

    def __init__(self, request, link):
        self.request, self.link = request, link
        self.limits = request["limits"]
        self.started = time.monotonic()
        self.oom_before = oom_kills()
        self.reading = {}  # descriptor -> what has arrived
        self.killed = None
        self.ended = {}  # pid -> how
        self.truncated = False

    def result(self):
        try:
            self.start()
            self.watch()
        finally:
            for fd in self.reading:
                os.close(fd)
        errors = b"".join(bytes(self.reading[fd])[-MAX_ERRORS:] for fd in self.error_fds).decode("utf-8", "replace")
        candidate = self.ended[self.candidate]
        for report in self.ended.values():
            if os.WIFEXITED(report["status"]) and os.WEXITSTATUS(report["status"]) == zygote.SETUP_FAILED:
                raise SetupFailed(errors)
        status = candidate["status"]
        return {
            "answers": base64.b64encode(self.reading[self.answers]).decode(),
            "ended": {"exit": os.WEXITSTATUS(status)} if os.WIFEXITED(status) else {"signal": os.WTERMSIG(status)},
            "killed": self.killed,
            "oomKilled": oom_kills() > self.oom_before,
            "cpuSeconds": candidate["cpu"],
            "wallSeconds": time.monotonic() - self.started,
            "errors": errors[-MAX_ERRORS:],
        }

    def start(self):
        request = self.request
        program = memory_file(request["program"].encode("utf-8", "surrogatepass"))
        nothing = os.open("/dev/null", os.O_RDWR)
        self.output, output = self.pipe()
        candidate_errors, errors = self.pipe()
        self.error_fds = [candidate_errors]
        self.checker = None
        if request["kind"] == "call":
            # All calls at once, from a file; the answers come straight to us.
            frames = b"".join(plain.frame({"a": arguments}) for arguments in request["calls"])
            calls = memory_file(frames)
            self.answers, answers = self.pipe()
            self.candidate = self.spawn("candidate", [nothing, output, errors, program, calls, answers], last=True)
        else:
            tests = {"setup": request["setup"], "asserts": request["asserts"], "entry": request["entry"]}
            spec = memory_file(json.dumps(tests).encode())
            calls, calls_in = os.pipe()
            answers_out, answers = os.pipe()
            self.answers, verdict = self.pipe()
            checker_errors, checker_error = self.pipe()
            self.error_fds.append(checker_errors)
            candidate_fds = [nothing, output, errors, program, calls, answers]
            self.candidate = self.spawn("candidate", candidate_fds, last=False)
            checker_fds = [nothing, nothing, checker_error, spec, calls_in, answers_out, verdict]
            self.checker = self.spawn("checker", checker_fds, last=True)
            for fd in checker_fds[2:]:
                os.close(fd)
        for fd in (nothing, output, errors, program, calls, answers):
            os.close(fd)

    def pipe(self):
        """A pipe whose reading end is watched."""
        reading, writing = os.pipe()
        self.reading[reading] = bytearray()
        return reading, writing

    def spawn(self, role, fds, last):
        limits = self.allowed(role)
        header = {
            "role": role,
            "entry": self.request["entry"],
            "limits": limits,
            "namespaces": self.request["namespaces"],
            "last": last,
        }
        socket.send_fds(self.link, [json.dumps(header).encode()], fds)
        reply = json.loads(self.link.recv(65536))
        if "failed" in reply:
            raise SetupFailed(reply["failed"])
        return reply["pid"]

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
        """Until every process has ended and every pipe is drained."""
        poll = select.poll()
        for fd in (*self.reading, self.link.fileno()):
            poll.register(fd, select.POLLIN)
        open_fds = set(self.reading)
        count = 1 if self.checker is None else 2
        deadline = self.started + self.limits["wallSeconds"]
        drained_by = None
        while len(self.ended) < count or open_fds:
            now, cpu_left = time.monotonic(), None
            if len(self.ended) == count:
                drained_by = drained_by or now + 0.05
                if now >= drained_by:
                    break
                left = drained_by - now
            else:
                cpu_left = self.cpu_left()
                left = min(deadline - now, max(0.002, cpu_left))
            if left <= 0 or (cpu_left is not None and cpu_left <= 0 and self.killed is None):
                self.kill("cpu" if left > 0 else "wall")
                deadline = now + GRACE_SECONDS
                continue
            for fd, _ in poll.poll(max(1, left * 1000)):
                if fd == self.link.fileno():
                    report = json.loads(self.link.recv(65536))
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
        cap = MAX_ERRORS if fd in self.error_fds else MAX_ANSWERS if fd == self.answers else self.limits["outputBytes"]
        kept += piece[: max(0, cap - len(kept))]
        if len(kept) >= cap and fd not in self.error_fds:
            self.kill("output")
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
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def process_cpu_clock(pid):
    """The clock of another process's CPU time, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | 2


def memory_file(data):
    fd = os.memfd_create("input", 0)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def oom_kills():
    for path in OOM_COUNTERS:
        try:
            with open(path) as file:
                for line in file:
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        except OSError:
            continue
    return 0


def clean_tmp():
    """What a program without a mount namespace left behind."""
    for root, folders, files in os.walk("/tmp", topdown=False):
        for name in files:
            os.unlink(os.path.join(root, name))
        for name in folders:
            path = os.path.join(root, name)
            os.unlink(path) if os.path.islink(path) else os.rmdir(path)
