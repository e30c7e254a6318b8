"""Figures of stored results and of runs: on small ones made here, in the layout of theorycheck.results."""

import csv
import io
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_digits

import theorycheck
from theorycheck import figures, results
from theorycheck.cli import cli
from theorycheck.engine import catalogue
from theorycheck.engine.executor import Executor
from theorycheck.figures import _runs, _write, bias_amplification, mode_collapse, tightness
from theorycheck.figures._figure import Given
from theorycheck.figures._measure import Draw
from theorycheck.results import Row

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def given():
    pool = Executor(2)
    yield lambda run: Given(Draw(7, "test", pool), str(run))
    pool.close()


def call(*arguments):
    done = CliRunner().invoke(cli, [str(a) for a in arguments])
    return done.exit_code, done.output, done.exception


def plane(folder):
    """A run in the plane: the fully synthetic loop loses a mode every other round."""
    rows, lines = [], []
    for loop, weight in (("synthetic", math.inf), ("half", 0.5), ("real", 0.0)):
        for seed in SEEDS:
            for step in range(21):
                modes = max(1, 8 - step // 2) if loop == "synthetic" else 8
                told = {"sliced_w2": 0.1 * (9 - modes) + 0.01 * seed, "modes_covered": modes}
                rows += [Row("mine", loop, weight, 1, "none", seed, step, m, v) for m, v in told.items()]
                if seed == 0 and step % 5 == 0:
                    lines += [f"{loop},0,{step},{2 * math.cos(k)},{step + k}" for k in range(7)]
    results.write(folder / "results.csv", rows, ["made for a test"])
    (folder / "samples.csv").write_text("loop,seed,round,x,y\n" + "\n".join(lines) + "\n", "utf-8")
    return folder


def images(folder, preset="digits", npz=False):
    """A run on images: class 3 takes over, with real data by a half."""
    rng, rows, kept = np.random.default_rng(1), [], {}
    data = load_digits().data.astype(int)
    for loop, weight, choices in (
        ("curated", math.inf, 4),
        ("curated-real", 0.5, 4),
        ("uncurated", math.inf, 1),
    ):
        for seed in SEEDS:
            for step in range(5):
                share = {"curated": 1 - 0.9 * 0.5**step, "curated-real": 0.5 - 0.4 * 0.5**step}.get(loop, 0.1)
                shares = np.full(10, (1 - share) / 9)
                shares[3] = share
                told = {f"class_{c}": v for c, v in enumerate(shares)}
                told |= {"mean_reward": 5 * share + 0.1 * seed, "frechet": 1.0 + step}
                rows += [
                    Row(preset, loop, weight, choices, "class:3", seed, step, m, v) for m, v in told.items()
                ]
                if seed == 0 and step % 2 == 0:
                    pixels = (
                        rng.integers(0, 256, (9, 3072)).astype("uint8")
                        if npz
                        else data[rng.integers(0, 1797, 9)]
                    )
                    kept[loop, 0, step] = pixels
    results.write(folder / "results.csv", rows)
    if npz:
        np.savez_compressed(folder / "samples.npz", **{"/".join(map(str, k)): v for k, v in kept.items()})
    else:
        header = "loop,seed,round,sample," + ",".join(f"p{i}" for i in range(64))
        lines = [
            ",".join(map(str, (*key, i, *pixels)))
            for key, all_ in kept.items()
            for i, pixels in enumerate(all_)
        ]
        (folder / "samples.csv").write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return folder


def drawn(name, table):
    """The picture's bytes; drawing warns of nothing (warnings are errors)."""
    return _write.picture(figures.find(name), table, "png", 60)


# --- mode-collapse -----------------------------------------------------------------------------------------


def test_mode_collapse_plots_medians_ranges_and_points(given, tmp_path):
    table = mode_collapse.compute(given(plane(tmp_path)))
    modes, distance = table.curve("c", "synthetic"), table.curve("b", "synthetic")
    assert modes.x.tolist() == list(range(21))
    assert modes.y.tolist() == [max(1, 8 - t // 2) for t in range(21)]
    np.testing.assert_allclose(distance.y - distance.low, 0.01)
    np.testing.assert_allclose(distance.high - distance.y, 0.01)
    points = table.curve("a", "half, round 10")
    np.testing.assert_allclose(points.y, [10 + k for k in range(7)])
    assert [name for name in table.curves("a") if name.startswith("real")] == [
        f"real, round {t}" for t in (0, 5, 10, 15, 20)
    ]
    assert "N = 3 seeds" in table.notes[0]
    assert "0.25" in table.notes[0]
    assert drawn("mode-collapse", table).startswith(b"\x89PNG")


def test_mode_collapse_needs_points(given, tmp_path):
    with pytest.raises(ValueError, match="in the plane, got 64 numbers"):
        mode_collapse.compute(given(images(tmp_path)))


# --- bias-amplification ------------------------------------------------------------------------------------


def test_bias_amplification_plots_shares_and_the_population_loop(given, tmp_path):
    table = bias_amplification.compute(given(images(tmp_path)))
    found = table.curve("c", "curated")
    np.testing.assert_allclose(found.y, 1 - 0.9 * 0.5 ** np.arange(5), rtol=1e-4)
    np.testing.assert_allclose(table.curve("a", "curated, class 3").y, found.y)
    total = sum(curve.y for curve in table.curves("b").values())
    np.testing.assert_allclose(total, 1, rtol=1e-4)
    np.testing.assert_allclose(
        np.ptp(table.curve("d", "curated").high - table.curve("d", "curated").low), 0, atol=1e-4
    )
    assert table.curves("f") == {}
    shown = table.curve("h", "curated, round 2")
    assert shown.y.tolist() == list(range(8))

    # The population loop, by hand: users keep one of four digits, each as likely as e^{γq} says.
    from theorycheck.loops import digits

    a = np.exp(digits.reward("class:3"))
    rng = np.random.default_rng(6)
    four = rng.integers(0, a.size, (40_000, 4))
    kept = four[np.arange(40_000), np.argmax(np.log(a[four]) + rng.gumbel(size=four.shape), axis=1)]
    share = np.mean(digits.digits().labels[kept] == 3)
    exact, mixed = (table.curve("c", f"{loop}, population").y for loop in ("curated", "curated-real"))
    assert exact[1] == pytest.approx(share, abs=0.01)
    assert mixed[1] == pytest.approx((2 * exact[0] + share) / 3, abs=0.01)
    assert "uncurated, population" not in table.curves("c")
    assert drawn("bias-amplification", table).startswith(b"\x89PNG")


def test_a_run_on_other_images_is_drawn_too(given, tmp_path):
    table = bias_amplification.compute(given(images(tmp_path, preset="cifar10-flow", npz=True)))
    assert not any(name.endswith("population") for name in table.curves("c"))
    assert table.images["curated, round 0"].shape == (2 * 34, 4 * 34, 3)
    assert drawn("bias-amplification", table).startswith(b"\x89PNG")


def test_images_are_upright_and_in_range():
    digit = np.zeros((8, 8))
    digit[0, 1] = 16
    found = _runs.image(digit.ravel())
    assert found.shape == (8, 8, 3)
    assert found[0, 1].tolist() == [0, 0, 0]
    assert found[1, 0].tolist() == [1, 1, 1]
    colour = np.zeros((3, 4, 4))
    colour[2, 3, 0] = 255
    assert _runs.image(colour.ravel())[3, 0].tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="50 pixels"):
        _runs.image(np.zeros(50))


@pytest.mark.parametrize("name", ["mode-collapse", "bias-amplification"])
def test_missing_results_say_which_command_makes_them(name, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "STORED", tmp_path / "none")
    status, _, error = call("figures", name, "--out", tmp_path / "out")
    assert status == 1  # `main` turns a ValueError into one sentence and status 2
    assert isinstance(error, ValueError)
    assert "theorycheck retrain --preset" in str(error)
    assert f"theorycheck figures {name} --run DIR" in str(error)
    assert "\n" not in str(error)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "preset"), [("mode-collapse", "eight-gaussians"), ("bias-amplification", "digits")]
)
def test_where_no_run_ended_the_command_that_makes_one_is_told(name, preset, tmp_path):
    for run, told in ((tmp_path, tmp_path), (tmp_path / "none", tmp_path / "none"), (__file__, "DIR")):
        _, _, error = call("figures", name, "--out", tmp_path / "out", "--run", run)
        assert isinstance(error, ValueError)
        assert str(error).startswith("--run must be the directory of a theorycheck retrain run that ended")
        assert str(error).endswith(f"`theorycheck retrain --preset {preset} --out {told}` makes one")
    assert list((tmp_path / "out").iterdir()) == []


