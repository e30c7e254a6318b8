"""The retraining map: θ*, G and its Jacobian against scipy's quadrature and root finder, and mpmath."""

import itertools
import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from models import EXPONENTIAL, GAMMA
from scipy import integrate, optimize, stats

from theorycheck.loops.retraining import laws, maps
from theorycheck.loops.retraining.ascent import ascend
from theorycheck.loops.retraining.families import gaussian, logistic, mixture, student
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.retraining.maps import Retraining, shares, weights

SAMPLE = np.array([-2.0, -0.5, 0.25, 0.5, 4.0])


def normal(x, m=0.0, s=1.0):
    return math.exp(-(((x - m) / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi))


# A law, its density and where that has kinks or ends; for a sample the points.
LAWS = {
    "laplace": (stats.laplace(0.3, 1.2), lambda x: math.exp(-abs(x - 0.3) / 1.2) / 2.4, [-60, 0.3, 60]),
    "uniform": (stats.uniform(-1, 3), lambda x: 1 / 3, [-1, 2]),
    "gamma": (stats.gamma(2.5), lambda x: x**1.5 * math.exp(-x) / math.gamma(2.5), [0, 2, 60]),
    "mixture": (
        Mixture([0.3, 0.7], [stats.norm(-1, 0.5), stats.norm(1)]),
        lambda x: 0.3 * normal(x, -1, 0.5) + 0.7 * normal(x, 1),
        [-9, -1, 1, 12],
    ),
    "student": (
        stats.t(3),
        lambda x: 2 / (math.pi * math.sqrt(3) * (1 + x * x / 3) ** 2),
        [-np.inf, -5, 0, 5, np.inf],
    ),
    "sample": (SAMPLE, None, SAMPLE),
}


def mix(x, m, n, w=0.4):
    """The score of w·N(m, 1) + (1−w)·N(n, 1)."""
    own = 1 / (1 + (1 - w) / w * math.exp(((x - m) ** 2 - (x - n) ** 2) / 2))
    return np.array([own * (x - m), (1 - own) * (x - n)])


def logistic_score(x, m, s):
    z = (x - m) / s
    return np.array([math.tanh(z / 2), z * math.tanh(z / 2) - 1]) / s


def student_score(x, m, s, nu=5):
    z = (x - m) / s
    return np.array([(nu + 1) * z / (nu + z * z), (nu + 1) * z * z / (nu + z * z) - 1]) / s


# A family, its score, its density and where that is.
FAMILIES = {
    "gaussian": (
        gaussian(),
        lambda x, m, s: np.array([(x - m) / s**2, ((x - m) ** 2 / s**2 - 1) / s]),
        normal,
        lambda m, s: [m - 12 * s, m, m + 12 * s],
    ),
    "logistic": (
        logistic(),
        logistic_score,
        lambda x, m, s: 1 / (4 * s * math.cosh((x - m) / (2 * s)) ** 2),
        lambda m, s: [m - 50 * s, m, m + 50 * s],
    ),
    "logistic location": (
        logistic(1),
        lambda x, m: logistic_score(x, m, 1)[:1],
        lambda x, m: 1 / (4 * math.cosh((x - m) / 2) ** 2),
        lambda m: [m - 50, m, m + 50],
    ),
    "student": (
        student(5),
        student_score,
        lambda x, m, s: 8 / (3 * math.pi * math.sqrt(5) * s) * (1 + ((x - m) / s) ** 2 / 5) ** -3,
        lambda m, s: [-np.inf, m - 9 * s, m, m + 9 * s, np.inf],
    ),
    "student location": (
        student(3, 1),
        lambda x, m: student_score(x, m, 1, 3)[:1],
        lambda x, m: 2 / (math.pi * math.sqrt(3) * (1 + (x - m) ** 2 / 3) ** 2),
        lambda m: [-np.inf, m - 9, m, m + 9, np.inf],
    ),
    "mixture": (
        mixture(0.4),
        mix,
        lambda x, m, n: 0.4 * normal(x, m) + 0.6 * normal(x, n),
        lambda m, n: [min(m, n) - 12, m, n, max(m, n) + 12] if m < n else [n - 12, n, m, m + 12],
    ),
}


def expected(function, density, ends):
    """E f(X) for a density between the given points, or for a sample."""
    if density is None:
        return np.mean([function(x) for x in ends], axis=0)
    pieces = itertools.pairwise(ends)
    return sum(
        integrate.quad_vec(lambda x: function(x) * density(x), a, b, epsabs=1e-12)[0] for a, b in pieces
    )


def solved(family, law, weight, theta=None, guess=None):
    """The root of (E_data + λE_θ) ∇log p, by scipy."""
    _, score, density, where = FAMILIES[family]
    _, data, ends = LAWS[law]

    def pooled(t):
        total = expected(lambda x: score(x, *t), data, ends)
        if weight:
            total = total + weight * expected(
                lambda x: score(x, *t), lambda x: density(x, *theta), where(*theta)
            )
        return total

    return optimize.root(pooled, theta if guess is None else guess, tol=1e-12).x


CASES = [
    ("gaussian", "laplace", [0.0, 2.0]),
    ("logistic", "uniform", [0.4, 0.6]),
    ("logistic", "gamma", [2.0, 1.0]),
    ("logistic location", "mixture", [-2.0]),
    ("student", "sample", [0.0, 1.0]),
    ("student location", "student", [2.0]),
    ("mixture", "gamma", [1.4, 3.4]),
    ("mixture", "sample", [-1.0, 2.0]),
]
LOOPS = {(f, law): Retraining(FAMILIES[f][0], LAWS[law][0]) for f, law, _ in CASES}


@pytest.mark.parametrize(("family", "law", "theta"), CASES)
def test_the_best_model(family, law, theta):
    loop = LOOPS[family, law]
    np.testing.assert_allclose(loop.best, solved(family, law, 0, guess=loop.best + 0.01), atol=2e-10)


@pytest.mark.parametrize(("family", "law", "theta"), CASES)
def test_one_step(family, law, theta):
    loop = LOOPS[family, law]
    lambdas = [0, 0.5, 5, math.inf]
    found, error, branch = loop.step(theta, lambdas)
    assert found.shape == (4, len(theta))
    assert error.shape == (4,)
    assert branch.shape == (4,)
    assert set(branch.tolist()) <= set(range(len(loop.maxima)))
    for k in range(3):
        truth = solved(family, law, lambdas[k], theta, guess=found[k] + 0.01)
        np.testing.assert_allclose(found[k], truth, atol=2e-10)
    np.testing.assert_allclose(found[3], theta, atol=1e-12)
    assert (error < 1e-10).all()


@pytest.mark.parametrize(("family", "law", "theta"), CASES[1::3])
def test_arrays_of_weights_and_of_theta(family, law, theta):
    loop, theta = LOOPS[family, law], np.array(theta)
    lambdas = np.array([[0.0, 0.5], [2.0, math.inf]])
    together = loop.step(theta, lambdas)
    starts = np.stack([theta, theta + 0.1])
    batch = loop.step(starts[:, None, None], lambdas)
    assert batch.theta.shape == (2, 2, 2, len(theta))
    assert batch.error.shape == (2, 2, 2)
    assert loop.step(starts, 0.5).theta.shape == starts.shape
    for i in np.ndindex(2, 2):
        alone = loop.step(theta, lambdas[i])
        assert alone.theta.shape == theta.shape
        assert alone.error.shape == ()
        np.testing.assert_allclose(together.theta[i], alone.theta, rtol=1e-11)
        np.testing.assert_allclose(batch.theta[0][i], alone.theta, rtol=1e-11, atol=1e-15)
        np.testing.assert_allclose(batch.theta[1][i], loop.step(starts[1], lambdas[i]).theta, rtol=1e-11)


@pytest.mark.parametrize("scale", [1, 0.1, 0.02])
@pytest.mark.parametrize("law", ["laplace", "mixture", "student", "gamma"])
def test_the_reported_error_is_honest(law, scale):
    # A model much narrower than the data: the coarse rules miss its score's step.
    loop = Retraining(logistic(scale), LAWS[law][0])
    theta, weight = np.array([0.5]), np.array(0.5)
    found, error, _ = loop.step(theta, weight)
    finest = ascend(loop.family, loop.objective(theta, weight, (0.5, scale), laws.LEVELS - 1), theta, 1.0)
    assert np.abs(found - finest).max() <= 2 * error + 1e-13
    _, data, ends = LAWS[law]

    def pull(m):
        own = expected(
            lambda x: np.tanh((x - m) / (2 * scale)), data, [*ends[:1], *sorted({m, *ends[1:-1]}), *ends[-1:]]
        )
        model = integrate.quad(
            lambda z: math.tanh((scale * z + 0.5 - m) / (2 * scale)) / (4 * math.cosh(z / 2) ** 2),
            -60,
            60,
            epsabs=1e-13,
            limit=200,
        )[0]
        return own + 0.5 * model

    truth = optimize.brentq(pull, found[0] - 0.05, found[0] + 0.05, xtol=1e-13)
    assert abs(found[0] - truth) <= 2 * error + 2e-11


def test_half_line_families_average_their_means():
    theta, lambdas = np.array([0.5]), np.array([0, 0.5, 5])
    for law, mean in [(stats.lognorm(0.7), math.exp(0.245)), (np.array([0.0, 1.0, 4.0]), 5 / 3)]:
        loop = Retraining(EXPONENTIAL, law)
        assert loop.best == pytest.approx(1 / mean, rel=1e-12)
        averages = (mean + lambdas * 2) / (1 + lambdas)
        np.testing.assert_allclose(loop.step(theta, lambdas).theta[:, 0], 1 / averages, rtol=1e-11)


def test_gamma_family_averages_its_statistics():
    theta, weight = (2.0, 0.5), 1.5
    (a, b), _, _ = Retraining(GAMMA, stats.lognorm(0.7)).step(theta, weight)
    mean = (math.exp(0.245) + weight * 4) / (1 + weight)
    logarithm = (0 + weight * float(mp.digamma(2) - mp.log(0.5))) / (1 + weight)
    assert a / b == pytest.approx(mean, rel=1e-10)
    assert float(mp.digamma(a) - mp.log(b)) == pytest.approx(logarithm, rel=1e-10)


@pytest.mark.parametrize("synthetic_weight", [0, 0.5, 3, math.inf])
def test_the_branch_is_that_of_the_current_model(synthetic_weight):
    loop = Retraining(student(1, 1), [-5.0, 5.0])
    starts = [[5.5], [4.0], [-5.5], [-4.0]]
    named = loop.maxima[loop.step(starts, synthetic_weight).branch, 0]
    np.testing.assert_allclose(named, math.sqrt(24) * np.array([1, 1, -1, -1]), rtol=1e-9)
    path = loop.orbit(starts, synthetic_weight, 4)
    assert path.shape == (5, 4, 1)
    assert (np.sign(path) == [[1], [1], [-1], [-1]]).all()
    np.testing.assert_allclose(path[:, :2], -path[:, 2:], rtol=1e-9)
    if synthetic_weight == 0:
        np.testing.assert_allclose(np.abs(path[1:]), math.sqrt(24), rtol=1e-11)


@pytest.mark.parametrize(
    "data",
    [[-6, -5.5, -5, 5, 5.4], [-8, 5, 5.2, 5.5, 30], [0, 0, 0, 1e3], [-5, -4.9, 0, 4.8, 5, 5.2]],
    ids=str,
)
def test_the_best_of_several_maxima(data):
    loop = Retraining(student(1, 1), data)
    grid = np.linspace(min(data) - 1, max(data) + 1, 400_001)
    heights = sum(stats.cauchy.logpdf(x, grid) for x in data) / len(data)
    tops = np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])) + 1
    highest = grid[tops[np.argmax(heights[tops])]]
    assert loop.maxima.shape == (len(loop.maxima), 1)
    assert loop.best == loop.maxima[0] == pytest.approx(highest, abs=2 * (grid[1] - grid[0]))
    assert all(np.abs(grid[tops] - found).min() < 2 * (grid[1] - grid[0]) for found in loop.maxima[:, 0])
    found = [np.interp(t, grid, heights) for t in loop.maxima[:, 0]]
    assert found == sorted(found, reverse=True)
    assert len(np.unique(np.round(loop.maxima, 3))) == len(loop.maxima) > 1


