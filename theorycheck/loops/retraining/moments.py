"""The Gaussian loop with unknown mean and variance: exact moments, by recursion.

In d dimensions these are the moments of each projection: a projected loop is the loop of projected data. Real
points are standard normal, and the loop starts from their law, or another variance of it.
"""

from __future__ import annotations

import functools
import itertools
from fractions import Fraction
from math import prod
from typing import NamedTuple

import numpy as np
import sympy as sp

# The real points' mean X and centred squares V, the model's mean m and scale s, and, in units of s, its
# points' mean E and centred squares C.
RING, X, V, MEAN, SCALE, E, C = sp.ring("X, V, m, s, E, C", sp.QQ)


def of_mean(count, power):
    """E x̄^power of `count` standard normal points; 0 where there is none."""
    if power % 2 or not count:
        return Fraction(power == 0)
    return Fraction(prod(range(1, power, 2)), count ** (power // 2))


def of_squares(count, power):
    """E (Σ(x − x̄)²)^power of `count` standard normal points, χ² with a degree of freedom less."""
    return Fraction(prod(max(count - 1, 0) + 2 * i for i in range(power)))


@functools.lru_cache(maxsize=64)
def generation(n, synthetic, protocol, ddof, degree):
    """What one generation makes of E X^i V^j μ^a σ^b, a linear map of these, by its powers (i, j, a, b).

    For all with i + 2j + a + b up to `degree`, b even and i + a too, as odd powers of the means vanish: the
    pairs (powers of what was, coefficient) that add up to each. n = 0 is the loop without real points.
    """
    points = n + synthetic
    own = MEAN + SCALE * E
    mean = (n * X + synthetic * own) / points
    squares = V + SCALE**2 * C + sp.QQ(n * synthetic, points) * (own - X) ** 2
    variance = squares / (points - ddof)
    return {
        (i, j, a, b): list(_expected(X**i * V**j * mean**a * variance ** (b // 2), n, synthetic, protocol))
        for i, j, a, b in itertools.product(range(degree + 1), repeat=4)
        if i + 2 * j + a + b <= degree and (i + a) % 2 == b % 2 == 0
    }


def _expected(polynomial, n, synthetic, protocol):
    """Its terms, in mean over new points: powers of what was found of the generation before."""
    for (i, j, a, b, e, c), coefficient in polynomial.terms():
        drawn = Fraction(int(coefficient.numerator), int(coefficient.denominator))
        drawn *= of_mean(synthetic, e) * of_squares(synthetic, c)
        if protocol == "fresh":
            drawn *= of_mean(n, i) * of_squares(n, j)
            i = j = 0
        if drawn:
            yield (i, j, a, b), drawn


def _start(powers, n, start):
    i, j, a, b = powers
    return of_mean(n, i) * of_squares(n, j) * (a == 0) * start ** (b // 2)


@functools.lru_cache(maxsize=256)
def moments(n, synthetic, steps, protocol, ddof, degree, start):
    """E X^i V^j μ_t^a σ_t^b by its powers (i, j, a, b), those of `generation`.

    `start` is σ_0²; μ_0 = 0.
    """
    after = generation(n, synthetic, protocol, ddof, degree)
    found = {powers: _start(powers, n, start) for powers in after}
    for _ in range(steps):
        found = {powers: sum(c * found[was] for was, c in terms) for powers, terms in after.items()}
    return found


def moment(n, synthetic, steps, protocol, ddof=0, start=1, *, mean=0, scale=0):
    """E μ_t^mean σ_t^scale, exactly, from σ_0² = `start`; mean + scale is even."""
    return moments(n, synthetic, steps, protocol, ddof, mean + scale, start)[0, 0, mean, scale]


class Spread(NamedTuple):
    """E μ_t² and E σ_t², with the variances of μ_t² and σ_t²."""

    shift: float
    variance: float
    shift_variance: float
    variance_variance: float


def spread(n, synthetic, steps, protocol):
    """The moments of maximum likelihood in floating point: the time hardly depends on the steps."""
    after = generation(n, synthetic, protocol, 0, 4)
    place = {powers: i for i, powers in enumerate(after)}
    step = np.zeros((len(after), len(after)))
    for powers, terms in after.items():
        for was, coefficient in terms:
            step[place[powers], place[was]] += float(coefficient)
    found = np.linalg.matrix_power(step, steps) @ [float(_start(powers, n, 1)) for powers in after]
    shift, variance, fourth, square = (found[place[0, 0, a, b]] for a, b in ((2, 0), (0, 2), (4, 0), (0, 4)))
    return Spread(
        float(shift),
        float(variance),
        float(max(fourth - shift**2, 0.0)),
        float(max(square - variance**2, 0.0)),
    )
