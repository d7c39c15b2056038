"""C: runs the program, then answers calls of its entry point with plain data, one frame a call.

The first frame says whether the program loaded: {"ready": true}, or {"stage": "compile"|"load", "e": error}. Then
{"r": value} or {"e": error} for each call. The program owns this process and may forge any of it; all that it can
forge is its own answers, which are judged elsewhere.
"""
import os
import sys
import types

from . import plain

PROGRAM, CALLS, ANSWERS = 100, 101, 102


def run(entry):
    source = plain.read_all(PROGRAM)
    os.close(PROGRAM)
    module = types.ModuleType("solution")
    module.__builtins__ = __builtins__
    sys.modules["solution"] = module
    sys.argv = ["solution.py"]
    sys.stdin = sys.__stdin__ = open(0, "r", encoding="utf-8", closefd=False)
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    try:
        code = compile(source, "solution.py", "exec", dont_inherit=True)
    except BaseException as error:
        return plain.send(ANSWERS, {"stage": "compile", "e": describe(error)})
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        return plain.send(ANSWERS, {"stage": "load", "e": describe(error)})
    function = module.__dict__.get(entry)
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


def describe(error):
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except BaseException:
        return "an exception that cannot be shown"
