"""Hessians, Jacobians and measured rates at θ*; against mpmath at 50 digits and closed forms."""

import math

import mpmath as mp
import numpy as np
import pytest
from models import EXPONENTIAL, GAMMA
from scipy import stats

from theorycheck.loops.retraining import laws
from theorycheck.loops.retraining.families import gaussian, logistic, mixture, student
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.retraining.maps import Retraining

LAMBDAS = [0, 0.05, 0.5, 5, 20, math.inf]


def location_constants(score, slope, data, guess):
    """θ* and A of a location family on atoms, at 50 digits."""
    with mp.workdps(50):
        data = [mp.mpf(x) for x in data]
        theta = mp.findroot(lambda m: mp.fsum(score(x - m) for x in data), guess)
        return theta, -mp.fsum(slope(x - theta) for x in data) / len(data)


TWO_POINTS = [[-1.5, 1.5], [-2, 1, 1], [0, 0, 0, 5]]


@pytest.mark.parametrize("data", TWO_POINTS)
@pytest.mark.parametrize("nu", [None, 3, 5])
def test_hessians_and_jacobian_of_location_models(nu, data):
    if nu is None:
        family, information = logistic(1), mp.mpf(1) / 3
        score, slope = lambda z: mp.tanh(z / 2), lambda z: mp.sech(z / 2) ** 2 / 2
    else:
        family, information = student(nu, 1), mp.mpf(nu + 1) / (nu + 3)
        score, slope = (
            lambda z: (nu + 1) * z / (nu + z**2),
            lambda z: (nu + 1) * (nu - z**2) / (nu + z**2) ** 2,
        )
    loop = Retraining(family, data)
    theta, real = location_constants(score, slope, data, loop.best[0])
    assert loop.best[0] == pytest.approx(float(theta), abs=1e-14)
    np.testing.assert_allclose(loop.hessians, [[[float(real)]], [[-float(information)]]], rtol=1e-13)
    ratio = -information / real
    expected = [float(w * ratio / (1 + w * ratio)) for w in LAMBDAS[:-1]] + [1.0]
    np.testing.assert_allclose(loop.jacobian(LAMBDAS)[:, 0, 0], expected, rtol=1e-13)
    assert loop.jacobian(0.5).shape == (1, 1)


INFORMATION = [
    (gaussian(), lambda s: np.diag([1, 2]) / s**2),
    (logistic(), lambda s: np.diag([1 / 3, (3 + math.pi**2) / 9]) / s**2),
    (student(5), lambda s: np.diag([6 / 8, 10 / 8]) / s**2),
]


@pytest.mark.parametrize("data", [stats.uniform(-1, 3), stats.gamma(2.5)])
@pytest.mark.parametrize(("family", "information"), INFORMATION)
def test_information_and_jacobian_of_location_scale_models(family, information, data):
    loop = Retraining(family, data)
    real, own = loop.hessians
    scale = loop.best[1]
    np.testing.assert_allclose(own, -information(scale), rtol=1e-11, atol=1e-11 / scale**2)
    if family.name == "gaussian":  # well-specified or not, the exponential family's own curvature
        np.testing.assert_allclose(real, own, rtol=1e-11, atol=1e-11 / scale**2)
    for weight in (0.05, 1.0, 20.0):
        expected = np.linalg.inv(real + weight * own) @ (weight * own)
        np.testing.assert_allclose(loop.jacobian(weight), expected, rtol=1e-10, atol=1e-12)
    assert loop.jacobian([[0.5], [2]]).shape == (2, 1, 2, 2)
    np.testing.assert_allclose(loop.jacobian(math.inf), np.eye(2), atol=1e-12)
    assert (loop.jacobian(0) == 0).all()


DATA = {
    "uniform": stats.uniform(-1, 3),
    "laplace": stats.laplace(0.3, 1.2),
    "mixture": Mixture([0.3, 0.7], [stats.norm(-1, 0.5), stats.norm(1)]),
    "gamma": stats.gamma(2.5),
    "student": stats.t(3),
    "normal": stats.norm(1, 2),
    "digits": laws.digits_column(),
}
MEASURED = [
    (gaussian(1), "uniform", 0.5),
    (gaussian(), "laplace", 0.05),
    (gaussian(), "digits", 1),
    (logistic(1), "mixture", 5),
    (logistic(), "normal", 0.5),
    (logistic(), "uniform", 0.5),
    (logistic(), "gamma", 2),
    (student(5), "normal", 0.5),
    (student(5), "mixture", 0.5),
    (student(3, 1), "digits", 1),
    (mixture(0.4), "gamma", 0.5),
    (mixture(0.4), "normal", 1),
    (GAMMA, "gamma", 2),
    (EXPONENTIAL, "gamma", 5),
]
LOOPS = [Retraining(family, DATA[data]) for family, data, _ in MEASURED]


@pytest.mark.parametrize(("which", "weight"), [(k, m[2]) for k, m in enumerate(MEASURED)])
def test_measured_rate_and_jacobian(which, weight):
    loop = LOOPS[which]
    jacobian = loop.jacobian(weight)
    radius = np.abs(np.linalg.eigvals(jacobian)).max()
    [rate], [error] = loop.measured_rates(weight)
    assert abs(rate - radius) <= error
    assert error < 1e-5
    measured, errors = loop.measured_jacobian(weight)
    assert measured.shape == errors.shape == jacobian.shape
    assert (np.abs(measured - jacobian) <= errors).all()
    assert (errors < 2e-6).all()


@pytest.mark.parametrize("which", [0, 4, 10])
def test_measured_rates_at_the_ends(which):
    rate, error = LOOPS[which].measured_rates([0, math.inf])
    assert (np.abs(rate - [0, 1]) <= error).all()
    assert (error < 1e-8).all()


def test_an_orbit_from_elsewhere_has_the_measured_rate_in_the_limit():
    loop = LOOPS[10]
    small, large = np.sort(np.linalg.eigvals(loop.jacobian(0.5)))
    assert small < 0.25 < 0.5 < large
    errors = np.linalg.norm(loop.orbit(loop.best + np.array([0.2, 0.2]), 0.5, 16) - loop.best, axis=1)
    ratio = errors[1:] / errors[:-1]
    assert abs(ratio[0] - large) > 0.01
    assert abs(ratio[-1] - loop.measured_rates(0.5).rate[0]) < 1e-4


def test_measured_jacobians_of_several_weights():
    together, errors = LOOPS[4].measured_jacobian([0.5, 2])
    assert together.shape == errors.shape == (2, 2, 2)
    for k, weight in enumerate([0.5, 2]):
        np.testing.assert_allclose(together[k], LOOPS[4].measured_jacobian(weight)[0], atol=1e-10)
    wide, wider = (LOOPS[4].measured_jacobian(2, width) for width in (0.05, 0.1))
    # The error is of fourth order in the width, its bound of second.
    exact = LOOPS[4].jacobian(2)
    assert np.abs(wide[0] - exact).max() < np.abs(wider[0] - exact).max() / 10
    assert 3 < wider[1].max() / wide[1].max() < 5
