"""The command line and the Python interface: outputs, exit statuses, and what bad input gets."""

import copy
import importlib.resources
import json
import os
import re
import signal
import subprocess
import sys
import time

import jsonschema
import pytest
from conftest import refused
from theories import FILE, PROMOTED

import theorycheck
from theorycheck.engine.catalogue import catalogue
from theorycheck.verdict import Run

SCHEMA = json.loads((importlib.resources.files("theorycheck") / "data/run.schema.json").read_text("utf-8"))
FALSE_CLAIMS = """
from theorycheck import DERIVED, Theorem, below
theorem = Theorem("wrong", title="Wrong", source=DERIVED, statement="")

@theorem.certified()
def first():
    return below(2, 1)

@theorem.certified()
def second():
    return below(3, 1)
"""


@pytest.fixture
def coin(tmp_path):
    (tmp_path / "coin.py").write_text(FILE, encoding="utf-8")
    return str(tmp_path / "coin.py")


@pytest.fixture
def wrong(tmp_path):
    (tmp_path / "wrong.py").write_text(FALSE_CLAIMS, encoding="utf-8")
    return str(tmp_path / "wrong.py")


# --- what works ---------------------------------------------------------------------------------------------


def test_version(call):
    status, out, _ = call("--version")
    assert status == 0
    assert theorycheck.__version__ in out


def test_list(call):
    status, out, _ = call("list")
    assert status == 0
    assert len(out.splitlines()) == len(catalogue())
    status, out, _ = call("list", "--json")
    rows = json.loads(out)
    assert [row["key"] for row in rows] == [t.key for t in catalogue()]
    assert rows[0].keys() == {"key", "title", "source", "claims"}


@pytest.mark.parametrize("theorem", catalogue(), ids=lambda t: t.key)
def test_show(call, theorem):
    status, out, _ = call("show", theorem.key)
    assert status == 0
    told = [theorem.title, theorem.statement, theorem.source.bibtex]
    told += [a.text for a in theorem.assumptions] + [c.statement for c in theorem.claims]
    told += [name for c in theorem.claims for name in c.rivals]
    assert [text for text in told if text not in out] == []


def test_cite_prints_each_source_once(call, coin):
    status, out, _ = call("cite", "gaussian-collapse", "retraining-stability", "reward-ascent", coin)
    assert status == 0
    assert re.findall(r"^@(\w+)\{(\w+),$", out, re.MULTILINE) == [
        ("inproceedings", "bertrand2024stability"),
        ("inproceedings", "ferbach2024curated"),
        ("misc", "theorycheck"),
    ]
    assert out.count("{") == out.count("}")
    assert "author = {Damien Ferbach and Quentin Bertrand and " in out


@pytest.mark.parametrize("theorem", catalogue(), ids=lambda t: t.key)
def test_cite_and_show_agree(call, theorem):
    entry = call("cite", theorem.key)[1]
    assert call("show", theorem.key)[1].endswith(entry)


