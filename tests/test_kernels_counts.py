"""The counts of the kernels: each decision beside SciPy's probabilities, and the laws."""

import itertools
import math

import mpmath as mp
import numpy as np
import pytest
from scipy import optimize, stats
from streams import Stream

from theorycheck.kernels import counts

LEVEL = 1e-6  # of each test
NEAR = 1e-7  # decisions nearer than this to the edge are left to rounding
UNIFORMS = np.random.default_rng(1).random((4000, 2))

# --- inversion ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "chance"),
    [
        (1, 0.3),
        (1, 0.5),
        (7, 0.5),
        (19, 0.5),
        (10, 0.01),
        (999, 0.01),
        (10**9, 9.9e-9),
        (50, 1e-12),
        (0, 0.4),
    ],
)
def test_few_binomials_are_inverted(total, chance):
    uniforms = UNIFORMS[:1000, 0]
    expected = stats.binom.ppf(uniforms, total, chance)
    assert [counts.propose_binomial(float(total), chance, u, 0.5) for u in uniforms] == expected.tolist()
    # By the other side: as many failures.
    other = 1 - chance
    if other > 0.5:
        expected = total - stats.binom.ppf(uniforms, total, 1 - other)
        assert [counts.propose_binomial(float(total), other, u, 0.5) for u in uniforms] == expected.tolist()


@pytest.mark.parametrize("mean", [0.0, 1e-9, 0.1, 1.0, 2.5, 9.99])
def test_few_poissons_are_inverted(mean):
    uniforms = UNIFORMS[:1000, 0]
    expected = stats.poisson.ppf(uniforms, mean) if mean else np.zeros(1000)
    assert [counts.propose_poisson(mean, u, 0.5) for u in uniforms] == expected.tolist()
    out = np.full(1001, 99.0)
    counts.invert_poisson(mean, 1000, uniforms.copy(), out)
    assert out.tolist() == [*expected, 99.0]


def test_the_last_uniform_number_means_no_absurd_count():
    last = 1 - 2.0**-53
    assert stats.binom.sf(counts.propose_binomial(1000.0, 0.009, last, 0.5), 1000, 0.009) > 1e-19
    assert stats.poisson.sf(counts.propose_poisson(9.0, last, 0.5), 9.0) > 1e-19
    assert counts.propose_binomial(3.0, 0.5, last, 0.5) == 3.0
    # Where rounding leaves the sum of all probabilities below it.
    for total in range(1, 11):
        for chance in np.linspace(0.01, 0.99, 99):
            assert 0 <= counts.propose_binomial(float(total), chance, last, 0.5) <= total
    out = np.empty(1)
    for mean in np.linspace(0.0, 9.9, 100):
        counts.invert_poisson(mean, 1, np.array([last]), out)
        assert out[0] == counts.propose_poisson(mean, last, 0.5)


@pytest.mark.parametrize(
    ("total", "chance", "count"), [(5, 0, 0), (5, 1, 5), (10**9, 0, 0), (10**9, 1, 10**9)]
)
def test_certainties(total, chance, count):
    assert {counts.propose_binomial(float(total), float(chance), *pair) for pair in UNIFORMS[:50]} == {count}


# --- transformed rejection, by the constants of Hörmann's papers --------------------------------------------

FIRST, SECOND = UNIFORMS.T
ROOM = 0.5 - np.abs(FIRST - 0.5)


def decisions(place, pmf, ratio):
    """What is proposed, whether its probability is enough, and where that is too near to tell."""
    count = np.floor(place)
    with np.errstate(divide="ignore", over="ignore"):
        gap = ratio / pmf(count) - 1
    return count, gap < 0, np.abs(gap) > NEAR


