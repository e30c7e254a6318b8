"""Settings and presets of trained models, and the command's refusals: nothing here needs torch."""

import math
import re
import tomllib

import pytest

from theorycheck.generative import presets, settings
from theorycheck.generative.settings import Loop

TINY = presets.preset("eight-gaussians")


@pytest.mark.parametrize("name", presets.names())
def test_every_value_of_a_preset_is_published_or_ours(name):
    text = (presets.FOLDER / f"{name}.toml").read_text("utf-8")
    assigned = [line for line in text.splitlines() if re.match(r"(?!name )\w+ = ", line)]
    assert assigned
    assert [line for line in assigned if not re.search(r"# (published|ours)\b", line)] == []
    found = presets.preset(name)
    assert set(tomllib.loads(text)) == set(found.table()) - {"preset"}
    assert presets.title(name)
    assert presets.marks(name)["rounds"].origin in ("published", "ours")


@pytest.mark.parametrize("name", presets.names())
def test_settings_come_back_from_their_own_text(name):
    chosen = presets.preset(name)
    assert settings.parse(settings.dump(chosen), "here") == chosen


def test_the_data_name_a_preset():
    assert presets.default("cifar10:/data", "edm").data == "cifar10:/data"
    assert presets.default("cifar10:/data", "edm").multipliers == (2, 2, 2)
    assert presets.default("digits", "ddpm").model == "ddpm"
    with pytest.raises(ValueError, match="data must be one of eight-gaussians"):
        presets.default("mnist", None)


@pytest.mark.parametrize(
    ("weight", "kept"),
    [(0.0, 0), (0.5, 150), (math.inf, 300), (2.0, 600), (1 / 299, 1), (0.0033, 0), (0.57, 171), (1.14, 342)],
)
def test_the_synthetic_part_is_a_whole_number(weight, kept):
    assert Loop("one", weight).kept(300) == kept


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"batch": 10, "accumulation": 4}, "batch must be a multiple of accumulation = 4, got 10"),
        ({"model": "gan"}, "model must be one of ddpm, edm, flow, got 'gan'"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"learning_rate": math.nan}, "learning_rate must be positive and finite, got nan"),
        ({"data": "mnist"}, "data must be eight-gaussians"),
        ({"loops": ()}, "loops must be at least one, with different names, got none"),
        ({"loops": (Loop("a", 1.0), Loop("a", 2.0))}, "different names, got a, a"),
        (
            {"chunk": 2, "loops": (Loop("a", 1.0, 4, "distance"),)},
            "chunk must be at least the number of choices",
        ),
        ({"data": "digits"}, "size must be at least 4 pixels for images, got 0"),
    ],
)
def test_settings_are_checked(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        TINY.replace(**change)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"choices": 0}, "choices must be at least 1, got 0"),
        ({"choices": 4}, "choices = 4 needs a reward"),
        ({"reward": "beauty"}, "reward must be none, confidence, class:C or distance, got 'beauty'"),
        ({"filter": "worst"}, "filter must be one of choice, score, got 'worst'"),
        ({"name": "a/b"}, "the name of a loop must be"),
        ({"name": "first"}, "the name of a loop must not be 'first'"),
        ({"synthetic_weight": -1.0}, "synthetic_weight must be in"),
    ],
)
def test_loops_are_checked(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        Loop(**{"name": "one", "synthetic_weight": 1.0, **arguments})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rounds = ", "here is not TOML"),
        ("rounds = " + "[" * 10_000, "here is not TOML: maximum recursion depth"),
        ("rounds = 3", "here: data is missing"),
        ("speed = 3", "here: there is no setting 'speed'"),
        ("rounds = 'three'", "here: rounds must be of type int, got 'three'"),
        ("rounds = true", "here: rounds must be of type int, got True"),
        ("multipliers = ['a']", "here: multipliers must be a list of numbers"),
    ],
)
def test_text_that_is_not_settings_is_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        settings.parse(text, "here")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("reward = 3", "here: reward must be of type str, got 3"),
        ("name = 3", "here: name must be of type str, got 3"),
        ('shuffled = "no"', "here: shuffled must be of type bool, got 'no'"),
        ("synthetic_weight = true", "here: synthetic_weight must be of type float, got True"),
    ],
)
def test_values_of_a_loop_have_their_types(line, complaint):
    name = line.partition(" ")[0]
    text = re.sub(rf"(?m)^{name} = .*$", line, settings.dump(TINY))
    with pytest.raises(ValueError, match=complaint):
        settings.parse(text, "here")


def test_a_loop_in_a_file_must_have_a_name():
    text = settings.dump(TINY) + "\n[[loops]]\nchoices = 3\n"
    with pytest.raises(ValueError, match="a loop has name, synthetic_weight"):
        settings.parse(text, "here")


def test_what_may_change_between_a_run_and_its_continuation():
    assert settings.difference(TINY, TINY.replace(rounds=40)) is None
    assert settings.difference(TINY, TINY.replace(steps=7)) == f"steps = {TINY.steps}, not 7"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--preset", "eight-gaussians"], "--out DIR is needed"),
        (["--out", "{out}"], "--preset NAME, --config FILE.toml or --data SOURCE is needed"),
        (["--preset", "nine-gaussians", "--out", "{out}"], "there is no preset 'nine-gaussians'; there are"),
        (["--preset", "digits", "--rounds", "0", "--out", "{out}"], "rounds must be at least 1, got 0"),
        (["--data", "digits", "--choices", "0", "--out", "{out}"], "choices must be at least 1, got 0"),
        (["--data", "digits", "--reward", "luck", "--out", "{out}"], "reward must be none"),
        (
            ["--data", "digits", "--synthetic-weight", "x", "--out", "{out}"],
            "--synthetic-weight must be numbers",
        ),
        (["--data", "digits", "--seeds", "0", "--out", "{out}"], "seeds must be at least 1, got 0"),
        (["--data", "digits", "--set", "steps", "--out", "{out}"], "--set must be NAME=VALUE, got 'steps'"),
        (["--data", "digits", "--set", "stops=3", "--out", "{out}"], "there is no setting 'stops'"),
        (
            ["--data", "digits", "--set", "steps=few", "--out", "{out}"],
            "steps must be of type int, got 'few'",
        ),
        (["--config", "{out}/none.toml", "--out", "{out}"], "cannot read"),
    ],
)
def test_the_command_refuses_in_one_sentence(call, tmp_path, arguments, complaint):
    status, out, err = call("retrain", *(a.format(out=tmp_path / "run") for a in arguments))
    assert (status, out) == (2, "")
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_the_command_says_how_to_install_torch(call, tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    status, _, err = call("retrain", "--preset", "digits", "--out", tmp_path / "run")
    assert status == 2
    assert err == "theorycheck: trained models need torch: pip install 'theorycheck[torch]'\n"


def test_presets_are_listed_without_torch(call):
    status, out, _ = call("retrain", "--list-presets")
    assert status == 0
    assert all(name in out for name in presets.names())