def test_new_says_what_to_do_next(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = call("new", "my-own", "--loop", "gaussian")
    assert (status, out.split()[-3:]) == (0, ["theorycheck", "verify", "my_own.py"])
    refused(call("new", "my-own"), "my_own.py is already there")


def test_verify_prints_a_plain_table(call, coin):
    status, out, err = call("verify", coin)
    assert status == 0
    assert "\x1b" not in out + err
    for word in ("coin", "doubles", "PROVED", "is_fair", "SUPPORTED", "N=", "0.05", "2/2"):
        assert word in out
    summary = out.splitlines()[-1]
    assert summary.startswith("all claims hold: 3 claims")
    assert "4 instances" in summary
    assert "4/4 rivals" in summary
    assert "deciding coin::grows" in err


def test_verify_fails_when_a_rival_is_promoted(call, tmp_path):
    path = tmp_path / "promoted.py"
    path.write_text(PROMOTED, encoding="utf-8")
    status, out, _ = call("verify", path)
    assert status == 1
    assert "✗ coin::is_fair" in out
    assert "REFUTED" in out


def test_fail_fast_stops_at_the_first(call, wrong):
    for options, decided in (([], ["first", "second"]), (["--fail-fast"], ["first"])):
        status, out, _ = call("verify", wrong, "--json", "-", *options)
        assert status == 1
        assert [c["id"] for c in json.loads(out)["theorems"][0]["claims"]] == decided


def test_json_to_a_file_and_to_stdout(call, coin, tmp_path):
    target = tmp_path / "run.json"
    status, table, _ = call("verify", coin, "--json", target, "--seed", "3", "--alpha", "0.01")
    assert status == 0
    assert "all claims hold" in table
    status, out, err = call("verify", coin, "--json", "-", "--seed", "3", "--alpha", "0.01")
    assert status == 0
    assert "all claims hold" in err
    runs = [json.loads(target.read_text("utf-8")), json.loads(out)]
    assert timeless(runs[0]) == timeless(runs[1])
    assert (runs[0]["seed"], runs[0]["alpha"]) == (3, 0.01)


def test_diff(call, coin, tmp_path):
    paths = [tmp_path / f"{i}.json" for i in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        assert call("verify", coin, "--json", path, "--seed", seed)[0] == 0
    assert call("diff", paths[0], paths[1])[:2] == (0, "no difference\n")
    status, out, _ = call("diff", paths[0], paths[2])
    assert status == 1
    assert "seed: 1 → 2" in out
    assert "coin::is_fair[bias=0] interval" in out
    assert "doubles" not in out


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--alpha", "0"], ["alpha", "(0, 1)", "0.0"]),
        (["--alpha", "1"], ["alpha", "(0, 1)"]),
        (["--alpha", "nan"], ["alpha", "nan"]),
        (["--workers", "0"], ["workers", "at least 1", "0"]),
        (["--workers", "-3"], ["workers", "-3"]),
        (["--seed", "-1"], ["seed", "at least 0", "-1"]),
        (["--json", "no/such/folder/run.json"], ["--json", "no/such/folder/run.json"]),
        (["--json", "."], ["--json", "directory"]),
    ],
    ids=" ".join,
)
def test_verify_refuses_bad_options(call, coin, options, words):
    refused(call("verify", coin, *options), *words)


@pytest.mark.parametrize(
    "options", [["--alpha", "x"], ["--seed", "1.5"], ["--profile", "slow"], ["--nonsense"]]
)
def test_verify_refuses_bad_usage(call, coin, options):
    status, out, err = call("verify", coin, *options)
    assert (status, out) == (2, "")
    assert options[0] in err


@pytest.mark.parametrize("command", ["verify", "show", "cite"])
def test_an_unknown_key_offers_the_nearest(call, command):
    refused(call(command, "gaussian-colapse"), "gaussian-colapse", "did you mean gaussian-collapse")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", ["no theorem"]),
        ("x = (\n", ["line 1"]),
        ("import sys\nsys.exit(0)\n", ["bad.py"]),
        (FALSE_CLAIMS.replace("2, 1", "0.5, 1"), ["wrong::first", "float"]),
    ],
)
def test_verify_refuses_a_bad_file(call, tmp_path, text, words):
    path = tmp_path / "bad.py"
    path.write_text(text)
    kept = tmp_path / "kept.json"
    kept.write_text("kept")
    refused(call("verify", path, "--json", kept), *words)
    assert kept.read_text() == "kept"
    assert {p.name for p in tmp_path.iterdir()} - {"__pycache__"} == {"bad.py", "kept.json"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["cannot read"]),
        ("{", ["not JSON"]),
        ("[" * 100_000, ["not JSON"]),
        ("[1]", ["schema"]),
        ('{"schema": 2}', ["schema 1"]),
        ('{"schema": 1}', ["second.json"]),
        ('{"schema": 1, "seed": 1, "alpha": 0.1, "profile": "quick", "provenance": 3}', ["second.json"]),
    ],
)
def test_diff_refuses_what_is_no_run(call, coin, tmp_path, text, words):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert call("verify", coin, "--json", first)[0] == 0
    if text is not None:
        second.write_text(text)
    refused(call("diff", first, second), *words)


