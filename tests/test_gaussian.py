"""The one-dimensional loop's fast factor and exact law, against mpmath, SciPy and a Bessel function."""

import mpmath as mp
import numpy as np
import pytest
from scipy import optimize, special, stats

from theorycheck.loops.gaussian import Paths, contraction_factor, scale_law, simulate

SIZES = [*range(2, 60), 100, 101, 10**3, 10**4, 10**5 + 1, 10**6, 10**8, 10**10, 10**12 - 1, 10**12]


def exact_factor(n):
    """c₄(n) at 50 digits."""
    with mp.workdps(50):
        x = mp.mpf(n)
        return mp.sqrt(2 / (x - 1)) * mp.exp(mp.loggamma(x / 2) - mp.loggamma((x - 1) / 2))


def log_moment(n, power):
    """log E (S/σ)^p, with S² ~ χ²_ν/ν, at 50 digits."""
    with mp.workdps(50):
        nu, p = mp.mpf(n - 1), mp.mpf(power)
        return p / 2 * mp.log(2 / nu) + mp.loggamma((nu + p) / 2) - mp.loggamma(nu / 2)


@pytest.mark.parametrize("n", SIZES)
def test_factor_is_accurate(n):
    # 1e−13 is promised; rounding alone explains no more than 5e−15, and a wrong last coefficient of the
    # series would hide between the two.
    factor = contraction_factor(n)
    assert isinstance(factor, float)
    with mp.workdps(50):
        assert abs(mp.mpf(factor) / exact_factor(n) - 1) < 5e-15


@pytest.mark.parametrize("shape", [(6,), (2, 3), (1,), (0,), (3, 1, 2)])
def test_factor_keeps_the_shape(shape):
    n = np.arange(2, 2 + int(np.prod(shape))).reshape(shape)
    factors = contraction_factor(n)
    assert factors.shape == shape
    assert factors.ravel().tolist() == [contraction_factor(int(k)) for k in n.ravel()]


@pytest.mark.parametrize("n", [np.int64(7), np.array(7), np.uint8(7), 7])
def test_factor_of_any_integer_scalar_is_a_float(n):
    assert contraction_factor(n) == contraction_factor(7)
    assert type(contraction_factor(n)) is float


def test_factor_takes_a_list_of_sizes():
    assert contraction_factor([2, 10**12]).tolist() == [contraction_factor(2), contraction_factor(10**12)]


@pytest.mark.parametrize(
    ("n", "error", "value"),
    [
        (1, ValueError, "1"),
        (-3, ValueError, "-3"),
        ([5, 0], ValueError, "0"),
        (2.0, TypeError, "2.0"),
        ("two", TypeError, "two"),
        (True, TypeError, "True"),
        (None, TypeError, "None"),
        ([2.5, 3], TypeError, "2.5"),
    ],
)
def test_factor_refuses(n, error, value):
    with pytest.raises(error, match=rf"^n must .*at least 2, got .*{value}"):
        contraction_factor(n)


