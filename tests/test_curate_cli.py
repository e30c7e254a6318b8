"""`theorycheck curate`: its table, its CSV and JSON, the files it reads, and what bad input gets."""

import csv
import io
import itertools
import json
import math
import signal
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest
from test_cli import MAIN

from theorycheck.loops import planar, populations
from theorycheck.loops.generations import limit, states
from theorycheck.own_curation import curate
from theorycheck.own_law import population
from theorycheck.render import text
from theorycheck.render_curation import report, shown

P, WEIGHTS, LABELS = [0.5, 0.25, 0.25], [0.25, 0.5, 1.0], ["cat", "dog", "cat"]
R = [math.log(a) for a in WEIGHTS]
LAW = "p,r,label,other\n" + "".join(
    f"{p},{r!r},{name},{i}\n" for i, (p, r, name) in enumerate(zip(P, R, LABELS, strict=True))
)


@pytest.fixture
def law(tmp_path):
    (tmp_path / "law.csv").write_text(LAW, encoding="utf-8")
    return tmp_path / "law.csv"


def refused(answer, *words):
    """Status 2, nothing on stdout, one sentence on stderr that holds the words."""
    status, out, err = answer
    lines = [line for line in err.splitlines() if not line.startswith("curating ")]
    assert (status, out, len(lines)) == (2, "", 1), err
    assert all(word in lines[0] for word in words), err