@pytest.mark.parametrize(
    ("total", "chance"), [(20, 0.5), (25, 0.45), (101, 0.1), (1000, 0.5), (20000, 0.02), (10**6, 1.1e-5)]
)
def test_many_binomials_are_rejected_as_they_should_be(total, chance):
    """Also where a bound keeps a proposal at once: what it keeps must be kept by the law."""
    law = stats.binom(total, chance)
    deviation = math.sqrt(total * chance * (1 - chance))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * chance
    place = (2 * a / ROOM + b) * (FIRST - 0.5) + total * chance + 0.5
    ratio = SECOND * (2.83 + 5.1 / b) * deviation / (a / ROOM**2 + b)
    count, kept, clear = decisions(place, law.pmf, ratio * law.pmf(math.floor((total + 1) * chance)))
    found = np.array([counts.propose_binomial(float(total), chance, *pair) for pair in UNIFORMS])
    assert found[clear].tolist() == np.where(kept, count, -1)[clear].tolist()
    assert 0.05 < kept[clear].mean() < 0.95
    if chance < 0.5:
        found = np.array([counts.propose_binomial(float(total), 1 - chance, *pair) for pair in UNIFORMS])
        assert found[clear].tolist() == np.where(kept, total - count, -1)[clear].tolist()


@pytest.mark.parametrize("mean", [10.0, 11.5, 40.0, 1234.5, 1e6])
def test_many_poissons_are_rejected_as_they_should_be(mean):
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    place = (2 * a / ROOM + b) * (FIRST - 0.5) + mean + 0.43
    ratio = SECOND * (1.1239 + 1.1328 / (b - 3.4)) / (a / ROOM**2 + b)
    count, kept, clear = decisions(place, stats.poisson(mean).pmf, ratio)
    kept &= (ROOM >= 0.013) | (SECOND <= ROOM)
    found = np.array([counts.propose_poisson(mean, *pair) for pair in UNIFORMS])
    assert found[clear].tolist() == np.where(kept, count, -1)[clear].tolist()
    assert 0.05 < kept[clear].mean() < 0.95


def aimed(place, a, b, centre):
    """The uniform number that proposes a place: (2a/(½ − |x|) + b)·x + centre = place at u = ½ + x."""
    return 0.5 + optimize.brentq(lambda x: (2 * a / (0.5 - abs(x)) + b) * x + centre - place, -0.4999, 0.4999)


@pytest.mark.parametrize("count", [0, 1, 19, 20])
def test_the_outermost_binomials_can_be_drawn(count):
    deviation = math.sqrt(20 * 0.5 * 0.5)
    b = 1.15 + 2.53 * deviation
    u = aimed(count + 0.5, -0.0873 + 0.0248 * b + 0.005, b, 10.5)
    assert counts.propose_binomial(20.0, 0.5, u, 1e-9) == count
    beyond = aimed(count + (1.5 if count > 10 else -0.5), -0.0873 + 0.0248 * b + 0.005, b, 10.5)
    inside = 0 < count < 20
    assert (counts.propose_binomial(20.0, 0.5, beyond, 1e-9) >= 0) == inside


def test_no_event_at_all_can_be_drawn():
    b = 0.931 + 2.53 * math.sqrt(10)
    u = aimed(0.5, -0.059 + 0.02483 * b, b, 10.43)
    assert counts.propose_poisson(10.0, u, 1e-9) == 0


@pytest.mark.parametrize("u", [2.0**-53, 1 - 2.0**-53])
def test_proposals_beyond_all_counts_are_rejected(u):
    assert counts.propose_binomial(1e9, 0.3, u, 0.5) == -1
    assert counts.propose_poisson(1e18, u, 2.0**-53) == -1
    assert counts.propose_poisson(1e18, u, 0.5) == -1


@pytest.mark.parametrize("k", [*range(25), 100, 10**6])
def test_correction(k):
    with mp.workdps(40):
        exact = mp.log(mp.factorial(k)) - (k + 0.5) * mp.log(k + 1) + (k + 1) - mp.log(2 * mp.pi) / 2
        assert abs(counts.correction(float(k)) / exact - 1) < (1e-12 if k < 20 else 1e-13)


# --- the laws -----------------------------------------------------------------------------------------------


