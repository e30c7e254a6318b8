"""Exact moments of the refitted covariance from Σ_0 = I, and what they say of E tr√Σ_t.

Zonal polynomials (Jack polynomials at α = 2) are the eigenfunctions of one generation, so the moments
E tr Σ_t^m are finite sums of rationals at every t. Gauss rules for the mean spectral law then enclose
E tr√Σ_t, which has no closed form from three dimensions on.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import prod

from theorycheck import checks
from theorycheck.formula import power_integral


def moment(samples: int, dimension: int, steps: int, power: int) -> Fraction:
    """E tr Σ_t^m/d from Σ_0 = I, for an integer m = `power`; ν = samples − 1.

    Each partition of |m| stands for a zonal polynomial, which a generation multiplies by a constant. Negative
    m need ν − d + 1 > −2m, or the moment is infinite: ValueError.
    Source: Muirhead, Aspects of Multivariate Statistical Theory (1982), sections 7.2 and 7.3; Macdonald,
    Symmetric Functions and Hall Polynomials (1995), section VI.10.
    """
    freedom = checks.integer("samples", samples, 2) - 1
    dimension = checks.integer("dimension", dimension, 1)
    steps = checks.integer("steps", steps, 0)
    if steps and freedom - dimension + 1 <= -2 * power:
        raise ValueError(f"power must be above {-(freedom - dimension + 1) / 2:g} here, got {power}")
    if power == 0:
        return Fraction(1)
    total = Fraction(0)
    for rows in _partitions(abs(power), abs(power)):
        contents = [2 * j - i for i, row in enumerate(rows) for j in range(row)]
        if power > 0:
            growth = [Fraction(freedom + content, freedom) for content in contents]
        else:
            growth = [Fraction(freedom, freedom - dimension - 1 - content) for content in contents]
        start = prod(dimension + content for content in contents)  # the Jack polynomial at the identity
        total += _share(rows) * prod(contents[1:]) * start * prod(growth) ** steps
    return total / dimension


def _partitions(total: int, largest: int) -> Iterator[tuple[int, ...]]:
    if total == 0:
        yield ()
    for first in range(min(total, largest), 0, -1):
        for rest in _partitions(total - first, first):
            yield (first, *rest)


def _share(rows: tuple[int, ...]) -> Fraction:
    """2m/Π (2a+l+1)(2a+l+2) over the boxes, a and l their arms and legs; times the contents but the corner's
    it is the coefficient of the Jack polynomial in the power sum of order m."""
    columns = [sum(row > j for row in rows) for j in range(rows[0])]
    hooks = 1
    for i, row in enumerate(rows):
        for j in range(row):
            reach = 2 * (row - j - 1) + columns[j] - i - 1
            hooks *= (reach + 1) * (reach + 2)
    return Fraction(2 * sum(rows), hooks)


def mean_root(samples: int, dimension: int, steps: int, nodes: int = 9):
    """A ball that contains E tr√Σ_t/d from Σ_0 = I, for samples − dimension > 4; t = 1 gives α_I.

    It is ∫x^{5/2} dμ for the mean spectral law times x^{−2}, whose moments are those of the law from −2 on.
    """
    moments = [moment(samples, dimension, steps, power) for power in range(-2, 2 * nodes - 1)]
    return power_integral(moments, Fraction(5, 2))