@pytest.mark.parametrize(
    "law", [stats.norm(0, 2), stats.gamma(3), [1.0, 2.0, 2.0, 5.0]], ids=["normal", "gamma", "atoms"]
)
def test_the_search_starts_from_the_whole_and_from_four_quarters(law, monkeypatch):
    loop, parts = Retraining(logistic(), law), []
    start = Retraining._start
    monkeypatch.setattr(
        Retraining, "_start", lambda self, part: parts.append(part.weight.sum()) or start(self, part)
    )
    _ = loop.maxima
    assert 3 <= len(parts) <= 5
    np.testing.assert_allclose(parts, 1, rtol=1e-12)


def test_orbits():
    loop = LOOPS["logistic", "gamma"]
    assert loop.orbit([2.0, 1.0], 0.5, 0).tolist() == [[2.0, 1.0]]
    path = loop.orbit([2.0, 1.0], [0.5, 2], 3)
    assert path.shape == (4, 2, 2)
    for k, weight in enumerate([0.5, 2]):
        assert path[0, k].tolist() == [2.0, 1.0]
        for t in range(3):
            np.testing.assert_allclose(path[t + 1, k], loop.step(path[t, k], weight).theta, rtol=1e-11)


@pytest.mark.parametrize("level", [0, 3])
def test_the_training_set_is_weighted(level):
    loop = LOOPS["logistic location", "mixture"]
    lambdas = np.array([0, 0.25, 4, math.inf])
    x, weight = loop.objective(np.array([0.7]), lambdas, (0.7, 1.0), level)
    size = laws.points(loop.data, level).x.size
    np.testing.assert_allclose(weight[:, :size].sum(axis=1), [1, 0.8, 0.2, 0], atol=1e-14)
    np.testing.assert_allclose(weight[:, size:].sum(axis=1), [0, 0.2, 0.8, 1], atol=1e-14)
    np.testing.assert_allclose(weight @ x, [0.4, 0.46, 0.64, 0.7], atol=1e-12)


