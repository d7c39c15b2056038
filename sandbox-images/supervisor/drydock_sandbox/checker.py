"""K: runs assert-style tests. It holds the tests; the program is in another process and is reached by calls only.

Verdict, one frame: {"outcome", "passed": asserts that held, "detail", "first": the first that did not, if any,
"failed": all that did not, of those that were run}. Outcomes beyond the domain's:
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
    plain.send(VERDICT, check(json.loads(plain.read_all(TESTS))))


def verdict(passed, outcome="Passed", detail="", first=None):
    said = {"passed": passed, "outcome": outcome, "detail": detail[:200]}
    return said if first is None else {**said, "first": first}


def check(tests):
    """The verdict: of the asserts up to the first that fails, or of all where they are to be counted."""
    calls = 0

    def proxy(*arguments, **named):
        nonlocal calls
        encoded = plain.encode(list(arguments)), plain.encode(named)
        text = json.dumps(encoded)
        if '{"x": "Opaque"}' in text:
            raise CandidateError("an answer that is no plain data was passed on")
        if '{"x":' in text:
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
        return verdict(0, "Gone", "ended while loading", 0)
    except CandidateMalformed as error:
        return verdict(0, "Malformed", str(error), 0)
    if loaded.get("ready") is not True:
        outcome = "CompileError" if loaded.get("stage") == "compile" else "RuntimeError"
        error = loaded.get("e")
        return verdict(0, outcome, error if type(error) is str else "an error that is no text", 0)

    world = {"__name__": "tests", "__builtins__": __builtins__}
    try:
        exec(compile(tests["setup"], "setup.py", "exec", dont_inherit=True), world)
        codes = [compile(text, "test.py", "exec", dont_inherit=True) for text in tests["asserts"]]
    except BaseException as error:
        return verdict(0, "BadTest", f"setup: {type(error).__name__}: {error}")
    world[tests["entry"]] = proxy
    passed, failure, failed, kept = 0, None, [], False  # kept: an earlier test may have bound what the program answered
    for index, code in enumerate(codes):
        calls, names = 0, len(world)
        try:
            exec(code, world)
            passed += 1
            kept = kept or (calls > 0 and len(world) > names)
            continue
        except AssertionError:
            outcome, detail = "WrongAnswer", first_line(tests["asserts"][index])
        except CandidateError as error:
            outcome, detail = "RuntimeError", str(error)
        except CandidateGone:
            outcome, detail = "Gone", "ended before it answered"
        except CandidateMalformed as error:
            outcome, detail = "Malformed", str(error)
        except BadArgument as error:
            outcome, detail = "BadTest", str(error)
        except (NameError, ImportError) as error:
            # Never made by an answer: the test counts on something that the program would have had to define.
            text = f"{type(error).__name__}: {error} in {first_line(tests['asserts'][index])}"
            outcome, detail = "BadTest", text
        except BaseException as error:
            # What the program answered made the test itself fail, say `len(None)`; without an answer it is the test's fault.
            text = f"{type(error).__name__}: {error} in {first_line(tests['asserts'][index])}"
            outcome, detail = "WrongAnswer" if calls or kept else "BadTest", text
        if outcome == "BadTest":
            return verdict(passed, outcome, detail, index)
        failure = failure or verdict(0, outcome, detail, index)
        failed.append(index)
        if not tests["counts"] or outcome in ("Gone", "Malformed"):
            break
    return {**failure, "passed": passed, "failed": failed} if failure else verdict(passed)


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
