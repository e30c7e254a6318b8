"""The chi-squares of the kernels: Marsaglia and Tsang's rule on Python's numbers, and the law."""

import math

import mpmath as mp
import numpy as np
import pytest
from scipy import stats
from streams import Stream, interpreted

from theorycheck.kernels import chi_squares

LEVEL = 1e-6  # of each test
FREEDOMS = [1, 2, 3, 4, 5, 10, 99, 10**6]


def proposal(freedom, x):
    """Twice the gamma variable that a normal number proposes, and log of the chance to keep it, exactly."""
    d = mp.mpf(freedom) / 2 - mp.mpf(1) / 3
    v = (1 + mp.mpf(x) / mp.sqrt(9 * d)) ** 3
    if v <= 0:
        return 0, -mp.inf
    return 2 * d * v, mp.mpf(x) ** 2 / 2 + d - d * v + d * mp.log(v)


def test_what_is_proposed_and_when_it_is_kept():
    rng = np.random.default_rng(1)
    outcomes = set()
    for freedom in FREEDOMS[1:]:
        for x in [*rng.normal(size=100), *np.linspace(-8, 8, 17)]:
            exact, chance = proposal(freedom, x)
            for uniform in [*rng.random(3), *(float(mp.exp(chance) * (1 + e)) for e in (-1e-6, 1e-6))]:
                if not 0 < uniform < 1:
                    continue
                kept = math.log(uniform) < chance
                found = chi_squares.propose(float(freedom), x, uniform)
                assert found == (pytest.approx(float(exact), rel=1e-13) if kept else 0.0)
                outcomes.add(kept)
    assert outcomes == {True, False}


def test_a_proposal_of_zero_is_rejected():
    # Where 1 + x/√(9d) is 0 exactly: log 0 is never taken.
    freedom = 3.0
    x = -math.sqrt(9.0 * (0.5 * freedom - 1.0 / 3.0))
    assert interpreted(chi_squares.propose)(freedom, x, 1e-300) == 0.0


def test_one_degree_of_freedom_is_a_squared_normal():
    assert [chi_squares.propose(1.0, x, 0.999) for x in (-1.5, 0.25)] == [2.25, 0.0625]


@pytest.mark.parametrize("freedom", [2, 3, 4, 7, 30, 1000])
def test_what_the_bound_keeps_is_kept_anyhow(freedom):
    # 1 − 0.0331·x⁴ is never above the chance to keep; it is below 0 beyond 2.35.
    gaps = []
    for x in np.linspace(-2.36, 2.36, 473):
        gaps.append(float(mp.exp(proposal(freedom, x)[1]) - (1 - mp.mpf("0.0331") * mp.mpf(x) ** 4)))
    assert min(gaps) >= 0.0
    assert chi_squares.SQUEEZE == 0.0331


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_law(freedom):
    drawn = Stream(np.random.default_rng(2)).chi_squares(np.full(200_000, freedom))
    assert stats.kstest(drawn, stats.chi2(freedom).cdf, method="asymp").pvalue > LEVEL
    edges = stats.chi2(freedom).ppf(np.linspace(0, 1, 101)[1:-1])
    assert stats.chisquare(np.bincount(np.searchsorted(edges, drawn), minlength=100)).pvalue > LEVEL


def test_each_has_its_own_degrees_of_freedom():
    drawn = Stream(np.random.default_rng(3)).chi_squares(np.tile(FREEDOMS, 20_000)).reshape(-1, len(FREEDOMS))
    for freedom, column in zip(FREEDOMS, drawn.T, strict=True):
        assert stats.kstest(column, stats.chi2(freedom).cdf).pvalue > LEVEL
    correlation = np.corrcoef(np.log(drawn), rowvar=False)
    assert np.abs(correlation[np.triu_indices(len(FREEDOMS), 1)]).max() < 5.5 / math.sqrt(len(drawn))


def test_draws_are_proposals_until_one_is_kept():
    """A batch of normals and of uniform numbers; then, where it is rejected, one of each at a time."""
    freedom = np.tile([1.0, 2.0, 3.0, 50.0], 2000)
    draw = Stream(np.random.default_rng(4))
    firsts = list(zip(draw.normals(8000), draw.uniforms(8000), strict=True))
    expected, again = [], 0
    propose = interpreted(chi_squares.propose)
    for ν, (x, uniform) in zip(freedom, firsts, strict=True):
        while not (found := x * x if ν == 1 else propose(ν, x, uniform)):
            x, uniform = draw.normals(1)[0], draw.uniforms(1)[0]
            again += 1
        expected.append(found)
    found = Stream(np.random.default_rng(4)).chi_squares(freedom)
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert again > 100
