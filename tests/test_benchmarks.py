"""The machinery of the benchmarks at tiny sizes: both sides do the same work, and rows say so. No timings."""

import ctypes
import importlib
import json
import math
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import benchmarks
from benchmarks import (
    Row,
    _cifar,
    _finite_samples,
    _gaussian,
    _native,
    compare,
    compilation,
    covariance,
    curation,
    finite_samples,
    gaussian,
    growth,
    memory,
    particles,
)
from benchmarks.__main__ import NAMES, main
from benchmarks._backends import backends
from theorycheck.generative import cifar
from theorycheck.loops import covariance as own_covariance
from theorycheck.loops import curation as own_curation
from theorycheck.loops import particles as own_particles
from theorycheck.loops.gaussian import simulate
from theorycheck.loops.retraining import exponential as own_families
from theorycheck.loops.retraining import multivariate as own_multivariate
from theorycheck.loops.retraining import samples as own_samples

LEVEL = 1e-6


def check(row: Row):
    assert row["ours_seconds"] > 0
    assert row["baseline_seconds"] > 0
    assert row["ratio"] > 0
    assert row["workload"]
    assert row["baseline"]
    low, high = row.get("spread", (row["ratio"], row["ratio"]))
    assert low <= row["ratio"] <= high


def test_a_row_for_each_baseline_from_the_same_turns(monkeypatch):
    clock = iter(range(10**6))
    calls = []
    rows = compare(
        "work",
        lambda: calls.append("ours"),
        {"twice": lambda: (calls.append("twice"), next(clock)), "same": lambda: calls.append("same")},
        count=4,
        clock=lambda: next(clock),
        unit="step",
        units=1000,
        bytes_per_path=8,
    )
    first, second = rows
    assert calls[:6] == ["ours", "ours", "twice", "twice", "same", "same"]  # unseen
    assert [calls[i] for i in (6, 9, 12, 15)] == ["ours", "twice", "same", "ours"]  # who begins alternates
    assert (first["ours_seconds"], first["baseline_seconds"], first["ratio"]) == (1, 2, 2)
    assert (second["baseline"], second["ratio"], second["spread"]) == ("same", 1, (1, 1))
    assert (first["unit"], first["ours_ns"], first["baseline_ns"]) == ("step", 1e6, 2e6)
    assert first["bytes_per_path"] == 8


def test_what_is_quick_is_called_more_often():
    now = [0.0]

    def takes(duration):
        return lambda: now.__setitem__(0, now[0] + duration)

    quick, slow = benchmarks.turns([takes(0.001), takes(0.5)], 2, lambda: now[0])
    assert quick == pytest.approx([0.001] * 2)
    assert slow == pytest.approx([0.5] * 2)
    assert now[0] == pytest.approx(2 * 0.501 + 2 * (20 * 0.001 + 0.5))


def test_every_module_has_rows():
    for name in NAMES:
        assert callable(importlib.import_module(f"benchmarks.{name}").rows), name
    assert {"gaussian", "covariance", "curation", "growth", "memory", "workers", "compilation"} <= {*NAMES}


def test_gaussian_rows(monkeypatch):
    rows = list(gaussian.row("literal", 20, 2, 10, 2)) + list(gaussian.row("reduced", 20, 2, 10, 2))
    for row in rows:
        check(row)
        assert row["bytes_per_path"] == 32
        limit = row["baseline"] == _native.LIMIT
        assert row.get("fraction_of_limit") == (row["ratio"] if limit else None)
    assert {row["unit"] for row in rows} == {"normal", "generation"}
    monkeypatch.setattr(_native, "library", lambda: "no gcc")
    assert not any(row["baseline"] == _native.LIMIT for row in gaussian.row("literal", 20, 2, 10, 2))


def alike(found, expected):
    """Whether two samples may have one law; rounded, as the last bits of a lattice tell no law apart."""
    return stats.ks_2samp(np.round(found, 9), np.round(expected, 9)).pvalue > LEVEL


def law_of_the_loop(found, samples, steps):
    """Means and scales after the loop, against the χ² law of log-scales and the symmetry of means."""
    mean, scale = found
    squares = stats.chi2(samples - 1).rvs((4000, steps), random_state=1)
    expected = 0.5 * np.log(squares / (samples - 1)).sum(axis=1)
    assert stats.ks_2samp(np.log(scale), expected).pvalue > LEVEL
    variance = np.mean(mean**2) * samples / steps  # E(μ_t − μ_0)² = t σ_0²/n
    assert 0.8 < variance < 1.25
    assert abs(np.mean(np.sign(mean))) < 5 / math.sqrt(mean.size)