def strict(content):
    """JSON text without the literals NaN and Infinity."""
    return json.loads(content, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def enumerated(p, choices):
    """What users keep, from all ordered tuples of proposals, in fractions."""
    kept = [Fraction(0)] * len(p)
    a = [Fraction(x) for x in WEIGHTS]
    for drawn in itertools.product(range(len(p)), repeat=choices):
        chance = math.prod((p[i] for i in drawn), start=Fraction(1))
        for i in drawn:
            kept[i] += chance * a[i] / sum(a[j] for j in drawn)
    return kept


# --- what works ---------------------------------------------------------------------------------------------


def test_every_generation_by_enumeration(call, law, tmp_path):
    target = tmp_path / "found.csv"
    options = ["--choices", "2,3", "--synthetic-weight", "0.5,inf", "--steps", "2"]
    status, _, err = call("curate", "--law", law, *options, "--csv", target)
    assert (status, err.splitlines()) == (
        0,
        [f"curating K = {K}, λ = {weight}" for K in (2, 3) for weight in ("0.5", "inf")],
    )
    rows = list(csv.DictReader(target.read_text("utf-8").splitlines()))
    names = ["mean_weight", "weight_variance", "kl", "condensate", "share:cat", "share:dog"]
    assert list(rows[0]) == ["choices", "synthetic_weight", "generation", *names]
    start = [Fraction(p) for p in P]
    for choices in (2, 3):
        for weight, share in (("0.5", Fraction(1, 3)), ("inf", Fraction(1))):
            found = [
                row for row in rows if (row["choices"], row["synthetic_weight"]) == (f"{choices}", weight)
            ]
            assert [row["generation"] for row in found] == ["0", "1", "2"] + ["inf"] * (weight == "0.5")
            p = start
            for row in found[:3]:
                mean = sum(x * Fraction(a) for x, a in zip(p, WEIGHTS, strict=True))
                variance = sum(x * (Fraction(a) - mean) ** 2 for x, a in zip(p, WEIGHTS, strict=True))
                divergence = sum(x * math.log(x / y) for x, y in zip(p, start, strict=True))
                truth = [float(x) for x in (mean, variance, divergence, 0, p[0] + p[2], p[1])]
                assert [float(row[name]) for name in names] == pytest.approx(truth, abs=1e-12)
                p = [(1 - share) * x + share * y for x, y in zip(start, enumerated(p, choices), strict=True)]


def test_the_table(call, law):
    status, out, _ = call("curate", "--law", law, "--choices", "2,inf", "--synthetic-weight", "0.5,inf")
    lines = out.splitlines()
    assert (status, lines[0]) == (0, f"{law}: 3 atoms")
    headers = ("K", "λ", "t", "E e^r", "Var e^r", "KL", "largest share", "smallest share")
    assert lines[2].split() == " ".join(headers).split()
    assert lines[4].split() == ["0", "0.5000", "0.09375", "0.000", "cat:", "75.00%", "dog:", "25.00%"]
    rows = [line.split()[:3] for line in lines[5:] if line[:2] in (" 2", " ∞")]
    curve = ["1", "4", "14", "50"]
    expected = [
        [K, weight, t] for K in "2∞" for weight in ("0.5", "∞") for t in curve + ["∞"] * (weight == "0.5")
    ]
    assert rows == expected
    assert "limit" in lines[-1]
    assert max(map(len, lines[:-1])) <= 80


@pytest.mark.parametrize(
    ("steps", "generations"), [(0, []), (1, [1]), (2, [1, 2]), (8, [1, 2, 4, 8]), (1000, [1, 10, 100, 1000])]
)
def test_shown_generations(law, steps, generations):
    curve = curate(str(law), None, [2], [math.inf], steps).curves[0]
    assert [state.generation for state in shown(curve)] == generations


def test_a_condensate_is_told(tmp_path):
    path = tmp_path / "thin.py"
    path.write_text(
        "from scipy import stats\nfrom theorycheck.loops.populations import of_rewards\n"
        "population = of_rewards(stats.beta(1, 3))\n"
    )
    record = curate(str(path), None, [math.inf], [2, 0.5], 1)
    out = text(report(record))
    assert "K = ∞, λ = 2: in the limit 0.3127 of the mass" in out
    assert out.count("of the mass") == 1
    found = strict(record.to_json())["curves"][0]["limit"]
    assert found["condensate"] == pytest.approx(0.3127, abs=1e-4)
    assert (found["generation"], found["kl"]) == ("inf", "inf")


@pytest.mark.parametrize(
    ("name", "reward", "expected"),
    [
        ("digits", None, lambda: populations.digits("confidence")),
        ("digits", "class:7", lambda: populations.digits("class:7")),
        ("eight-gaussians", None, planar.eight_gaussians),
        ("eight-gaussians", "distance:0.5,-1", lambda: planar.eight_gaussians((0.5, -1.0))),
        ("two-moons", "distance", planar.two_moons),
        ("two-moons", "distance:1,-.5", lambda: planar.two_moons((1.0, -0.5))),
    ],
)
def test_laws_by_name(name, reward, expected):
    found, law = population(name, reward), expected()
    assert found.p.tolist() == law.p.tolist()
    assert found.reward.tolist() == law.reward.tolist()
    assert found.names == law.names


def saved(path, content):
    save = {"csv": lambda: path.write_text(content, encoding="utf-8"), "npy": lambda: np.save(path, content)}
    save.get(path.suffix[1:], lambda: np.savez(path, **content))()
    return str(path)


@pytest.mark.parametrize(
    ("name", "content", "reward", "names"),
    [
        ("law.csv", LAW, None, ("cat", "dog")),
        ("law.csv", "\ufeff" + LAW.replace("\n", "\r\n\r\n"), None, ("cat", "dog")),
        ("law.csv", LAW.replace("r,label", "taste, note").replace("p,", " p ,", 1), "taste", ()),
        ("law.npy", np.column_stack([P, R]), None, ()),
        ("law.npz", dict(p=P, r=R), None, ()),
        ("law.npz", dict(p=P, r=[0, 0, 0], mine=R, label=[3, 1, 3]), "mine", ("3", "1")),
        ("law.npz", dict(p=np.float32(P), r=R, label=np.array(LABELS)), None, ("cat", "dog")),
    ],
)
def test_files(tmp_path, name, content, reward, names):
    found = population(saved(tmp_path / name, content), reward)
    assert found.p.tolist() == P
    assert found.reward.tolist() == R
    assert found.names == names
    assert found.shares(found.p) == pytest.approx([0.75, 0.25] if names else [], abs=0)


def test_a_python_file(call, tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "from theorycheck.loops.populations import digits\n"
        "from theorycheck.loops.rewards import class_probability, confidence, total\n"
        "population = digits(total(confidence, class_probability(3, 2.0)))\n"
    )
    status, out, _ = call("curate", "--law", path, "--choices", "4", "--steps", "3", "--json", "-")
    assert status == 0
    record = strict(out)
    assert (record["law"], record["atoms"], record["names"]) == (str(path), 1797, list("0123456789"))
    assert [curve["synthetic_weight"] for curve in record["curves"]] == [0.5, "inf"]
    law = population(str(path))
    for curve, weight in zip(record["curves"], (0.5, math.inf), strict=True):
        assert curve["choices"] == 4
        for told, state in zip(curve["states"], states(law, 4, weight, 3), strict=True):
            assert told == {**state._asdict(), "shares": list(state.shares)}
    end = limit(law, 4, 0.5)._asdict()
    assert record["curves"][0]["limit"] == {**end, "shares": list(end["shares"]), "generation": "inf"}
    assert record["curves"][1]["limit"] is None
    assert {"version", "source", "packages", "time"} <= set(record["provenance"])


def test_both_files_hold_the_same(call, law, tmp_path):
    options = ["--law", law, "--choices", "2", "--synthetic-weight", "1", "--steps", "4"]
    status, table, _ = call("curate", *options, "--csv", tmp_path / "a.csv", "--json", tmp_path / "a.json")
    assert (status, "K" in table) == (0, True)
    status, out, _ = call("curate", *options, "--csv", "-")
    assert (status, out) == (0, (tmp_path / "a.csv").read_text("utf-8"))
    rows = list(csv.DictReader(out.splitlines()))
    curve = strict((tmp_path / "a.json").read_text("utf-8"))["curves"][0]
    for row, told in zip(rows, [*curve["states"], curve["limit"]], strict=True):
        assert row["generation"] == str(told["generation"])
        assert float(row["kl"]) == told["kl"]
        assert [float(row["share:cat"]), float(row["share:dog"])] == told["shares"]


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--choices", "0", ["--choices", "integers of at least 1 or inf", "'0'"]),
        ("--choices", "2,2.5", ["--choices", "'2,2.5'"]),
        ("--choices", "2,", ["--choices"]),
        ("--choices", "many", ["--choices"]),
        ("--choices", "nan", ["--choices"]),
        ("--synthetic-weight", "-1", ["--synthetic-weight", "[0, inf]", "'-1'"]),
        ("--synthetic-weight", "nan", ["--synthetic-weight"]),
        ("--steps", "-1", ["--steps", "at least 0", "-1"]),
        ("--csv", "no/such/found.csv", ["--csv", "no/such/found.csv"]),
        ("--json", ".", ["--json", "directory"]),
        ("--csv", ".", ["--csv", "directory"]),
        ("--reward", "taste", ["one column 'taste'", "'p', 'r', 'label', 'other'"]),
        ("--law", "digit", ["law must be", "digits, eight-gaussians, two-moons", ".npz", "'digit'"]),
        ("--law", "no/such/law.csv", ["cannot read", "law.csv", "No such file"]),
        ("--law", "no/such/law.npy", ["cannot read", "law.npy", "No such file"]),
        ("--law", "no/such/law.py", ["no such file", "law.py"]),
    ],
)
def test_bad_options(call, law, option, value, words):
    options = {"--law": law, "--steps": "2"} | {option: value}
    refused(call("curate", *itertools.chain(*options.items())), *words)


