"""What the loops of a sweep tell, against computations that share nothing with them."""

import math

import numpy as np
import pytest

from theorycheck.sweep import run
from theorycheck.sweep.loops import LOOPS
from theorycheck.sweep.plan import plan


def swept(loop, grid, out, **options):
    return run.sweep(plan({"loop": loop, "grid": grid, **options}), out)


# --- the Gaussian in several dimensions ---------------------------------------------------------------------


def refitted(rng, paths, law, real, synthetic, steps, fresh):
    """Means and covariances of the loop as it is defined, in NumPy."""
    deviation, d = np.sqrt(law), law.size
    mean, covariance = np.zeros((paths, d)), np.tile(np.diag(law), (paths, 1, 1))
    for t in range(steps):
        if t == 0 or fresh:
            data = deviation * rng.standard_normal((paths, real, d))
        values, axes = np.linalg.eigh(covariance)
        noise = rng.standard_normal((paths, synthetic, d)) * np.sqrt(np.clip(values, 0, None))[:, None]
        points = np.concatenate([data, mean[:, None] + noise @ np.swapaxes(axes, 1, 2)], axis=1)
        mean = points.mean(axis=1)
        centred = points - mean[:, None]
        covariance = np.swapaxes(centred, 1, 2) @ centred / (real + synthetic)
    return mean, covariance


@pytest.mark.parametrize("protocol", ["fixed", "fresh"])
@pytest.mark.parametrize(
    ("dimension", "condition", "n", "weight"), [(1, 1.0, 3, 1.4), (3, 9.0, 4, 1.5), (3, 4.0, 5, math.inf)]
)
def test_moments_in_several_dimensions_are_those_of_numpy(protocol, dimension, condition, n, weight):
    cell = dict(samples=n, dimension=dimension, synthetic_weight=weight, steps=3, protocol=protocol)
    told = LOOPS["finite-samples-multivariate"].tells({**cell, "condition": condition, "kernel": "literal"})
    law, paths = np.geomspace(1, 1 / condition, dimension), 60_000
    real, synthetic = (0, n) if weight == math.inf else (n, int(weight * n))
    mean, covariance = refitted(
        np.random.default_rng(11), paths, law, real, synthetic, 3, protocol == "fresh"
    )
    values = np.clip(np.linalg.eigvalsh(covariance), 0, None)
    drawn = {
        "squared_shift": (mean**2).mean(axis=1),
        "mean_variance": np.trace(covariance, axis1=1, axis2=2) / dimension,
        "mean_root": np.sqrt(values).mean(axis=1),
    }
    assert list(told) == list(drawn)
    for name, values in drawn.items():
        about, error = told[name], values.std() / math.sqrt(paths)
        if about.exact is not None:
            assert abs(values.mean() - about.exact) < 5.5 * error
        if about.upper is not None:
            assert values.mean() < about.upper + 5.5 * error
        assert values.var() < 1.15 * about.variance
        if dimension == 1 and name != "mean_root":
            assert values.var() == pytest.approx(about.variance, rel=0.15)
    assert told["squared_shift"].exact + told["mean_variance"].exact == pytest.approx(law.mean())


def test_one_gaussian_is_told_like_several(tmp_path):
    # The family with unknown variance is the loop of one dimension.
    grid = dict(samples=4, synthetic_weight=1.5, steps=3, protocol="fixed")
    (one,) = swept("finite-samples", {**grid, "family": "gaussian"}, tmp_path / "1", paths=2000).rows
    (same,) = swept("finite-samples-multivariate", {**grid, "dimension": 1}, tmp_path / "2", paths=2000).rows
    assert one["squared_error_exact"] == same["squared_shift_exact"]
    for name in ("error", "squared_error"):
        assert one[f"{name}_low"] <= one[f"{name}_exact"] <= one[f"{name}_high"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 1}, "samples must be at least 2, got 1"),
        ({"dimension": 0}, "dimension must be at least 1, got 0"),
        ({"synthetic_weight": -0.5}, r"synthetic_weight must be in \[0, inf\], got -0.5"),
        ({"synthetic_weight": math.nan}, r"synthetic_weight must be in \[0, inf\], got nan"),
        ({"synthetic_weight": 1e9}, "samples and synthetic_weight must ask for at most 1e\\+09 points"),
        ({"condition": 0.5}, "condition must be a finite number of at least 1, got 0.5"),
        ({"protocol": "kept"}, "protocol must be one of fixed, fresh, got 'kept'"),
        ({"family": "gaussian"}, "the grid of finite-samples-multivariate has no key 'family'"),
    ],
)
def test_no_loop_in_several_dimensions(change, message):
    grid = {"samples": 5, "dimension": 2, "synthetic_weight": 1.0, "steps": 1}
    with pytest.raises((ValueError, TypeError), match=message):
        plan({"loop": "finite-samples-multivariate", "grid": {**grid, **change}})
