"""The K-choice loop in NumPy, fed with the same stream of draws as the kernels."""

import itertools
import math

import numpy as np
import pytest
from streams import Stream

from theorycheck.loops.curation import simulate

LAWS = [
    ([0.2, 0.3, 0.1, 0.4], [0.0, 1.5, -2.0, 0.3]),
    ([0.0, 0.5, 0.0, 0.5, 0.0], [3.0, 0.0, 1.0, -1.0, 2.0]),
    ([0.0, 1.0, 0.0], [0.0, -1.0, 1.0]),
    ([0.5, 0.5], [40.0, 39.0]),
    ([1.0], [2.0]),
]


def next_model(reference, counts, weight):
    """(reference + λ·shares)/(1 + λ)."""
    shares = counts / counts.sum()
    if weight == math.inf:
        return shares
    return (np.asarray(reference) + weight * shares) / (1 + weight)


def literal(draw, p, reward, choices, users, steps, weight, reference):
    """One path: every proposal and every choice by inversion of cumulative sums."""
    weights = np.exp(reward)
    for _ in range(steps):
        counts = np.zeros(len(p))
        for _ in range(users):
            proposals = np.searchsorted(np.cumsum(p), draw.uniforms(choices), side="right")
            odds = np.cumsum(weights[proposals])
            counts[proposals[np.searchsorted(odds, odds[-1] * draw.uniforms(1)[0], side="right")]] += 1
        p = next_model(reference, counts, weight)
    return p


def kept_law(p, reward, choices):
    """The law of the kept atom, over all ordered K-tuples of proposals."""
    weights, kept = np.exp(reward), np.zeros(len(p))
    for drawn in itertools.product(range(len(p)), repeat=choices):
        chance = np.prod([p[i] for i in drawn])
        for i in drawn:
            kept[i] += chance * weights[i] / sum(weights[j] for j in drawn)
    return kept


def reduced(draw, p, reward, choices, users, steps, weight, reference):
    """One path: multinomial counts of the law of what is kept."""
    for _ in range(steps):
        p = next_model(reference, draw.multinomial(users, kept_law(p, reward, choices)), weight)
    return p


@pytest.mark.parametrize("weight", [0.0, 0.5, math.inf])
@pytest.mark.parametrize(
    ("choices", "users", "steps"), [(1, 3, 2), (2, 1, 3), (3, 8, 0), (3, 8, 1), (4, 40, 3)]
)
@pytest.mark.parametrize(("p", "reward"), LAWS, ids=str)
@pytest.mark.parametrize("loop", [literal, reduced])
def test_kernels(loop, p, reward, choices, users, steps, weight):
    # No two alike: a share of exactly ½ makes NumPy's binomial turn on the last bit.
    rest = np.arange(1.0, len(p)) ** 1.1
    for reference in (None, [0.47, *(0.53 * rest / rest.sum())] if len(p) > 1 else [1.0]):
        drawn = simulate(
            np.random.default_rng(8),
            p,
            reward,
            choices,
            users,
            steps,
            3,
            synthetic_weight=weight,
            reference=reference,
            kernel=loop.__name__,
        )
        draw = Stream(np.random.default_rng(8))
        arguments = (np.array(p), np.array(reward), choices, users, steps, weight, reference or p)
        expected = [loop(draw, *arguments) for _ in range(3)]
        np.testing.assert_allclose(drawn, expected, rtol=1e-12, atol=1e-15)


def test_a_huge_choice_leaves_no_digit_to_rounding():
    # At K = 10¹³ what is kept is the tilt, to 1e−13; 1 − φ is of order 1/K, where φ itself is rounded.
    p, reward, users = np.array([0.3, 0.3, 0.4]), np.array([0.0, -0.4, -1.1]), 10**9
    drawn = simulate(np.random.default_rng(8), p, reward, 10**13, users, 1, 1, kernel="reduced")[0]
    kept = p * np.exp(reward) / (p @ np.exp(reward))
    counts = Stream(np.random.default_rng(8)).multinomial(users, kept)
    assert np.abs(drawn * users - counts).max() <= 1


@pytest.mark.parametrize("kernel", ["literal", "reduced"])
def test_start_is_left_alone_and_paths_differ(kernel):
    start = np.array([0.5, 0.5])
    drawn = simulate(np.random.default_rng(8), start, [0.0, 1.0], 2, 1000, 1, 20, kernel=kernel)
    assert start.tolist() == [0.5, 0.5]
    assert len({*drawn[:, 0]}) > 5
    np.testing.assert_allclose(drawn.sum(axis=1), 1, rtol=1e-14)
