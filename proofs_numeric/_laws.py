"""Laws on finitely many states that several theorems of the curated loop are tried on."""

from fractions import Fraction

import numpy as np

from theorycheck import FiniteLaw
from theorycheck.loops import curation

HALVES = Fraction(1, 2), Fraction(1, 2)
TINY = Fraction(1, 10**6)

CLOSE = FiniteLaw(HALVES, (Fraction(9, 10), Fraction(1)))
CLOSER = FiniteLaw(HALVES, (Fraction(99, 100), Fraction(1)))
WIDE = FiniteLaw(HALVES, (Fraction(1, 10), Fraction(1)))
THREE = FiniteLaw(
    (Fraction(1, 2), Fraction(3, 10), Fraction(1, 5)), (Fraction(1, 5), Fraction(1, 2), Fraction(1))
)
RARE = FiniteLaw((1 - TINY, TINY), (TINY, Fraction(1)))  # the best state is
RARE_LOW = FiniteLaw(RARE.p[::-1], RARE.a)
HALF_AS_GOOD = FiniteLaw(RARE.p, (Fraction(1, 2), Fraction(1)))
THIRD = FiniteLaw((Fraction(7, 10), Fraction(3, 10)), RARE.a)

# Other starts on two states.
LOW_FIRST = Fraction(99, 100), Fraction(1, 100)
TOP_FIRST = Fraction(0), Fraction(1)


def mean_weight(rng, size, choices, users, steps, weight):
    """E a in `size` literal loops from `THREE` at λ = `weight`."""
    a = np.array(THREE.a, float)
    p0 = np.array(THREE.p, float)
    return curation.simulate(rng, p0, np.log(a), choices, users, steps, size, synthetic_weight=weight) @ a
