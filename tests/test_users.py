"""The Markov chain of N users on two states, against all outcomes in fractions and finite differences."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from theorycheck.loops import exact, users

LOW, MASS = Fraction(1, 4), Fraction(1, 3)


def paths(count, choices, weight, steps):
    """The law of p_steps(top) over all sequences of how many users kept the top, in fractions."""
    law = {MASS: Fraction(1)}
    for _ in range(steps):
        after: dict[Fraction, Fraction] = {}
        for (p, chance), k in itertools.product(law.items(), range(count + 1)):
            q = exact.step((1 - p, p), (LOW, Fraction(1)), choices)[1]
            moved = (MASS + weight * Fraction(k, count)) / (1 + weight)
            drawn = math.comb(count, k) * q**k * (1 - q) ** (count - k)
            after[moved] = after.get(moved, Fraction(0)) + chance * drawn
        law = after
    return law


@pytest.mark.parametrize(("count", "choices", "weight", "steps"), [(1, 2, 1, 1), (3, 3, 2, 3), (2, 1, 4, 2)])
def test_every_outcome(count, choices, weight, steps):
    found = users.law(count, float(LOW), choices, float(weight), steps, float(MASS))
    for p, chance in paths(count, choices, Fraction(weight), steps).items():
        assert found.chance[-1][np.isclose(found.share, float(p))] == pytest.approx(float(chance), abs=1e-14)
    expected = sum(c * abs(p - MASS) for p, c in paths(count, choices, Fraction(weight), steps).items())
    moment = found.expected(lambda p, population: np.abs(p - float(MASS)) + 0 * population)
    assert moment.shape == (steps,)
    assert moment[-1] == pytest.approx(float(expected), abs=1e-14)


@pytest.mark.parametrize("weight", [0.5, math.inf])
def test_the_population(weight):
    found = users.population(float(LOW), 3, weight, 4, float(MASS))
    p = [1 - MASS, MASS]
    for t in range(5):
        assert found[t] == pytest.approx(float(p[1]), abs=1e-14)
        real = None if weight == math.inf else Fraction(1, 2)
        p = exact.step(p, (LOW, Fraction(1)), 3, (1 - MASS, MASS), real)


@pytest.mark.parametrize("choices", [1, 2, 7])
def test_the_slope_is_the_derivative(choices):
    p, h = np.array([0.1, 0.5, 0.9]), 1e-6
    difference = (users.kept(p + h, 0.3, choices) - users.kept(p - h, 0.3, choices)) / (2 * h)
    assert users.slope(p, 0.3, choices) == pytest.approx(difference, abs=1e-8)


@pytest.mark.parametrize("weight", [0.5, math.inf])
def test_the_noise_is_that_of_many_users(weight):
    found = users.law(2000, 0.4, 3, weight, 3, 0.3)
    errors = found.expected(lambda p, population: (p - population) ** 2)
    for t in (1, 2, 3):
        assert 2000 * errors[t - 1] == pytest.approx(users.noise(0.4, 3, weight, t, 0.3), rel=5e-3)
    assert users.noise(0.4, 3, weight, 0, 0.3) == 0
    only_new = users.noise(0.4, 3, weight, 3, 0.3, memory=0.0)
    q = float(users.kept(users.population(0.4, 3, weight, 2, 0.3)[-1], 0.4, 3))
    assert only_new == pytest.approx(q * (1 - q) * (1 if weight == math.inf else 1 / 9), rel=1e-12)


def test_no_noise_of_real_data_alone():
    assert users.noise(0.4, 3, 0.0, 3, 0.3) == 0