@pytest.mark.parametrize("name", ["literal", "reduced"])
def test_every_baseline_draws_the_same_law(name):
    samples, steps, paths = 8, 3, 4000
    for baseline, loop in _gaussian.others(name, samples, steps, paths).items():
        law_of_the_loop(np.asarray(loop()), samples, steps)
        assert baseline
        if name == "literal" and "Python" not in baseline:
            assert not np.array_equal(loop()[1], loop()[1])  # each call draws anew
    paths_of_ours = simulate(np.random.default_rng(1), samples, steps, paths, kernel=name)
    law_of_the_loop((paths_of_ours.mean, paths_of_ours.scale), samples, steps)


def test_loading_the_limit_leaves_subnormal_numbers_alone():
    # It is loaded when these tests are collected: no later test of the process may see them rounded to 0.
    assert isinstance(_native.library(), str | ctypes.CDLL)
    assert np.float64(1) / 1e308 * 1e308 == pytest.approx(1)


@pytest.mark.skipif(isinstance(_native.library(), str), reason=str(_native.library()))
@pytest.mark.parametrize(("samples", "steps"), [(8, 3), (700, 2)])
def test_the_limit_in_c_draws_the_same_law(samples, steps):
    paths = _native.literal(1, samples, steps, 4000)
    law_of_the_loop((paths.mean, paths.scale), samples, steps)
    assert (paths.length >= np.abs(paths.mean)).all()


def test_tilted_baselines_draw_one_more_degree_of_freedom():
    samples, steps, paths = 8, 3, 4000
    for loop in _gaussian.others("tilted", samples, steps, paths).values():
        log_scale = np.log(np.asarray(loop()[1]))
        squares = stats.chi2(samples).rvs((4000, steps), random_state=1)
        assert alike(log_scale, 0.5 * np.log(squares / (samples - 1)).sum(axis=1))


@pytest.mark.parametrize("kernel", ["literal", "reduced"])
def test_covariance_rows(kernel):
    rows = list(covariance.row(kernel, 3, 6, 2, 2, 2))
    assert {"NumPy over paths", "multivariate_normal (svd) + cov"} <= {row["baseline"] for row in rows}
    for row in [*rows, *covariance.tilted_row(3, 6, 2, 2, 2)]:
        check(row)


@pytest.mark.parametrize("samples", [6, 2])  # above the dimension, and not: the covariance is singular
def test_covariance_baselines_draw_the_same_law(samples):
    size = np.eye(2), samples, 2, 1500
    ours = own_covariance.simulate_covariance(np.random.default_rng(2), *size)
    loops = [
        partial(covariance.python_loop, np.random.default_rng(1), *size, method="svd"),
        partial(covariance.python_loop, np.random.default_rng(1), *size, method="eigh"),
        partial(covariance.numpy_loop, np.random.default_rng(1), *size),
        *(covariance.backend_loop(backend, *size) for backend in backends()),
    ]
    for theirs in (np.asarray(loop()) for loop in loops):
        for entry in ((0, 0), (0, 1)):
            assert alike(theirs[:, *entry], ours[:, *entry])
        spread = np.linalg.eigvalsh(theirs), np.linalg.eigvalsh(ours)
        assert alike(spread[0][:, 1], spread[1][:, 1])


def test_the_tilted_ratio_by_points_has_the_same_law():
    size = np.diag([1.0, 0.3, 0.1]), 6, 3, 3000, np.array([0.6, 0.8, 0.0])
    ours = own_covariance.tilted_ratio(np.random.default_rng(1), *size)
    assert alike(ours, covariance.numpy_tilted(np.random.default_rng(2), *size))


def test_curation_rows():
    for row in curation.population_rows(16, atoms=50):
        check(row)
    for kernel in ("literal", "reduced"):
        for row in curation.loop_rows(kernel, 5, 3, 50, 2, 2, 2):
            check(row)
            assert row["bytes_per_path"] == 40


def test_a_population_step_of_other_work_is_no_baseline(monkeypatch):
    monkeypatch.setattr(curation, "numpy_ratio", lambda p, reward, choices: np.ones_like(p))
    with pytest.raises(RuntimeError, match="NumPy over atoms must agree within 1e-12 at K = 16"):
        list(curation.population_rows(16, atoms=50))


