"""Divergences between finite laws, in floats or in balls: KL, and D_∞, the logarithm of the largest ratio."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from theorycheck.formula import ball, precision

BITS = 512


def logarithm(x: Any) -> Any:
    """log x: a float for a float, else a ball."""
    with precision(BITS):
        return math.log(x) if isinstance(x, float) else ball(x, bits=BITS).log()


def times(x: Any, y: Any) -> Any:
    """x·y, where y is a number or a ball."""
    with precision(BITS):
        return x * y if isinstance(y, (float, Fraction, int)) else ball(x, bits=BITS) * y


def kl(p: Sequence, q: Sequence) -> Any:
    """KL(p‖q): a float for floats, else a ball; p must vanish where q does."""
    # A ball equals 0 only if it is 0 for certain.
    present = [(x, y) for x, y, zero in zip(p, q, (x == 0 for x in p), strict=True) if not zero]
    if all(isinstance(x, float) for x in p):
        return math.fsum(x * math.log(x / y) for x, y in present)
    with precision(BITS):
        return sum((ball(x, bits=BITS) * logarithm(x / y) for x, y in present), start=ball(0))


def ratio(p: Sequence, q: Sequence, pick: Callable = max) -> Any:
    """The largest p/q, or with `pick` = min the smallest, where q has mass."""
    return pick(x / y for x, y in zip(p, q, strict=True) if y != 0)


def renyi(p: Sequence, q: Sequence) -> Any:
    """D_∞(p‖q) = log sup p/q."""
    return logarithm(ratio(p, q))
