"""The families that ship, and two that a user might write: against scipy.stats and mpmath at 30 digits."""

import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from models import EXPONENTIAL, GAMMA
from scipy import integrate, stats

from theorycheck.loops.retraining.consistency import checked
from theorycheck.loops.retraining.families import gaussian, logistic, mixture, student
from theorycheck.loops.retraining.family import HALF_LINE, LINE
from theorycheck.loops.retraining.laws import Mixture, cdf


def normals(w):
    return lambda m, n: Mixture([w, 1 - w], [stats.norm(m), stats.norm(n)])


# A family, its law in scipy, its log-density in mpmath and some θ.
CASES = {
    "gaussian": (
        gaussian(),
        stats.norm,
        lambda x, m, s: -(((x - m) / s) ** 2) / 2 - mp.log(s),
        [(1.5, 0.3), (-2, 7)],
    ),
    "gaussian-1": (gaussian(1), lambda m: stats.norm(m), lambda x, m: -((x - m) ** 2) / 2, [(0.7,)]),
    "gaussian-5/2": (
        gaussian(Fraction(5, 2)),
        lambda m: stats.norm(m, 2.5),
        lambda x, m: -((x - m) ** 2) * 2 / 25 - mp.log(2.5),
        [(0.7,)],
    ),
    "logistic": (
        logistic(),
        stats.logistic,
        lambda x, m, s: -(x - m) / s - 2 * mp.log(1 + mp.exp(-(x - m) / s)) - mp.log(s),
        [(1.5, 0.3), (-2, 7)],
    ),
    "logistic-0.5": (
        logistic(0.5),
        lambda m: stats.logistic(m, 0.5),
        lambda x, m: -2 * (x - m) - 2 * mp.log(1 + mp.exp(-2 * (x - m))),
        [(-1,)],
    ),
    "student-3": (
        student(3),
        lambda m, s: stats.t(3, m, s),
        lambda x, m, s: -2 * mp.log(1 + ((x - m) / s) ** 2 / 3) - mp.log(s),
        [(1.5, 0.3), (-2, 7)],
    ),
    "student-4-2": (
        student(4, sp.Integer(2)),
        lambda m: stats.t(4, m, 2),
        lambda x, m: -mp.mpf(5) / 2 * mp.log(1 + (x - m) ** 2 / 16),
        [(0.5,)],
    ),
    "cauchy": (student(1, 1), lambda m: stats.cauchy(m), lambda x, m: -mp.log(1 + (x - m) ** 2), [(0.5,)]),
    "student-2.5": (
        student(2.5, 1),
        lambda m: stats.t(2.5, m),
        lambda x, m: -mp.mpf(7) / 4 * mp.log(1 + (x - m) ** 2 / mp.mpf(2.5)),
        [(0.5,)],
    ),
    "mixture-0.3": (
        mixture(0.3),
        normals(0.3),
        lambda x, m, n: mp.log(3 * mp.exp(-((x - m) ** 2) / 2) + 7 * mp.exp(-((x - n) ** 2) / 2)),
        [(-1, 2), (3, 0.5)],
    ),
    "gamma": (
        GAMMA,
        lambda a, b: stats.gamma(a, scale=1 / b),
        lambda x, a, b: (a - 1) * mp.log(x) - b * x + a * mp.log(b) - mp.loggamma(a),
        [(2.5, 0.5), (0.8, 3)],
    ),
    "exponential": (EXPONENTIAL, lambda b: stats.expon(scale=1 / b), lambda x, b: mp.log(b) - b * x, [(2,)]),
}
each = pytest.mark.parametrize(
    ("family", "law", "density", "theta"),
    [(f, law, d, np.array(t, float)) for f, law, d, ts in CASES.values() for t in ts],
    ids=[f"{name}-{t}" for name, case in CASES.items() for t in case[3]],
)


def density_of(law, x):
    if isinstance(law, Mixture):
        return sum(w * part.pdf(x) for w, part in zip(law.weights, law.laws, strict=True))
    return law.pdf(x)


def somewhere(family):
    x = np.array([-9.0, -1.5, -0.2, 0.1, 0.6, 1.5, 4.0, 11.0])
    return x if family.support == LINE else x[3:]


