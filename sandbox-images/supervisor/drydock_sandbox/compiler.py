"""Runs a compiler in a jail of its own and sends back the file that it made: one frame
{"binary": base64 or null, "exit": its exit code, or minus the signal that ended it}.

What the compiler is given is hostile, so all that it makes is the word of that program. Nothing here runs the result.
"""
import base64
import os

from . import launch as launches
from . import plain

SOURCE, ANSWERS = 100, 101
MAX_BINARY = 8 << 20


def run(launch, limits, flags):
    with open(launch["source"], "wb") as file:
        file.write(plain.read_all(SOURCE))
    os.close(SOURCE)
    line = launches.command(launch, "compiler", "", limits, flags)
    os.dup2(2, 1)
    pid = os.posix_spawn(line[0], line, launch["environment"], file_actions=[(os.POSIX_SPAWN_CLOSE, ANSWERS)])
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    binary = None
    if code == 0:
        with open(launch["result"], "rb") as file:
            binary = file.read(MAX_BINARY + 1)
        if len(binary) > MAX_BINARY:
            os.write(2, f"the executable is larger than {MAX_BINARY} bytes\n".encode())
            binary = None
    plain.send(ANSWERS, {"binary": binary and base64.b64encode(binary).decode(), "exit": code})
