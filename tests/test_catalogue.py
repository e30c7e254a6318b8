"""Finding theorems: what cannot be loaded is refused with one sentence that says where and why."""

import re

import pytest
from theories import FILE, tiny

from theorycheck import Assumption, Integers, OneOf, at_most
from theorycheck.engine import catalogue

HEAD = "from theorycheck import DERIVED, Theorem, equals\n"
THEOREM = 'theorem = Theorem("t", title="T", source=DERIVED, statement="")\n'
CLAIM = "@theorem.certified()\ndef claim():\n    return equals(1, 1)\n"


@pytest.fixture
def write(tmp_path):
    def to(text, name="theory.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return to


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\ny = (\n", r"theory\.py, line 2: "),
        ("x = 1\n\nimport no_such_module_anywhere\n", r"theory\.py, line 3: .*no_such_module_anywhere"),
        (
            "def f():\n    return 1 / 0\n\n\nf()\n",
            r"theory\.py, line 2: .*ZeroDivisionError: division by zero",
        ),
        ("import json\n\njson.loads('{')\n", r"theory\.py, line 3: .*JSONDecodeError"),
        ("import sys\n\nsys.exit(0)\n", r"theory\.py, line 3: "),
        ("", "defines no theorem"),
        ("x = 1\n", "defines no theorem"),
        (HEAD + THEOREM, "theorem 't' has no claim"),
        (HEAD + THEOREM + 2 * CLAIM, "t::claim is defined twice"),
        (HEAD + THEOREM + CLAIM.replace("certified", "divined"), "'divined'; there are certified"),
        (HEAD + THEOREM + CLAIM.replace("()\n", "(at=[])\n"), "t::claim has no instance"),
        (HEAD + THEOREM + CLAIM.replace("()\n", "(at=dict(n=1))\n"), "line 3: .*lists of dicts, got 'n'"),
        (HEAD + THEOREM + CLAIM.replace("()\n", "(rivals=['r'])\n"), r"line 3: .*rivals must.*got \['r'\]"),
        (HEAD + THEOREM + CLAIM.replace("()\n", "(without=dict(a=1))\n"), "line 3: .*without must"),
        (HEAD + THEOREM + CLAIM.replace("()\n", "(margin='x')\n"), "line 3: .*margin must be a number"),
        (HEAD + THEOREM + CLAIM.replace("()\n", "(scope=5)\n"), "line 3: .*scope must be a text, got 5"),
        (HEAD + THEOREM.replace("DERIVED", "'me'") + CLAIM, "line 2: .*source must be a Source, got 'me'"),
        (HEAD + THEOREM.replace("DERIVED", "DERIVED, assumptions=['a']") + CLAIM, "line 2: .*got 'a'"),
        (HEAD + THEOREM.replace('"t"', '""') + CLAIM, "line 2: .*key must be a name, got ''"),
        (HEAD + THEOREM.replace('"T"', "5") + CLAIM, "line 2: .*title must be a text, got 5"),
    ],
)
def test_a_file_that_cannot_be_used(write, text, says):
    with pytest.raises(ValueError, match=says) as raised:
        catalogue.load(write(text))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"no such file: .*absent\.py"):
        catalogue.select((str(tmp_path / "absent.py"),))


def test_a_file_may_import_its_neighbour(write):
    write(HEAD + THEOREM + CLAIM, "base_of_the_neighbour.py")
    (theorem,) = catalogue.load(write("from base_of_the_neighbour import theorem\n"))
    assert theorem.key == "t"


# --- consistency of a theorem -------------------------------------------------------------------------------