NO_DISTANCE = ("confidence", "distance:", "distance:1", "distance:1,2,3", "distance:a,b", "distance:nan,0")


@pytest.mark.parametrize(
    ("law", "reward"),
    [
        ("digits", "class:10"),
        ("digits", "distance"),
        *itertools.product(("eight-gaussians", "two-moons"), NO_DISTANCE),
    ],
)
def test_bad_rewards(call, law, reward):
    refused(call("curate", "--law", law, "--reward", reward), "reward must be", repr(reward))


def test_a_distant_target(call):
    for target, words in (("1e9,0", "scale must be at least"), ("100,0", "reward must")):
        refused(call("curate", "--law", "two-moons", "--reward", f"distance:{target}"), words)


def test_two_outputs_to_one_place(call, law):
    refused(call("curate", "--law", law, "--csv", "-", "--json", "-"), "--csv", "--json", "same")


def of_shape(shape):
    """A NumPy file whose header promises more than it holds."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue()


def damaged():
    """A NumPy archive with the start of its first array overwritten."""
    file = io.BytesIO()
    np.savez_compressed(file, p=np.linspace(0, 1, 1000), r=np.arange(1000))
    content = file.getvalue()
    return content[:60] + b"\xff" * 40 + content[100:]


BAD = [
    ("law.csv", "", ["one column 'p'", "empty"]),
    ("law.csv", "p,r\n", ["rows below its header"]),
    ("law.csv", "0.5,1\n0.5,2\n", ["one column 'p'", "'0.5', '1'"]),
    ("law.csv", "p;r\n1;0\n", ["one column 'p'", "'p;r'"]),
    ("law.csv", "p,p,r\n1,1,0\n", ["one column 'p'", "'p', 'p', 'r'"]),
    ("law.csv", "p,q\n1,1\n", ["one column 'r'", "'p', 'q'"]),
    ("law.csv", "p,r\n0.5,1\nx,2\n", ["law.csv, row 3, column p", "not negative", "'x'"]),
    ("law.csv", "p,r\n0.5,1\n0.5,\n", ["law.csv, row 3, column r", "finite", "''"]),
    ("law.csv", "p,r\n0.5,1\n\n0.5,nan\n", ["law.csv, row 4, column r", "'nan'"]),
    ("law.csv", "p,r\ninf,1\n0.5,2\n", ["law.csv, row 2, column p", "'inf'"]),
    ("law.csv", "p,r\n1.5,1\n-0.5,2\n", ["law.csv, row 3, column p", "negative", "'-0.5'"]),
    ("law.csv", "p,r\n0.5,1,7\n0.5,2\n", ["law.csv, row 2", "2 cells", "3"]),
    ("law.csv", "p,r\n0.5,1\n0.4,2\n", ["law.csv", "column p must sum to 1", "0.9"]),
    ("law.csv", "p,r\n0.5,1\n0.5,1000\n", ["law.csv", "column r must span at most 600", "999"]),
    ("law.csv", "p,r\n0.5,900\n0.5,1000\n", ["law.csv", "column r must be within", "subtract"]),
    ("law.csv", "p,r\n" + "1" * 200_000 + ",2\n", ["law.csv, row 2", "limit"]),
    ("law.csv", b"p,r\n1,\xff\n", ["law.csv, row 2, column r", r"'\udcff'"]),
    ("law.csv", b"p,r,label\n1,0,caf\xe9\n", ["law.csv, row 2, column label", "UTF-8", r"'caf\udce9'"]),
    ("law.csv", "p,r\n1,0\n".encode("utf-16"), ["law.csv, row 1, column 1", "UTF-8"]),
    ("law.csv", "p,r,label,label\n1,0,a,b\n", ["law.csv", "one column 'label' at most", "2"]),
    ("law.csv", 'p,r\n0.5,1\n0.5,"2\n', ["law.csv, row 3", "unexpected end"]),
    ("law.csv", "p,r\n1e308,0\n1e308,1\n", ["law.csv", "column p must sum to 1", "inf"]),
    ("law.npy", np.ones((2, 3)), ["law.npy", "(m, 2)", "(2, 3)"]),
    ("law.npy", np.ones(3), ["law.npy", "(m, 2)", "(3,)"]),
    ("law.npy", np.empty((0, 2)), ["law.npy", "column p must be a non-empty"]),
    ("law.npy", np.array([[0.5, 0], [0.5, math.nan]]), ["law.npy, row 2, column r", "finite", "nan"]),
    ("law.npy", np.array([[1.5, 0], [-0.5, 0]]), ["law.npy, row 2, column p", "not negative, got -0.5"]),
    ("law.npz", dict(p=[0.5, 0.5], r=[math.inf, 1]), ["law.npz, row 1, column r"]),
    ("law.npy", np.array([["a", "b"]]), ["law.npy", "column p", "numbers"]),
    ("law.npy", np.array([[None, 1]]), ["law.npy", "without pickled objects"]),
    ("law.npy", b"nothing of the kind", ["law.npy", "without pickled objects"]),
    ("law.npy", b"", ["law.npy", "without pickled objects"]),
    ("law.npz", b"nothing of the kind", ["law.npz", "without pickled objects"]),
    ("law.npz", b"PK\x03\x04 and no more", ["law.npz", "without pickled objects"]),
    ("law.npy", b"\x93NUMPY\x01\x00\x10\x00{(((]]]         ", ["law.npy", "NumPy file", "statement"]),
    ("law.npy", of_shape((10**13, 2)), ["law.npy", "NumPy file", "allocate"]),
    ("law.npz", damaged(), ["law.npz", "NumPy file", "decompressing"]),
    ("law.npz", dict(p=[1.0]), ["law.npz", "one column 'r'", "'p'"]),
    ("law.npz", dict(p=[1.0], r=[1.0, 2.0]), ["law.npz", "column r must have one entry per atom (1), got 2"]),
    ("law.npz", dict(p=[1.0], r=[1.0], label=["a", "b"]), ["law.npz", "column label must", "(1,)", "(2,)"]),
    ("law.npz", dict(p=[1.0], r=[1.0], label="a"), ["law.npz", "column label must", "(1,)", "got ()"]),
    ("law.npz", dict(p=[1.0], r=[1.0], label="a"), ["law.npz"]),
    ("law.npz", dict(p=[1.0], r=np.array([None])), ["law.npz", "without pickled objects"]),
    ("own.py", "population = 1\n", ["own.py", "`population`", "Population"]),
    ("own.py", "\n", ["own.py", "`population`"]),
    ("own.py", "\n1 / 0\n", ["own.py, line 2", "ZeroDivisionError"]),
    ("own.py", "from theorycheck.loops.populations import Population\npopulation = Population([2], [0])\n",
     ["own.py, line 2", "p must sum to 1"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "words"), BAD, ids=[f"{b[0]}: {b[2][-1]}" for b in BAD])
def test_bad_files(call, tmp_path, name, content, words):
    path, kept = tmp_path / name, tmp_path / "kept.csv"
    if isinstance(content, bytes) or name.endswith(".py"):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    else:
        saved(path, content)
    kept.write_text("kept")
    refused(call("curate", "--law", path, "--csv", kept), *words)
    assert kept.read_text() == "kept"
    assert {p.name for p in tmp_path.iterdir()} - {"__pycache__"} == {name, "kept.csv"}


def test_a_python_file_has_its_reward(call, tmp_path):
    refused(call("curate", "--law", tmp_path / "own.py", "--reward", "r"), "reward must not", "own.py")


def test_a_pickle_is_never_run(call, tmp_path):
    class Trap:
        def __reduce__(self):
            return print, ("run",)

    path = tmp_path / "law.npy"
    np.save(path, np.array([[Trap(), 1]], dtype=object), allow_pickle=True)
    refused(call("curate", "--law", path), "without pickled objects")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child process")
def test_an_interrupt_stops_at_once_and_leaves_nothing(law, tmp_path):
    (tmp_path / "out").mkdir()
    outputs = ["--csv", str(tmp_path / "out" / "a.csv"), "--json", str(tmp_path / "out" / "a.json")]
    command = [sys.executable, "-c", MAIN, "curate", "--law", str(law), "--steps", "100000000", *outputs]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            assert process.stderr.readline() == "curating K = 2, λ = 0.5\n"
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            status = process.wait(timeout=20)
            took = time.monotonic() - began
            rest = process.stderr.read()
        finally:
            process.kill()
    assert (status, rest) == (130, "interrupted\n")
    assert took < 2
    assert list((tmp_path / "out").iterdir()) == []
