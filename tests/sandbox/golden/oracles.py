"""What EvalPlus itself says of answers to the tasks that have an oracle of their own.

    python3 tests/sandbox/golden/oracles.py

EvalPlus is the installed package (evalplus 0.3.1, numpy). No program of a dataset is run: the grader is handed a function
that returns the answers below. Writes oracles.json beside this file. Values are tagged plain data of the sandbox (plain.py).
"""
import json
import pathlib
import random
import sys

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "sandbox-images" / "supervisor"))
from drydock_sandbox import plain  # noqa: E402

NAN = float("nan")
# The entry point that EvalPlus knows the oracle by.
ENTRIES = {
    "any": "are_equivalent", "or-zero": "sum_div", "set": "find_dissimilar", "not-none": "check_str",
    "surface-area": "surface_Area", "digit-distance": "digit_distance_nums",
}
# Arguments, expected, answers; each answer is graded with the tolerances 0 and 1e-4.
CASES = {
    "any": [((1, 2), True, [True, False, None, 3, "x", [1], NAN])],
    "or-zero": [((8,), 7, [7, 0, 0.0, False, True, 7.0, 8, None, "0", "7", [0], 0j, 7.00001, NAN])],
    "set": [
        ((), (4, 5), [(5, 4), [4, 5], {4, 5}, (4, 5, 5), (4,), (4.0, 5), {4: 0, 5: 1}, "45", None, 4, ([4], 5), frozenset({5, 4})]),
        ((), ["ab", "c"], [["c", "ab"], "cab", ("ab", "c"), {"ab": "c"}, b"abc"]),
        ((), "abc", ["cba", ["a", "b", "c"], "ab", "abcc", [["a"], "b", "c"]]),
        ((), [1.0, 2.5], [[2.5, 1.0], [1, 2.5], [1.00000001, 2.5], [2.5, 1.00000001], (1.0, 2.500000001), [1.0, 2.5, 3.0], [NAN, 2.5]]),
        ((), {(1, 2), (3,)}, [[(3,), (1, 2)], [(1, 2), (3,), (1, 2)], [[1, 2], (3,)], [((1, 2)), (3, [])], {(1, 2)}]),
        ((), [], [[], (), {}, set(), "", None, 0, [0]]),
        ((), [None, True, 1], [[1, None], [True, None, None], {None, 1.0}, [0, None], [None, "1"]]),
        ((), [[1], [2]], [[[1], [2]], [(1,), (2,)], []]),
        ((), 5, [5, [5]]),
    ],
    "not-none": [
        ((), True, [True, False, None, 0, 1, "", "x", [], (), 0.0, NAN, {}, object, 2.00000001]),
        ((), False, [True, False, None, 0, 1, "", "x", [], (), 0.0, NAN, {}]),
    ],
    "surface-area": [
        ((3, 4), 33, [33, 34, 35, 34.0, 34.00005, 33.00000001, "33", None, True, [33], 34 + 0j, NAN]),
        ((4, 5), 56, [59, 60, 59.0]),
        ((1, 2), 5, [5, 5.1, 6]),
        ((0.5, 1.5), 2, [2, 1, 1.8]),
        ((10**200, 1), 1, [1, 2, 1e300]),
        ((2**60, 3), 7, [2 * 2**120, 2.0 * 2**120, 2 * 2**120 + 1]),
        ((0, 7), 3, [0, 0.0, False]),
        ((), 1, [2]),
    ],
    "digit-distance": [
        ((1, 2), 1, [1, 2, "1", None, True, 1.0]),
        ((23, 56), 6, [6, 6.0, 5, "6"]),
        ((123, 256), 7, [7]),
        ((1, 99), 16, [17, 17.0, 18, 16, "17", None]),
        ((10**30, 9), 10, [10, 1, 11]),
        ((-5, 3), 2, [2, 8]),
        ((1.5, 3), 2, [2, 8]),
        ((True, 3), 2, [2, 3]),
        ((0, 0), 1, [0, False, None]),
    ],
    "root": [
        (([1, 2],), None, [-0.5, -0.49997, -0.4998, 0.5, None, "x", True, -0.5 + 0j, 1e308, NAN, float("inf")]),
        (([-6, 11, -6, 1],), 1.0, [1, 2, 3.0, 2.00001, 1.5, 10**400, [1]]),
        (([0, 0, 0, 1],), 0.0, [0, 0.0, False, 0.01, 0.1, 1e200]),
        (([1.5, -1],), 1.5, [1.5, 1.49999, 1]),
        (([1e308, 1e308, 1],), 0.0, [-1.0, 1.0, -1e200]),
        (([],), 0.0, [3, 1.5, None]),
    ],
}


def more(draw):
    """Sets of a few values and areas, distances and roots of drawn arguments."""
    for _ in range(60):
        pool = draw.choice([[1, 2, 3], ["a", "b", "c"], [(1,), (2, 3), ()], [1, 1.0, True, 2]])
        pick = lambda: [draw.choice(pool) for _ in range(draw.randrange(5))]
        kind = draw.choice([list, tuple, set])
        yield "set", (), kind(pick()), [draw.choice([list, tuple, set, frozenset])(pick()) for _ in range(3)]
    for _ in range(30):
        a, b = draw.randrange(1, 60), draw.randrange(1, 60)
        area = round(a * a + 2 * a * ((a / 2) ** 2 + b * b) ** 0.5)
        yield "surface-area", (a, b), 2 * a * b + a * a, [area, area + 1, float(area), 2 * a * b + a * a]
    for _ in range(30):
        a, b = draw.randrange(10 ** draw.randrange(1, 6)), draw.randrange(10 ** draw.randrange(1, 6))
        width = max(len(str(a)), len(str(b)))
        far = sum(abs(int(x) - int(y)) for x, y in zip(str(a).zfill(width), str(b).zfill(width)))
        yield "digit-distance", (a, b), sum(map(int, str(abs(a - b)))), [far, far + 1, -far]
    for _ in range(30):
        roots = [draw.randrange(-9, 9) / 2 for _ in range(draw.choice([1, 3]))]
        factors = [1.0]
        for root in roots:
            factors = [a - root * b for a, b in zip([0.0, *factors], [*factors, 0.0])]
        yield "root", (factors,), roots[0], [*roots, roots[0] + 1e-6, roots[0] + 0.01, roots[0] + draw.random()]


def passes(oracle, args, expected, atol, answer):
    """`untrusted_check` itself, given a program that is already a function."""
    from evalplus import eval as graders

    if oracle == "root":
        # 0.3.1 leaves the loop before it has noted that the test passed, so that no answer does: its condition alone.
        try:
            return bool(abs(graders._poly(*args, answer)) <= atol)
        except Exception:
            return False
    entry = ENTRIES[oracle]
    graders.exec = lambda code, world: world.update({entry: lambda *_: answer})
    status, _ = graders.untrusted_check("mbpp", "", [args], entry, [expected], atol, [1.0])
    del graders.exec
    return status == "pass"


def main():
    rows = [(oracle, *case) for oracle, cases in CASES.items() for case in cases]
    lines = []
    for oracle, args, expected, answers in [*rows, *more(random.Random(3))]:
        for atol in (0, 1e-4):
            said = [passes(oracle, args, expected, atol, answer) for answer in answers]
            encoded = {"args": plain.encode(list(args)), "expected": plain.encode(expected), "answers": [plain.encode(a) for a in answers]}
            lines.append(json.dumps({"oracle": oracle, "atol": atol, **encoded, "passed": said}))
    (here / "oracles.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
