"""The changes that make up our mutants: each kind is made, compiles, and is told apart from the others."""

import ast
from pathlib import Path

import pytest
from mutation import mutants

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [p for name in ("kernels", "loops") for p in sorted((ROOT / "theorycheck" / name).glob("*.py"))]


def changed(code):
    return [mutant.source.decode() for mutant in mutants("file.py", code.encode())]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 2", ["x = 3"]),
        ("x = 0.0", ["x = 1.0"]),
        ("x = 1e-9", ["x = 1.1e-09"]),
        ("x = True", ["x = False"]),
        ("a + b", ["a - b"]),
        ("a - b", ["a + b"]),
        ("a * b", ["a / b"]),
        ("a / b", ["a * b"]),
        ("a ** b", ["a * b"]),
        ("(a) * (b + c)", ["(a) / (b + c)", "(a) * (b - c)"]),
        ("a += b", ["a -= b"]),
        ("a /= b", ["a *= b"]),
        ("-a", ["a"]),
        ("not a", ["a"]),
        ("a < b <= c", ["a <= b <= c", "a < b < c"]),
        ("a > b", ["a >= b"]),
        ("a >= b", ["a > b"]),
        ("a == b", ["a != b"]),
        ("a != b", ["a == b"]),
        ("a is None", ["a is not None"]),
        ("a not in b", ["a in b"]),
        ("a and b or c", ["a or b or c", "a and b and c"]),
        ("min(a, b)", ["max(a, b)"]),
        ("np.maximum(a, b)", ["np.minimum(a, b)"]),
        ("x[1]", ["x[2]"]),
        ("x[i, j]", ["x[j, i]"]),
        ("x[k, i, j]", ["x[k, j, i]"]),
        ("π * b  # before the operator stand two bytes", ["π / b  # before the operator stand two bytes"]),
    ],
)
def test_change(code, expected):
    assert changed(code) == expected


@pytest.mark.parametrize(
    "code",
    [
        '"""1 + 2."""',
        "raise ValueError(1 + 2)",
        "f'{a + b}'",
        "def f(x: tuple[int, 2]) -> tuple[int, 2]:\n    return x",
        "@kernel(1)\ndef f():\n    pass",
        "a @ b",
    ],
)
def test_left_alone(code):
    assert changed(code) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_our_sources(path):
    source = path.read_bytes()
    found = mutants(path.name, source)
    assert len({mutant.name for mutant in found}) == len(found)
    whole = ast.dump(ast.parse(source))
    for mutant in found:
        old, new = (text.splitlines() for text in (source, mutant.source))
        assert [i for i, (a, b) in enumerate(zip(old, new, strict=True), 1) if a != b] == [mutant.line]
        assert ast.dump(ast.parse(mutant.source)) != whole
