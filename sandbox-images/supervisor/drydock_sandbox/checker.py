"""K: runs assert-style tests. It holds the tests; the program is in another process and is reached by calls only.

Verdict, one frame: {"outcome": ..., "passed": asserts that held, "detail": ...}. Outcomes beyond the domain's:
"Gone" (the program's process ended or was ended before it answered; the supervisor knows why) and "BadTest" (the
tests failed by themselves: a fault of the dataset, never the program's).
"""
import json

from . import plain

TESTS, CALLS, ANSWERS, VERDICT = 100, 101, 102, 103


class CandidateError(Exception):
    """The program raised."""


class CandidateGone(BaseException):
    """The program's process answers no more. A BaseException, so that no test's `except Exception` hides it."""


class CandidateMalformed(BaseException):
    """The program's process sent what is no answer."""


class BadArgument(BaseException):
    """The tests passed an argument that is not plain data."""


def run():
    passed, outcome, detail = check(json.loads(plain.read_all(TESTS)))
    plain.send(VERDICT, {"passed": passed, "outcome": outcome, "detail": detail[:200]})


def check(tests):
    calls = 0

    def proxy(*arguments, **named):
        nonlocal calls
        encoded = plain.encode(list(arguments)), plain.encode(named)
        if '{"x":' in json.dumps(encoded):
            raise BadArgument("an argument is not plain data")
        calls += 1
        try:
            plain.send(CALLS, {"a": encoded[0], "k": encoded[1]})
        except BrokenPipeError:
            raise CandidateGone from None
        reply = receive()
        if set(reply) == {"e"} and type(reply["e"]) is str:
            raise CandidateError(reply["e"][:200])
        if set(reply) != {"r"}:
            raise CandidateMalformed("neither answer nor error")
        try:
            return plain.decode(reply["r"])
        except plain.BadValue as error:
            raise CandidateMalformed(str(error)) from None

    try:
        loaded = receive()
    except CandidateGone:
        return 0, "Gone", "ended while loading"
    except CandidateMalformed as error:
        return 0, "Malformed", str(error)
    if loaded.get("ready") is not True:
        return 0, "CompileError" if loaded.get("stage") == "compile" else "RuntimeError", str(loaded.get("e"))

    world = {"__name__": "tests", "__builtins__": __builtins__}
    try:
        exec(compile(tests["setup"], "setup.py", "exec", dont_inherit=True), world)
        codes = [compile(text, "test.py", "exec", dont_inherit=True) for text in tests["asserts"]]
    except BaseException as error:
        return 0, "BadTest", f"setup: {type(error).__name__}: {error}"
    world[tests["entry"]] = proxy
    for index, code in enumerate(codes):
        calls = 0
        try:
            exec(code, world)
        except AssertionError:
            return index, "WrongAnswer", first_line(tests["asserts"][index])
        except CandidateError as error:
            return index, "RuntimeError", str(error)
        except CandidateGone:
            return index, "Gone", "ended before it answered"
        except CandidateMalformed as error:
            return index, "Malformed", str(error)
        except BadArgument as error:
            return index, "BadTest", str(error)
        except (NameError, ImportError) as error:
            # Never made by an answer: the test counts on something that the program would have had to define.
            return index, "BadTest", f"{type(error).__name__}: {error} in {first_line(tests['asserts'][index])}"
        except BaseException as error:
            # What the program answered made the test itself fail, say `len(None)`; without an answer it is the test's fault.
            text = f"{type(error).__name__}: {error} in {first_line(tests['asserts'][index])}"
            return index, "WrongAnswer" if calls else "BadTest", text
    return len(codes), "Passed", ""


def receive():
    try:
        message = plain.receive(ANSWERS)
    except EOFError:
        raise CandidateGone from None
    except plain.BadValue as error:
        raise CandidateMalformed(str(error)) from None
    if type(message) is not dict:
        raise CandidateMalformed("a message that is no object")
    return message


def first_line(text):
    return text.strip().splitlines()[0] if text.strip() else ""