# --- tightness ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run():
    targets = ("bound_is_sharp", "variance_can_rise", "gain_is_exact")
    return theorycheck.verify(*(f"reward-ascent::{claim}" for claim in targets), workers=2)


def test_tightness_of_a_run(given, run, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(run.to_json(), "utf-8")
    table = tightness.compute(given(path))
    sharp = table.curve("a", "reward-ascent::bound_is_sharp")
    # Two states a = (1 − 10⁻⁴, 1), p = (½, ½): gain E[v/ā] against ((K−1)/K)·Var/a*, by enumeration at K = 2.
    low = 1 - 1e-4
    gain = 0.5 * ((1 - low) ** 2 / (2 * (1 + low)))
    bound = 0.5 * (1 - low) ** 2 / 4
    slack = (1 + 2e-4) * bound / gain  # of gain ≤ (1 + 2·10⁻⁴)·bound
    assert sharp.low[0] - 1e-12 <= slack <= sharp.high[0] + 1e-12
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    told = {row["curve"]: row["remark"] for row in rows}
    known = {
        f"{t.key}::{c.id}": min(i.finding.slack for i in c.instances if i.finding.slack is not None)
        for t, c in run.claims()
        if c.tightest
    }
    assert set(told) == set(known)
    assert all(float(row["y"]) == pytest.approx(known[row["curve"]]) for row in rows)
    assert all(remark.split(" at ")[0] in ("PROVED", "SUPPORTED") for remark in told.values())
    assert drawn("tightness", table).startswith(b"\x89PNG")


def test_what_is_decided_for_tightness_has_all_inequalities(run):
    claims = {f"{t.key}::{c.id}": c for t in catalogue.catalogue() for c in t.claims}
    for theorem, result in run.claims():
        if result.tightest:
            assert tightness.compares(claims[f"{theorem.key}::{result.id}"].function)
    chosen = [name for name, claim in claims.items() if tightness.compares(claim.function)]
    assert "reward-ascent::gain_is_exact" not in chosen  # an equality
    assert "gaussian-collapse::mean_scale_decays" in chosen


def test_the_catalogue_is_decided_without_rivals(given, monkeypatch):
    theorem = catalogue.find("reward-ascent")
    monkeypatch.setattr(catalogue, "catalogue", lambda: (theorem,))
    cheap = ("bound_is_sharp", "variance_can_rise")
    monkeypatch.setattr(theorem, "claims", [c for c in theorem.claims if c.id in cheap])
    found = list(tightness.of_catalogue(given("")._replace(run=None)))
    assert [slack.claim for slack in found] == [c.id for c in theorem.claims]
    assert all(slack.status == "PROVED" and slack.least >= 1 for slack in found)


def test_a_json_of_another_schema_is_refused(run, tmp_path):
    path = tmp_path / "run.json"
    for text, words in (
        (json.dumps({**run.to_dict(), "schema": 99}), "is not a run of schema"),
        ("{", "is not JSON"),
    ):
        path.write_text(text, "utf-8")
        _, _, error = call("figures", "tightness", "--out", tmp_path / "out", "--run", path)
        assert isinstance(error, ValueError)
        assert words in str(error)
        assert list((tmp_path / "out").iterdir()) == []
