"""Each confidence interval misses no more often than it says, on skewed laws and at small sizes."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from theorycheck.engine import intervals
from theorycheck.engine.intervals import Catoni, Moments

# A correct interval fails one of these tests with at most this probability.
TOLERANCE = 1e-4


def assert_covers(found, truth, level):
    """The misses are no more than a coin of probability `level` explains."""
    lo, hi = np.transpose(found)
    misses = int(np.sum((lo > truth) | (hi < truth)))
    assert stats.binomtest(misses, len(lo), level, alternative="greater").pvalue > TOLERANCE, misses


BOUNDED = {
    "rare coin": stats.bernoulli(0.01),
    "coin": stats.bernoulli(0.5),
    "spike at 0": stats.beta(0.1, 5),
    "spike at 1": stats.beta(5, 0.1),
    "uniform": stats.uniform(),
}


@pytest.mark.parametrize("level", [0.2, 0.02])
@pytest.mark.parametrize("law", BOUNDED.values(), ids=BOUNDED)
@pytest.mark.parametrize("count", [20, 500])
def test_empirical_bernstein_covers(law, count, level):
    draws = law.rvs((1000, count), random_state=np.random.default_rng(1))
    found = [intervals.empirical_bernstein(Moments.of(x), (0, 1), level) for x in draws]
    assert_covers(found, law.mean(), level)


@pytest.mark.parametrize("level", [0.2, 0.02])
@pytest.mark.parametrize("law", BOUNDED.values(), ids=BOUNDED)
def test_hedged_betting_covers(law, level):
    draws = law.rvs((400, 150), random_state=np.random.default_rng(2))
    assert_covers([intervals.hedged_betting(x, (0, 1), level) for x in draws], law.mean(), level)


HEAVY = {
    "Pareto 2.1": stats.pareto(2.1),
    "Pareto 4": stats.pareto(4),
    "lognormal": stats.lognorm(1.5),
    "Student 2.5": stats.t(2.5),
    "rare coin": stats.bernoulli(0.01),
}


@pytest.mark.parametrize("level", [0.2, 0.02])
@pytest.mark.parametrize("law", HEAVY.values(), ids=HEAVY)
def test_catoni_covers(law, level):
    draws = law.rvs((600, 400), random_state=np.random.default_rng(3))
    found = []
    for pilot, x in zip(draws[:, :100], draws[:, 100:], strict=True):
        error = pilot.std(ddof=1) / 10
        grid = pilot.mean() + error * np.linspace(-5, 5, 25)
        estimator = Catoni(law.var(), x.size, level, grid)
        found.append(estimator.interval(estimator.sums(x)))
    assert_covers(found, law.mean(), level)


@pytest.mark.parametrize("level", [0.2, 0.02])
@pytest.mark.parametrize("factor", [1.0, 1.25])
def test_kolmogorov_covers(factor, level):
    """Exponential draws with mean `factor` against the exponential law with mean 1."""
    count, levels = 300, np.arange(1, 512) / 512
    edges = stats.expon.ppf(levels)
    draws = np.sort(np.random.default_rng(4).exponential(factor, (2000, count)))
    below = [np.searchsorted(x, edges, side="right") for x in draws]
    found = [intervals.kolmogorov_distance(b, levels, count, level) for b in below]
    # The distributions are furthest apart where their densities cross.
    cross = math.log(factor) * factor / (factor - 1) if factor > 1 else 0.0
    assert_covers(found, math.exp(-cross / factor) - math.exp(-cross), level)


def test_normal_interval_misses_what_it_promises():
    """Why the central limit theorem is not used: a nominal 1 % misses about 10 % of the time."""
    rng = np.random.default_rng(5)
    misses, replications, count, steps = 0, 300, 2000, 40
    truth = (math.sqrt(0.5) * math.gamma(2.5) / math.gamma(2)) ** steps
    for _ in range(replications):
        # χ²₄/4 is a Gamma(2)/2 variable.
        scale = np.exp(0.5 * np.log(rng.standard_gamma(2.0, (steps, count)) / 2).sum(axis=0))
        half = stats.norm.isf(0.005) * scale.std(ddof=1) / math.sqrt(count)
        misses += abs(scale.mean() - truth) > half
    assert stats.binomtest(misses, replications, 0.03, alternative="greater").pvalue < TOLERANCE


# --- each interval against its definition -------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(5,), (1, 1), (3, 0, 7, 1), (100, 1000, 10)])
def test_moments_of_blocks_are_moments_of_the_whole(sizes):
    blocks = [np.random.default_rng(6).normal(1e6, 1e-2, size) for size in sizes]
    merged = Moments()
    for block in blocks:
        merged = merged.merge(Moments.of(block) if block.size else Moments())
    whole = np.concatenate(blocks)
    assert merged.count == whole.size
    assert merged.mean == pytest.approx(whole.mean(), rel=1e-15)
    assert merged.variance == pytest.approx(whole.var(ddof=1), rel=1e-9)


@pytest.mark.parametrize(("lo", "hi"), [(0.0, 1.0), (-3.0, 5.0)])
def test_empirical_bernstein_is_the_formula(lo, hi):
    x = lo + (hi - lo) * np.random.default_rng(7).beta(2, 2, 2000)
    # Theorem 4 of Maurer and Pontil at level δ/2 for each side.
    logarithm = np.log(2 / (0.01 / 2))
    half = np.sqrt(2 * np.var(x, ddof=1) * logarithm / x.size) + (hi - lo) * 7 * logarithm / (
        3 * (x.size - 1)
    )
    found = intervals.empirical_bernstein(Moments.of(x), (lo, hi), 0.01)
    assert found == pytest.approx((x.mean() - half, x.mean() + half), rel=1e-12)


def capital(x, m, level, side):
    """The wealth of one gambler of Waudby-Smith and Ramdas, bet by bet (equations 24 to 26, c = 3/4)."""
    wealth, total, squares = 1.0, 0.5, 0.25
    for i, value in enumerate(x, start=1):
        bet = math.sqrt(2 * math.log(2 / level) / (len(x) * squares / i))
        limit = m if side > 0 else 1 - m
        wealth *= 1 + side * min(bet, 0.75 / limit if limit > 0 else math.inf) * (value - m)
        total += value
        squares += (value - total / (i + 1)) ** 2
    return wealth


@pytest.mark.parametrize("law", BOUNDED.values(), ids=BOUNDED)
def test_hedged_betting_is_the_set_of_means_no_gambler_grows_rich_on(law):
    x = law.rvs(60, random_state=np.random.default_rng(8))
    lo, hi = intervals.hedged_betting(x, (0, 1), 0.05)
    means = np.linspace(0, 1, 401)
    kept = [m for m in means if max(capital(x, m, 0.05, 1), capital(x, m, 0.05, -1)) / 2 < 1 / 0.05]
    assert kept[0] - 1 / 400 <= lo <= kept[0]
    assert kept[-1] <= hi <= kept[-1] + 1 / 400


def test_hedged_betting_moves_with_the_draws():
    x = np.random.default_rng(9).beta(0.3, 2, 200)
    lo, hi = intervals.hedged_betting(x, (0, 1), 0.01)
    moved = intervals.hedged_betting(10 * x - 4, (-4, 6), 0.01)
    assert moved == pytest.approx((10 * lo - 4, 10 * hi - 4), abs=1e-10)


@pytest.mark.parametrize("name", ["rare coin", "spike at 0", "uniform"])
def test_hedged_betting_is_narrower_when_draws_are_few(name):
    law = BOUNDED[name]
    x = law.rvs(500, random_state=np.random.default_rng(10))
    betting = intervals.hedged_betting(x, (0, 1), 1e-3)
    bernstein = intervals.empirical_bernstein(Moments.of(x), (0, 1), 1e-3)
    assert betting[1] - betting[0] < bernstein[1] - bernstein[0]


@pytest.mark.parametrize("law", [stats.lognorm(1.5), stats.t(2.5)], ids=["lognormal", "Student"])
def test_catoni_brackets_the_m_estimator(law):
    """The interval from a grid holds θ̂ ± η, with θ̂ the root and η as Catoni gives them, and little more."""
    x, level, v = law.rvs(2000, random_state=np.random.default_rng(11)), 0.01, law.var()
    n, logarithm = x.size, math.log(1 / (level / 2))
    eta = math.sqrt(2 * v * logarithm / (n * (1 - 2 * logarithm / n)))
    s = math.sqrt(2 * logarithm / (n * (v + 2 * v * logarithm / (n - 2 * logarithm))))

    def influence(theta):
        y = s * (x - theta)
        return np.where(y >= 0, np.log(1 + y + y * y / 2), -np.log(1 - y + y * y / 2)).sum()

    root = optimize.brentq(influence, x.min(), x.max(), xtol=1e-12)
    grid = np.linspace(root - 1.01 * eta, root + eta, 40)
    estimator = Catoni(v, n, level, grid)
    assert estimator.deviation(v, n, level) == pytest.approx(eta, rel=1e-12)
    parts = [estimator.sums(part) for part in np.split(x, [700, 900])]
    lo, hi = estimator.interval(np.sum(parts, axis=0))
    step = grid[1] - grid[0]
    assert root - eta - step <= lo <= root - eta
    assert root + eta <= hi <= root + eta + step


# --- where there is little to go by -------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1])
def test_empirical_bernstein_of_too_few_draws_is_everything(count):
    assert intervals.empirical_bernstein(Moments(count, 0.5, 0.0), (-1, 3), 0.1) == (-1, 3)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_constant_draws(value):
    x = np.full(400, value)
    bernstein = intervals.empirical_bernstein(Moments.of(x), (0, 1), 1e-3)
    betting = intervals.hedged_betting(x, (0, 1), 1e-3)
    for lo, hi in (bernstein, betting):
        assert 0 <= lo <= value <= hi <= 1
        assert hi - lo < 0.13


def test_catoni_of_too_few_draws_is_everything():
    level = 0.01
    assert Catoni.deviation(1.0, int(2 * math.log(2 / level)), level) == math.inf
    estimator = Catoni(1.0, 10_000, level, np.linspace(-1, 1, 5))
    assert np.isfinite(estimator.interval(estimator.sums(np.zeros(10_000)))).all()


@pytest.mark.parametrize("offset", [-50.0, 50.0])
def test_catoni_with_a_misplaced_grid_is_one_sided(offset):
    x = np.random.default_rng(12).normal(size=1000)
    estimator = Catoni(1.0, x.size, 0.01, offset + np.linspace(-1, 1, 25))
    lo, hi = estimator.interval(estimator.sums(x))
    assert lo < 0 < hi
    assert (lo == -math.inf) == (offset > 0)
    assert (hi == math.inf) == (offset < 0)


def test_catoni_without_variance_is_a_point():
    estimator = Catoni(0.0, 100, 0.01, np.array([2.0, 3.0, 4.0]))
    assert estimator.interval(estimator.sums(np.full(100, 3.0))) == (3.0, 3.0)


def test_kolmogorov_distance_stays_within_0_and_1():
    lo, hi = intervals.kolmogorov_distance(np.zeros(3), np.array([0.25, 0.5, 0.75]), 1, 0.01)
    assert 0 <= lo <= 0.75 <= hi == 1.0


def test_kolmogorov_distance_allows_for_what_lies_between_the_edges():
    """Draws 0 and ½ agree with a coin's distribution function at 0 and 1, and differ by ½ between."""
    lo, hi = intervals.kolmogorov_distance(np.array([50_000, 100_000]), np.array([0.5, 1.0]), 100_000, 0.01)
    assert lo == 0
    assert hi >= 0.5
