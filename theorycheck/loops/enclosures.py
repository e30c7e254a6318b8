"""H^K in ball arithmetic at any K: its Laplace integral with a rigorous error, the tail included.

Enumeration (`loops.exact`) takes all multisets of K − 1 proposals and ends near K = 20 on four atoms; the
integral H = K·a·∫_0^∞ e^{−ua}·φ(u)^{K−1} du, φ(u) = E_p e^{−uA}, takes one dimension whatever K is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from theorycheck.formula import ball, integral, precision

TAIL = 80  # the integral is cut where its tail is e^{−80} of what it is at most


def choice_ratio(p: Sequence, a: Sequence, choices: int, bits: int = 128) -> list:
    """Balls that contain H^K on the atoms, for exact probabilities p and weights a > 0 of length m.

    Beyond U = 80/(a + (K−1)·a_min), φ(u) ≤ e^{−u·a_min}: the tail of the integral lies between 0 and
    e^{−U(a + (K−1)a_min)}/(a + (K−1)a_min).
    """
    with precision(bits):
        masses, weights = ([ball(x, bits=bits) for x in values] for values in (p, a))
        least = ball(min(x for x, mass in zip(a, p, strict=True) if mass), bits=bits)
        return [_ratio(masses, weights, least, x, choices) for x in weights]


def _ratio(p: list, a: list, least: Any, own: Any, choices: int) -> Any:
    def integrand(u: Any) -> Any:
        phi = sum((-u * x).exp() * mass for mass, x in zip(p, a, strict=True))
        return (-u * own).exp() * phi ** (choices - 1)

    slowest = own + (choices - 1) * least
    end = TAIL / slowest
    # Halves towards 0, where the integrand has the scale 1/K.
    halves = [end / 2**k for k in range(math.ceil(math.log2(1 + choices * float(end.mid()))) + 3)]
    tail = (-end * slowest).exp() / slowest
    return choices * own * (integral(integrand, [*halves, 0]) + ball(0).union(tail))
