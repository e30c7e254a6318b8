"""W₁ between a law and a model, and first moments; against closed forms, quadrature and scipy.stats."""

import itertools
import math

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, special, stats

from theorycheck.loops.retraining import families, laws, transport
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.retraining.stability import stability

SAMPLE = np.array([-1.5, 0.25, 0.25, 2.0])
GRID = np.linspace(-14, 14, 40_001)


def distance_from_normal(a):
    """E|Z − a|."""
    return 2 * stats.norm.pdf(a) + a * (2 * stats.norm.cdf(a) - 1)


def sample_from_normal(sample):
    """∫|F_n − Φ| piece by piece; between two points the cdf crosses the constant at a quantile."""
    x = [mp.mpf(float(v)) for v in sorted(sample)]

    def area(u):  # ∫_{−∞}^u Φ
        return u * mp.ncdf(u) + mp.npdf(u)

    total = area(x[0]) + area(-x[-1])
    for k, (a, b) in enumerate(itertools.pairwise(x), 1):
        level = mp.mpf(k) / len(x)
        middle = min(max(mp.sqrt(2) * mp.erfinv(2 * level - 1), a), b)
        below, above = level * (middle - a) - area(middle) + area(a), area(b) - area(middle)
        total += below + above - level * (b - middle)
    return float(total)


DRAWN = np.sort(stats.t(4).rvs(31, random_state=0))
FROM_NORMAL = [
    (stats.norm(0, 0.5), 0.5 * math.sqrt(2 / math.pi)),
    (stats.norm(0, 3), 2 * math.sqrt(2 / math.pi)),
    (stats.norm(-0.7, 1), 0.7),
    (stats.norm(), 0.0),
    (np.array([0.0]), math.sqrt(2 / math.pi)),
    (np.array([1.3]), distance_from_normal(1.3)),
    (np.array([20.0]), 20.0),
    (np.array([-1.0, 1.0]), sample_from_normal([-1.0, 1.0])),
    (np.array([-1.0, -1.0, 0.5]), sample_from_normal([-1.0, -1.0, 0.5])),
    (DRAWN, sample_from_normal(DRAWN)),
    (Mixture([0.5, 0.5], [np.array([-1.0]), np.array([1.0])]), sample_from_normal([-1.0, 1.0])),
    (stats.randint(0, 2), sample_from_normal([0.0, 1.0])),
    # For laws with tails beyond the grid: ∫|F − Φ| on both halves, which are alike.
    *[
        (
            stats.t(nu),
            2 * integrate.quad(lambda u, nu=nu: stats.t.sf(u, nu) - stats.norm.sf(u), 0, 30, limit=200)[0]
            + 2 * integrate.quad(lambda v, nu=nu: stats.t.sf(1 / v, nu) / v**2, 0, 1 / 30)[0],
        )
        for nu in (1.5, 3)
    ],
]


@pytest.mark.parametrize(("law", "expected"), FROM_NORMAL)
def test_distance_from_the_normal_law(law, expected):
    value, error = transport.distance(law, GRID, stats.norm.cdf(GRID))
    assert abs(value - expected) <= error + 1e-12
    assert error < 1e-3 * (1 + expected)


def test_distance_agrees_with_scipy_on_samples():
    many = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    value, _ = transport.distance(DRAWN, GRID, stats.norm.cdf(GRID))
    assert value == pytest.approx(stats.wasserstein_distance(DRAWN, many), abs=1e-4)


# Against U(−2, 2), whose quantiles are 4u − 2.
@pytest.mark.parametrize(
    ("law", "x", "expected"),
    [
        (stats.uniform(-1, 2), [-2.0, -1, 1, 2], 1 / 2),
        (stats.uniform(-1, 3), [-2.0, -1, 0, 2], 1 / 2),
        (stats.uniform(-1, 2.5), [-2.0, -1, 1.5, 2], 5 / 12),  # |1 − 3u/2| changes sign at u = 2/3
        (np.array([1.0, -1.0]), [-2.0, 2.0], 1 / 2),
        (np.array([0.5]), [-2.0, 2.0], (2.5**2 + 1.5**2) / 8),
        (np.array([5.0, 5.0, 5.0, -2.0]), [-2.0, 2.0], 0.125 + 0.75 * 5 - 0.75 * 0.5),
    ],
)
def test_distance_of_piecewise_linear_laws_is_exact(law, x, expected):
    x = np.array(x)
    value, error = transport.distance(laws.checked(law), x, (x + 2) / 4)
    assert value == pytest.approx(expected, abs=1e-14)
    assert error >= 0


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (stats.norm(), math.sqrt(2 / math.pi)),
        (stats.norm(0, 2), 2 * math.sqrt(2 / math.pi)),
        (stats.expon(1), 2.0),
        (stats.t(1.5), 2 * integrate.quad(lambda x: x * stats.t.pdf(x, 1.5), 0, np.inf)[0]),
        (stats.cauchy(), math.inf),
        (stats.t(0.9), math.inf),
        (stats.levy(), math.inf),
        (stats.poisson(2), 2.0),
        (SAMPLE, 1.0),
        (Mixture([0.5, 0.5], [SAMPLE, stats.uniform(-4, 1)]), (1 + 3.5) / 2),
        (Mixture([1.0, 0.0], [SAMPLE, stats.cauchy()]), 1.0),
        (Mixture([0.9, 0.1], [SAMPLE, stats.cauchy()]), math.inf),
    ],
)
def test_first_moments(law, expected):
    assert transport.first_moment(law) == pytest.approx(expected, rel=1e-3)


