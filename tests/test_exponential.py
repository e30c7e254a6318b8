"""Exponential families in mean parameters: sums and integrals by mpmath, steps by brute force."""

from fractions import Fraction
from math import inf

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from scipy import optimize, special, stats

from theorycheck.loops.retraining.exponential import FAMILIES, Gaussian, fitted, gaussian_step, mean_step
from theorycheck.loops.retraining.family import X

# The same law in scipy's parameters, its statistics and their means.
LAWS = {
    "gaussian": lambda e, f: (
        stats.norm(e / (2 * f), np.sqrt(1 / (2 * f))),
        [e / (2 * f), -(e**2) / (4 * f**2) - 1 / (2 * f)],
    ),
    "poisson": lambda e: (stats.poisson(np.exp(e)), [np.exp(e)]),
    "bernoulli": lambda e: (stats.bernoulli(1 / (1 + np.exp(-e))), [1 / (1 + np.exp(-e))]),
    "gamma": lambda a, b: (stats.gamma(a, scale=1 / b), [special.digamma(a) - np.log(b), -a / b]),
}
STATISTICS = {
    "gaussian": lambda x: [x, -(x**2)],
    "poisson": lambda x: [x],
    "bernoulli": lambda x: [x],
    "gamma": lambda x: [mp.log(x), -x],
}
POINTS = {"gaussian": [0.5, 0.3], "poisson": [0.7], "bernoulli": [-1.2], "gamma": [2.5, 0.8]}
SUPPORTS = {
    "gaussian": (sp.Reals, [-1.5, 0.0, 2.0]),
    "poisson": (sp.S.Naturals0, [0, 1, 6]),
    "bernoulli": (sp.FiniteSet(0, 1), [0, 1]),
    "gamma": (sp.Interval.open(0, sp.oo), [0.25, 1.0, 4.0]),
}
each = pytest.mark.parametrize("name", FAMILIES)


def test_the_instances():
    assert list(FAMILIES) == list(LAWS)
    assert all(name == family.name for name, family in FAMILIES.items())


@each
def test_log_densities(name):
    family, eta = FAMILIES[name], POINTS[name]
    support, places = SUPPORTS[name]
    assert family.support() == support
    law, _ = LAWS[name](*eta)
    for x in places:
        found = float(family.log_density.subs({X: x, **dict(zip(family.natural, eta, strict=True))}))
        expected = law.logpmf(x) if hasattr(law, "pmf") else law.logpdf(x)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)


@each
def test_mass_and_mean_at_thirty_digits(name):
    family, eta = FAMILIES[name], POINTS[name]
    values = dict(zip(family.natural, map(sp.Rational, map(str, eta)), strict=True))
    density = sp.lambdify(X, sp.exp(family.log_density.subs(values)), "mpmath")
    with mp.workdps(30):
        if name == "gaussian":
            total = lambda f: mp.quad(f, [-40, -5, 0, 5, 40])  # noqa: E731
        elif name == "gamma":
            total = lambda f: mp.quad(f, [0, 0.1, 1, 5, 20, 120])  # noqa: E731
        else:
            total = lambda f: mp.fsum(f(mp.mpf(k)) for k in range(2 if name == "bernoulli" else 80))  # noqa: E731
        assert abs(total(density) - 1) < 1e-15
        for k, mean in enumerate(family.mean):
            expected = total(lambda x, k=k: STATISTICS[name](x)[k] * density(x))
            assert abs(mp.mpf(sp.N(mean.subs(values), 30)) - expected) < 1e-13


@each
def test_mean_parameters(name):
    family, eta = FAMILIES[name], POINTS[name]
    values = dict(zip(family.natural, eta, strict=True))
    assert [float(m.subs(values)) for m in family.mean] == pytest.approx(LAWS[name](*eta)[1], rel=1e-13)
    assert [sp.simplify(t - s) for t, s in zip(family.statistics, STATISTICS_OF_X[name], strict=True)] == [
        0
    ] * len(eta)


STATISTICS_OF_X = {"gaussian": [X, -X * X], "poisson": [X], "bernoulli": [X], "gamma": [sp.log(X), -X]}


@pytest.mark.parametrize("weight", [0, Fraction(1, 3), 0.5, 2, 5])
def test_means_are_averaged(weight):
    data, model = [Fraction(1, 4), Fraction(-3)], [Fraction(5, 2), Fraction(7, 8)]
    exact = [(d + Fraction(weight) * m) / (1 + Fraction(weight)) for d, m in zip(data, model, strict=True)]
    assert mean_step(data, model, weight) == pytest.approx([float(x) for x in exact], rel=1e-15)


def test_arrays_of_weights_and_means():
    data, model = np.array([1.0, 2.0]), np.array([[3.0, 0.0], [5.0, 4.0]])
    found = mean_step(data, model, [0, inf])
    assert found.tolist() == [[1.0, 2.0], [5.0, 4.0]]
    assert mean_step(data, model, [[1.0], [3.0]])[:, 0].tolist() == [[2.0, 1.0], [2.5, 0.5]]


DATA = Gaussian(np.array([1.0, -0.5]), np.array([[2.0, 0.3], [0.3, 1.0]]))
MODEL = Gaussian(np.array([0.0, 2.0]), np.array([[1.0, -0.4], [-0.4, 0.5]]))