# --- the exact law ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_one_generation_is_the_chi_law(n):
    law = scale_law(n, 1)
    chi = stats.chi2(n - 1)
    # The distribution function between grid points, where the trapezoidal sum is exact but for rounding.
    step = law.log_scale[1] - law.log_scale[0]
    half_way = (n - 1) * np.exp(2 * law.log_scale + step)
    assert np.abs(np.cumsum(law.mass) - chi.cdf(half_way)).max() < 1e-4
    assert law.mass.sum() == pytest.approx(1, abs=1e-12)
    density = 2 * (n - 1) * np.exp(2 * law.log_scale) * chi.pdf((n - 1) * np.exp(2 * law.log_scale))
    np.testing.assert_allclose(law.mass / step, density, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize(("n", "steps"), [(2, 1), (3, 1), (3, 4), (5, 2), (10, 3), (10, 20), (50, 7)])
@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_moments_are_those_of_a_product(n, steps, power):
    moment = float(mp.exp(steps * log_moment(n, power)))
    for points in (512, 1024):
        law = scale_law(n, steps, points)
        assert law.log_scale.shape == law.mass.shape == (steps * (points - 1) + 1,)
        assert law.expect(lambda x: np.exp(power * x)) == pytest.approx(moment, rel=1e-11)


@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_median_of_one_generation(n):
    truth = 0.5 * np.log(stats.chi2(n - 1).median() / (n - 1))
    for points in (1024, 4096):
        law = scale_law(n, 1, points)
        step = law.log_scale[1] - law.log_scale[0]
        assert law.median() == pytest.approx(truth, abs=step**2)


def test_median_of_two_generations():
    # n = 3: σ² is a product of two exponentials, P(XY ≤ z) = 1 − 2√z·K₁(2√z).
    z = optimize.brentq(lambda z: 0.5 - 2 * np.sqrt(z) * special.k1(2 * np.sqrt(z)), 1e-3, 10, xtol=1e-14)
    assert scale_law(3, 2, 4096).median() == pytest.approx(0.5 * np.log(z), abs=5e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ((1, 1), ValueError, "samples must be at least 2, got 1"),
        ((2.5, 1), TypeError, "samples must be an integer of at least 2, got 2.5"),
        ((2, 0), ValueError, "steps must be at least 1, got 0"),
        ((2, 1, 1), ValueError, "points must be at least 2, got 1"),
        ((2, 1.0), TypeError, "steps must be an integer of at least 1, got 1.0"),
    ],
)
def test_law_refuses(arguments, error, sentence):
    with pytest.raises(error, match=f"^{sentence}$"):
        scale_law(*arguments)


def test_a_law_has_two_points_at_least():
    assert scale_law(2, 1, 2).mass.shape == (2,)


# --- simulation: arguments (the draws are tested with the kernels) ---------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (dict(samples=1), ValueError, "samples must be at least 2, got 1"),
        (dict(samples="5"), TypeError, "samples must be an integer of at least 2, got '5'"),
        (dict(steps=-1), ValueError, "steps must be at least 0, got -1"),
        (dict(steps=1.5), TypeError, "steps must be an integer of at least 0, got 1.5"),
        (dict(paths=0), ValueError, "paths must be at least 1, got 0"),
        (dict(real=-1), ValueError, "real must be at least 0, got -1"),
        (dict(real=6), ValueError, "real must be at most samples = 5, got 6"),
        (dict(noise="cauchy"), ValueError, "noise must be one of gaussian, two-point, got 'cauchy'"),
        (dict(kernel="exact"), ValueError, "kernel must be literal, reduced or tilted, got 'exact'"),
        (dict(kernel="reduced", real=1), ValueError, "kernel must be literal .* got 'reduced'"),
        (dict(kernel="tilted", noise="two-point"), ValueError, "kernel must be literal .* got 'tilted'"),
    ],
)
def test_simulation_refuses(options, error, sentence):
    arguments = {"samples": 5, "steps": 1, "paths": 1, **options}
    with pytest.raises(error, match=f"^{sentence}$"):
        simulate(np.random.default_rng(0), **arguments)


@pytest.mark.parametrize("kernel", ["literal", "reduced", "tilted"])
def test_no_generation_changes_nothing(kernel):
    paths = simulate(np.random.default_rng(0), 2, 0, 3, kernel=kernel)
    assert np.array_equal(paths, np.zeros((4, 3)))
    assert paths.scale.tolist() == [1, 1, 1]


def test_all_real_points_are_allowed():
    paths = simulate(np.random.default_rng(0), 3, 2, 1, real=3)
    assert np.isfinite(paths).all()


def test_scale_is_zero_where_it_underflows():
    zero = np.zeros(3)
    assert Paths(zero, np.array([-np.inf, -1e4, 0.5]), zero, zero).scale.tolist() == [0, 0, np.exp(0.5)]