def test_curation_baselines_draw_the_same_law():
    size = np.full(3, 1 / 3), np.array([0.0, 1.0, 2.0]), 3, 40, 2, 2000
    few = *size[:-1], 200  # paths: a call of Python's loop takes 3 ms each
    ours = own_curation.simulate(np.random.default_rng(1), *size)
    found = [
        loop(np.random.default_rng(2), *size) for loop in (curation.numpy_literal, curation.numpy_reduced)
    ]
    found.append(curation.python_literal(np.random.default_rng(2), *few))
    found += [np.asarray(curation.backend_literal(backend, *size)()) for backend in backends()]
    for theirs in found:
        np.testing.assert_allclose(theirs.sum(axis=1), 1)
        for atom in range(3):
            assert alike(theirs[:, atom], ours[:, atom])


@pytest.mark.parametrize("family", ["gaussian-mean", "gaussian", "poisson", "logistic", 2])
def test_finite_sample_baselines_draw_the_same_law(family):
    """The last location of each path, and the last spread where one is fitted."""
    real, synthetic, steps, paths = 8, 4, 3, 2000
    if family == 2:
        law = own_families.Gaussian(np.zeros(2), np.eye(2))
        mean, covariance_ = own_multivariate.simulate(
            np.random.default_rng(1), 8, 0.5, steps, paths, data=law
        )
        ours = mean[:, -1, 0], covariance_[:, -1, 0, 1]
    else:
        history = own_samples.simulate(np.random.default_rng(1), family, 8, 0.5, steps, paths)
        ours = history[0, :, -1], *np.exp(history[1:, :, -1])
    size = family, real, synthetic, steps
    loops = [
        partial(_finite_samples.numpy_loop, np.random.default_rng(2), *size, paths),
        *(_finite_samples.backend_loop(backend, *size, paths) for backend in backends()),
    ]
    for loop in loops:
        found = loop()
        found = found if isinstance(found, tuple) else (found,)
        assert len(found) == len(ours)
        for theirs, mine in zip(map(np.asarray, found), ours, strict=True):
            one = theirs[:, 0] if theirs.ndim == 2 else theirs[:, 0, 1] if theirs.ndim == 3 else theirs
            assert alike(one, mine)
    assert len(_finite_samples.python_loop(np.random.default_rng(2), *size, 3)) == 3


def test_finite_sample_rows():
    for row in finite_samples.row("gaussian-mean", "reduced", 20, 8):
        check(row)
        assert row["baseline"] == "NumPy over paths"
    assert {"Python loop", "NumPy over paths"} <= {
        row["baseline"] for row in finite_samples.row(3, "literal", 20, 2)
    }


def test_particle_baseline_draws_the_same_law():
    start = own_particles.mixture([0.6, 0.4, 0.0], [[0.0, 0.0], [2.0, 0.0], [9.0, 0.0]], [0.5, 1.0, 1.0])
    size = start, particles.reward, 3, 30, 2, 2000
    ours = own_particles.simulate(np.random.default_rng(1), *size)
    theirs = particles.numpy_loop(np.random.default_rng(2), *size)
    for mine, other in (
        (ours.weight, theirs.weight),
        (ours.mean[..., 0], theirs.mean[..., 0]),
        (ours.scale, theirs.scale),
    ):
        for component in range(2):
            assert alike(mine[:, component], other[:, component])
    for row in particles.row(start, 5, 1, 1, 2):
        check(row)


def test_a_law_on_one_atom_is_no_trouble_to_the_reduced_baseline():
    p = np.array([0.0, np.nextafter(1, 2)])
    found = curation.numpy_reduced(np.random.default_rng(1), p, np.array([0.0, 1.0]), 2, 5, 3, 2)
    assert (found == [0, 1]).all()


def test_growth_is_fitted(monkeypatch):
    # Work that takes size^1.5 by its own clock.
    monkeypatch.setattr(
        growth, "turns", lambda calls, count: [[call() for _ in range(count)] for call in calls]
    )
    row = growth.row("work", [10, 100, 1000], 1, lambda size: lambda: 2.0 * size**1.5, count=3)
    check(row)
    assert row["exponent"] == pytest.approx((1.5, 1.5, 1.5))
    assert row["ratio"] == pytest.approx(0.1)  # 100 times were claimed, 1000 times it took
    assert row["baseline_seconds"] == pytest.approx(100 * 2 * 10**1.5)


