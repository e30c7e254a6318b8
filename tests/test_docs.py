"""The documents run: every command and snippet in them, every link, every number of the tour of findings."""

import doctest
import functools
import inspect
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import cifar_files
import layout
import pytest
from click.testing import CliRunner
from pages import whole_catalogue
from promotion import promotions

import theorycheck
from benchmarks import __main__ as benchmarks
from benchmarks import curation, gaussian, growth, workers
from theorycheck import figures
from theorycheck.engine.catalogue import find
from theorycheck.new_theorem import template, write

ROOT = Path(__file__).parents[1]
NAMES = ("README.md", "proofs_numeric/README.md", "benchmarks/README.md")
DOCUMENTS = {name: (ROOT / name).read_text("utf-8") for name in NAMES}
README, THEOREMS, _ = DOCUMENTS.values()

# --- commands ---------------------------------------------------------------------------------------------

# What takes long is run at a smaller size; names in capitals stand for the reader's own.
QUICK, DRAWN = "reward-ascent::bound_is_sharp", "reward-ascent::literal_reward_rises"
# Each of these two is drawn by a command of its own.
QUICKER = " ".join(name for name in figures.names() if name not in ("tightness", "curated-loop"))
SMALL = {
    "theorycheck verify": f"theorycheck verify {QUICK}",
    "theorycheck verify KEY": f"theorycheck verify {QUICK}",
    "theorycheck verify KEY::CLAIM": f"theorycheck verify {QUICK}",
    "theorycheck verify KEY --json RUN.json": f"theorycheck verify {QUICK} --json RUN.json",
    "theorycheck verify --json run.json": f"theorycheck verify {QUICK} --json run.json",
    "theorycheck verify --profile full": f"theorycheck verify {QUICK} --profile full",
    "theorycheck verify --out DIR": f"theorycheck verify {QUICK} --out kept",
    "theorycheck verify --profile full --out DIR": f"theorycheck verify {QUICK} --profile full --out whole",
    "theorycheck verify --cluster tcp://HOST:PORT": f"theorycheck verify {DRAWN} --cluster tcp://HOST:PORT",
    "theorycheck verify gaussian-collapse --cluster tcp://127.0.0.1:8786": (
        f"theorycheck verify {DRAWN} --cluster tcp://127.0.0.1:8786"
    ),
    "theorycheck sweep FILE.toml --out DIR": "theorycheck sweep collapse.toml --out swept",
    "theorycheck sweep collapse.toml --out collapse --cluster tcp://127.0.0.1:8786": (
        "theorycheck sweep collapse.toml --out there --cluster tcp://127.0.0.1:8786"
    ),
    "theorycheck stability FILE.py": "theorycheck stability my_logistic.py --synthetic-weight 0.5",
    "theorycheck curate --law FILE": "theorycheck curate --law law.csv --choices 2 --steps 3",
    "theorycheck figures --out DIR --format svg": (
        f"theorycheck figures {QUICKER} --out DIR --format svg"
    ),
    "theorycheck figures NAME --out DIR": "theorycheck figures tightness --run whole.json --out DIR",
    "theorycheck retrain --preset NAME --out DIR": "theorycheck retrain --preset digits --out digits",
    "theorycheck data cifar10 --out DIR": "theorycheck data cifar10 --out data",
    "pytest proofs_numeric": "pytest proofs_numeric/reward_ascent.py -k bound_is_sharp",
    # tests/test_mutants.py runs it as it is shown, in a small project.
    "python tests/mutants.py": "python tests/mutants.py --list",
    "python -m benchmarks": "python -m benchmarks population",
    "python -m benchmarks --json timings.json": "python -m benchmarks population --json TIMINGS",
}  # fmt: skip
TINY = (
    "rounds=1", "width=8", "blocks=1", "real=24", "first_steps=2", "steps=2", "batch=8", "accumulation=1",
    "sampling_steps=2", "chunk=24", "evaluation=32", "classifier_steps=2", "classifier_width=2",
    "compile=false", "precision=no",
)  # fmt: skip
STAND_FOR = {
    "KEY": "reward-ascent", "NAME": "my-own", "FILE.py": "best_state_gains.py", "FILE.html": "page.html",
    "RUN.json": "run.json", "RUN1.json": "run.json", "RUN2.json": "run.json", "DIR": "figures",
}  # fmt: skip
# Installing, and the checks that run this very test, are the business of .ci/run.
ELSEWHERE = re.compile(r"pip install|pytest$|ruff|mypy")
PROGRAMS = "theorycheck|python3?|pip|pytest|ruff|mypy|accelerate|dask"
THEORYCHECK = (sys.executable, "-c", "from theorycheck.cli import main; main()")
# Programs that are run as processes of their own, but for `theorycheck`, which mostly is not.
STARTED = {
    "python": [sys.executable],
    "pytest": [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider"],
    "dask": [sys.executable, "-m", "dask"],
    "accelerate": [sys.executable, "-m", "accelerate.commands.accelerate_cli"],
}


def commands(text):
    """What a reader may type: lines of blocks without a language, and code within sentences."""
    prose = re.sub(r"```\w+\n.*?```", "", text, flags=re.DOTALL)
    lines = [line for block in re.findall(r"```\n(.*?)```", prose, re.DOTALL) for line in block.splitlines()]
    spans = re.findall(r"`([^`]+)`", re.sub(r"```\n.*?```", "", prose, flags=re.DOTALL))
    for line in [*lines, *(" ".join(span.split()) for span in spans)]:
        for part in line.partition("  #")[0].split(" && "):
            if re.match(rf"({PROGRAMS}) ", part + " "):
                yield part.strip()


SHOWN = sorted({command for text in DOCUMENTS.values() for command in commands(text)})
TYPED = [command for command in SHOWN if not ELSEWHERE.match(command)]


def test_the_documents_show_commands():
    assert len(TYPED) > 40
    assert {c.split()[0] for c in TYPED} == {"theorycheck", "python", "pytest", "accelerate", "dask"}
    assert {c.split()[1] for c in TYPED if c.startswith("theorycheck")} >= {"verify", "report", "new", "cite"}
    assert set(SMALL) <= set(TYPED)


def test_what_runs_elsewhere_is_run_there():
    script = (ROOT / ".ci/run").read_text("utf-8").replace(" --quiet", "")
    lines = {line.strip().removeprefix("time ") for line in script.splitlines()}
    extras = re.compile(r"pip install '")  # all at once there
    assert {c for c in SHOWN if ELSEWHERE.match(c) and not extras.match(c)} <= lines


def test_the_extras_that_are_installed_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    shown = [re.search(r"\[(.*?)\]", command) for command in SHOWN if command.startswith("pip install")]
    named = {extra for found in shown if found for extra in found[1].split(",")}
    assert {"test", "report", "cluster", "torch"} <= named <= set(project["optional-dependencies"])


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the files that the documents speak of."""
    folder = tmp_path_factory.mktemp("desk")
    write("best-state-gains", "curated", folder)
    (family,) = [s for s in re.findall(r"```py\n(.*?)```", README, re.DOTALL) if "family =" in s]
    (folder / "my_logistic.py").write_text(family, encoding="utf-8")
    (grid,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (folder / "collapse.toml").write_text(grid.replace("20_000", "200"), encoding="utf-8")
    (folder / "law.csv").write_text("p,r,label\n0.5,0,a\n0.5,1,b\n", encoding="utf-8")
    (folder / "run.json").write_text(theorycheck.verify(QUICK).to_json(), encoding="utf-8")
    (folder / "whole.json").write_text(whole_catalogue().to_json(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def address():
    """Of a cluster that the shown commands started, at a port that is free."""
    pytest.importorskip("distributed", reason="needs dask: pip install 'theorycheck[cluster]'")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    scheduler, worker = (
        [*STARTED["dask"], *command.replace("8786", port).split()[1:]]
        for command in TYPED
        if command.startswith("dask")
    )
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with subprocess.Popen(scheduler, **quiet) as first, subprocess.Popen(worker, **quiet) as second:
        while True:
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", int(port))) == 0:
                    break
            assert first.poll() is None
            time.sleep(0.1)
        yield f"tcp://127.0.0.1:{port}"
        assert (first.poll(), second.poll()) == (None, None)
        second.terminate()
        second.wait()  # it takes its leave of the scheduler
        first.terminate()


@pytest.fixture(scope="module")
def images(desk, tmp_path_factory):
    """CIFAR-10's files, from an archive of random images in place of the official one."""
    from theorycheck.generative import cifar

    folder = tmp_path_factory.mktemp("archive")
    url, md5 = cifar_files.archive(cifar_files.write(folder), folder / "cifar.tar.gz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar.download, "__defaults__", (url, md5))
        cifar.download(desk / "data")
        yield
    shutil.rmtree(folder)


@pytest.fixture
def looked_at(monkeypatch):
    """Figures as they are drawn have no faults of layout, and their data have all that is drawn."""
    from theorycheck.figures import _write

    drawn, seen = _write.drawn, set()

    def look(figure, table):
        canvas = drawn(figure, table)
        if figure.title in seen:  # in another format
            return canvas
        seen.add(figure.title)
        assert layout.faults(canvas) == []
        if figure is not figures.find("tightness"):  # whose axis tells by how much bound/value exceeds 1
            assert list(layout.untold(canvas, table)) == []
        return canvas

    monkeypatch.setattr(_write, "drawn", look)


@pytest.fixture
def tiny(monkeypatch):
    """Benchmarks of so little work that their times tell nothing."""
    monkeypatch.setattr(
        gaussian, "WORKLOADS", [(name, 20, 2, 10, 2) for name in ("literal", "reduced", "tilted")]
    )
    monkeypatch.setattr(
        growth, "WORKLOADS", [(name, sizes[:2], *more) for name, sizes, *more in growth.WORKLOADS]
    )
    monkeypatch.setattr(curation, "LOOPS", [(name, 10, 2, 50, 2, 2, 2) for name in ("literal", "reduced")])
    monkeypatch.setattr(curation.population_rows, "__defaults__", (1000,))
    monkeypatch.setattr(workers, "BLOCKS", 2)
    monkeypatch.setattr(workers, "PATHS", 10)


@functools.cache
def started(*arguments, cwd):
    """Runs a program; what several commands come down to is run once."""
    done = subprocess.run(arguments, capture_output=True, text=True, encoding="utf-8", cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


TRAINED = re.compile(r"theorycheck retrain --(preset|data)|accelerate")
NEEDS = {"theorycheck report": ("jinja2", "report"), TRAINED: ("torch", "torch")}
GIVEN = {
    r"dask|.* --cluster": "address", r".*cifar10": "images", r"theorycheck figures": "looked_at",
    r"python -m benchmarks (.*growth|workers)": "tiny",
}  # fmt: skip


@pytest.mark.parametrize("shown", TYPED)
def test_a_command_runs(shown, desk, call, monkeypatch, tmp_path, request):
    for what, (package, extra) in NEEDS.items():
        if re.match(what, shown):
            pytest.importorskip(package, reason=f"needs {package}: pip install 'theorycheck[{extra}]'")
    given = {name: request.getfixturevalue(name) for what, name in GIVEN.items() if re.match(what, shown)}
    program, *arguments = SMALL.get(shown, shown).split()
    if program == "dask":
        return  # `address` ran it
    known = STAND_FOR | {"TIMINGS": str(tmp_path / "timings.json")}
    known |= dict.fromkeys(("tcp://HOST:PORT", "tcp://127.0.0.1:8786"), given.get("address"))
    arguments = [known.get(argument, argument) for argument in arguments]
    if "tiny" in given:
        done = CliRunner().invoke(benchmarks.main, arguments[2:])
        assert done.exit_code == 0, done.output
        assert [name for name in arguments[2:] if f"\n{name}" not in f"\n{done.stdout}"] == []
    elif program in ("python", "pytest"):
        started(*STARTED[program], *arguments, cwd=desk if (desk / arguments[0]).exists() else ROOT)
    elif TRAINED.match(shown):
        tiny = ["--seeds", "1", *(part for value in TINY for part in ("--set", value))]
        started(*STARTED.get(program, THEORYCHECK), *arguments, *tiny, cwd=desk)
    else:
        monkeypatch.chdir(tmp_path if arguments[0] == "new" else desk)
        status, out, err = call(*arguments)
        assert status == 0, out + err


# --- snippets ---------------------------------------------------------------------------------------------

SNIPPETS = re.findall(r"```python\n(.*?)```", THEOREMS, re.DOTALL)
FILES = [snippet for snippet in SNIPPETS if "Theorem(" in snippet]
BOXES = re.findall(r"```pycon\n(.*?)```", THEOREMS, re.DOTALL)


def test_the_first_file_is_what_new_writes():
    assert FILES[0] == template("narrower-more-often", "gaussian")


@pytest.mark.parametrize("file", FILES[1:], ids=lambda text: re.search('key="(.*?)"', text)[1])
def test_a_file_verifies_and_fails_with_a_rival_promoted(file, tmp_path):
    path = tmp_path / "shown.py"
    path.write_text(file, encoding="utf-8")
    assert theorycheck.verify(str(path)).passed
    for claim, promoted in promotions(file):
        path.write_text(promoted, encoding="utf-8")
        assert not theorycheck.verify(f"{path}::{claim}").passed


@pytest.mark.parametrize("snippet", [s for s in SNIPPETS if s not in FILES])
def test_a_snippet_runs(snippet):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet], capture_output=True, text=True, encoding="utf-8",
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "False" not in done.stdout


def test_the_boxes_print_what_they_show():
    # One session, as a reader would type them in.
    session = doctest.DocTestParser().get_doctest("\n".join(BOXES), {}, "the tour", None, 0)
    told = []
    doctest.DocTestRunner().run(session, out=told.append)
    assert session.examples
    assert told == []


def test_the_table_of_decorators_and_the_list_of_sets_are_whole():
    section = THEOREMS.split("## Add a theorem")[1].split("\n## ")[0]
    decided = (ROOT / "theorycheck/engine/decide").glob("[!_]*.py")
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(p.stem for p in decided)
    (sets,) = re.findall(r"Sets: (.*?)\.\n", section, re.DOTALL)
    known = {name for name in theorycheck.__all__ if hasattr(getattr(theorycheck, name), "strategy")}
    assert set(re.findall(r"`(\w+)`", sets)) == known


def test_every_command_is_in_the_readmes_table():
    table = README.split("## Commands")[1].split("\n## ")[0]
    named = set(re.findall(r"^\| `theorycheck (\w+)", table, re.MULTILINE))
    assert named == {p.stem for p in (ROOT / "theorycheck/commands").glob("[!_]*.py")}


# --- the tour ---------------------------------------------------------------------------------------------

TOUR = THEOREMS.split("## A tour of the findings")[1].split("\n## ")[0]
FINDINGS = dict(section.split("\n", 1) for section in TOUR.split("\n### ")[1:])
NUMBER = re.compile(r"(?<![\w.])(?:\d+(?:,\d{3})+|\d*\.?\d+(?:e[-+]\d+)?(?:/\d+)?)")


def claims_of(finding):
    """The claims that a finding rests on: `[key](file): claim, claim`, each as (key, claim)."""
    for key, file, listed in re.findall(r"\[`([a-z-]+)`\]\((\w+\.py)\):((?:\s+`\w+`,?)+)", finding):
        assert file == key.replace("-", "_") + ".py"
        yield from ((key, claim) for claim in re.findall(r"`(\w+)`", listed))


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_rests_on_claims(name):
    found = list(claims_of(FINDINGS[name]))
    assert len(found) >= 2
    assert FINDINGS[name].count("Claims:") >= 1
    for key, claim in found:
        assert claim in [c.id for c in find(key).claims], key


@pytest.mark.parametrize("name", FINDINGS)
def test_a_number_of_the_tour_is_checked(name):
    """Each number is in a box of the finding, or in the statement or the code of a claim that it names."""
    prose = re.sub(r"```.*?```", "", FINDINGS[name], flags=re.DOTALL)
    checked = set(NUMBER.findall("\n".join(re.findall(r"```pycon\n(.*?)```", FINDINGS[name], re.DOTALL))))
    for key, claim in claims_of(FINDINGS[name]):
        (told,) = [c for c in find(key).claims if c.id == claim]
        checked |= set(NUMBER.findall(told.statement + inspect.getsource(told.function)))
    checked |= {number.lstrip("0") for number in checked} | {number.replace("_", "") for number in checked}
    quoted = {n.replace(",", "") for n in NUMBER.findall(re.sub(r"\]\(.*?\)", "", prose))}
    plain = {n for n in quoted if len(n.strip("0.")) > 1 or "." in n}
    assert {n for n in plain if n not in checked and n.lstrip("0") not in checked} == set()


# --- links ------------------------------------------------------------------------------------------------


def anchors(text):
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    text = re.sub(r"```.*?```", "", DOCUMENTS[name], flags=re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), link
