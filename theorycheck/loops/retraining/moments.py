"""The Gaussian loop with unknown mean and variance: exact moments, by recursion.

In d dimensions these are the moments of each projection: a projected loop is the loop of projected data. Real
points are standard normal, and the loop starts from their law, or another variance of it.
"""

from __future__ import annotations

import functools
import itertools
from fractions import Fraction
from math import prod

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


@functools.cache
def moments(n, synthetic, steps, protocol, ddof, degree, start=1):
    """E X^i V^j μ_t^a σ_t^b by its powers (i, j, a, b), for all with i + 2j + a + b up to `degree`, b even.

    `start` is σ_0²; μ_0 = 0.
    Odd powers of the means vanish. n = 0 is the loop without real points.
    """
    points = n + synthetic
    own = MEAN + SCALE * E
    mean = (n * X + synthetic * own) / points
    squares = V + SCALE**2 * C + sp.QQ(n * synthetic, points) * (own - X) ** 2
    variance = squares / (points - ddof)
    powers = [
        (i, j, a, b)
        for i, j, a, b in itertools.product(range(degree + 1), repeat=4)
        if i + 2 * j + a + b <= degree and (i + a) % 2 == b % 2 == 0
    ]
    found = {
        (i, j, a, b): of_mean(n, i) * of_squares(n, j) * (a == 0) * start ** (b // 2) for i, j, a, b in powers
    }
    after = {(i, j, a, b): X**i * V**j * mean**a * variance ** (b // 2) for i, j, a, b in powers}
    for _ in range(steps):
        found = {key: sum(_expected(term, n, synthetic, protocol, found)) for key, term in after.items()}
    return found


def _expected(polynomial, n, synthetic, protocol, found):
    """Its terms, in mean over new points and over what was found of the generation before."""
    for (i, j, a, b, e, c), coefficient in polynomial.terms():
        drawn = Fraction(int(coefficient.numerator), int(coefficient.denominator))
        drawn *= of_mean(synthetic, e) * of_squares(synthetic, c)
        if protocol == "fresh":
            drawn *= of_mean(n, i) * of_squares(n, j)
            i = j = 0
        if drawn:
            yield drawn * found[i, j, a, b]


def moment(n, synthetic, steps, protocol, ddof=0, start=1, *, mean=0, scale=0):
    """E μ_t^mean σ_t^scale, exactly, from σ_0² = `start`; mean + scale is even."""
    return moments(n, synthetic, steps, protocol, ddof, mean + scale, start)[0, 0, mean, scale]
