"""What the datasets' own graders say of pairs of printed texts and of pairs of values.

    python3 tests/sandbox/golden/judges.py --apps testing_util.py --livecodebench testing_util.py \
        --codecontests tester_sandboxer.cc

Each option names a file of the original: hendrycks/apps eval/testing_util.py, LiveCodeBench
lcb_runner/evaluation/testing_util.py, google-deepmind/code_contests execution/tester_sandboxer.cc (its `OutputsMatch` is
compiled: g++ and Abseil's headers and libraries are needed). EvalPlus is the installed package (evalplus 0.3.1, numpy).
No program of a dataset is run: the graders are handed functions that print or return the values below.

Writes judges.json beside this file. Values are tagged plain data of the sandbox (plain.py).
"""
import argparse
import contextlib
import importlib.util
import io
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import types

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "sandbox-images" / "supervisor"))
from drydock_sandbox import plain  # noqa: E402

TEXTS = [
    # printed, expected
    ("", ""), ("\n", ""), ("1", "1"), ("1\n", "1"), ("1 \n", "1\n"), (" 1", "1"), ("1\n\n\n", "1"), ("\n\n1", "1"),
    ("1\n2", "1\n2\n"), ("1\n\n2", "1\n2"), ("1 2", "1\n2"), ("1  2", "1 2"), ("1\t2", "1 2"), ("1\r\n2\r\n", "1\n2\n"),
    ("2\n1", "1\n2"), ("1 2 2", "2 1"), ("1 2\n1 2", "2 1"), ("1", "2"), ("", "1"), ("1", ""), ("0", ""), ("a", ""),
    ("YES", "yes"), ("Yes\nNo", "YES\nNO"), ("É", "é"), ("É", "É"), ("ß", "SS"), ("yes.", "yes"), ("'a'", "a"),
    ("1.0", "1"), ("1.000001", "1"), ("1.00001", "1"), ("0.99999", "1.0"), ("1.0000099", "1"), ("1.0001", "1.0"),
    ("3.14159265", "3.14159"), ("1e5", "100000"), ("1E5", "1e5"), ("1e5 x", "100000 x"), ("100000000.0001", "100000000"),
    ("1000000000000000001", "1000000000000000000"), ("2147483648", "2147483648.000001"), ("1e18", "1000000000000000000"),
    ("9007199254740993", "9007199254740992"), ("12345678901234567890123", "12345678901234567890124"),
    ("nan", "nan"), ("nan 1.0", "nan 1"), ("NaN", "nan"), ("inf", "inf"), ("inf 1.0", "inf 1"), ("-inf", "inf"),
    ("Infinity", "inf"), ("infinity 1", "inf 1.0"), ("nan(12) 1.0", "nan(12) 1"), ("0x10", "16"), ("0x10 1.0", "0x10 1"), ("0x1.8p1", "3"), ("-0xA.p-1 1", "-5 1.0"),
    ("0x", "0"), ("0x.8", "0.5"), ("0x. 1.0", "0x. 1"), ("0x1p", "1"), ("0xg", "0"), ("0xinf", "inf"),
    ("1_000", "1000"), ("1_000 2.0", "1000 2"), ("1__0", "10"), ("+5", "5"), ("-0", "0"), ("-0.0", "0"), (".5", "0.5"),
    ("5.", "5"), ("5. .", "5 ."), ("+-5", "-5"), ("--5", "5"), ("1e", "1"), ("1e400", "inf"), ("1e400 1.0", "1e500 1"),
    ("-1e400 1.0", "-inf 1"), ("1e-400", "0"), ("1e-400 0.5", "0 .5"), ("1.0\n2.0", "1\n2"), ("1.0 2.0", "1 2"),
    ("1.0004 2.0", "1 2"), ("1.0005 2.0", "1 2"), ("0.0625 3", "0.062 3"), ("0.1875 3", "0.188 3"), ("2.6875 1", "2.688 1"),
    ("-0.0625 3", "-0.062 3"), ("0.0005 9", "0 9"), ("0.00051 9", "0.001 9"), ("1e22 1", "1e22 1.0"), ("nan 1", "nan 1.0"),
    ("1 2\n3 4", "3 4\n1 2"), ("1 2\n3 4", "2 1\n4 3"), ("a b\nc", "c\nb a"), ("a b\nc", "c a\nb"), ("a\nb\nb", "b\na"),
    ("1\n   \n2", "1\n2"), ("1\n2", "1\n   \n2"), ("1\n2", "2\n   \n1"), ("   ", ""), ("", "   "), ("   ", "x"),
    ("1\x0c2", "1 2"), ("1\x0b2", "1 2"), ("1\x0c", "1"), ("1\x1c2", "1\n2"), ("1\x852", "1\n2"), ("1\u20282", "1\n2"),
    ("\u00a01\u00a0", "1"), ("1\u30002", "1 2"), ("\ufeff1", "1"), ("1\x00", "1"), ("a\x0c 1.0", "a\x0c 1"),
    ("Case #1: 2\nCase #2: 3", "Case #1: 2\nCase #2: 3"), ("Case #1: 2.0000001", "Case #1: 2"), ("1,2", "1, 2"),
    ("[1, 2]", "[1,2]"), ("True", "true"), ("1\n2\n3", "1\n2"), ("1\n2", "1\n2\n3"), ("1.5 a", "1.50 a"), ("1.50", "1.5"),
    ("1.5e0", "1.5"), ("15e-1", "1.5"), ("00012", "12"), ("0.10", ".1"), ("1e3", "1000.0"), ("1.0 x", "1 x"), ("-1", "1"),
    ("1 2.0", "1.0 2"), ("sNaN", "1"), ("NaN", "NaN 1"), ("infinity", "Infinity"), ("1e5", "1e5 "), ("1" * 400, "1" * 400),
    ("0." + "3" * 30, "0." + "3" * 31), ("1e0", "10e-1")
]

