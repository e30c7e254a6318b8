"""KL and D_∞ of finite laws, in floats and balls, against SciPy."""

from fractions import Fraction
from math import log

import numpy as np
import pytest
from scipy.stats import entropy

from theorycheck.formula import ball, interval
from theorycheck.loops import divergences

P = (Fraction(1, 2), Fraction(3, 10), Fraction(1, 5))


def floats(values):
    return np.array([float(x) for x in values])


@pytest.mark.parametrize("q", [P, (Fraction(1, 9), Fraction(1, 9), Fraction(7, 9))])
def test_the_divergence_is_scipys(q):
    lo, hi = interval(divergences.kl(P, q))
    expected = entropy(floats(P), floats(q))
    assert divergences.kl([*map(float, P)], [*map(float, q)]) == pytest.approx(expected, abs=1e-14)
    assert lo - 1e-14 <= expected <= hi + 1e-14


def test_the_divergence_skips_masses_of_zero():
    assert divergences.kl([0.0, 1.0], [0.5, 0.5]) == pytest.approx(log(2))
    lo, hi = interval(divergences.kl((Fraction(0), Fraction(1)), (Fraction(1, 2), Fraction(1, 2))))
    assert lo <= log(2) <= hi


def test_a_ball_around_zero_is_not_skipped():
    third = ball(Fraction(1, 3))
    around = third - third
    assert around.contains(0)
    assert not divergences.kl((around, third), (third, third)).is_finite()


def test_the_largest_ratio_and_its_logarithm():
    q = (Fraction(1, 4), Fraction(3, 4), Fraction(0))
    p = (Fraction(1, 2), Fraction(1, 2), Fraction(0))
    assert (divergences.ratio(p, q), divergences.ratio(p, q, min)) == (2, Fraction(2, 3))
    lo, hi = interval(divergences.renyi(p, q))
    assert lo <= log(2) <= hi
    assert divergences.renyi([*map(float, p)], [*map(float, q)]) == log(2)


@pytest.mark.parametrize("y", [2, 2.0, Fraction(2), ball(2)], ids=str)
def test_products_with_numbers_and_balls(y):
    found = divergences.times(Fraction(3, 2), y)
    assert float(found) == 3