def test_first_calls_tell_how_many_kernels_they_compile(monkeypatch):
    monkeypatch.setattr(compilation, "WARM_RUNS", 1)
    row = compilation.row("population step")
    check(row)
    assert row["baseline"] == "empty compile cache, 5 kernels"  # choice_ratio and its four helpers


def test_memory_row():
    row = memory.row(1000, 20_000)
    check(row)
    assert abs(row["added_mebibytes"]) < 100
    assert "20,000 paths" in row["workload"]


def test_memory_run_computes_what_it_says():
    _, peak, mean = memory.measured(20_000)
    assert peak > 2**20
    assert mean == pytest.approx(stats.chi(9).mean() / 3, abs=6 * stats.chi(9).std() / 3 / math.sqrt(20_000))


# --- the command --------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch):
    rows = [Row(workload="w", ours_seconds=1.0, baseline="b", baseline_seconds=2.0, ratio=2.0)]
    monkeypatch.setattr(gaussian, "rows", lambda: iter(rows))
    return rows


def test_json_holds_a_row_for_each_pair(tiny, tmp_path):
    target = tmp_path / "rows.json"
    result = CliRunner().invoke(main, ["gaussian", "--json", str(target)])
    assert result.exit_code == 0, result.output
    run = json.loads(target.read_text(encoding="utf-8"))
    assert run["rows"] == [{"benchmark": "gaussian", **tiny[0]}]
    assert {"version", "processor", "packages"} <= {*run["provenance"]}
    assert "ratio" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["rows.json"]


def test_nothing_is_written_where_a_benchmark_fails(monkeypatch, tmp_path):
    def broken():
        raise ValueError("no")
        yield

    monkeypatch.setattr(gaussian, "rows", broken)
    result = CliRunner().invoke(main, ["gaussian", "--json", str(tmp_path / "rows.json")])
    assert isinstance(result.exception, RuntimeError)  # no bad usage
    assert "the benchmark gaussian failed: no" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_keeps_the_rows_that_ended(tiny, monkeypatch, tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(growth, "rows", interrupted)
    target = tmp_path / "rows.json"
    assert CliRunner().invoke(main, ["growth", "gaussian", "--json", str(target)]).exit_code == 1
    assert not list(tmp_path.iterdir())
    assert CliRunner().invoke(main, ["gaussian", "growth", "--json", str(target)]).exit_code == 1
    assert [row["benchmark"] for row in json.loads(target.read_text())["rows"]] == ["gaussian"]


def test_wrong_names_and_paths_are_refused_in_a_sentence(tiny, tmp_path):
    result = CliRunner().invoke(main, ["gausian"])
    assert result.exit_code == 2
    assert "NAME must be a benchmark, got 'gausian'; near it: gaussian" in result.output
    result = CliRunner().invoke(main, ["gaussian", "--json", str(tmp_path / "no" / "rows.json")])
    assert result.exit_code == 2
    assert "cannot write --json" in result.output


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "benchmarks", "nothing-like-it"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert "NAME must be a benchmark" in run.stderr


def test_progress_is_told_line_by_line_off_a_terminal(capsys):
    with benchmarks.progress():
        benchmarks.say("  something")
        benchmarks.told(1, 2)
    assert capsys.readouterr().err == "  something\n"


def test_the_random_images_pass_for_cifar(tmp_path):
    _cifar.write(tmp_path)
    (images, _), (held_out, _) = cifar.load(tmp_path)
    assert images.mean() == pytest.approx(127.5, abs=0.1)
    assert not (images[:10_000] == held_out).all()


def test_trained_models_are_timed_beside_the_plain_loop_and_the_peak(monkeypatch):
    pytest.importorskip("torch", reason="needs torch: pip install 'theorycheck[torch]'")
    from benchmarks import generative
    from theorycheck.generative import presets

    monkeypatch.setattr(generative, "TURNS", 2)
    small = presets.preset("digits").replace(width=4, batch=8, chunk=8, sampling_steps=1, classifier_steps=1)
    (plain,) = generative.training("training", small.replace(model="ddpm"), 1)
    (share,) = generative.curation("curation", small)
    (peak,) = generative.peak("peak", small, 1)
    for row in (plain, share, peak):
        check(row)
        assert row["ours_ns"] == pytest.approx(1e9 * row["ours_seconds"] / 8)
    assert peak["ratio"] < 1