@each
def test_log_density(family, law, density, theta):
    x = somewhere(family)
    expected = np.log(density_of(law(*theta), x))
    np.testing.assert_allclose(family.evaluate("log_density", x, theta), [expected], rtol=1e-12, atol=1e-13)


@each
def test_derivatives(family, law, density, theta):
    x, p = somewhere(family), len(theta)
    unit = np.eye(p + 1, dtype=int)
    names = {
        "score": [unit[1 + i] for i in range(p)],
        "hessian": [unit[1 + i] + unit[1 + j] for i in range(p) for j in range(p)],
        "slope": [unit[0] + unit[1 + i] + unit[1 + j] for i in range(p) for j in range(p)],
        "tilt": [unit[0] + unit[1 + i] for i in range(p)],
    }
    names["derivatives"] = names["score"] + names["hessian"]
    with mp.workdps(30):
        for name, orders in names.items():
            found = family.evaluate(name, x[::3], theta)
            expected = [
                [float(mp.diff(density, (u, *theta), tuple(map(int, n)))) for u in x[::3]] for n in orders
            ]
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


@each
def test_sampler(family, law, density, theta):
    drawn = family.sample(np.random.default_rng(7), theta, 4000)
    assert drawn.shape == (4000,)
    assert stats.kstest(drawn, lambda x: cdf(law(*theta), x)).pvalue > 1e-6


@each
def test_distribution(family, law, density, theta):
    x, values = family.distribution(theta)
    assert (np.diff(x) > 0).all()
    np.testing.assert_allclose(values, cdf(law(*theta), x), atol=2e-10)
    assert values[0] < 1e-12
    assert 1 - 1e-9 < values[-1] <= 1


@each
def test_a_family_is_what_it_says(family, law, density, theta):
    checked(family, theta)
    frame = family.frame(theta)
    quartiles = [law(*theta).ppf(q) for q in (0.25, 0.5, 0.75)] if hasattr(law(*theta), "ppf") else None
    if quartiles:
        low, centre, high = quartiles if family.support == LINE else np.log(quartiles)
        assert abs(frame[0] - centre) < 0.15 * (high - low)
        assert frame[1] == pytest.approx((high - low) / 2, rel=0.12)


def expectation(law, support, centre, scale):
    """E 1/(1 + z²), z = (x − centre)/scale, on the line; E x/(1 + x) on the half-line."""

    def integral(f, a, b):
        return integrate.quad(f, a, b, epsabs=1e-13, epsrel=1e-13, limit=400)[0]

    if support == HALF_LINE:
        return integral(lambda y: density_of(law, math.exp(y)) * math.exp(2 * y) / (1 + math.exp(y)), -40, 5)
    inner = integral(lambda z: density_of(law, centre + scale * z) / (1 + z**2), -1, 1)
    outer = [
        integral(lambda v, s=s: density_of(law, centre + scale * s / v) / (1 + v**2), 0, 1) for s in (1, -1)
    ]
    return scale * (inner + sum(outer))


@each
def test_points_integrate(family, law, density, theta):
    frame = family.frame(theta)
    expected = expectation(law(*theta), family.support, *frame)
    for level, tolerance in enumerate([1e-6, 1e-9, 1e-11]):
        x, weight = family.points(theta, frame, level)
        assert x.shape == weight.shape
        assert (weight > 1e-41 * weight.max()).all()  # the rest is left out
        assert weight.sum() == pytest.approx(1, abs=tolerance)
        values = x / (1 + x) if family.support == HALF_LINE else 1 / (1 + ((x - frame[0]) / frame[1]) ** 2)
        assert weight @ values == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", ["log_density", "score", "hessian", "slope", "tilt"])
@pytest.mark.parametrize("case", ["logistic", "student-3", "mixture-0.3", "gaussian"])
def test_far_out_everything_is_finite(case, name):
    family, theta = CASES[case][0], np.array([0.5, 2.0])
    assert np.isfinite(family.evaluate(name, np.array([-1e30, -800.0, 800.0, 1e30]), theta)).all()