def test_weights_and_shares():
    assert weights([[0, 0.5], [np.float64(2), math.inf]]).tolist() == [[0, 0.5], [2, math.inf]]
    assert weights(3).shape == ()
    assert shares(weights([0, 0.25, 1, 4, math.inf])).tolist() == [0, 0.2, 0.5, 0.8, 1]


def test_the_tolerance_is_kept():
    assert maps.TOLERANCE <= 1e-11


def test_models_far_apart_are_solved_apart():
    loop = Retraining(logistic(), stats.norm(0, 2))
    apart = [[0.0, 1.0], [30.0, 0.1], [300.0, 1.0]]
    together = loop.step(apart, 1.0)
    for i, theta in enumerate(apart):
        alone = loop.step(theta, 1.0)
        assert together.theta[i] == pytest.approx(alone.theta, rel=1e-12)
        assert together.error[i] == pytest.approx(alone.error, abs=1e-12)
        assert together.branch[i] == alone.branch == 0


@pytest.mark.parametrize("scale", [Fraction(1, 50), 1, 50])
def test_units_are_standard_errors_of_one_observation(scale):
    # A Gaussian location has A = B = −1/s² on any data.
    loop = Retraining(gaussian(scale), stats.laplace(0, float(scale)))
    assert loop.units == pytest.approx([float(scale)], rel=1e-9)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1, 1e9])
