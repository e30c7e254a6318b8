"""The curated loop in exact arithmetic, by enumeration: slow, small, and beyond doubt.

A finite law is a pair (p, a) of equally long tuples of Fractions: probabilities and weights a = e^r > 0.
All functions work for floats and for sympy symbols as well.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction


def multisets(atoms: int, choices: int) -> Iterator[tuple[int, ...]]:
    """All ways of drawing `choices` of `atoms` atoms without regard to order, as counts."""
    for drawn in itertools.combinations_with_replacement(range(atoms), choices):
        yield tuple(drawn.count(i) for i in range(atoms))


def multinomial(counts: Sequence[int]) -> int:
    """The number of orders in which these counts can be drawn."""
    return math.factorial(sum(counts)) // math.prod(math.factorial(c) for c in counts)


def probability(p: Sequence, counts: Sequence[int]):
    """The chance that independent draws from p give these counts."""
    return multinomial(counts) * math.prod((x**c for x, c in zip(p, counts, strict=True)), start=Fraction(1))


def choice_ratio(p: Sequence, a: Sequence, choices: int) -> list:
    """H^K on the atoms by enumerating the other K − 1 proposals."""
    others = [
        (probability(p, counts), sum(c * w for c, w in zip(counts, a, strict=True)))
        for counts in multisets(len(p), choices - 1)
    ]
    return [sum(chance * choices * x / (x + rest) for chance, rest in others) for x in a]


def step(
    p: Sequence, a: Sequence, choices: int, reference: Sequence | None = None, synthetic_weight=None
) -> list:
    """p_{t+1}: curated only, or mixed with `reference` at a finite `synthetic_weight` (λ)."""
    kept = [x * h for x, h in zip(p, choice_ratio(p, a, choices), strict=True)]
    if synthetic_weight is None:
        return kept
    real = reference if reference is not None else p
    return [(x + synthetic_weight * y) / (1 + synthetic_weight) for x, y in zip(real, kept, strict=True)]


def mean(p: Sequence, values: Sequence):
    """E_p of the values."""
    return sum(x * y for x, y in zip(p, values, strict=True))


def variance(p: Sequence, values: Sequence):
    """Var_p of the values."""
    centre = mean(p, values)
    return sum(x * (y - centre) ** 2 for x, y in zip(p, values, strict=True))
