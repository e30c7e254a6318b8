"""Standard normals by the batch, in loops that a compiler turns into vector instructions.

The bits come from 64 interleaved xoshiro256++ generators (Blackman and Vigna, ACM Trans. Math. Softw. 47,
2021), each of which starts at its own 256 bits of the given `numpy.random.Generator`: that two of them meet
within 2⁶⁴ words is less likely than 2⁻¹⁸⁰. Two words make two normals by Box and Muller's transform (1958),

    √(−2 log u)·cos 2πx,  √(−2 log u)·sin 2πx,   u in {2⁻⁵², …, 1},  x in {−½, −½ + 2⁻⁵², …, ½ − 2⁻⁵²},

so that none is beyond 8.5, where 2·10⁻¹⁷ of the law lies. They are within 2·10⁻¹⁵·√(−2 log u) of that.
Logarithm, sine and cosine are polynomials written in + − × ÷, each correctly rounded and none fused: the bits
are the same in plain Python and on any processor that follows IEEE 754, whatever vectors it has.
"""

import math

import numpy as np

from theorycheck.kernels.jit import kernel

LANES = 64
BATCH = 512  # normals made at once: everything stays in the innermost cache
PAIRS = BATCH // 2

# NumPy's and Numba's unsigned integers mix with nothing but themselves.
BITS_12, BITS_17, BITS_19, BITS_23, BITS_32, BITS_41, BITS_45, BITS_52 = np.array(
    [12, 17, 19, 23, 32, 41, 45, 52], dtype=np.uint64
)
ONE = np.uint64(0x3FF0000000000000)  # the bits of 1.0
TWO_52 = np.uint64(0x4330000000000000)  # of 2⁵²
ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)  # of √½
FRACTION = np.uint64(0x000FFFFFFFFFFFFF)  # where the bits of a double are its fraction
BIAS = 64  # added to an exponent of 2, so that it stays positive
SHIFTED_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD - (BIAS << 52))


@kernel
def start(rng):
    """A stream of normals that `rng` has seeded: the lanes' states, a batch, what is left of it, scratch."""
    states = np.empty((4, LANES), dtype=np.uint64)
    for lane in range(LANES):
        for i in range(4):
            high = np.uint64(4294967296.0 * rng.random())
            low = np.uint64(4294967296.0 * rng.random())
            states[i, lane] = (high << BITS_32) | low
    return states, np.empty(BATCH), np.zeros(1, dtype=np.int64), np.empty(PAIRS, dtype=np.uint64)


@kernel
def draw(stream, count, out):
    """The next `count` normals of the stream, into the first entries of `out`."""
    states, batch, left, exponents = stream
    done = 0
    while done < count:
        if left[0] == 0:
            fill_words(states, batch.view(np.uint64))
            box_muller(batch, exponents)
            left[0] = BATCH
        take = min(count - done, left[0])
        taken = batch[BATCH - left[0] :]
        rest = out[done:]
        for i in range(take):
            rest[i] = taken[i]
        done += take
        left[0] -= take


@kernel
def fill_words(states, words):
    """The lanes' next words in turn; `words` has a multiple of as many places as there are lanes."""
    lanes = states.shape[1]
    for first in range(0, words.size, lanes):
        row = words[first : first + lanes]
        for lane in range(lanes):
            a = states[0, lane]
            b = states[1, lane]
            c = states[2, lane]
            d = states[3, lane]
            # np.add wraps around silently, where + on NumPy's scalars would warn.
            total = np.add(a, d)
            row[lane] = np.add((total << BITS_23) | (total >> BITS_41), a)
            c ^= a
            d ^= b
            states[0, lane] = a ^ d
            states[1, lane] = b ^ c
            states[2, lane] = c ^ (b << BITS_17)
            states[3, lane] = (d << BITS_45) | (d >> BITS_19)


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