def test_the_unit_of_the_data_does_not_matter(scale):
    loop = Retraining(logistic(scale), stats.t(3, scale=scale))
    found = loop.step([0.3 * scale], 0.5)
    # Both by mpmath: the zero of E_data tanh((x − m)/2) + ½·E_{p_0.3} tanh((x − m)/2), and ½B/(A + ½B).
    assert found.error < 1e-13 * scale
    assert found.theta / scale == pytest.approx([0.091526382087], rel=1e-10)
    measured = loop.measured_rates(0.5)
    assert measured.error < 1e-9
    assert measured.rate == pytest.approx([0.305312106999], rel=1e-8)


def test_every_level_is_tried_before_a_quadrature_is_given_up(monkeypatch):
    loop, levels = Retraining(logistic(1), stats.norm(0, 2)), []
    before = Retraining.objective

    def listen(self, theta, weight, frame, level):
        levels.append(level)
        return before(self, theta, weight, frame, level)

    monkeypatch.setattr(maps, "TOLERANCE", -1.0)
    monkeypatch.setattr(Retraining, "objective", listen)
    loop.step([0.5], 0.5)
    assert levels == [0, 1, 1, 2, 2, 3, 3, 4]


def test_an_error_is_never_below_rounding():
    loop = Retraining(logistic(1), stats.norm(1e6, 2))
    found = loop.step([1e6], 0.5)
    assert found.error >= 1e-15 * 1e6