VALUES = [
    # answer, expected, EvalPlus' absolute tolerance
    (1, 1, 0), (1, 2, 0), (True, 1, 0), (1, True, 0), (1.0, 1, 0), (1, 1.0, 0), (None, None, 0), (None, 0, 0), (None, False, 1),
    ("a", "a", 0), ("a", "b", 0), ("a", "b", 1e-4), ("1", 1, 0), ([], [], 0), ([], (), 0), ((), [], 0), ([], [], 1e-4),
    ([1, 2], [1, 2], 0), ((1, 2), [1, 2], 0), ([1, 2], (1, 2), 0), ([1, 2], [2, 1], 0), ([1], [1, 2], 0), ([1, 2], [1], 0),
    (0.1 + 0.2, 0.3, 0), (0.3000001, 0.3, 0), (0.3000011, 0.3, 0), (0.300002, 0.3, 0), (0.30005, 0.3, 1e-4),
    (0.3002, 0.3, 1e-4), (1e9, 1e9 + 1, 0), (1e9, 1e9 + 100, 0), (1e9, 1e9 + 101.0, 0), (10**9, 10**9 + 1, 1e-4),
    (10**9, 10**9 + 1, 0), (3, 3.0000001, 0), (3.0000001, 3, 0), (3.0000001, 3.0, 0), (3, 3.0, 0), (2.5, 3, 1e-4),
    ([0.1 + 0.2], [0.3], 0), ([0.1 + 0.2, 1], [0.3, 1], 0), ([0.1 + 0.2, 1], [0.3, 1], 1e-4), ((0.1 + 0.2,), (0.3,), 0),
    ((0.1 + 0.2,), [0.3], 0), ([0.1 + 0.2], (0.3,), 0), ([0.3], [0.1, 0.2], 0), ([0.3, 0.3], [0.3], 1e-4),
    ([[0.1 + 0.2]], [[0.3]], 0), ([[0.1 + 0.2]], [[0.3]], 1e-4), ([[0.3000001], [1.0]], [[0.3], [1.0]], 1e-4),
    ([[0.3000001], [1.0, 2.0]], [[0.3], [1.0, 2.0]], 1e-4), ([0.3000001, 0.3], [[0.3], [0.3]], 1e-4),
    ([[0.3000001], [0.3]], [0.3, 0.3], 1e-4), ([(0.3000001, 1)], [[0.3, 1]], 1e-4), ([[1], [2]], [[], []], 1e-4),
    ([[], []], [[1], [2]], 1e-4), ([1, 2.0], [1, 2.0000001], 1e-4), ([True, 1.0000001], [1, 1.0], 1e-4),
    (float("nan"), float("nan"), 0), (float("nan"), float("nan"), 1e-4), ([float("nan")], [float("nan")], 1e-4),
    (float("inf"), float("inf"), 0), (float("inf"), float("-inf"), 0), (float("inf"), 1e308, 1e-4), (1e308, float("inf"), 0),
    ([float("inf"), 1.0], [float("inf"), 1.0000001], 0), ([1.0, float("nan")], [1.0, 1.0], 0), (-0.0, 0.0, 0), (0.0, -0.0, 0),
    (0.0, 1e-7, 0), (0.0, 1e-5, 0), (1j, 1j, 0), (1 + 1e-7j, 1 + 0j, 1e-4), (1 + 1j, 1 + 2j, 1e-4), (1 + 0j, 1, 0),
    (1.0000001, 1 + 0j, 1e-4), ([1 + 1e-7j], [1 + 0j], 1e-4), ({1, 2}, {2, 1}, 0), ({1, 2}, {1}, 0), ({1}, frozenset({1}), 0),
    ({1.0000001}, {1.0}, 1e-4), ({1: 2}, {1: 2}, 0), ({1: 2}, {"1": 2}, 0), ({1: 2, 3: 4}, {3: 4, 1: 2}, 0),
    ({1.0: 2}, {1: 2.0}, 0), ({True: 2}, {1: 2}, 0), ({"a": 1.0000001}, {"a": 1.0}, 1e-4), ({"a": [1]}, {"a": (1,)}, 0),
    ({(1, 2): 3}, {(1, 2): 3}, 0), (b"a", b"a", 0), (b"a", "a", 0), (bytearray(b"a"), b"a", 0), (2**70, 2**70, 0),
    (2**70, 2**70 + 1, 0), (2**70, 2**70 + 1, 1e-4), (float(2**70), 2**70, 0), ([2**70, 1.0], [2**70, 1.0000001], 1e-4),
    ([2**70], [2**70 + 1], 1e-4), (2**63, 2**63 + 1, 1e-4), (-(2**63) - 1, -(2**63) - 2, 1e-4), (2**53 + 1, float(2**53), 0),
    (int, int, 0), (int, float, 0), ([None], [None], 1e-4), ([None], [0.0], 0), (["a", 1.0000001], ["a", 1.0], 1e-4),
    ([0.3000001, "a"], [0.3, "a"], 1e-4), ("abc", ["a", "b", "c"], 0), ("", [], 0), ([1, [2, (3,)]], [1, [2, [3]]], 0),
    ([(1, 2)], [[1, 2]], 0), ([(1, 2), (3,)], [[[1, 2], [3]]], 0), ([(1, 2), [3]], [[[1, 2], [3]]], 0),
    ([(1, 2), "ab"], [[[1, 2], ["a", "b"]]], 0), ([(1, 2), {"k": 1}], [[[1, 2], ["k"]]], 0), ([(1, 2), 5], [[[1, 2], 5]], 0),
    (((1, 2), (3, 4)), [[[1, 2], [3, 4]]], 0), (((1, 2), (3, 4)), [[1, 2], [3, 4]], 0), (5, [5], 0), ([5], [5], 0),
    ([5], [[5]], 0), ([5], 5, 0), ((5,), [5], 0), ((5,), [[5]], 0), (5, [5, 6], 0), ([5, 6], [5, 6], 0), ("ab", ["ab"], 0),
    (False, [False], 0), (0, [False], 0), ({"1": 2}, {"1": 2}, 0), ({1: 2}, [{"1": 2}], 0), ({1: 2}, [{"1": 2}, 7], 0),
    ([{1: 2}], {"1": 2}, 0), ({"a": 2}, {"a": 2}, 0), ({"a": 2}, [{"a": 2}], 0), ({1: 2}, {" 1 ": 2}, 0),
    ({1: 2}, {"+1": 2, "a": 1}, 0), ({10: 2}, {"1_0": 2}, 0), ({1: 3}, {"1": 2, "01": 3}, 0), ({}, {}, 0), ([{}], {}, 0), ({}, [{}], 0),
    ([[1, 2], [3, 4]], [[[1, 2], [3, 4]]], 0), (1.0, [1], 0), (1.0000001, [1.0], 0), ("", [""], 0), (None, [None], 0), (None, [], 0),
]