def mean_size(nu):
    """E|T| of Student's law with ν degrees of freedom."""
    constant = 2 * math.sqrt(nu / math.pi) / (nu - 1)
    return constant * math.exp(math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2))


@pytest.mark.parametrize(
    ("nu", "heavy"),
    [(nu, "law") for nu in (1.001, 1.01, 1.05, 1.1, 1.2, 1.5)] + [(nu, "model") for nu in (1.05, 1.1, 1.2)],
)
def test_the_error_holds_in_tails_with_hardly_a_mean(nu, heavy):
    # The heavier of two such laws has the heavier tails throughout: W₁ is the difference of the E|T|.
    exact = mean_size(nu) - mean_size(3)
    pairs = {"law": (stats.t(nu), families.student(3, 1)), "model": (stats.t(3), families.student(nu, 1))}
    law, model = pairs[heavy]
    value, error = transport.distance(law, *model.distribution(np.zeros(1)))
    assert abs(value - exact) <= error
    assert nu < 1.2 or error < 0.02 * exact


@pytest.mark.parametrize(
    ("law", "model", "words"),
    [
        (stats.t(1.01), families.student(3, 1), "data and student.3. must have tails light enough .* got 37"),
        (stats.t(3), families.student(1.1, 1), "data and student.1.1. must have tails light enough"),
        (stats.t(3), families.student(1.01, 1), "finite first moment .* not to be told from inf"),
    ],
)
def test_an_unknown_distance_is_refused(law, model, words):
    with pytest.raises(ValueError, match=words):
        stability(model, law, 0.5)


def test_bounded_and_light_tails_add_nothing():
    for law in (stats.norm(), stats.uniform(-1, 3), stats.expon(), stats.norm(1e6)):
        assert transport._beyond(law) < 1e-30
    x = np.linspace(-10, 10, 20_001)
    assert transport._past(x, stats.norm.cdf(x)) < 1e-20
    assert 0 < transport._past(x[2800:-2800], stats.norm.cdf(x[2800:-2800])) < 1e-12
    assert transport._past(x, stats.uniform(-1, 3).cdf(x)) == 0


@pytest.mark.parametrize("b", [1.05, 1.5, 4.0])
def test_what_lies_beyond_the_nodes_of_a_power_law(b):
    # The tail x^{−b} from the quantile X of u on is X·u/(b − 1).
    u = special.expit(-92.0)
    tail = u ** (1 - 1 / b) / (b - 1)
    assert transport._beyond(stats.pareto(b)) == pytest.approx(tail, rel=1e-6)
    assert transport._beyond(Mixture((0.25, 0.75), (stats.pareto(b), stats.norm()))) == pytest.approx(
        tail / 4
    )
    assert transport._beyond(Mixture((0.0, 1.0), (stats.pareto(b), np.array([1.0])))) == 0
    assert transport._beyond(stats.poisson(3)) == 0


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("b", [1.05, 1.5, 4.0])
def test_what_lies_past_a_distribution_function_that_has_ended(b, side):
    last = 4e-13
    x = np.geomspace(1, last ** (-1 / b), 4001)
    distribution = 1 - x**-b
    grid, values = (x, distribution) if side == 1 else (-x[::-1], x[::-1] ** -b)
    assert transport._past(grid, values) == pytest.approx(last ** (1 - 1 / b) / (b - 1), rel=0.02)
    assert transport._past(grid[1000:-1000], values[1000:-1000]) == 0


def test_a_tail_without_a_mean_holds_infinitely_much():
    assert transport._beyond(stats.pareto(0.99)) == math.inf


@pytest.mark.parametrize("side", [1, -1])
def test_area_of_a_power_law_about_its_middle(side):
    # The tail (d/6)^{−3} at a distance d, from the distance 6 on: 6/(3 − 1).
    near, far, middle = (5 + side * d for d in (2, 6, 0))
    assert transport._area_of_tail(near, far, middle, 3 * math.log(3)) == pytest.approx(3, rel=1e-14)
    assert transport._area_of_tail(near, far, middle, float(np.log(6.0) - np.log(2.0))) == math.inf
    assert transport._area_of_tail(far, far, middle, 1.0) == 0  # a bounded side


def test_what_lies_past_the_last_point_is_told_by_the_last_point():
    x = np.append(np.geomspace(1, 1e8, 4001), 1e12)
    assert transport._past(x, 1 - x**-1.125) == pytest.approx(1e12**-0.125 / 0.125, rel=0.02)
    tail = np.array([0, 1e-13, 0.5, 1])  # that comes to its end
    assert transport._past(np.arange(4.0), tail) == 0
