"""pytest verifies theorem files, and leaves all others alone."""

import pytest
from theories import FILE, PROMOTED

from theorycheck.engine import suite

# Hypothesis's own plugin would load half of the library anew for the summary of each inner run.
QUIET = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
ITEMS = ["doubles[n=1]", "doubles[n=7]", "grows", "is_fair[bias=0]"]
PLAIN = """

def test_plain():
    assert theorem.key == "coin"


class TestClass:
    def test_method(self):
        assert toss is not None
"""


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory):
    """Loads all that the inner runs need: they forget what they load, and compiled modules load only once."""
    path = tmp_path_factory.mktemp("loaded") / "loaded.py"
    path.write_text(FILE, encoding="utf-8")
    suite.verify(str(path))


@pytest.fixture
def inner(pytester):
    """Runs pytest on a theory file with this text."""

    def run(text, *options, name="coin.py"):
        path = pytester.path / name
        path.write_text(text, encoding="utf-8")
        root = f"--rootdir={pytester.path}"  # whatever lies in the folders above
        return pytester.runpytest_inprocess(*QUIET, root, *options, name)

    return run


def test_claims_are_items_with_readable_ids(inner):
    result = inner(FILE, "--collect-only", "-q")
    assert [line for line in result.outlines if "::" in line] == [f"coin.py::{name}" for name in ITEMS]


def test_a_true_theorem_passes(inner):
    # An inner run finds this package already imported, which a run of its own does not.
    strict = ("-W", "error", "-W", "ignore::pytest.PytestAssertRewriteWarning")
    inner(FILE, *strict).assert_outcomes(passed=len(ITEMS))


def test_one_item_can_be_chosen(inner):
    inner(FILE, "-k", "is_fair").assert_outcomes(passed=1, deselected=len(ITEMS) - 1)


def test_a_promoted_rival_fails_with_its_reason(inner):
    result = inner(PROMOTED)
    result.assert_outcomes(passed=len(ITEMS) - 1, failed=1)
    result.stdout.fnmatch_lines(["*coin::is_fair[[]bias=0]*", "*mean of a toss*", "*REFUTED*gap in*"])
    assert "Traceback" not in result.stdout.str()


def test_plain_tests_of_the_file_run_once(inner):
    inner(FILE + PLAIN).assert_outcomes(passed=len(ITEMS) + 2)


def test_an_inconsistent_theorem_is_an_error(inner):
    result = inner(FILE.replace("dict(n=7)", "dict(n=0)"))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*violates 'whole'*"])


@pytest.mark.parametrize(
    "text",
    [
        "def test_plain():\n    assert True\n",
        "# theorycheck: a Theorem( in words only\ndef test_plain():\n    assert True\n",
        "import theorycheck\n\ndef test_plain():\n    assert theorycheck.Theorem\n",
    ],
    ids=["ordinary", "words", "import"],
)
def test_other_files_are_left_alone(inner, text):
    inner(text, name="test_other.py").assert_outcomes(passed=1)


def test_the_seed_can_be_chosen(inner, monkeypatch):
    heard = []
    running = suite.running
    monkeypatch.setattr(suite, "running", lambda **given: heard.append(given["seed"]) or running(**given))
    inner(FILE, "-k", "is_fair", "--theory-seed", "11").assert_outcomes(passed=1, deselected=len(ITEMS) - 1)
    assert heard == [11]


def test_every_file_of_the_session_adds_to_the_budget(pytester, monkeypatch):
    counted = []
    running = suite.running

    def listen(**given):
        counted.append([theorem.key for theorem in given["files"]])
        return running(**given)

    monkeypatch.setattr(suite, "running", listen)
    for name in ("coin", "dice"):
        (pytester.path / f"{name}.py").write_text(FILE.replace('"coin"', f'"{name}"'), encoding="utf-8")
    pytester.runpytest_inprocess(*QUIET, "coin.py", "dice.py").assert_outcomes(passed=8)
    assert counted == 8 * [["coin", "dice"]]
