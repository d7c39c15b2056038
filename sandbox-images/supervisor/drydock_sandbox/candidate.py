"""C: runs a Python program.

By calls: one frame each on ANSWERS. The first says whether the program loaded: {"ready": true}, or
{"stage": "compile"|"load", "e": error}. Then {"r": value} or {"e": error} for each call. As a whole: it reads
descriptor 0 and prints to 1, as under `python3`. The program owns this process and may forge any of it; all that it
can forge is its own answers, judged elsewhere.
"""
import os
import sys
import types

from . import plain

PROGRAM, CALLS, ANSWERS = 100, 101, 102


def run(entry):
    module = open_module("solution")
    source = read_program()
    try:
        code = compile(source, "solution.py", "exec", dont_inherit=True)
    except BaseException as error:
        return plain.send(ANSWERS, {"stage": "compile", "e": describe(error)})
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        return plain.send(ANSWERS, {"stage": "load", "e": describe(error)})
    try:
        function = find(module.__dict__, entry)
    except BaseException as error:
        return plain.send(ANSWERS, {"stage": "load", "e": describe(error)})
    if not callable(function):
        return plain.send(ANSWERS, {"stage": "load", "e": f"NameError: no function named {entry} is defined"})
    plain.send(ANSWERS, {"ready": True})
    while True:
        try:
            call = plain.receive(CALLS)
        except EOFError:
            break
        try:
            arguments = plain.decode(call["a"])
            named = plain.decode(call["k"]) if "k" in call else {}
            answer = {"r": plain.encode(function(*arguments, **named))}
        except BaseException as error:
            answer = {"e": describe(error)}
        plain.send(ANSWERS, answer)
    sys.stdout.flush()


def find(names, entry):
    """The function of that name, or else the method of a class Solution, which is how LeetCode has programs."""
    function = names.get(entry)
    solution = names.get("Solution")
    if not callable(function) and isinstance(solution, type):
        return getattr(solution(), entry, None)
    return function


def run_whole():
    """As `python3 solution.py` would: standard input, standard output, exit code."""
    import atexit
    import threading
    import traceback

    module = open_module("__main__")
    status = 0
    try:
        exec(compile(read_program(), "solution.py", "exec", dont_inherit=True), module.__dict__)
    except SystemExit as end:
        if type(end.code) is int:
            status = end.code & 255
        elif end.code is not None:
            print(end.code, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    return status


def open_streams():
    """Standard streams on descriptors 0 to 2, whatever these will be: made once, before any program runs."""
    sys.argv = ["solution.py"]
    sys.stdin = sys.__stdin__ = open(0, "r", encoding="utf-8", closefd=False)
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr = sys.__stderr__ = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


def open_module(name):
    """The program's module."""
    module = types.ModuleType(name)
    module.__builtins__ = __builtins__
    sys.modules[name] = module
    return module


def read_program():
    source = plain.read_all(PROGRAM)
    os.close(PROGRAM)
    return source


def describe(error):
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except BaseException:
        return "an exception that cannot be shown"
