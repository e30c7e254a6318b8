"""Our mutants: each kind of change is made, compiles, and is told apart; the command finds what notices."""

import ast
import json
import os
import shutil
import subprocess
import sys
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
        ("x = 1e-6", ["x = 1.1e-06"]),
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
        "zip(a, b, strict=True)",
        "a = 1e-9",
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


# --- the command, in a small tree of its own ----------------------------------------------------------------

TREE = {
    "README.md": "",
    "theorycheck/__init__.py": "",
    "theorycheck/pytest_plugin.py": "",
    "theorycheck/loops/__init__.py": "",
    "theorycheck/loops/shapes.py": """
import functools

@functools.cache
def area(a, b):
    \"\"\"An area.\"\"\"
    return a * b

def slow(a):
    while a > 0:
        a -= 1
    return a

def unseen(a):
    return a + 1
""",
    "proofs_numeric/__init__.py": "",
    "proofs_numeric/shapes.py": """
from theorycheck.loops import shapes

def test_square():
    assert sum(range(30_000_000)) > 0  # dearer than any test, so that it is tried last
    assert shapes.area(3, 3) == 9
""",
    "tests/test_shapes.py": """
from theorycheck.loops.shapes import area, slow

def test_oblong():
    assert area(2, 2) > 1

def test_red():
    assert area(2, 2) == 5

def test_slow():
    assert slow(3) == 0
""",
}
AREA = "theorycheck/loops/shapes.py:area: return a [[* -> /]] b"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    for name, text in TREE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    here = Path(__file__).parent
    shutil.copy2(here.parent / "setup.cfg", root)
    for path in [*here.glob("mutants*.py"), here / "mutation.py"]:
        shutil.copy2(path, root / "tests")
    return root


def run(tree, *options):
    command = [
        sys.executable,
        str(tree / "tests/mutants.py"),
        "--json",
        str(tree / "found.json"),
        "--patience=1",
        *options,
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300)
    rows = json.loads((tree / "found.json").read_text(encoding="utf-8"))["mutants"]
    return done, {name.split(":", 1)[1]: (row["outcome"], row["by"]) for name, row in rows.items()}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fresh import in each process takes long")
def test_command(tree):
    done, found = run(tree)
    assert found == {
        "area: return a [[* -> /]] b": ("killed by a test", "tests/test_shapes.py::test_oblong"),
        "slow: while a > [[0 -> 1]]:": ("killed by a test", "tests/test_shapes.py::test_slow"),
        "slow: while a [[> -> >=]] 0:": ("killed by a test", "tests/test_shapes.py::test_slow"),
        "slow: a -= [[1 -> 2]]": ("killed by a test", "tests/test_shapes.py::test_slow"),
        "slow: a [[- -> +]]= 1": ("killed by timeout", "timeout"),
        "unseen: return a [[+ -> -]] 1": ("survived", ""),
        "unseen: return a + [[1 -> 2]]": ("survived", ""),
    }
    assert done.returncode == 1
    assert "left out: tests/test_shapes.py::test_red" in done.stderr

    # Again: nothing is decided anew, and what is explained is no survivor.
    known = tree / "known.txt"
    lines = [
        f"theorycheck/loops/shapes.py:unseen: return a {x} — why" for x in ("[[+ -> -]] 1", "+ [[1 -> 2]]")
    ]
    known.write_text("\n".join([*lines, f"{AREA} — not so"]), encoding="utf-8")
    done, _ = run(tree, "--known", str(known))
    assert done.returncode == 0
    assert "measured" not in done.stderr
    assert f"explained, but killed by a test: {AREA}" in done.stderr

    # The check that noticed is weakened: the next one does, and that is a claim.
    tests = tree / "tests/test_shapes.py"
    tests.write_text(TREE["tests/test_shapes.py"].replace("> 1", "> 0"), encoding="utf-8")
    done, found = run(tree, "--only", "area", "--known", str(known))
    assert found["area: return a [[* -> /]] b"] == (
        "killed by a claim",
        "proofs_numeric/shapes.py::test_square",
    )
