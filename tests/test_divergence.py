"""KL along orbits: against closed forms of the Gaussian and SciPy's quadrature."""

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from theorycheck.loops.retraining import divergence as divergences
from theorycheck.loops.retraining import examples
from theorycheck.loops.retraining.divergence import (
    LOG_DENSITIES,
    TOLERANCE,
    _rounding,
    divergence,
    kl_limit,
    late_ratio,
    line_rule,
)

BEST = {"gaussian/normal": (0.0, 2.0), "logistic/logistic": (1.0, 1.0)}


@pytest.mark.parametrize("order", [16, 24])
def test_the_rule_integrates_over_the_line(order):
    x, weight = line_rule(order)
    assert x.shape == weight.shape == (24 * order,)
    assert weight @ stats.norm.pdf(x, 0.5, 2) == pytest.approx(1, abs=1e-10)
    assert weight @ (x**2 * stats.t.pdf(x, 5)) == pytest.approx(5 / 3, abs=1e-6)


@pytest.mark.parametrize("theta", [(0.5, 2.0), (0.0, 1.5), (-1.0, 3.0)])
def test_the_gaussian_in_closed_form(theta):
    def kl(m, s, other, scale):
        return np.log(scale / s) + (s**2 + (m - other) ** 2) / (2 * scale**2) - 0.5

    best, (m, s) = BEST["gaussian/normal"], theta
    square = (m - best[0]) ** 2 + (s - best[1]) ** 2
    value, error = divergence("gaussian/normal", np.array(theta))
    assert value == pytest.approx(kl(*best, m, s) / square, rel=1e-8)
    assert 1e-14 <= error < 1e-6
    reverse, _ = divergence("gaussian/normal", np.array([theta, theta]), reverse=True)
    assert reverse == pytest.approx([kl(m, s, *best) / square] * 2, rel=1e-8)


@pytest.mark.parametrize("model", LOG_DENSITIES)
def test_densities_are_those_of_the_families(model):
    theta = {1: [0.4], 2: [0.4, 1.3]}[len(examples.MODELS[model]().parameters)]
    x = np.linspace(-5, 7, 25)
    ours = examples.MODELS[model]().evaluate("log_density", x, np.array(theta))[0]
    np.testing.assert_allclose(LOG_DENSITIES[model](x, *theta), ours, rtol=1e-12, atol=1e-12)


def test_a_logistic_by_quadrature():
    best, theta = BEST["logistic/logistic"], (1.5, 0.8)
    laws = [stats.logistic(*at) for at in (best, theta)]
    expected, _ = integrate.quad(
        lambda x: laws[0].pdf(x) * (laws[0].logpdf(x) - laws[1].logpdf(x)), -40, 42, epsabs=1e-13, limit=200
    )
    value, _ = divergence("logistic/logistic", np.array(theta))
    assert value == pytest.approx(expected / (0.5**2 + 0.2**2), rel=1e-8)


@pytest.mark.parametrize("reverse", [False, True])
def test_limits_of_a_well_specified_pair(reverse):
    weights = (0.5, 4.0)
    value, error = kl_limit("gaussian/normal", weights, reverse)
    exact = (np.array(weights) / (1 + np.array(weights))) ** 2
    assert (np.abs(value - exact) <= error).all()
    assert (error < 1e-4).all()


def by_quadrature(pair, theta):
    """KL(p_θ*‖p_θ) by SciPy's adaptive rule, in the form that does not cancel."""
    best, log = examples.pair(pair).best, LOG_DENSITIES[pair.split("/")[0]]

    def integrand(x):
        own = log(x, *best)
        ratio = own - log(x, *theta)
        return np.exp(own) * (ratio + np.expm1(-ratio))

    ends = [-np.inf, -8, -4, -1, 1, 4, 8, np.inf]
    parts = [
        integrate.quad(integrand, *part, epsabs=1e-18, epsrel=1e-11) for part in itertools.pairwise(ends)
    ]
    return sum(value for value, _ in parts)


@pytest.mark.parametrize("pair", ["logistic-location/bimodal", "student/laplace"])
def test_a_limit_is_extrapolated_from_third_ratios(pair):
    weight, loop = 2.0, examples.pair(pair)
    factors, directions = np.linalg.eig(loop.jacobian(weight))
    slowest = directions[:, np.argmax(np.abs(factors))].real
    ratios = []
    for distance in (1e-3, 2e-3):
        orbit = loop.orbit(loop.best + distance * slowest, weight, 3)
        ratios.append(by_quadrature(pair, orbit[3]) / by_quadrature(pair, orbit[2]))
    value, error = kl_limit(pair, (weight,))
    assert value[0] == pytest.approx(2 * ratios[0] - ratios[1], rel=1e-7)
    assert error[0] >= abs(ratios[0] - ratios[1]) > 1e-7


@pytest.mark.parametrize("pair", ["logistic-location/skewed", "logistic/normal"])
@pytest.mark.parametrize("start", [0.5, -0.25])
def test_a_late_ratio_by_quadrature(pair, start):
    loop = examples.pair(pair)
    orbit = loop.orbit(loop.best + [start, -start][: len(loop.best)], 2.0, 8)
    value, error = late_ratio(pair, start, 2.0)
    exact = by_quadrature(pair, orbit[8]) / by_quadrature(pair, orbit[7])
    assert value == pytest.approx(exact, rel=1e-7)
    assert abs(value - exact) <= error


def test_rounding_is_that_of_the_divergences_and_of_the_map(monkeypatch):
    kl, square = np.array([[1.0, 2.0], [4.0, 4.0]]), np.array([[1.0, 1.0], [4e-6, 1.0]])
    assert _rounding(kl, np.zeros((2, 2)), square) == pytest.approx(4 * TOLERANCE / 2e-3)
    monkeypatch.setattr(divergences, "TOLERANCE", 0.0)
    assert _rounding(kl, np.array([[1.0, 6.0], [2.0, 4.0]]), square) == 4 * 3.0


def test_late_ratios():
    value, error = late_ratio("gaussian/normal", 0.25)
    assert value == pytest.approx(1 / 9, abs=0.01)
    assert 0 < error < 1e-3
    slower, _ = late_ratio("gaussian/normal", 0.25, 1.0)
    assert slower == pytest.approx(1 / 4, abs=0.01)


def test_pairs_by_name():
    assert examples.pair("mixture/its own mixture") is examples.loop("mixture", "its own mixture")
    np.testing.assert_allclose(examples.pair("mixture/its own mixture").best, [-2, 2], atol=1e-9)
    assert examples.pair("student-location/±√3").data.tolist() == [-np.sqrt(3), np.sqrt(3)]
