"""Standard normals by the batch, in loops that a compiler turns into vector instructions.

Two words of the stream make two normals by Box and Muller's transform (1958),

    √(−2 log u)·cos 2πx,  √(−2 log u)·sin 2πx,   u in {2⁻⁵², …, 1},  x in {−½, −½ + 2⁻⁵², …, ½ − 2⁻⁵²},

so that none is beyond 8.5, where 2·10⁻¹⁷ of the law lies. They are within 2·10⁻¹⁵·√(−2 log u) of that.
Logarithm, sine and cosine are polynomials written in + − × ÷, each correctly rounded and none fused: the bits
are the same in plain Python and on any processor that follows IEEE 754, whatever vectors it has.
"""

import math

import numpy as np

from theorycheck.kernels.jit import kernel
from theorycheck.kernels.uniforms import BATCH, BITS_12, LEFT, NORMALS, ONE, SCRATCH, next_words, take

PAIRS = BATCH // 2

BITS_52 = np.uint64(52)
TWO_52 = np.uint64(0x4330000000000000)  # the bits of 2⁵²
ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)  # of √½
FRACTION = np.uint64(0x000FFFFFFFFFFFFF)  # where the bits of a double are its fraction
BIAS = 64  # added to an exponent of 2, so that it stays positive
SHIFTED_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD - (BIAS << 52))


@kernel
def draw(stream, count, out):
    """The next `count` normals of a stream (`uniforms.start`), into the first entries of `out`."""
    done = take(stream, NORMALS, count, out)
    while done < count:
        box_muller(next_words(stream, NORMALS), stream.view(np.uint64)[SCRATCH:LEFT])
        done += take(stream, NORMALS, count - done, out[done:])


@kernel
def box_muller(batch, exponents):
    """Replace uniform words, given as a batch of doubles with those bits, by standard normals."""
    words = batch.view(np.uint64)
    radius = batch[:PAIRS]
    turn = batch[PAIRS:]
    for i in range(BATCH):
        words[i] = (words[i] >> BITS_12) | ONE  # a double in [1, 2)
    for i in range(PAIRS):
        radius[i] = 2.0 - radius[i]
    for i in range(PAIRS):
        # u = 2^e·m with m in [√½, √2): e + BIAS goes into a double's last bits, and m stays.
        shifted = words[i] - SHIFTED_ROOT_HALF
        exponents[i] = (shifted >> BITS_52) | TWO_52
        words[i] = (shifted & FRACTION) + ROOT_HALF
    powers = exponents.view(np.float64)
    for i in range(PAIRS):
        power = powers[i] - (4503599627370496.0 + BIAS)
        radius[i] = math.sqrt(-2.0 * (0.6931471805599453 * power + logarithm(radius[i])))
    for i in range(PAIRS):
        x = turn[i] - 1.5
        sine = half_pi_sine(x)
        # From πx/2 to πx to 2πx.
        twice = 2.0 * sine * half_pi_cosine(x)
        turn[i] = radius[i] * (2.0 * twice * (1.0 - 2.0 * sine * sine))
        radius[i] = radius[i] * (1.0 - 2.0 * twice * twice)


# The polynomials have the least relative error of their degree (Remez); even and odd terms are summed apart,
# which leaves a processor more to do at once.


@kernel
def logarithm(m):
    """log m, m in [√½, √2], as twice the inverse hyperbolic tangent of (m−1)/(m+1); at most 0 up to 1."""
    s = (m - 1.0) / (m + 1.0)
    w = s * s
    w2 = w * w
    low = 0.6666666666658748 + w * 0.40000000052141255
    middle = 0.2857141715059521 + w * 0.2222337025998325
    high = 0.18123686725369276 + w * 0.1681931253714186
    return s * (2.0 + w * (low + w2 * (middle + w2 * high)))


@kernel
def half_pi_sine(x):
    """sin(πx/2), |x| ≤ ½."""
    y = x * x
    y2 = y * y
    low = -0.6459640975062293 + y * 0.07969262624534669
    middle = -0.004681754120471553 + y * 0.00016044105909599965
    high = -3.598317008855208e-06 + y * 5.590350054416782e-08
    return x * (1.5707963267948966 + y * (low + y2 * (middle + y2 * high)))


@kernel
def half_pi_cosine(x):
    """cos(πx/2), |x| ≤ ½."""
    y = x * x
    y2 = y * y
    low = -1.2337005501361553 + y * 0.2536695078999593
    middle = -0.020863480735866375 + y * 0.0009192599541408554
    high = -2.5200143037841082e-05 + y * 4.655337001621619e-07
    return 1.0 + y * (low + y2 * (middle + y2 * high))