def fits(drawn, law, least=20):
    """χ² test of counts; what is expected less than `least` times goes into the tails."""
    low, high = int(drawn.min()), int(drawn.max())
    edges = np.unique(law.ppf(np.linspace(0, 1, 42)[1:-1]).clip(low, high))
    observed = np.bincount(np.searchsorted(edges, drawn), minlength=edges.size + 1)
    expected = np.diff([0.0, *law.cdf(edges), 1.0]) * drawn.size
    enough = expected >= least
    observed = np.append(observed[enough], observed[~enough].sum())
    expected = np.append(expected[enough], expected[~enough].sum())
    if expected[-1] < least:
        observed, expected = observed[:-1], expected[:-1] * observed[:-1].sum() / expected[:-1].sum()
    return stats.chisquare(observed, expected).pvalue > LEVEL


@pytest.mark.parametrize(
    ("total", "chance"),
    [(20, 0.5), (25, 0.45), (30, 0.7), (101, 0.1), (1000, 0.02), (20000, 0.02), (10**9, 0.3), (10**9, 2e-8)],
)
def test_binomial_law(total, chance):
    size = 50_000
    drawn = Stream(np.random.default_rng(2)).binomials([float(total)] * size, [chance] * size)
    assert fits(drawn, stats.binom(total, chance))


@pytest.mark.parametrize("mean", [0.5, 9.9, 10.0, 30.0, 1000.0, 1e9])
def test_poisson_law(mean):
    assert fits(Stream(np.random.default_rng(3)).poissons([mean] * 50_000), stats.poisson(mean))


def test_poissons_where_neighbouring_floats_lie_further_apart_than_counts():
    mean = 1e18
    drawn = Stream(np.random.default_rng(4)).poissons([mean] * 20_000)
    assert stats.kstest((drawn - mean) / 1e9, "norm").pvalue > LEVEL


def test_a_batch_of_poissons():
    for mean in (2.0, 20.0):
        out, drawn = np.empty(50), []
        for seed in range(400):
            counts.poissons(Stream(np.random.default_rng([5, seed])).stream, mean, 50, out, np.empty(100))
            drawn.append(out.copy())
        assert fits(np.concatenate(drawn), stats.poisson(mean))


def test_multinomial_law():
    mass, total, size = np.array([0.2, 0.0, 0.5, 1.3]), 4, 30_000
    draw = Stream(np.random.default_rng(6))
    drawn = [tuple(draw.multinomial(total, mass)) for _ in range(size)]
    law = stats.multinomial(total, mass / mass.sum())
    table = {c: size * law.pmf(c) for c in itertools.product(range(total + 1), repeat=4) if law.pmf(c) > 0}
    assert set(drawn) <= set(table)
    assert stats.chisquare([drawn.count(c) for c in table], list(table.values())).pvalue > LEVEL


@pytest.mark.parametrize("atoms", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("total", [0, 1, 10**4, 10**9])
def test_all_draws_end_up_somewhere(atoms, total):
    draw = Stream(np.random.default_rng(7))
    mass = np.random.default_rng(atoms).random(atoms)
    mass[atoms // 2] = 0.0 if atoms > 1 else 1.0
    for _ in range(50):
        drawn = draw.multinomial(total, mass)
        assert drawn.sum() == total
        assert (drawn >= 0).all()
        assert atoms == 1 or drawn[atoms // 2] == 0


def test_atoms_without_mass_get_nothing():
    draw = Stream(np.random.default_rng(7))
    for total in (5, 10**6):
        for mass in ([0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]):
            drawn = draw.multinomial(total, np.array(mass))
            assert drawn.sum() == total
            assert (drawn[np.array(mass) == 0] == 0).all()


def test_each_count_of_a_multinomial_is_binomial():
    mass = np.random.default_rng(8).dirichlet(np.ones(11))
    draw = Stream(np.random.default_rng(9))
    drawn = np.array([draw.multinomial(1000, mass) for _ in range(20_000)])
    for column, chance in zip(drawn.T, mass, strict=True):
        assert fits(column, stats.binom(1000, chance))
    covariance = np.cov(drawn, rowvar=False) / 1000
    np.testing.assert_allclose(covariance, np.diag(mass) - np.outer(mass, mass), atol=0.01)