# --- the format of a run ------------------------------------------------------------------------------------


def timeless(run):
    """Without what may differ between two runs with the same seed."""
    run = copy.deepcopy(run)
    del run["seconds"], run["provenance"]["time"], run["provenance"]["workers"]
    for theorem in run["theorems"]:
        for claim in theorem["claims"]:
            for instance in claim["instances"]:
                del instance["seconds"]
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "coin.py"
    path.write_text(FILE + FALSE_CLAIMS.replace("theorem", "other"), encoding="utf-8")
    return [theorycheck.verify(str(path), seed=5, workers=workers) for workers in (1, 3)]


def test_the_number_of_workers_changes_nothing_else(runs):
    one, three = (run.to_dict() for run in runs)
    assert (one["provenance"]["workers"], three["provenance"]["workers"]) == (1, 3)
    assert timeless(one) == timeless(three)


def test_a_run_follows_the_schema(runs):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    run = json.loads(runs[0].to_json())
    jsonschema.validate(run, SCHEMA)
    assert [t["key"] for t in run["theorems"]] == ["coin", "wrong"]


@pytest.mark.parametrize(
    "path", [(), ("provenance",), ("theorems", 0), ("theorems", 0, "claims", 2, "instances", 0)]
)
def test_the_schema_is_strict(runs, path):
    run = json.loads(runs[0].to_json())
    place = run
    for step in path:
        place = place[step]
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid
    assert valid(run)
    for name in list(place):
        kept = place.pop(name)
        assert not valid(run), f"without {name}"
        place[name] = kept
    place["more"] = 1
    assert not valid(run)


def test_an_infinite_parameter_is_written(tmp_path):
    path = tmp_path / "infinite.py"
    text = FALSE_CLAIMS.replace("certified()", "certified(at=[dict(k=float('inf'))])").replace(
        "t():", "t(k):"
    )
    path.write_text(text.replace("d():", "d(k):"))
    run = json.loads(theorycheck.verify(str(path)).to_json())
    jsonschema.validate(run, SCHEMA)
    assert run["theorems"][0]["claims"][0]["instances"][0]["parameters"] == {"k": "inf"}


# --- from Python --------------------------------------------------------------------------------------------


def test_python_gets_the_same(runs):
    run = runs[0]
    assert isinstance(run, Run)
    assert not run.passed
    assert run.seed == 5
    assert "coin" in repr(run)
    assert repr(run).splitlines()[-1].startswith("2 claims do not pass: 5 claims")
    assert "\x1b" not in repr(run)


def test_latex_is_a_table(runs):
    text = runs[0].to_latex()
    assert text.startswith(r"\begin{tabular}")
    assert text.count(r"\begin") == text.count(r"\end") == 1
    assert r"is\_fair & SUPPORTED" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {line.count("&") for line in rows} == {3}


@pytest.mark.parametrize(
    "options",
    [dict(seed=-1), dict(seed=1.5), dict(seed=True), dict(alpha=1), dict(alpha="0.1"), dict(alpha=10**400),
     dict(workers=0),
     dict(workers=1.5), dict(profile="slow"), dict(speed=3)],
    ids=str,
)  # fmt: skip
def test_python_refuses_bad_options(coin, options):
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        theorycheck.verify(coin, **options)


def test_provenance_is_of_the_code_that_decides(coin, monkeypatch):
    """Not of what the files say at the end of a long run."""
    told = []
    monkeypatch.setattr(
        "theorycheck.engine.suite.provenance", lambda workers: told.append("provenance") or {}
    )
    theorycheck.verify(coin, listener=lambda event, *_: told.append(event))
    assert told[:2] == ["provenance", "begin"]


@pytest.mark.parametrize("target", [None, 3])
def test_python_refuses_what_is_no_target(target):
    with pytest.raises((ValueError, TypeError)):
        theorycheck.verify(target)


# --- a process of its own -----------------------------------------------------------------------------------

