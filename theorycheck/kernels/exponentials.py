"""Exponentials by the batch, in loops that a compiler turns into vector instructions.

e^x = 2^n·e^r with n the integer nearest to x/log 2, and Taylor's polynomial for e^r: written in + − × alone,
as in `normals`, so that the bits are the same in plain Python and on any processor.
"""

import numpy as np

from theorycheck.kernels.jit import kernel

BITS_52 = np.uint64(52)
BIAS = np.uint64(1023 << 52)  # of an exponent of 2
ROUND = 1.5 * 2.0**52  # added, it leaves a number's nearest integer in its last bits
PER_LOG_2 = 1.4426950408889634
# log 2 in two parts: the first has so few bits that n times it is exact.
LOG_2, LOG_2_REST = 0.693147180369123816490, 1.90821492927058770002e-10
LEAST = -708.0  # e^x is a normal number from here on


@kernel
def exponentials(x, powers):
    """Replace all x ≤ 0 by e^x, and those below −708 by e^−708; `powers`, integers of 64 bits, is scratch."""
    rounded = powers.view(np.float64)
    for i in range(x.size):
        x[i] = max(x[i], LEAST)
        rounded[i] = x[i] * PER_LOG_2 + ROUND
    for i in range(x.size):
        n = rounded[i] - ROUND
        x[i] = taylor((x[i] - n * LOG_2) - n * LOG_2_REST)
    for i in range(x.size):
        powers[i] = np.add(powers[i] << BITS_52, BIAS)
    for i in range(x.size):
        x[i] *= rounded[i]


@kernel
def taylor(r):
    """e^r, |r| ≤ ½ log 2."""
    r2 = r * r
    r4 = r2 * r2
    a = 1.0 + r
    b = 0.5 + r * (1.0 / 6.0)
    c = 1.0 / 24.0 + r * (1.0 / 120.0)
    d = 1.0 / 720.0 + r * (1.0 / 5040.0)
    e = 1.0 / 40320.0 + r * (1.0 / 362880.0)
    f = 1.0 / 3628800.0 + r * (1.0 / 39916800.0)
    g = 1.0 / 479001600.0 + r * (1.0 / 6227020800.0)
    return a + r2 * ((b + r2 * c) + r4 * ((d + r2 * e) + r4 * (f + r2 * g)))
