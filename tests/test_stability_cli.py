"""`theorycheck stability FILE.py`: its table, its JSON, and what bad input gets."""

import importlib.resources
import json
import math
import signal
import subprocess
import sys
import time

import jsonschema
import pytest
from conftest import refused
from test_cli import MAIN

from theorycheck.loops.retraining import families
from theorycheck.loops.retraining.stability import Row, stability
from theorycheck.own_family import examine
from theorycheck.render import text

SCHEMA = json.loads(
    (importlib.resources.files("theorycheck") / "data/stability.schema.json").read_text("utf-8")
)
FILE = """
import dataclasses
import math
import numpy as np
import sympy as sp
from scipy import stats
from theorycheck.loops.retraining import families, laws
from theorycheck.loops.retraining.family import HALF_LINE, Family, X
from theorycheck.loops.retraining.laws import Mixture

m, s = families.LOCATION, families.SCALE
logistic = families.logistic()

def changed(**parts):
    return dataclasses.replace(logistic, name="mine", **parts)

def capped():  # its variance 1 + 1/s stays above that of narrow data
    def draw(rng, theta, size):
        return rng.normal(0, math.sqrt(1 + 1 / theta[0]), size)
    variance = 1 + 1 / s
    density = -X**2 / variance / 2 - sp.log(2 * sp.pi * variance) / 2
    return Family("capped", (s,), density, draw, lambda points: [1.0])

def exponential():
    def draw(rng, theta, size):
        return rng.exponential(theta[0], size)
    return Family("exponential", (s,), -X / s - sp.log(s), draw, lambda points: [1.0], HALF_LINE)

"""


@pytest.fixture
def write(tmp_path):
    """Writes a file that defines `family` and `data` as these expressions."""

    def run(family="logistic", data="stats.norm()"):
        path = tmp_path / "own.py"
        path.write_text(f"{FILE}family = {family}\ndata = {data}\n", encoding="utf-8")
        return path

    return run


