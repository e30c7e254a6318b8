"""Exact moments of the Gaussian loop: against the recursion of its mean, hand computation and simulation."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from theorycheck.loops.retraining import oracle
from theorycheck.loops.retraining.moments import moment, of_mean, of_squares, spread


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("power", range(6))
def test_moments_of_normal_points(count, power):
    assert float(of_mean(count, power)) == pytest.approx(stats.norm(scale=count**-0.5).moment(power))
    squares = stats.chi2(count - 1).moment(power) if count > 1 else 0**power
    assert float(of_squares(count, power)) == pytest.approx(squares)


def test_no_points_have_no_moments():
    assert (
        [of_mean(0, power) for power in range(3)] == [of_squares(0, power) for power in range(3)] == [1, 0, 0]
    )


@pytest.mark.parametrize("protocol", oracle.PROTOCOLS)
@pytest.mark.parametrize(("n", "k"), [(2, 0), (1, 4), (5, 3), (10, 50)])
@pytest.mark.parametrize("steps", [0, 1, 2, 6])
def test_second_moments_of_maximum_likelihood(n, k, steps, protocol):
    # What the mean strays the variance loses, in mean.
    variance = oracle.variance(n, k, steps, protocol, 1, lambda variance: 1 - variance)
    assert moment(n, k, steps, protocol, mean=2) == variance
    assert moment(n, k, steps, protocol, scale=2) == 1 - variance


@pytest.mark.parametrize("protocol", oracle.PROTOCOLS)
@pytest.mark.parametrize("ddof", [0, 1])
def test_one_generation_is_a_sample_of_all_points(protocol, ddof):
    # From the data's own law, all points of the first generation are alike.
    n, k = 4, 3
    assert moment(n, k, 1, protocol, ddof, mean=4) == Fraction(3, (n + k) ** 2)
    freedom, divisor = n + k - 1, n + k - ddof
    assert moment(n, k, 1, protocol, ddof, scale=4) == Fraction(freedom * (freedom + 2), divisor**2)
    assert moment(n, k, 1, protocol, ddof, mean=2, scale=2) == Fraction(freedom, divisor * (n + k))


def test_one_generation_from_another_variance():
    # Points of variance 1 and ½ with the same mean: the fit keeps their mean second moment.
    start, total = Fraction(1, 2), 9
    mean = (6 + 3 * start) / total**2
    assert moment(6, 3, 0, "fresh", start=start, scale=4) == start**2
    assert moment(6, 3, 1, "fresh", start=start, mean=2) == mean
    assert moment(6, 3, 1, "fresh", start=start, scale=2) == (6 + 3 * start) / total - mean


def test_two_generations_with_fresh_data_by_hand():
    # μ_2 = (nX + k(μ_1 + σ_1 z/√k))/N with μ_1 ~ N(0, 1/N) and σ_1² independent, σ_1²N/… as above.
    n, k = 4, 6
    rho, points = Fraction(k, n + k), n + k
    seen = (1 - rho) ** 2 / n + rho**2 / points
    scale, square = Fraction(points - 1, points), Fraction((points - 1) * (points + 1), points**2)
    by_hand = 3 * seen**2 + 6 * seen * rho**2 * scale / k + 3 * rho**4 * square / k**2
    assert moment(n, k, 2, "fresh", mean=4) == by_hand


@pytest.mark.parametrize("steps", [0, 1, 5])
@pytest.mark.parametrize("k", [2, 7])
def test_without_real_points(k, steps):
    # E σ_t² stays and E σ_t⁴ grows by 1 + 2/ν; the mean walks.
    assert moment(0, k, steps, "fixed", 1, scale=2) == 1
    assert moment(0, k, steps, "fixed", 1, mean=2) == Fraction(steps, k)
    assert moment(0, k, steps, "fixed", 1, scale=4) == (1 + Fraction(2, k - 1)) ** steps


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("protocol", oracle.PROTOCOLS)
def test_fourth_moments_in_numpy(protocol, ddof):
    n, k, steps, paths = 3, 4, 3, 200_000
    rng = np.random.default_rng(5)
    mean, scale = np.zeros(paths), np.ones(paths)
    for t in range(steps):
        if t == 0 or protocol == "fresh":
            real = rng.standard_normal((paths, n))
        points = np.hstack([real, mean[:, None] + scale[:, None] * rng.standard_normal((paths, k))])
        mean, scale = points.mean(axis=1), points.std(axis=1, ddof=ddof)
    for a, b in ((4, 0), (2, 2), (0, 4)):
        drawn = mean**a * scale**b
        error = drawn.std() / math.sqrt(paths)
        assert abs(drawn.mean() - float(moment(n, k, steps, protocol, ddof, mean=a, scale=b))) < 5.5 * error


@pytest.mark.parametrize("protocol", oracle.PROTOCOLS)
@pytest.mark.parametrize(
    ("n", "k", "steps"), [(2, 3, 0), (5, 3, 4), (1000, 300, 40), (0, 6, 30), (10**6, 9, 3)]
)
def test_floats_are_near_the_fractions(n, k, steps, protocol):
    loop = n, k, steps, protocol
    shift, variance = moment(*loop, mean=2), moment(*loop, scale=2)
    exact = shift, variance, moment(*loop, mean=4) - shift**2, moment(*loop, scale=4) - variance**2
    # A variance is a difference: of a large n it loses digits.
    assert spread(*loop) == pytest.approx([float(x) for x in exact], rel=1e-8, abs=1e-14)
