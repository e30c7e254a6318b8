"""`theorycheck new`: the file verifies as it stands, and fails with a rival promoted to the claim."""

import shutil

import pytest
from promotion import promotions

import theorycheck
from theorycheck.new_theorem import loops, template, write

LOOPS = loops()


PROMOTED = {f"{loop}-{name}": text for loop in LOOPS for name, text in promotions(template("mine", loop))}


def test_there_is_one_for_each_loop():
    assert LOOPS == ["curated", "gaussian", "retraining"]
    assert len(PROMOTED) == 6


@pytest.mark.parametrize("loop", LOOPS)
def test_it_verifies_as_it_stands(tmp_path, loop):
    path = write("my-own-2", loop, tmp_path)
    run = theorycheck.verify(str(path))
    assert run.passed, run
    assert [t.key for t in run.theorems] == ["my-own-2"]
    assert {c.method for _, c in run.claims()} > {"sampled"}


@pytest.mark.parametrize("name", PROMOTED)
def test_it_fails_with_its_rival_promoted(tmp_path, name):
    path = tmp_path / "promoted.py"
    path.write_text(PROMOTED[name], encoding="utf-8")
    claim = name.partition("-")[2]
    run = theorycheck.verify(f"{path}::{claim}")
    assert [c.status for _, c in run.claims()] == ["REFUTED"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Best", "lower-case words joined by hyphens"),
        ("best_state", "got 'best_state'"),
        ("best--state", "lower-case"),
        ("-x", "lower-case"),
        ("2x", "lower-case"),
        ("", "got ''"),
        ("../x", "got '../x'"),
        ("class", "no word of Python's"),
        ("reward-ascent", "'reward-ascent' is a theorem of the catalogue"),
        ("taken", "taken.py is already there"),
    ],
)
def test_a_name_that_it_refuses(tmp_path, name, says):
    (tmp_path / "taken.py").write_text("mine")
    with pytest.raises(ValueError, match=r"NAME|taken") as raised:
        write(name, "curated", tmp_path)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("taken.py", "mine")]


def test_an_unknown_loop_and_a_missing_folder(tmp_path):
    with pytest.raises(ValueError, match="--loop must be one of curated, gaussian, retraining, got 'torch'"):
        write("mine", "torch", tmp_path)
    shutil.rmtree(tmp_path)
    with pytest.raises(ValueError, match="cannot write"):
        write("mine", "curated", tmp_path)
