"""The loop that refits a mean to n real points and k of its own: exact moments, by recursion.

θ* = 0 and θ_0 is known. Numbers may be integers, fractions or symbols. `protocol` is "fixed" (a real set that
is drawn once) or "fresh" (new real points each generation). These recursions share nothing with the closed
forms of `closed_forms`, which are checked against them.
"""

from __future__ import annotations

import functools
from fractions import Fraction

import sympy as sp

from theorycheck.formula import ball

PROTOCOLS = ("fixed", "fresh")
BITS = 256
_BOUND, _SHIFT, _VARIANCE = sp.symbols("B m V", positive=True)
BEYOND = 1 - sum(sp.erf((_BOUND + s * _SHIFT) / sp.sqrt(2 * _VARIANCE)) for s in (1, -1)) / 2


def other(protocol: str) -> str:
    """The protocol that this one is not."""
    return PROTOCOLS[1 - PROTOCOLS.index(protocol)]


def next_moments(moments, n, synthetic, protocol, real=1, own=1):
    """(Cov(X̄, θ), Var θ) one generation on, X̄ the mean of the real set.

    `real` and `own` are the variances of one real point and of one of the model.
    """
    covariance, variance = moments
    share = synthetic / (n + synthetic)
    kept = 1 - share
    carried = covariance if protocol == "fixed" else 0
    noise = kept**2 * real / n + share * own / (n + synthetic)
    return kept * real / n + share * carried, noise + 2 * kept * share * carried + share**2 * variance


def _constant(variance):
    return 1


@functools.lru_cache(maxsize=512)
def variance(n, synthetic, steps, protocol, real=1, own=_constant):
    """Var θ_t, exactly; `own` gives the mean variance of a point of the model from Var θ."""
    moments = Fraction(0), Fraction(0)
    for _ in range(steps):
        moments = next_moments(moments, Fraction(n), Fraction(synthetic), protocol, real, own(moments[1]))
    return moments[1]


def mean(n, synthetic, steps, start, push):
    """E θ_t, exactly; `push` is what each fit misses the maximum by, always to the same side."""
    share, found = Fraction(synthetic) / (n + Fraction(synthetic)), Fraction(start)
    for _ in range(steps):
        found = share * found + push
    return found


def covariance(n, synthetic, first, last, protocol):
    """Cov(θ_s, θ_t), s ≤ t: given θ_s and a fixed set of mean X̄, E θ_t = ρ^{t−s}θ_s + (1 − ρ^{t−s})X̄."""
    share, kept = Fraction(synthetic) / (n + Fraction(synthetic)), Fraction(0)
    if protocol == "fixed":
        kept = (1 - share ** (last - first)) * (1 - share**first) / n
    return kept + share ** (last - first) * variance(n, synthetic, first, protocol)


def beyond(bound, variance, shift=0, expression=BEYOND):
    """P(|θ| > bound) for θ ~ N(shift, variance), or an expression in it, as a ball."""
    return ball(expression, {_BOUND: ball(bound, bits=BITS), _SHIFT: shift, _VARIANCE: variance}, BITS)
