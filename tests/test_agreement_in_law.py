"""Literal and reduced kernels sample the same law, and both that of an independent simulation.

The level of each test is 10⁻⁶: a correct kernel fails once in ten thousand choices of all the seeds.
"""

import math

import numpy as np
import pytest
from scipy import stats

from theorycheck.loops import covariance, curation, gaussian

LEVEL = 1e-6


def same(first, second):
    return stats.ks_2samp(first, second, method="asymp").pvalue > LEVEL


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("n", "steps"), [(2, 3), (5, 10), (30, 4)])
def test_gaussian_loop(n, steps, biased):
    first, second = (
        gaussian.simulate(np.random.default_rng(seed), n, steps, 20_000, kernel=kernel, biased=biased)
        for seed, kernel in enumerate(("literal", "reduced"))
    )
    for field in ("mean", "log_scale", "length"):
        assert same(getattr(first, field), getattr(second, field)), field
    # Jointly: the mean in units of the final scale.
    assert same(first.mean * np.exp(-first.log_scale), second.mean * np.exp(-second.log_scale))
    assert same(first.length - first.log_scale, second.length - second.log_scale)


@pytest.mark.parametrize(("n", "steps"), [(3, 2), (10, 3)])
def test_tilted_paths_have_their_own_law(n, steps):
    # Each χ² has a degree of freedom more.
    paths = gaussian.simulate(np.random.default_rng(2), n, steps, 20_000, kernel="tilted")
    squares = stats.chi2(n).rvs((20_000, steps), random_state=3)
    assert same(paths.log_scale, 0.5 * np.log(squares / (n - 1)).sum(axis=1))


START = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.1]])


def statistics(covariances, full_rank):
    """Scalars that together tell covariances apart."""
    yield np.trace(covariances, axis1=1, axis2=2)
    yield from (covariances[:, i, j] for i in range(3) for j in range(i, 3))
    yield np.linalg.eigvalsh(covariances)[:, -1]
    yield covariances[:, 0, 2] / np.sqrt(covariances[:, 0, 0] * covariances[:, 2, 2])
    if full_rank:
        yield np.linalg.slogdet(covariances)[1]


@pytest.mark.parametrize(("n", "steps"), [(2, 2), (3, 3), (4, 1), (6, 3)])
def test_covariance_loop(n, steps):
    drawn = [
        covariance.simulate_covariance(np.random.default_rng(seed), START, n, steps, 10_000, kernel=kernel)
        for seed, kernel in enumerate(("literal", "reduced"))
    ]
    for first, second in zip(*(statistics(x, n > 3) for x in drawn), strict=True):
        assert same(first, second)
    for x in drawn:
        assert (np.linalg.matrix_rank(x[:100], rtol=1e-9) <= min(3, n - 1)).all()
    if steps == 1:
        wishart = stats.wishart(n - 1, START / (n - 1)).rvs(10_000, random_state=5)
        for x in drawn:
            for first, second in zip(statistics(x, True), statistics(wishart, True), strict=True):
                assert same(first, second)


P, REWARD = [0.2, 0.3, 0.1, 0.4], [0.0, 1.0, 2.0, -1.0]


@pytest.mark.parametrize("weight", [0.5, math.inf])
@pytest.mark.parametrize(("choices", "users", "steps"), [(2, 50, 3), (5, 20, 1), (4, 7, 4)])
def test_choice_loop(choices, users, steps, weight):
    drawn = [
        curation.simulate(
            np.random.default_rng(seed),
            P,
            REWARD,
            choices,
            users,
            steps,
            4000,
            synthetic_weight=weight,
            kernel=kernel,
        )
        for seed, kernel in enumerate(("literal", "reduced"))
    ]
    for i in range(4):
        assert same(drawn[0][:, i], drawn[1][:, i])
    for mix in ([1, 2, 3, 4], [1, -1, 0.5, 0]):
        assert same(drawn[0] @ mix, drawn[1] @ mix)


@pytest.mark.parametrize("kernel", ["literal", "reduced"])
def test_one_generation_of_choices_is_multinomial(kernel):
    # K = 2: p·H = p_i·Σ_j 2 p_j a_i/(a_i + a_j); counts of all users and paths together.
    users, paths = 100, 2000
    p, a = np.array(P), np.exp(REWARD)
    kept = p * np.sum(2 * p * a[:, None] / (a[:, None] + a), axis=1)
    drawn = curation.simulate(np.random.default_rng(1), P, REWARD, 2, users, 1, paths, kernel=kernel)
    counts = np.rint(drawn * users)
    assert stats.chisquare(counts.sum(axis=0), kept * users * paths).pvalue > LEVEL
    for i in range(4):
        expected = stats.binom(users, kept[i])
        edges = np.unique(expected.ppf(np.linspace(0, 1, 8)[1:-1]))
        observed = np.histogram(counts[:, i], [-1, *(edges + 0.5), users + 1])[0]
        chances = np.diff([0, *expected.cdf(edges), 1])
        assert stats.chisquare(observed, chances * paths).pvalue > LEVEL
