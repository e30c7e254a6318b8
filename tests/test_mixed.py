"""The loop with real data: exact, ball and polynomial forms against one another, and the error bound."""

from fractions import Fraction
from math import exp

import numpy as np
import pytest

from theorycheck.formula import interval
from theorycheck.loops import curation, exact, mixed

P = (Fraction(1, 2), Fraction(3, 10), Fraction(1, 5))
A = (Fraction(1), Fraction(3, 2), Fraction(4))


def floats(values):
    return np.array([float(x) for x in values])


@pytest.mark.parametrize(("choices", "weight"), [(2, Fraction(1, 2)), (3, Fraction(4))])
def test_the_exact_loop_is_the_trajectory(choices, weight):
    exactly = mixed.loop(P, A, choices, weight, 3)
    fast = curation.trajectory(floats(P), np.log(floats(A)), choices, 3, float(weight))
    assert np.abs(np.array([floats(p) for p in exactly]) - fast).sum(axis=1).max() < 1e-11


def test_the_loop_keeps_another_start():
    start = (Fraction(0), Fraction(1), Fraction(0))
    first = mixed.loop(P, A, 2, Fraction(1), 1, start)
    assert first[0] == list(start)
    assert first[1] == [Fraction(1, 4), Fraction(13, 20), Fraction(1, 10)]


@pytest.mark.parametrize(("choices", "weight"), [(2, Fraction(3, 2)), (5, Fraction(1, 3)), (6, Fraction(2))])
def test_two_states_contain_the_exact_loop(choices, weight):
    mass, low = Fraction(1, 7), Fraction(2, 5)
    balls = mixed.two_states(mass, low, choices, weight, 2)
    for found, p in zip(
        balls, mixed.loop((1 - mass, mass), (low, Fraction(1)), choices, weight, 2), strict=True
    ):
        for mass_ball, x in zip(found, p, strict=True):
            lo, hi = interval(mass_ball)
            assert lo <= x <= hi
            assert hi - lo < 1e-14


def test_two_states_stay_narrow():
    lo, hi = interval(mixed.two_states(Fraction(1, 10**17), Fraction(1, 10), 20, Fraction(2), 300)[-1][1])
    assert hi - lo < 1e-12


@pytest.mark.parametrize("horizon", [0, 1, 7])
def test_the_peak_is_its_closed_form(horizon):
    weight, choices = Fraction(1, 5), 3
    end = 1 / (1 - weight * (choices - 1))
    closed = end - (end - 1) * (weight * choices / (1 + weight)) ** horizon
    assert mixed.peak(weight, choices, horizon) == closed


@pytest.mark.parametrize(("states", "choices", "horizon"), [(2, 2, 3), (2, 4, 1), (3, 3, 1), (3, 2, 2)])
def test_the_polynomials_are_the_loop(states, choices, horizon):
    weight, steps = Fraction(3, 4), [Fraction(1, 2), Fraction(5, 2)][: states - 1]
    masses = [x * 3 for x in P[:states]]  # not normalised: S is to take care of that
    a = [sum(steps[:i], Fraction(1)) for i in range(states)]
    total = sum(masses)
    p = [x / total for x in masses]
    expected = mixed.loop(p, a, choices, weight, horizon)[-1]
    h = mixed.homogeneous(states, choices, horizon)
    point = [weight, *masses, *steps]
    scale = mixed.value(h.scale, point) * total**h.degree
    assert [mixed.value(x, point) / scale for x in h.law] == expected
    gain = exact.mean(expected, a) - exact.mean(p, a)
    bound = Fraction(2, 3) * Fraction(choices - 1, choices) * exact.variance(p, a) / max(a)
    gap = mixed.value(mixed.reward_gap(states, choices, horizon, lambda w: 2, lambda w: 3), point)
    assert gap == (gain - bound) * scale * total * choices * max(a) * 3


def test_coefficients_are_fractions():
    weight = mixed.homogeneous(2, 2, 0).weight
    assert sorted(mixed.coefficients((weight - 1) ** 2 / 2)) == [-1, Fraction(1, 2), Fraction(1, 2)]
    assert mixed.coefficients(weight - weight) == [0]


@pytest.mark.parametrize(("choices", "weight"), [(2, 0.5), (4, 0.5), (2, 3.0)])
def test_the_drift_bounds_what_an_error_becomes(choices, weight):
    rng = np.random.default_rng(3)
    p, r = rng.dirichlet(np.ones(6)), np.log(np.array([1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0]))
    clean = curation.trajectory(p, r, choices, 8, weight)
    share, unit = weight / (1 + weight), 1e-6
    found = p
    bounds = mixed.drift(choices, weight, 8) / mixed.STEP_ERROR * unit + 1e-11
    for t in range(1, 9):
        kept = found * curation.choice_ratio(found, r, choices)
        kept[-1] += unit / 2  # an error of `unit` in ℓ1 after the masses are made to sum to 1
        found = (p + weight * kept / kept.sum()) / (1 + weight)
        assert np.abs(found - clean[t]).sum() <= bounds[t]
    assert bounds[1] == pytest.approx(share * unit, rel=1e-3)


def test_the_drift_settles_below_the_threshold():
    assert mixed.drift(2, 0.5, 500)[-1] == pytest.approx(3e-12, rel=1e-9)
    assert mixed.drift(4, 0.5, 50)[-1] > exp(10) * mixed.STEP_ERROR


@pytest.mark.parametrize(
    ("choices", "weight", "generations", "factor"),
    [(2, "1/2", 1, 1), (2, "1/2", 2, "4/3"), (3, "1/2", 3, "13/9"), (20, "5", 30, "20/19"), (2, "5", 9, 2)],
)
def test_what_known_laws_exceed_the_bound_by(choices, weight, generations, factor):
    assert mixed.spare(choices, Fraction(weight), generations) == Fraction(factor)


@pytest.mark.parametrize(("choices", "weight"), [(2, Fraction(1, 2)), (3, Fraction(1, 10))])
def test_a_known_law_exceeds_it_by_that(choices, weight):
    close = (Fraction(1, 2), Fraction(1, 2)), (1 - Fraction(1, 10**6), Fraction(1))
    for generations in (1, 2):
        found = mixed.loop(*close, choices, weight, generations)[-1]
        gain = exact.mean(found, close[1]) - exact.mean(*close)
        bound = weight / (1 + weight) * Fraction(choices - 1, choices) * exact.variance(*close)
        assert float(gain / bound / mixed.spare(choices, weight, generations)) == pytest.approx(1, abs=1e-5)


def test_the_summit_and_the_largest_ratio():
    weight = Fraction(1, 5)
    assert mixed.summit(weight, 3) == Fraction(5, 3)
    assert (1 + weight * 3 * mixed.summit(weight, 3)) / (1 + weight) == mixed.summit(weight, 3)
    assert mixed.largest_ratio(3, Fraction(1, 2)) == Fraction(3, 2)
    # One best state that is never drawn, among others that weigh as little as they may.
    alone = (Fraction(1), Fraction(0)), (Fraction(1, 2), Fraction(1))
    assert exact.choice_ratio(*alone, 3)[1] == mixed.largest_ratio(3, Fraction(1, 2))


def test_without_real_data_two_states_are_curated_alone():
    *_, last = mixed.two_states(Fraction(1, 7), Fraction(2, 5), 3, None, 2)
    p = (Fraction(6, 7), Fraction(1, 7))
    for _ in range(2):
        p = exact.step(p, (Fraction(2, 5), Fraction(1)), 3)
    lo, hi = interval(last[1])
    assert lo <= p[1] <= hi
    assert hi - lo < 1e-14
