"""S, process 1 of the container: one run at a time, asked for on stdin and answered on stdout.

Request {"id", "kind", "launch", "program", "entry", "limits", "namespaces", "files"?, "counts"?} and, by kind,
  call     "calls": a list of lists of encoded arguments
  assert   "setup" and "asserts", or "checker": base64 of an executable, where the launch runs the program itself
  stdio    "inputs": a list of texts; the limits are each test's
  compile  "source" and "flags" in place of program, launch and entry
Reply {"id", "answers", "output", "ended", "killed", "oomKilled", "cpuSeconds", "wallSeconds", "memoryBytes", "errors"};
of compile "binary" (base64 or null) in place of answers and output. The reply says what was seen; Drydock makes the
verdict of it. Where nothing could be run: {"id", "fault"}, and the slot ends.
"""
import base64
import json
import os
import socket
import struct
import sys

from . import compiler, jail, launch, plain, zygote
from .run import MAX_ERRORS, Run, SetupFailed

PROTOCOL = 2
MAX_ANSWERS = 4 << 20
SHOWN_BYTES = 2048
# Frames of all stdio tests of a request together.
MAX_FRAMES = 8 << 20


def main():
    jail.hide_from_peers()
    launches = launch.load()
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
    machine = os.uname().machine
    ready = {"ready": True, "protocol": PROTOCOL, "python": version, "machine": machine, "launches": list(launches)}
    plain.send(1, ready)
    while True:
        try:
            (length,) = struct.unpack(">I", plain.read_exactly(0, 4))
            request = json.loads(plain.read_exactly(0, length))
        except EOFError:
            os._exit(0)  # Drydock has gone
        try:
            name = "compile" if request["kind"] == "compile" else request["launch"]
            if name not in launches:
                raise SetupFailed(f'this image has no launch "{name}" (it has: {", ".join(launches)})')
            reply = KINDS[request["kind"]](request, ours, launches)
        except SetupFailed as error:
            reply = {"fault": str(error)[:2000]}
        plain.send(1, {"id": request["id"], **reply})
        if "fault" in reply:
            os._exit(1)
        if not request["namespaces"]:
            clean_tmp()
        reap()


def program_file(request, launches):
    """The program on a descriptor, as its launch takes it."""
    if launches[request["launch"]]["run"] == "program":
        return executable(request["program"])
    return memory_file(request["program"].encode("utf-8", "surrogatepass"))


def by_calls(request, link, launches):
    """All calls at once, from a file; the answers come straight to us."""
    run = Run(request, link)
    nothing = os.open("/dev/null", os.O_RDWR)
    output, printing = run.pipe(request["limits"]["outputBytes"])
    _, errors = run.pipe(MAX_ERRORS, kills=False)
    answers, answering = run.pipe(MAX_ANSWERS)
    calls = memory_file(b"".join(plain.frame({"a": arguments}) for arguments in request["calls"]))
    fds = [nothing, printing, errors, program_file(request, launches), calls, answering]
    run.add("candidate", fds, files_of(request))
    run.begin()
    run.watch()
    return {**run.seen(), "answers": base64.b64encode(run.reading[answers]).decode(), "output": shown(run, output)}


def by_checker(request, link, launches):
    """The checker's process holds the tests, calls the program, and alone can say what it found."""
    run = Run(request, link)
    nothing = os.open("/dev/null", os.O_RDWR)
    output, printing = run.pipe(request["limits"]["outputBytes"])
    _, errors = run.pipe(MAX_ERRORS, kills=False)
    verdict, judging = run.pipe(MAX_ANSWERS)
    _, checker_errors = run.pipe(MAX_ERRORS, kills=False)
    calls, calling = os.pipe()
    answers, answering = os.pipe()
    if launches[request["launch"]]["run"] == "program":
        tests = executable(request["checker"])
    else:
        counts = request.get("counts", False)
        spec = {"setup": request["setup"], "asserts": request["asserts"], "entry": request["entry"], "counts": counts}
        tests = memory_file(json.dumps(spec).encode())
    fds = [nothing, printing, errors, program_file(request, launches), calls, answering]
    run.add("candidate", fds, files_of(request))
    run.add("checker", [nothing, nothing, checker_errors, tests, calling, answers, judging], files_of(request))
    run.begin()
    run.watch()
    return {**run.seen(), "answers": base64.b64encode(run.reading[verdict]).decode(), "output": shown(run, output)}


