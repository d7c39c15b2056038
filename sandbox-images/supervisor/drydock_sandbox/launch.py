"""How an image starts programs: `launch.json` beside this package, one description for each launch by name.

    run           null: in the forked Python itself; "program": the bytes on descriptor 100 are the executable;
                  or a command line, in which {role}, {entry} and {memoryMiB} are filled in, and an argument
                  "{flags}" becomes the request's flags
    environment   of what is run: {name: text}
    addressSpace  bytes that it may map beyond the request's memory limit; null: bounded by the container alone
    stackBytes, fileBytes, tmpBytes, processes
                  bounds of the stack, of a written file, of /tmp, and of processes and threads
    allow         names of system calls allowed beyond seccomp.ALLOWED
    children      whether it may start processes (a compiler does)
    source, result
                  of a compiler: the file that the source is written to and the file that is sent back

Images name what differs from DEFAULTS. The launch "python" is there without a word.
"""
import json
import os

DEFAULTS = {
    "run": None,
    "environment": {},
    "addressSpace": 0,
    "stackBytes": 64 << 20,
    "fileBytes": 4 << 20,
    "tmpBytes": 16 << 20,
    "processes": 16,
    "allow": [],
    "children": False,
}


def load(folder=os.path.dirname(os.path.dirname(os.path.abspath(__file__)))):
    """Name -> description."""
    try:
        with open(os.path.join(folder, "launch.json")) as file:
            named = json.load(file)
    except FileNotFoundError:
        named = {}
    for name, description in named.items():
        unknown = set(description) - set(DEFAULTS) - {"source", "result"}
        if unknown:
            raise ValueError(f"launch.json: {name} says {', '.join(sorted(unknown))}, which is not known")
    return {name: {**DEFAULTS, **description} for name, description in {"python": {}, **named}.items()}


def command(launch, role, entry, limits, flags=()):
    """The arguments of what is run."""
    if launch["run"] == "program":
        return ["solution"] if role == "whole" else [role, entry]
    words = {"role": role, "entry": entry, "memoryMiB": int(limits["memoryBytes"]) >> 20}
    line = []
    for argument in launch["run"]:
        line += flags if argument == "{flags}" else [fill(argument, words)]
    return line


def fill(argument, words):
    for name, value in words.items():
        argument = argument.replace("{" + name + "}", str(value))
    return argument