# Interrupts reach the child even where the parent runs with them ignored.
MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from theorycheck.cli import main; main()"
)


@pytest.mark.parametrize(("arguments", "status"), [(["verify", "{wrong}"], 1), (["show", "nothing"], 2)])
def test_exit_status_of_the_process(arguments, status, wrong):
    command = [sys.executable, "-c", MAIN, *(a.format(wrong=wrong) for a in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_too_little_memory_is_told():
    greedy = "import numpy; from theorycheck import cli; cli.cli.main = lambda **_: numpy.empty(2**62, 'u1');"
    done = subprocess.run([sys.executable, "-c", greedy + "cli.main()"], capture_output=True)
    assert done.returncode == 2
    assert re.fullmatch(rb"theorycheck: the memory .* is too small: Unable to allocate .*\s", done.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child process")
@pytest.mark.parametrize(
    ("number", "patience", "expected", "told"),
    [
        (signal.SIGINT, 0.0, 130, "interrupted"),
        (signal.SIGINT, 1.0, 130, "interrupted"),
        (signal.SIGTERM, 1.0, 143, "terminated"),
    ],
)
def test_an_interrupt_stops_at_once_and_leaves_nothing(tmp_path, number, patience, expected, told):
    command = [sys.executable, "-c", MAIN, "verify", "--json", str(tmp_path / "run.json")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            assert process.stderr.readline().startswith("deciding ")
            time.sleep(patience)
            began = time.monotonic()
            process.send_signal(number)
            status = process.wait(timeout=20)
            took = time.monotonic() - began
            rest = process.stderr.read()
        finally:
            process.kill()
    assert status == expected
    assert took < 2 * max(1, os.getloadavg()[0] / os.cpu_count())  # a busy machine is no fault of ours
    assert rest.splitlines()[-1] == told
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


READERS = {
    "gone": "import sys, time\nprint('ready', file=sys.stderr, flush=True)\ntime.sleep(30)\n",
    "asleep": (
        "import sys\nprint('ready', file=sys.stderr, flush=True)\nwhile True: sys.stderr.write('.' * 10**6)\n"
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child process")
@pytest.mark.parametrize("reader", READERS)
def test_an_interrupt_needs_no_reader(tmp_path, reader):
    """Ctrl-C ends a whole pipeline, whichever part of it first."""
    path = tmp_path / "own.py"
    path.write_text(READERS[reader])
    command = [sys.executable, "-c", MAIN, "verify", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr.readline() == b"ready\n"
            time.sleep(0.5)
            if reader == "gone":
                process.stderr.close()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 130
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGUSR1")
def test_another_signal_does_not_end_the_watch(tmp_path):
    """A theorem's file may have handlers of its own."""
    path = tmp_path / "own.py"
    path.write_text(
        "import os, signal, time\nsignal.signal(signal.SIGUSR1, lambda *_: None)\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\ntime.sleep(0.5)\n"
        "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)\n"
    )
    done = subprocess.run([sys.executable, "-c", MAIN, "verify", str(path)], capture_output=True, timeout=25)
    assert (done.returncode, done.stderr.split()) == (130, [b"interrupted"])


@pytest.mark.skipif(sys.platform == "win32", reason="no shell that closes a stream")
@pytest.mark.parametrize(("closed", "status"), [(">&-", 0), ("2>&-", 0), ("--json /dev/full", 2)])
def test_streams_that_take_nothing(coin, closed, status):
    command = f"{sys.executable} -m theorycheck verify {coin}::doubles {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert status == 0 or "cannot write --json /dev/full: " in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of a file")
def test_no_room_for_the_result(coin, tmp_path):
    """The system's limit on the size of a file stops a write half-way, as a full disk does."""
    path = tmp_path / "run.json"
    path.write_text("before")
    command = f"ulimit -f 1; {sys.executable} -m theorycheck verify {coin}::doubles --json {path}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"theorycheck: cannot write --json {path}: File too large"
    assert path.read_text() == "before"
    assert list(tmp_path.glob(".*")) == []