def by_printing(request, link, launches):
    """The program as a whole, once for each input. One frame of ours a test; nothing after one that crashed, unless
    they are to be counted."""
    frames, reply = b"", None
    for text in request["inputs"]:
        run = Run(request, link)
        output, printing = run.pipe(request["limits"]["outputBytes"])
        _, errors = run.pipe(MAX_ERRORS, kills=False)
        stdin = memory_file(text.encode("utf-8", "surrogatepass"))
        run.add("whole", [stdin, printing, errors, program_file(request, launches)], files_of(request))
        run.begin()
        run.watch()
        seen = run.seen()
        said = {"killed": seen["killed"], "cpu": seen["cpuSeconds"], "oom": seen["oomKilled"], **seen["ended"]}
        frame = plain.frame({"out": bytes(run.reading[output]).decode("utf-8", "replace"), **said})
        cut = len(frames) + len(frame) > MAX_FRAMES
        if cut:
            frame = plain.frame({"out": "", **said, "killed": "output"})
        frames += frame
        reply = merge(reply, {**seen, "output": shown(run, output)})
        crashed = seen["killed"] is not None or run.exit != 0
        if cut or (crashed and not request.get("counts", False)):
            break
    return {**reply, "answers": base64.b64encode(frames).decode()}


def merge(before, now):
    """Of several tests: the last one's end, all CPU and wall time, the most memory."""
    if before is None:
        return now
    summed = {name: before[name] + now[name] for name in ("cpuSeconds", "wallSeconds")}
    return {**now, **summed, "memoryBytes": max(before["memoryBytes"], now["memoryBytes"])}


def compiling(request, link, _):
    """What a compiler made of the source; read here, never run here."""
    run = Run(request, link)
    nothing = os.open("/dev/null", os.O_RDWR)
    _, errors = run.pipe(MAX_ERRORS, kills=False)
    answers, answering = run.pipe(compiler.MAX_BINARY * 2)
    source = memory_file(request["source"].encode("utf-8", "surrogatepass"))
    run.add("compiler", [nothing, nothing, errors, source, answering], flags=request["flags"])
    run.begin()
    run.watch()
    seen = run.seen()
    binary = None
    if run.exit == 0:
        answer = json.loads(bytes(run.reading[answers])[4:])
        binary = answer["binary"]
        seen["ended"] = {"exit": answer["exit"]} if answer["exit"] >= 0 else {"signal": -answer["exit"]}
    if binary is None and seen["killed"] is None and seen["cpuSeconds"] >= request["limits"]["cpuSeconds"]:
        seen["killed"] = "cpu"  # by the kernel, process by process
    return {**seen, "binary": binary}


KINDS = {"call": by_calls, "assert": by_checker, "stdio": by_printing, "compile": compiling}


def shown(run, output):
    return bytes(run.reading[output][:SHOWN_BYTES]).decode("utf-8", "replace")


def files_of(request):
    """The task's side inputs on a descriptor, where it has some."""
    return memory_file(json.dumps(request["files"]).encode()) if request.get("files") else None


def memory_file(data):
    fd = os.memfd_create("input", 0)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def executable(encoded):
    """A program's bytes, ready to be run: open for reading alone, and not readable, so that nobody of the same user
    may look into the process that it becomes."""
    written = memory_file(base64.b64decode(encoded))
    try:
        fd = os.open(f"/proc/self/fd/{written}", os.O_RDONLY)
        os.fchmod(fd, 0o111)
        return fd
    finally:
        os.close(written)


def reap():
    """Orphans of runs without a namespace of their own."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def clean_tmp():
    """What a program without a mount namespace left behind."""
    for root, folders, files in os.walk("/tmp", topdown=False):
        for name in files:
            os.unlink(os.path.join(root, name))
        for name in folders:
            path = os.path.join(root, name)
            os.unlink(path) if os.path.islink(path) else os.rmdir(path)
