"""The exact curated loop against all K-tuples of proposals, and `trajectory` against the exact loop."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from theorycheck.loops import exact
from theorycheck.loops.curation import choice_ratio, simulate, trajectory

P, A = (Fraction(1, 6), Fraction(1, 3), Fraction(1, 2)), (Fraction(1), Fraction(2), Fraction(5))
LAWS = [
    (P, A),
    ((Fraction(3, 7), Fraction(0), Fraction(1, 7), Fraction(3, 7)), tuple(map(Fraction, (3, 7, 1, 2)))),
    ((Fraction(1),), (Fraction(2),)),
]


def kept_by_all_tuples(p, a, choices):
    """p_t·H^K: which atom is kept, over all ordered K-tuples of proposals."""
    kept = [Fraction(0)] * len(p)
    for drawn in itertools.product(range(len(p)), repeat=choices):
        chance = math.prod((p[i] for i in drawn), start=Fraction(1))
        for i in drawn:
            kept[i] += chance * a[i] / sum(a[j] for j in drawn)
    return kept


def mixed(real, kept, weight):
    """(real + λ·kept)/(1 + λ)."""
    return (
        kept if weight is None else [(x + weight * y) / (1 + weight) for x, y in zip(real, kept, strict=True)]
    )


# --- the exact module ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("choices", [1, 2, 3, 4])
@pytest.mark.parametrize(("p", "a"), LAWS)
def test_exact_step(p, a, choices):
    kept = kept_by_all_tuples(p, a, choices)
    ratio = exact.choice_ratio(p, a, choices)
    assert [x * h for x, h in zip(p, ratio, strict=True)] == kept
    assert exact.step(p, a, choices) == kept
    assert exact.step(p, a, choices, None, Fraction(1, 2)) == mixed(p, kept, Fraction(1, 2))
    other = tuple(reversed(p))
    assert exact.step(p, a, choices, other, 3) == mixed(other, kept, 3)
    assert exact.step(p, a, choices, other) == kept


def test_exact_ratio_where_there_is_no_mass():
    # p = (1, 0): the other proposals are all the first atom.
    ratio = exact.choice_ratio((Fraction(1), Fraction(0)), (Fraction(2), Fraction(3)), 4)
    assert ratio == [1, Fraction(4 * 3, 3 + 3 * 2)]


@pytest.mark.parametrize(("atoms", "choices"), [(1, 3), (2, 4), (3, 0), (3, 3), (4, 2)])
def test_multisets(atoms, choices):
    seen = {}
    for drawn in itertools.product(range(atoms), repeat=choices):
        counts = tuple(sum(x == i for x in drawn) for i in range(atoms))
        seen[counts] = seen.get(counts, 0) + 1
    listed = list(exact.multisets(atoms, choices))
    assert len(listed) == len(seen)
    assert {counts: exact.multinomial(counts) for counts in listed} == seen


def test_chances_moments():
    assert exact.probability(P, (1, 0, 2)) == 3 * Fraction(1, 6) * Fraction(1, 4)
    assert sum(exact.probability(P, counts) for counts in exact.multisets(3, 4)) == 1
    assert exact.mean(P, A) == Fraction(1, 6) + Fraction(2, 3) + Fraction(5, 2)
    assert exact.variance(P, A) == sum(x * y * y for x, y in zip(P, A, strict=True)) - exact.mean(P, A) ** 2


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (exact.probability, (P, (1, 1))),
        (exact.choice_ratio, (P, A[:2], 2)),
        (exact.step, (P, A, 2, P[:2], 1)),
        (exact.mean, (P, A[:2])),
        (exact.variance, (P, (*A, Fraction(1)))),
    ],
)
def test_exact_functions_refuse_lengths_that_differ(function, arguments):
    with pytest.raises(ValueError, match=r"is (shorter|longer) than"):
        function(*arguments)


# --- trajectory ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, 0, Fraction(1, 2), 3])
@pytest.mark.parametrize("reference", [None, (Fraction(1, 2), Fraction(1, 2), Fraction(0))])
@pytest.mark.parametrize("choices", [1, 2, 4])
def test_trajectory_follows_the_exact_loop(choices, reference, weight):
    steps, law = 2, list(P)
    expected = [law]
    for _ in range(steps):
        law = mixed(reference or P, kept_by_all_tuples(law, A, choices), weight)
        expected.append(law)
    history = trajectory(
        [float(x) for x in P],
        np.log([float(x) for x in A]),
        choices,
        steps,
        math.inf if weight is None else weight,
        reference and [float(x) for x in reference],
    )
    np.testing.assert_allclose(history, np.array(expected, dtype=float), rtol=1e-12, atol=0)


def test_infinitely_many_choices_tilt_exponentially():
    p, reward = np.array([0.2, 0.5, 0.3]), np.array([0.3, -0.2, 0.0])
    history = trajectory(p, reward, math.inf, 30)
    tilted = p * np.exp(np.outer(np.arange(31), reward))
    np.testing.assert_allclose(history, tilted / tilted.sum(axis=1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("choices", [1, 2, 10**7, math.inf])
@pytest.mark.parametrize("weight", [0.0, 0.5, math.inf])
def test_mass_is_kept_for_a_thousand_steps(choices, weight):
    start = [0.1, 0.0, 0.6, 0.3 + 9e-10]
    history = trajectory(start, [0.0, 2.0, 0.001, -0.001], choices, 1000, weight)
    assert history.shape == (1001, 4)
    assert np.abs(history.sum(axis=1) - 1).max() < 1e-14
    assert (history >= 0).all()
    assert (history[:, 1] == 0).all()
    if weight == 0:
        np.testing.assert_allclose(history, np.tile(history[0], (1001, 1)), rtol=1e-15)


def test_only_real_data_gives_the_reference():
    reference = [0.25, 0.75]
    history = trajectory([0.5, 0.5], [0.0, 1.0], 3, 4, synthetic_weight=0, reference=reference)
    assert history[0].tolist() == [0.5, 0.5]
    assert history[1:].tolist() == [reference] * 4


def test_purely_synthetic_is_the_default_and_ignores_the_reference():
    p, reward = np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.0, -1.0])
    history = trajectory(p, reward, 3, 2)
    assert np.array_equal(history, trajectory(p, reward, 3, 2, math.inf, [0.0, 0.0, 1.0]))
    np.testing.assert_allclose(history[1], p * choice_ratio(p, reward, 3), rtol=1e-13)


def test_no_step_returns_the_renormalised_start():
    assert trajectory([0.5, 0.5], [0, 1], 2, 0).tolist() == [[0.5, 0.5]]
    assert trajectory([0.5, 0.5 + 8e-10], [0, 1], 2, 0).sum() == pytest.approx(1, abs=3e-16)


BAD = [
    (dict(p0=[0.7, 0.7]), ValueError, "p0 must sum to 1 within 1e-9, got a sum of 1.4"),
    (dict(p0=[1.5, -0.5]), ValueError, "p0 must not be negative, got -0.5 at index 1"),
    (dict(p0=[]), ValueError, "p0 must be a non-empty"),
    (dict(reward=[0.0]), ValueError, r"reward must have one entry per atom \(2\), got 1"),
    (dict(reward=[0.0, math.nan]), ValueError, "reward must be finite, got nan at index 1"),
    (dict(choices=0), ValueError, "choices must be .* got 0"),
    (dict(choices=1.5), (ValueError, TypeError), "choices must be .* got 1.5"),
    (dict(steps=-1), ValueError, "steps must be at least 0, got -1"),
    (dict(steps=1.5), TypeError, "steps must be .* got 1.5"),
    (dict(synthetic_weight=-1), ValueError, r"synthetic_weight must be in \[0, inf\], got -1"),
    (dict(synthetic_weight=math.nan), ValueError, r"synthetic_weight must be in \[0, inf\], got nan"),
    (dict(reference=[1.0]), ValueError, r"reference must have one entry per atom \(2\), got 1"),
    (dict(reference=[0.5, 0.6]), ValueError, "reference must sum to 1 .* got a sum of 1.1"),
]
SIMULATION = [
    (dict(choices=math.inf), TypeError, "choices must be an integer of at least 1, got inf"),
    (dict(users=0), ValueError, "users must be at least 1, got 0"),
    (dict(paths=0), ValueError, "paths must be at least 1, got 0"),
    (dict(kernel="exact"), ValueError, "kernel must be literal or reduced, got 'exact'"),
]


@pytest.mark.parametrize(("change", "error", "sentence"), BAD, ids=[str(b[0]) for b in BAD])
def test_trajectory_refuses(change, error, sentence):
    arguments = {"p0": [0.5, 0.5], "reward": [0.0, 1.0], "choices": 2, "steps": 1, **change}
    with pytest.raises(error, match=f"^{sentence}"):
        trajectory(**arguments)


@pytest.mark.parametrize(
    ("change", "error", "sentence"), BAD + SIMULATION, ids=[str(b[0]) for b in BAD + SIMULATION]
)
def test_simulation_refuses(change, error, sentence):
    arguments = {
        "p0": [0.5, 0.5],
        "reward": [0.0, 1.0],
        "choices": 2,
        "users": 1,
        "steps": 1,
        "paths": 1,
        **change,
    }
    with pytest.raises(error, match=f"^{sentence}"):
        simulate(np.random.default_rng(0), **arguments)
