"""H^K in ball arithmetic at any K: its Laplace integral with a rigorous error, the tail included.

Enumeration (`loops.exact`) takes all multisets of K − 1 proposals and ends near K = 20 on four atoms; the
integral H = K·a·∫_0^∞ e^{−ua}·φ(u)^{K−1} du, φ(u) = E_p e^{−uA}, takes one dimension whatever K is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from flint import acb, arb

from theorycheck.formula import ball, precision

TAIL = 80  # the integral is cut where its tail is e^{−80} of what it is at most


def choice_ratio(p: Sequence, a: Sequence, choices: int, bits: int = 128) -> list[arb]:
    """Balls that contain H^K on the atoms, for exact probabilities p and weights a > 0 of length m.

    Adaptive Gauss–Legendre quadrature with proven bounds (Petras 2002, as in Arb) up to U, and beyond it
    φ ≤ e^{−u·a_min}: the tail of the integral lies in [0, e^{−U(a + (K−1)a_min)}/(a + (K−1)a_min)].
    """
    with precision(bits):
        masses, weights = ([ball(x, bits=bits) for x in values] for values in (p, a))
        least = ball(min(x for x, mass in zip(a, p, strict=True) if mass), bits=bits)
        return [_ratio(masses, weights, least, x, choices) for x in weights]


def _ratio(p: list[arb], a: list[arb], least: arb, own: arb, choices: int) -> arb:
    def integrand(u: acb, _analytic: bool) -> acb:
        phi = sum(((-u * x).exp() * mass for mass, x in zip(p, a, strict=True)), start=acb(0))
        return (-u * own).exp() * phi ** (choices - 1)

    slowest = own + (choices - 1) * least
    end = math.ceil(TAIL / float(slowest.mid())) if slowest < TAIL else 1
    # Halves towards 0, where the integrand has the scale 1/K.
    ends = [arb(end) / 2**k for k in range(math.ceil(math.log2(end * choices)) + 3)] + [arb(0)]
    whole = sum((acb.integral(integrand, lo, hi).real for hi, lo in itertools.pairwise(ends)), arb(0))
    tail = (-ends[0] * slowest).exp() / slowest
    return choices * own * (whole + tail / 2 + arb(0, 1) * tail / 2)
