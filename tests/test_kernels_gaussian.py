"""The Gaussian loop in NumPy, fed with the same stream of draws as the kernels."""

import itertools

import numpy as np
import pytest
from scipy import stats
from streams import Normals, Stream

from theorycheck.loops.gaussian import simulate


def close(paths, expected):
    """Equal but for rounding; −∞ stands for a scale of zero."""
    for field, values in zip(paths, np.array(expected).T, strict=True):
        np.testing.assert_allclose(field, values, rtol=1e-10, atol=1e-12)


def refit(draw, n, steps, ddof=1, real=0, noise="gaussian"):
    """One path of the loop as the paper defines it: points on their own scale, np.mean and np.std."""
    mean, scale, length = 0.0, 1.0, 0.0
    for _ in range(steps):
        if scale == 0:
            break
        unit = draw(n)
        fresh, own = unit[:real], unit[real:]
        if noise == "two-point":
            own = np.where(own < 0, -1.0, 1.0)
        # Points of equal sign coincide exactly, whatever rounding does to their mean.
        points = np.concatenate([fresh, mean + scale * own])
        length += abs(np.mean(points) - mean)
        mean = np.mean(points)
        scale = np.std(points, ddof=ddof) if np.ptp(points) > 0 else 0.0
    with np.errstate(divide="ignore"):
        return mean, np.log(scale), length, 0.0


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize(
    ("n", "biased", "real", "noise"),
    [
        (2, False, 0, "gaussian"),
        (2, True, 0, "gaussian"),
        (3, False, 1, "gaussian"),
        (7, True, 0, "gaussian"),
        (7, False, 3, "gaussian"),
        (4, True, 4, "gaussian"),
        (2, False, 0, "two-point"),
        (3, True, 0, "two-point"),
        (6, False, 0, "two-point"),
        (6, True, 2, "two-point"),
        # More points than are drawn at once.
        (513, False, 0, "gaussian"),
        (1100, True, 0, "gaussian"),
        (1100, False, 600, "gaussian"),
        (1100, False, 300, "two-point"),
    ],
)
def test_literal(n, biased, real, noise, steps):
    paths = simulate(
        np.random.default_rng(5), n, steps, 6, kernel="literal", biased=biased, real=real, noise=noise
    )
    draw = Normals(np.random.default_rng(5))
    close(paths, [refit(draw, n, steps, 0 if biased else 1, real, noise) for _ in range(6)])


def test_some_two_point_paths_end_and_some_do_not():
    # Otherwise the cases above would not look at both.
    scales = simulate(np.random.default_rng(5), 3, 2, 40, noise="two-point").scale
    assert 0 < np.count_nonzero(scales == 0) < 40


def statistics(rng, freedom, count):
    """Normals and χ² variables in turn, as many of each as are needed, but 512 at a time at most."""
    draw = Stream(rng)
    size = min(count, 512)
    while True:
        unit = draw.normals(size)
        yield from zip(unit, draw.chi_squares([freedom] * size), strict=True)


def sufficient(drawn, n, steps, ddof=1, tilt=0):
    """One path from a normal mean and a χ² variance; the likelihood ratio from SciPy's densities."""
    mean, scale, length, weight = 0.0, 1.0, 0.0, 0.0
    for unit, square in itertools.islice(drawn, steps):
        move = scale * unit / np.sqrt(n)
        mean, length = mean + move, length + abs(move)
        scale *= np.sqrt(square / (n - ddof))
        weight += stats.chi2.logpdf(square, n - 1) - stats.chi2.logpdf(square, n - 1 + tilt)
    return mean, np.log(scale), length, weight


@pytest.mark.parametrize("steps", [0, 1, 4, 300])
@pytest.mark.parametrize("n", [2, 3, 5, 40])
@pytest.mark.parametrize(("kernel", "tilt"), [("reduced", 0), ("tilted", 1)])
@pytest.mark.parametrize("biased", [False, True])
def test_reduced(n, steps, kernel, tilt, biased):
    paths = simulate(np.random.default_rng(6), n, steps, 3, kernel=kernel, biased=biased)
    drawn = statistics(np.random.default_rng(6), n - 1 + tilt, 3 * steps)
    close(paths, [sufficient(drawn, n, steps, 0 if biased else 1, tilt) for _ in range(3)])


def test_scales_far_below_the_smallest_double():
    paths = simulate(np.random.default_rng(6), 2, 2000, 2, kernel="reduced")
    assert (paths.log_scale < -800).all()
    assert np.isfinite(paths).all()


def test_scales_far_above_the_start():
    # Tilted, log σ drifts upwards at n = 2, and the mean moves as far as the scale then is.
    paths = simulate(np.random.default_rng(6), 2, 4000, 1, kernel="tilted")
    drawn = statistics(np.random.default_rng(6), 2, 4000)
    close(paths, [sufficient(drawn, 2, 4000, 1, 1)])
    assert paths.log_scale[0] > 150


@pytest.mark.parametrize("n", [2, 5, 100])
def test_scale_times_likelihood_ratio_is_constant(n):
    # √(x/ν)·f_ν(x)/f_{ν+1}(x) does not depend on x: the tilt has no variance.
    steps = 300
    paths = simulate(np.random.default_rng(6), n, steps, 4, kernel="tilted")
    factor = stats.chi(n - 1).mean() / np.sqrt(n - 1)
    # A step loses up to a rounding error of log Γ(n/2), which is near 145 at n = 100.
    np.testing.assert_allclose(paths.log_scale + paths.log_ratio, steps * np.log(factor), atol=steps * 1e-13)