def cross_entropy(law, mean, covariance):
    """E_law −log N(mean, covariance), up to a constant."""
    gap = law.mean - mean
    return (
        np.linalg.slogdet(covariance)[1]
        + np.trace(np.linalg.solve(covariance, law.covariance + np.outer(gap, gap)))
    ) / 2


@pytest.mark.parametrize("weight", [0, 0.5, 4])
def test_the_gaussian_step_maximises_the_pooled_likelihood(weight):
    found = gaussian_step(DATA, MODEL, weight)

    def loss(v):
        factor = np.array([[v[2], 0], [v[3], v[4]]])
        return cross_entropy(DATA, v[:2], factor @ factor.T) + weight * cross_entropy(
            MODEL, v[:2], factor @ factor.T
        )

    best = optimize.minimize(loss, [0, 0, 1, 0, 1], method="BFGS", options={"gtol": 1e-8}).x
    factor = np.array([[best[2], 0], [best[3], best[4]]])
    np.testing.assert_allclose(found.mean, best[:2], atol=1e-6)
    np.testing.assert_allclose(found.covariance, factor @ factor.T, atol=1e-6)
    # The law of total covariance.
    share = weight / (1 + weight)
    gap = MODEL.mean - DATA.mean
    exact = (
        (1 - share) * DATA.covariance + share * MODEL.covariance + share * (1 - share) * np.outer(gap, gap)
    )
    np.testing.assert_allclose(found.covariance, exact, rtol=1e-13)


def test_the_model_is_kept_without_data():
    found = gaussian_step(DATA, MODEL, inf)
    np.testing.assert_allclose(found.mean, MODEL.mean, atol=1e-15)
    np.testing.assert_allclose(found.covariance, MODEL.covariance, atol=1e-15)


def test_moments():
    exact = [1.0, -0.5, 3.0, -0.2, -0.2, 1.25]
    assert DATA.moments() == pytest.approx(exact)


@pytest.mark.parametrize("shape", [(2, 1), (9, 2), (60, 5)])
def test_the_fitted_gaussian(shape):
    points = np.random.default_rng(0).gamma(2, size=shape)
    found = fitted(points)
    mean = sum(points) / len(points)
    np.testing.assert_allclose(found.mean, mean)
    np.testing.assert_allclose(
        found.covariance,
        sum(np.outer(x - mean, x - mean) for x in points) / len(points),
        rtol=1e-12,
        atol=1e-14,
    )
    assert found.covariance.shape == (shape[1], shape[1])


BAD = [
    (lambda: fitted(np.ones((1, 2))), ValueError, "observations must span all 2 dimensions, got 1 of rank 0"),
    (lambda: fitted(np.eye(3)), ValueError, "observations must span all 3 dimensions, got 3 of rank 2"),
    (
        lambda: fitted([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]),
        ValueError,
        "observations must span all 2 .*, got 3 of rank 1",
    ),
    (
        lambda: fitted(np.arange(5.0)),
        ValueError,
        r"observations must be a finite array of shape \(N, d\), got shape \(5,\)",
    ),
    (lambda: fitted(np.ones((0, 2))), ValueError, r"observations must .*got (shape \(0, 2\)|0 of rank 0)"),
    (lambda: fitted([[1.0, inf]]), ValueError, "observations must be a finite array"),
    (lambda: fitted("abc"), TypeError, "observations must be .*, got 'abc'"),
    (
        lambda: gaussian_step(DATA, Gaussian(MODEL.mean, np.array([[1.0, 2.0], [2.0, 1.0]])), 1),
        ValueError,
        "covariance must be positive semidefinite, got an eigenvalue of -1",
    ),
    (lambda: gaussian_step(DATA, MODEL, -1), ValueError, r"synthetic_weight must be in \[0, inf\], got -1"),
    (lambda: mean_step([1.0], [2.0], True), TypeError, "synthetic_weight must be a number .*, got True"),
    (lambda: mean_step([1.0], [2.0], "a"), TypeError, "synthetic_weight must be a number .*, got 'a'"),
    (lambda: mean_step([1.0], [2.0], float("nan")), ValueError, "synthetic_weight must be in .*, got nan"),
]


@pytest.mark.parametrize(("call", "error", "sentence"), BAD, ids=[b[2][:60] for b in BAD])
def test_bad_arguments(call, error, sentence):
    with pytest.raises(error, match=f"^{sentence}"):
        call()


def test_gaussian_step_takes_arrays_of_weights():
    data = Gaussian(np.array([1.0, -2.0]), np.array([[2.0, 0.3], [0.3, 1.0]]))
    model = Gaussian(np.array([0.0, 5.0]), np.array([[1.0, 0.0], [0.0, 4.0]]))
    weights = [[0.0, 0.5], [3.0, inf]]
    together = gaussian_step(data, model, weights)
    for index in np.ndindex(2, 2):
        alone = gaussian_step(data, model, weights[index[0]][index[1]])
        assert together.mean[index] == pytest.approx(alone.mean)
        assert together.covariance[index] == pytest.approx(alone.covariance)
