"""The documents run: every command and snippet in them, every link, every number of the tour of findings."""

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from promotion import promotions

import theorycheck
from theorycheck.engine.catalogue import find
from theorycheck.new_theorem import template, write

ROOT = Path(__file__).parents[1]
DOCUMENTS = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "proofs_numeric/README.md")}
THEOREMS = DOCUMENTS["proofs_numeric/README.md"]
QUICK = "reward-ascent::bound_is_sharp"
DRAWN = "theorycheck figures tightness --run inequalities.json --out figures --format"

# --- commands ---------------------------------------------------------------------------------------------

# What takes long is run at a smaller size; names in capitals stand for the reader's own.
SMALL = {
    "theorycheck verify": f"theorycheck verify {QUICK}",
    "theorycheck verify KEY": f"theorycheck verify {QUICK}",
    "theorycheck verify KEY::CLAIM": f"theorycheck verify {QUICK}",
    "theorycheck verify KEY --json RUN.json": f"theorycheck verify {QUICK} --json RUN.json",
    "theorycheck verify --json run.json": f"theorycheck verify {QUICK} --json run.json",
    "theorycheck verify --profile full": f"theorycheck verify {QUICK} --profile full",
    "theorycheck verify --out DIR": f"theorycheck verify {QUICK} --out kept",
    "theorycheck verify --profile full --out DIR": f"theorycheck verify {QUICK} --profile full --out whole",
    "theorycheck sweep FILE.toml --out DIR": "theorycheck sweep collapse.toml --out swept",
    "theorycheck stability FILE.py": "theorycheck stability my_logistic.py --synthetic-weight 0.5",
    "theorycheck curate --law FILE": "theorycheck curate --law law.csv --choices 2 --steps 3",
    "theorycheck figures NAME --out DIR": f"{DRAWN} pdf",
    "theorycheck figures --out DIR --format svg": f"{DRAWN} svg",
    "theorycheck figures curated-loop --out figures --format pdf,png": f"{DRAWN} pdf,png",
    # Trained models are tested in files of their own, where torch is installed.
    "theorycheck retrain --preset NAME --out DIR": "theorycheck retrain --list-presets",
    "theorycheck retrain --preset eight-gaussians --out collapse": "theorycheck retrain --list-presets",
    "theorycheck retrain --data digits --synthetic-weight 0.5,inf --choices 4 --reward class:0 --out bias": (
        "theorycheck retrain --help"
    ),
    "theorycheck data cifar10 --out data": "theorycheck data --help",
    "theorycheck data cifar10 --out DIR": "theorycheck data cifar10 --help",
    "python tests/mutants.py": "python tests/mutants.py --list",
    "python -m benchmarks": "python -m benchmarks --help",
}
STAND_FOR = {
    "KEY": "reward-ascent", "NAME": "my-own", "FILE.py": "best_state_gains.py", "FILE.html": "page.html",
    "RUN.json": "run.json", "RUN1.json": "run.json", "RUN2.json": "run.json", "DIR": "figures",
}  # fmt: skip
# Installing, and the checks that run this very test, are the business of .ci/run; test_cluster.py starts a
# cluster, and test_warmup.py compiles.
ELSEWHERE = re.compile(r"pip install|pytest|ruff|mypy|theorycheck warmup|.* --cluster ")


def commands(text):
    """What a reader may type: lines of blocks without a language, and code within sentences."""
    prose = re.sub(r"```\w+\n.*?```", "", text, flags=re.DOTALL)
    lines = [line for block in re.findall(r"```\n(.*?)```", prose, re.DOTALL) for line in block.splitlines()]
    spans = re.findall(r"`([^`]+)`", re.sub(r"```\n.*?```", "", prose, flags=re.DOTALL))
    for line in [*lines, *(" ".join(span.split()) for span in spans)]:
        for part in line.split(" && "):
            if re.match(r"(theorycheck|python3?|pip|pytest|ruff|mypy) ", part + " "):
                yield part.strip()


TYPED = sorted({c for text in DOCUMENTS.values() for c in commands(text) if not ELSEWHERE.match(c)})


def test_the_documents_show_commands():
    assert len(TYPED) > 15
    assert {c.split()[1] for c in TYPED if c.startswith("theorycheck")} >= {"verify", "report", "new", "cite"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the files that the documents speak of."""
    folder = tmp_path_factory.mktemp("desk")
    write("best-state-gains", "curated", folder)
    (family,) = [
        s for s in re.findall(r"```py\n(.*?)```", DOCUMENTS["README.md"], re.DOTALL) if "family =" in s
    ]
    (folder / "my_logistic.py").write_text(family, encoding="utf-8")
    (grid,) = re.findall(r"```toml\n(.*?)```", DOCUMENTS["README.md"], re.DOTALL)
    (folder / "collapse.toml").write_text(grid.replace("20_000", "200"), encoding="utf-8")
    (folder / "law.csv").write_text("p,r,label\n0.5,0,a\n0.5,1,b\n", encoding="utf-8")
    for name in ("run.json", "inequalities.json"):  # commands may write another run in place of the first
        (folder / name).write_text(theorycheck.verify(QUICK).to_json(), encoding="utf-8")
    return folder


@pytest.mark.parametrize("shown", TYPED)
def test_a_command_runs(shown, desk, call, monkeypatch, tmp_path):
    program, *arguments = SMALL.get(shown, shown).split()
    if arguments[0] == "report":
        pytest.importorskip("jinja2", reason="the extra `report` is not installed")
    monkeypatch.chdir(ROOT if program == "python" else tmp_path if arguments[0] == "new" else desk)
    if program == "python":
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return
    status, out, err = call(*(STAND_FOR.get(argument, argument) for argument in arguments))
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