ASSUMED = (
    Assumption("whole", "n ≥ 2", {"n": Integers(2)}),
    Assumption("quiet", "no noise", {"noise": OneOf("none")}),
)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(at=[dict(n=1)]), "violates 'whole'"),
        (dict(at=[dict(n=2), dict(n=2.5)]), "violates 'whole'"),
        (dict(at=[dict(n=2)], full=[dict(n=0)]), "violates 'whole'"),
        (dict(at=[dict(n=2, noise="loud")]), "violates 'quiet'"),
        (dict(at=[dict(m=2)]), "takes no argument 'm'; it takes n, noise"),
        (dict(rivals={"r": dict(bound=1)}), "takes no argument 'bound'"),
        (dict(at=[dict(n=2)], without={"quiet": dict(noise="loud", volume=1)}), "takes no argument 'volume'"),
        (dict(without={"convexity": dict(n=0)}), "'convexity', which is not an assumption"),
        (dict(rival={"r": dict(n=1)}), "no option of certified is called 'rival'"),
        (dict(at=[dict(n=2), dict(n=3)], full=[dict(n=2)]), "has the instance [n=2] twice"),
        (dict(at=[dict(n=2, noise=object())]), "must read the same in every run"),
        (dict(at=[dict(n=2)], without={"whole": dict(n=3)}), "leaves it satisfied"),
        (dict(at=[dict(n=2)], without={"quiet": dict(noise="none")}), "leaves it satisfied"),
        # Dropped at the first instance, but not at the second.
        (dict(at=[dict(n=2), dict(n=3)], without={"whole": {}}), "leaves it satisfied"),
    ],
)
def test_an_inconsistent_theorem(options, says):
    theorem = tiny("certified", lambda n, noise="none": at_most(2, n), assumptions=ASSUMED, **options)
    with pytest.raises(ValueError, match=re.escape(says)):
        catalogue.checked(theorem)


def test_a_consistent_theorem():
    theorem = tiny(
        "certified", lambda n, noise="none": at_most(2, n), assumptions=ASSUMED, at=[dict(n=2)],
        rivals={"r": dict(n=1)}, without={"whole": dict(n=1), "quiet": dict(noise="loud")},
    )  # fmt: skip
    assert catalogue.checked(theorem) is theorem


# --- selection ----------------------------------------------------------------------------------------------


def test_the_catalogue_is_sorted_and_has_unique_keys():
    keys = [theorem.key for theorem in catalogue.catalogue()]
    assert "gaussian-collapse" in keys
    assert keys == sorted(set(keys))


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("gausian-colapse", "did you mean gaussian-collapse"),
        ("gaussian-collapse::mean_scale_decay", "did you mean mean_scale_decays"),
        ("zzz", "there is no theorem called 'zzz'; known: "),
        ("gaussian-collapse::zzz", "claim of gaussian-collapse called 'zzz'; known: "),
        ("gaussian-collapse::", "claim of gaussian-collapse called ''; known: "),
        ("", "there is no theorem called ''"),
    ],
)
def test_an_unknown_name(target, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        catalogue.select((target,))


def chosen(*targets):
    return [(theorem.key, [c.id for c in claims]) for theorem, claims in catalogue.select(targets).claims]


def test_selection(write):
    everything = [(t.key, [c.id for c in t.claims]) for t in catalogue.catalogue()]
    assert chosen() == everything
    key, claims = everything[0]
    assert chosen(key) == [(key, claims)]
    assert chosen(f"{key}::{claims[1]}", f"{key}::{claims[0]}") == [(key, [claims[1], claims[0]])]
    assert chosen(f"{key}::{claims[1]}", f"{key}::{claims[1]}") == [(key, [claims[1]])]
    path = write(FILE)
    assert chosen(str(path)) == [("coin", ["doubles", "grows", "is_fair"])]
    assert chosen(f"{path}::grows", key) == [("coin", ["grows"]), (key, claims)]
    assert [t.key for t in catalogue.select((f"{path}::grows", key)).files] == ["coin"]


def test_two_theorems_of_one_key(write):
    one, other = (str(write(HEAD + THEOREM + CLAIM, name)) for name in ("one.py", "other.py"))
    assert chosen(one, one) == [("t", ["claim"])]
    with pytest.raises(ValueError, match="two of the theorems are called 't'"):
        chosen(one, other)


def test_a_claim_of_the_second_theorem_of_a_file(write):
    other = (THEOREM + CLAIM).replace('"t"', '"u"').replace("theorem", "another").replace("claim", "second")
    path = write(HEAD + THEOREM + CLAIM + other)
    assert chosen(str(path)) == [("t", ["claim"]), ("u", ["second"])]
    assert chosen(f"{path}::second") == [("u", ["second"])]
    with pytest.raises(ValueError, match="called 'third'; known: claim, second"):
        chosen(f"{path}::third")
