"""Exact moments of the refitted mean: against linear forms of all draws, enumeration, and SciPy."""

import itertools
from fractions import Fraction

import pytest
import sympy as sp
from scipy import stats

from theorycheck.loops.retraining import oracle

CASES = [(3, 2, 4), (1, 5, 3), (4, 0, 2), (2, 1, 1)]  # n, k, t


def linear_forms(n, k, steps, protocol):
    """θ_1, …, θ_t as weights on every single draw, real or synthetic (less the model's mean)."""
    real_sets = 1 if protocol == "fixed" else steps
    draws = real_sets * n + steps * k
    current, forms = [Fraction(0)] * draws, []
    for t in range(steps):
        first = n * (t if protocol == "fresh" else 0)
        chosen = {*range(first, first + n), *range(real_sets * n + t * k, real_sets * n + (t + 1) * k)}
        current = [Fraction(k * old + (i in chosen), n + k) for i, old in enumerate(current)]
        forms.append(current)
    return forms, [i < real_sets * n for i in range(draws)]


@pytest.mark.parametrize("protocol", oracle.PROTOCOLS)
@pytest.mark.parametrize(("n", "k", "steps"), CASES)
def test_second_moments(n, k, steps, protocol):
    forms, real = linear_forms(n, k, steps, protocol)

    def product(one, two, spread=1, own=1):
        return sum(a * b * (spread if r else own) for a, b, r in zip(one, two, real, strict=True))

    for first, last in itertools.combinations_with_replacement(range(1, steps + 1), 2):
        expected = product(forms[first - 1], forms[last - 1])
        assert oracle.covariance(n, k, first, last, protocol) == expected
    last = forms[-1]
    assert oracle.variance(n, k, steps, protocol) == product(last, last)
    assert oracle.variance(n, k, steps, protocol, 9) == product(last, last, 9)
    assert oracle.variance(n, k, steps, protocol, 2, lambda variance: 5) == product(last, last, 2, 5)
    assert oracle.variance(n, k, 0, protocol) == 0


@pytest.mark.parametrize("protocol", oracle.PROTOCOLS)
def test_noise_that_depends_on_the_model(protocol):
    # One real and one own point, both 0 or 1: every history of three generations, with its probability.
    p, total = Fraction(3, 10), Fraction(0)
    for history in itertools.product((0, 1), repeat=6):
        theta, mass = p, Fraction(1)
        for t in range(3):
            x, y = history[0 if protocol == "fixed" else t], history[3 + t]
            mass *= theta if y else 1 - theta
            theta = Fraction(x + y, 2)
        for t in range(3):
            mass *= p if history[t] else 1 - p
        total += mass * (theta - p) ** 2
    spread = p * (1 - p)
    assert oracle.variance(1, 1, 3, protocol, spread, lambda variance: spread - variance) == total


@pytest.mark.parametrize(("n", "k", "steps"), CASES)
def test_means(n, k, steps):
    share, found = Fraction(k, n + k), Fraction(7)
    for _ in range(steps):
        found = share * found + Fraction(1, 3)
    assert oracle.mean(n, k, steps, 7, Fraction(1, 3)) == found
    assert oracle.mean(n, k, 0, 7, 5) == 7
    assert oracle.mean(n, k, steps, Fraction(1, 2), 0) == share**steps / 2


def test_one_generation_of_moments_in_symbols():
    n, k, c, v = sp.symbols("n k c v", positive=True)
    covariance, variance = oracle.next_moments((c, v), n, k, "fixed")
    assert sp.simplify(covariance - (1 + k * c) / (n + k)) == 0
    assert sp.simplify(variance - (n + k + 2 * n * k * c + k**2 * v) / (n + k) ** 2) == 0


@pytest.mark.parametrize(
    ("bound", "variance", "shift"), [(1, 2, 0), (Fraction(1, 2), Fraction(1, 4), 1), (3, 1, -2)]
)
def test_what_lies_beyond_a_bound(bound, variance, shift):
    law = stats.norm(float(shift), float(variance) ** 0.5)
    found = oracle.beyond(bound, Fraction(variance), shift)
    assert float(found.mid()) == pytest.approx(law.cdf(-float(bound)) + law.sf(float(bound)), rel=1e-12)
    assert float(found.rad()) < 1e-60
    twice = oracle.beyond(bound, Fraction(variance), shift, 2 * oracle.BEYOND)
    assert float(twice.mid()) == pytest.approx(2 * float(found.mid()), rel=1e-14)


def test_the_other_protocol():
    assert [oracle.other(protocol) for protocol in ("fixed", "fresh")] == ["fresh", "fixed"]