def more_texts(draw):
    """Pairs that lie close together: the same tokens, some of them changed, on lines that were cut otherwise."""
    for _ in range(400):
        tokens = [draw.choice(["1", "2", "0.5", "a", "B", "1e3", "-7", "3.1415", "10"]) for _ in range(draw.randint(1, 5))]
        other = list(tokens)
        for _ in range(draw.randint(0, 2)):
            at = draw.randrange(len(other))
            near = {"1": "1.0", "2": "2.000001", "0.5": ".50", "1e3": "1000", "a": "A", "3.1415": "3.14150001", "10": "10.0004"}
            kind = draw.randrange(4)
            if kind == 0:
                other[at] = near.get(other[at], "x")
            elif kind == 1:
                other.insert(at, other[at])
            elif kind == 2:
                draw.shuffle(other)
            elif len(other) > 1:
                del other[at]
        yield join(draw, tokens), join(draw, other)


def join(draw, tokens):
    gaps = [draw.choice([" ", " ", "\n", "\n", "  ", "\n\n", " \n", "\t"]) for _ in tokens]
    return "".join(token + gap for token, gap in zip(tokens, gaps))


def more_values(draw):
    """Pairs of nested values, one a slightly changed copy of the other."""

    def value(depth):
        kind = draw.randrange(9 if depth else 6)
        if kind < 2:
            return draw.choice([0, 1, 2, -3, 10**6])
        if kind < 4:
            return draw.choice([0.5, 1.0, 2.25, 1e6, -0.1])
        if kind < 6:
            return draw.choice([True, False, "a", "", None, 1])
        items = [value(depth - 1) for _ in range(draw.randrange(3))]
        if kind == 8:
            return {str(index): item for index, item in enumerate(items)}
        return tuple(items) if kind == 7 else items

    def changed(old):
        if isinstance(old, (list, tuple)):
            kind = draw.choice([list, list, tuple, type(old), type(old)])
            return kind(changed(item) for item in old)
        if isinstance(old, float) and draw.random() < 0.5:
            return old + draw.choice([1e-9, 3e-7, 2e-6, 5e-5, 1e-3])
        return draw.choice([old] * 8 + [int(old)]) if isinstance(old, (bool, float)) else old

    for _ in range(400):
        expected = value(3)
        answer = changed(expected)
        if draw.random() < 0.2:
            expected = [expected]
        yield answer, expected, draw.choice([0, 0, 1e-4])