def strict(text):
    """JSON text without the literals NaN and Infinity."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


# --- what works ---------------------------------------------------------------------------------------------


def test_known_constants_are_printed(call, write):
    # The Gaussian mean with known variance 1 on N(3, 2²): L = 0, α = 1, ε = W₁(N(3, 1), N(3, 4)) = √(2/π).
    path = write("families.gaussian(1)", "stats.norm(3, 2)")
    status, out, err = call("stability", path, "--synthetic-weight", "0.25,1,inf")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "gaussian, retrained on norm(3, 2)"
    rows = [line.split() for line in lines[4:7]]
    assert rows[0][:6] == ["0.25", "0.25000", "yes", "0.333333", "0.200000", "0.200000"]
    assert rows[1][:6] == ["1", "1.0000", "no", "—", "0.500000", "0.500000"]
    assert rows[2][:6] == ["∞", "∞", "no", "—", "1.000000", "1.000000"]
    for row, rate in zip(rows, (0.2, 0.5, 1.0), strict=True):
        assert row[7] == "±"
        assert abs(float(row[6]) - rate) <= 1e-6 + float(row[8])
    for told in ("θ*: m = 3\n", "α = 1,", "L = 0,", "at θ*\n", f"ε = {math.sqrt(2 / math.pi):.6g} ±"):
        assert told in out
    assert "stable" in out
    assert "not a threshold" in out
    assert max(map(len, lines)) <= 110


def test_an_infinite_constant_is_told(call, write):
    status, out, _ = call("stability", write("families.gaussian()"), "--synthetic-weight", "0.25")
    assert status == 0
    assert "L = ∞," in out
    assert "both bounds are idle" in out


def test_the_radius_reaches_the_constant(call, write):
    path = write()
    constants = []
    for radius in ("0", "0.1"):
        status, out, _ = call("stability", path, "--synthetic-weight", "1", "--radius", radius, "--json", "-")
        assert status == 0
        constants.append(strict(out)["constants"])
    assert [c["radius"] for c in constants] == [0, 0.1]
    assert constants[0]["lipschitz"] < constants[1]["lipschitz"]
    status, out, _ = call("stability", path, "--synthetic-weight", "1", "--radius", "0.1")
    assert "over ‖θ − θ*‖ ≤ 0.1" in out


def test_json_has_the_numbers_of_python_in_the_order_asked_for(call, write, tmp_path):
    weights = (2, 0.05, math.inf, 0, 0.5)
    path, target = write(data="laws.digits_column()"), tmp_path / "found.json"
    listed = " 2,0.05, inf,0,.5"
    status, table, _ = call("stability", path, "--synthetic-weight", listed, "--json", target)
    assert status == 0
    assert "1797 observations" in table
    status, out, err = call("stability", path, "--synthetic-weight", listed, "--json", "-")
    assert (status, err) == (0, "")
    files = [strict(target.read_text("utf-8")), strict(out)]
    for file in files:
        jsonschema.validate(file, SCHEMA)
        del file["seconds"], file["provenance"]["time"]
    assert files[0] == files[1]

    from theorycheck.loops.retraining.laws import digits_column

    _, known, rows, others = stability(families.logistic(), digits_column(), weights)
    assert [row["synthetic_weight"] for row in files[0]["rows"]] == [2, 0.05, "inf", 0, 0.5]
    told = [{name: math.inf if x == "inf" else x for name, x in row.items()} for row in files[0]["rows"]]
    assert told == [row._asdict() for row in rows]
    assert files[0]["constants"]["theta"] == known.theta.tolist()
    assert files[0]["constants"]["parameters"] == ["m", "s"]
    assert files[0]["constants"]["alpha"] == known.alpha
    assert files[0]["constants"]["epsilon"] == known.epsilon
    assert files[0]["other_maxima"] == others.tolist() == []
    assert files[0]["data"] == "1797 observations"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("stats.norm(loc=1)", "norm(loc=1)"),
        ("Mixture((0.5, 0.5), (stats.norm(), stats.norm(1)))", "a mixture of 2 laws"),
        ("[1, 2, 4]", "3 observations"),
        ("stats.gumbel_r()", "gumbel_r()"),
        ("stats.Normal(mu=1.0, sigma=2.0)", "Normal(mu=1.0, sigma=2.0)"),
    ],
)
def test_data_are_described(write, data, told):
    assert examine(str(write(data=data)), [1]).to_dict()["data"] == told


@pytest.mark.parametrize("path", [(), ("provenance",), ("constants",), ("rows", 0)])
def test_the_schema_is_strict(write, path):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid
    found = strict(examine(str(write()), [0.1, 2]).to_json())
    place = found
    for step in path:
        place = place[step]
    assert valid(found)
    for name in list(place):
        kept = place.pop(name)
        assert not valid(found), f"without {name}"
        place[name] = kept
    place["more"] = 1
    assert not valid(found)


def test_what_is_not_known_is_null_and_a_dash(write):
    record = examine(str(write()), [1])
    row = Row(2.0, 3.0, None, 0.8, 0.7, math.nan, math.nan)
    unknown = type(record)(**{**vars(record), "stability": record.stability._replace(rows=(row,))})
    found = strict(unknown.to_json())
    jsonschema.validate(found, SCHEMA)
    assert found["rows"][0]["measured_rate"] is None

    from theorycheck.render_stability import report

    assert "— ± —" in text(report(unknown))


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", ["-1", "0.1,-0.5", "nan", "", ",", "1,", "0.1;2", "a", "1e400x", "-inf"])
def test_bad_weights(call, write, listed):
    answer = call("stability", write(), "--synthetic-weight", listed)
    refused(answer, "--synthetic-weight", "[0, inf]", repr(listed))


@pytest.mark.parametrize(
    ("radius", "words"),
    [("-1", ["[0, inf)", "-1"]), ("nan", ["nan"]), ("inf", ["inf"]), ("2", ["scale", "2"])],
)
def test_bad_radius(call, write, radius, words):
    refused(call("stability", write(), "--synthetic-weight", "1", "--radius", radius), "radius", *words)


@pytest.mark.parametrize(
    "options", [[], ["--synthetic-weight", "1", "--radius", "x"], ["--synthetic-weight"]]
)
def test_bad_usage(call, write, options):
    status, out, err = call("stability", write(), *options)
    assert (status, out) == (2, "")
    assert "Error" in err


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.py", None, ["no such file", "missing.py"]),
        (".", None, ["no such file"]),
        ("own.txt", "family = data = 1", [".py", "own.txt"]),
        ("own.py", "family = (\n", ["own.py, line 1"]),
        ("own.py", "\nraise KeyError('gone')\n", ["own.py, line 2", "KeyError", "gone"]),
        ("own.py", "import sys\nsys.exit(0)\n", ["own.py, line 2", "SystemExit"]),
        ("own.py", "data = [1, 2]\n", ["own.py", "`family`", "Family"]),
        ("own.py", FILE + "family = logistic\n", ["own.py", "`data`", "scipy.stats", "array"]),
        ("own.py", FILE + "family = families.logistic\ndata = [1, 2]\n", ["`family`", "Family", "wrapper"]),
        ("own.py", "family = None\ndata = [1, 2]\n", ["`family`", "Family", "None"]),
    ],
)
def test_bad_files(call, tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    refused(call("stability", tmp_path / name, "--synthetic-weight", "1"), *words)


BAD = [
    # family, data, words
    (
        "families.student(3, 1)",
        "[-math.sqrt(3), math.sqrt(3)]",
        ["negative definite", "eigenvalue of", "along m = 1", "θ*"],
    ),
    (
        "families.mixture(sp.Rational(1, 2))",
        "[-1.0, 1.0]",
        ["negative definite", "eigenvalue of", "along m1 = ", "0.707, m2 = "],
    ),
    ("changed(sample=lambda rng, theta, size: rng.normal(0, 5, size))", "stats.norm()", ["sample of mine"]),
    ("changed(sample=lambda rng, theta, size: None)", "stats.norm()", ["sample of mine", "finite numbers"]),
    (
        "changed(sample=lambda rng, theta, size: rng.logistic(0, 1, size))",
        "stats.logistic()",
        ["sample of mine"],
    ),
    ("changed(log_density=logistic.log_density + 1)", "stats.norm()", ["integrate to 1", "2.71828"]),
    # Their likelihood has no maximum, but that is not what is wrong with them.
    ("changed(log_density=logistic.log_density + m**2)", "stats.norm()", ["integrate to 1 for every θ"]),
    ("changed(log_density=logistic.log_density + sp.log(s))", "stats.norm()", ["integrate to 1", "mine"]),
    ("capped()", "stats.norm(0, 0.5)", ["stopped at θ =", "gradient", "capped"]),
    (
        "dataclasses.replace(families.gaussian(1), fit=lambda points: [1e308])",
        "stats.norm()",
        ["stopped at θ = [1e+308]", "gaussian"],
    ),
    ("changed(fit=lambda points: [0])", "stats.norm()", ["fit of mine", "2 numbers"]),
    ("logistic", "[3]", ["data", "all equal for logistic", "got 1 of 3"]),
    ("families.gaussian()", "[2, 2, 2]", ["data", "all equal for gaussian", "got 3 of 2"]),
    ("families.gaussian()", "stats.t(2)", ["data", "tails", "gaussian"]),
    ("families.student(sp.Rational(1, 2))", "stats.norm()", ["student(1/2)", "first moment", "inf"]),
    (
        "changed(log_density=logistic.log_density - m**2)",
        "stats.norm()",
        ["integrate to 1 for every θ", "mine"],
    ),
    ("changed(fit=lambda points: [0, 0])", "stats.norm()", ["fit of mine", "s positive", "got 0"]),
    (
        "changed(log_density=-sp.Abs(X - m) / s - sp.log(2 * s))",
        "stats.norm()",
        ["log_density of mine", "Dirac"],
    ),
    ("changed(log_density=sp.Function('f')(X))", "stats.norm()", ["log_density of mine", "f(x)"]),
    ("changed(log_density=None)", "stats.norm()", ["own.py, line", "log_density of mine", "sympy", "None"]),
    ("changed(parameters=())", "stats.norm()", ["own.py, line", "parameters of mine", "symbols"]),
    ("logistic", "stats.cauchy()", ["data", "first moment", "ε", "inf"]),
    ("logistic", "stats.pareto(1)", ["data", "first moment", "ε", "inf"]),
    ("logistic", "Mixture((0.5, 0.5), (stats.norm(), stats.cauchy()))", ["data", "first moment", "inf"]),
    ("families.student(1)", "stats.norm()", ["student(1)", "first moment", "ε", "inf"]),
    ("exponential()", "[1, 2, -1]", ["data", "(0.0, inf)", "-1"]),
    ("exponential()", "stats.norm()", ["data", "(0.0, inf)"]),
    ("logistic", "[]", ["data", "non-empty"]),
    ("logistic", "[1, math.nan]", ["data", "finite", "nan"]),
    ("logistic", "np.ones((3, 2))", ["data", "one-dimensional", "(3, 2)"]),
    ("logistic", "'digits'", ["data", "numbers", "digits"]),
    ("logistic", "stats.norm(0, -1)", ["data", "proper distribution", "nan"]),
    ("logistic", "Mixture((0.5, 0.6), (stats.norm(), stats.norm()))", ["weights", "sum to 1", "1.1"]),
    ("Family('f', (m,), -X**2 / s, None, None)", "[1]", ["own.py, line", "log_density of f", "s"]),
]


@pytest.mark.parametrize(("family", "data", "words"), BAD, ids=[f"{row[0]}-{row[1]}" for row in BAD])
def test_bad_families_and_data(call, write, tmp_path, family, data, words):
    path, kept = write(family, data), tmp_path / "kept.json"
    kept.write_text("kept")
    refused(call("stability", path, "--synthetic-weight", "0.1,1", "--json", kept), *words)
    assert kept.read_text() == "kept"
    assert {p.name for p in tmp_path.iterdir()} - {"__pycache__"} == {"own.py", "kept.json"}


@pytest.mark.parametrize("part", ["sample", "fit"])
def test_a_function_of_the_file_that_fails_is_located(call, write, part):
    path = write(f"changed({part}=lambda *given: 1 / 0)")
    line = path.read_text("utf-8").splitlines().index(f"family = changed({part}=lambda *given: 1 / 0)") + 1
    refused(call("stability", path, "--synthetic-weight", "1"), f"own.py, line {line}: ZeroDivisionError")


@pytest.mark.parametrize(("target", "words"), [("no/such/found.json", ["--json"]), (".", ["directory"])])
def test_an_unwritable_path_is_refused_before_the_file_runs(call, tmp_path, target, words):
    path = tmp_path / "own.py"
    path.write_text("raise AssertionError\n")
    refused(call("stability", path, "--synthetic-weight", "1", "--json", target), *words)


def test_diff_takes_no_stability(call, write, tmp_path):
    target = tmp_path / "found.json"
    assert call("stability", write(), "--synthetic-weight", "1", "--json", target)[0] == 0
    refused(call("diff", target, target), "not a run")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child process")
def test_an_interrupt_stops_at_once_and_leaves_nothing(tmp_path):
    path, target = tmp_path / "own.py", tmp_path / "out" / "found.json"
    target.parent.mkdir()
    path.write_text("import sys, time\nprint('ready', file=sys.stderr, flush=True)\ntime.sleep(60)\n")
    command = [sys.executable, "-c", MAIN, "stability", str(path), "--synthetic-weight", "1"]
    with subprocess.Popen([*command, "--json", str(target)], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr.readline() == "ready\n"
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            status = process.wait(timeout=20)
            took = time.monotonic() - began
            rest = process.stderr.read()
        finally:
            process.kill()
    assert (status, rest) == (130, "interrupted\n")
    assert took < 2
    assert list(target.parent.iterdir()) == []