def load(name, path, stubs=()):
    for stub, module in stubs:
        sys.modules[stub] = module
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def apps(path):
    """`run_test` itself, given a program that is already a function."""
    pyext = types.ModuleType("pyext")
    solution = types.SimpleNamespace()
    pyext.RuntimeModule = types.SimpleNamespace(from_string=lambda *_: solution)
    module = load("apps_testing_util", path, [("pyext", pyext)])

    def grade(in_outs):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            (pathlib.Path(folder) / "input_output.json").write_text(json.dumps(in_outs))
            (result,) = module.run_test(prob_path=folder, test="pass")
        return bool(result == True)  # noqa: E712 (as eval/test_one_solution.py counts them; -1 is no pass)

    def texts(printed, expected):
        solution.code = lambda: sys.stdout.write(printed)
        return grade({"inputs": [""], "outputs": [expected]})

    def values(answer, expected):
        solution.f = lambda *_: answer
        return grade({"fn_name": "f", "inputs": [[0]], "outputs": [expected]})

    return texts, values


def livecodebench(path):
    module = load("lcb_testing_util", path)
    solution = types.SimpleNamespace()
    # The program is a function already: there is nothing to rewrite or to compile.
    module.clean_if_name = module.make_function = lambda code: code
    module.compile_code = lambda *_: solution

    def texts(printed, expected):
        solution.wrapped_function = lambda: sys.stdout.write(printed)
        try:
            results, _ = module.grade_stdio("", [""], [expected], 6)
        except ArithmeticError:  # of a signalling NaN; its caller counts that as a failure
            return False
        return results == [True]

    return texts


def codecontests(path, pairs):
    source = pathlib.Path(path).read_text()
    functions = [
        re.search(rf"^\S[^\n]* {name}\(.*?^}}$", source, re.M | re.S).group(0)
        for name in ("SplitAndLowercase", "ValuesMatch", "OutputsMatch")
    ]
    headers = ["algorithm", "cmath", "functional", "iostream", "iterator", "numeric", "string", "vector"]
    headers += [f"absl/strings/{name}.h" for name in ("ascii", "numbers", "str_split", "string_view")]
    main = """
std::string Read() { size_t n; std::cin >> n; std::cin.get(); std::string s(n, 0); std::cin.read(&s[0], n); return s; }
int main() { int n; std::cin >> n; while (n--) { auto a = Read(), b = Read(); std::cout << OutputsMatch(a, b); } }
"""
    with tempfile.TemporaryDirectory() as folder:
        code = pathlib.Path(folder) / "match.cc"
        code.write_text("\n".join([*(f"#include <{name}>" for name in headers), *functions, main]))
        libraries = [f"-labsl_{name}" for name in ("strings", "strings_internal", "base", "raw_logging_internal", "throw_delegate", "int128")]
        subprocess.run(["g++", "-std=c++17", "-O1", code, "-o", f"{folder}/match", *libraries], check=True)
        texts = b"".join(b"%d " % len(raw) + raw for pair in pairs for raw in (text.encode() for text in pair))
        told = subprocess.run([f"{folder}/match"], input=b"%d " % len(pairs) + texts, capture_output=True, check=True)
    return [digit == "1" for digit in told.stdout.decode()]


def evalplus(answer, expected, atol):
    """`untrusted_check` itself, given a program that is already a function."""
    from evalplus import eval as graders

    graders.exec = lambda code, world: world.update(f=lambda: answer)
    status, _ = graders.untrusted_check("", "", [[]], "f", [expected], atol, [1.0])
    del graders.exec
    return status == "pass"


def is_json(value):
    if isinstance(value, list):
        return all(map(is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(item) for key, item in value.items())
    return value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))


def main():
    parser = argparse.ArgumentParser()
    for name in ("apps", "livecodebench", "codecontests"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    apps_texts, apps_values = apps(options.apps)
    strict = livecodebench(options.livecodebench)
    pairs = [*TEXTS, *more_texts(random.Random(1))]
    tokens = codecontests(options.codecontests, pairs)
    texts = [
        {"printed": a, "expected": b, "tokens": matched, "apps": apps_texts(a, b), "apps-strict": strict(a, b)}
        for (a, b), matched in zip(pairs, tokens)
    ]
    values = []
    for answer, expected, atol in [*VALUES, *more_values(random.Random(2))]:
        case = {"answer": plain.encode(answer), "expected": plain.encode(expected), "atol": atol}
        case["evalplus"] = evalplus(answer, expected, atol)
        # APPS' expected values are JSON.
        case["apps"] = apps_values(answer, expected) if is_json(expected) else None
        values.append(case)
    lines = [",\n".join(map(json.dumps, cases)) for cases in (texts, values)]
    (here / "judges.json").write_text(f'{{"texts": [\n{lines[0]}\n],\n"values": [\n{lines[1]}\n]}}\n')


if __name__ == "__main__":
    main()
