"""Uniform numbers by the batch, and the stream that all draws of the kernels come from.

The bits come from 64 interleaved xoshiro256++ generators (Blackman and Vigna, ACM Trans. Math. Softw. 47,
2021), each of which starts at its own 256 bits of the given `numpy.random.Generator`: that two of them meet
within 2⁶⁴ words is less likely than 2⁻¹⁸⁰.

A call costs as much as some tens of numbers, so kernels ask for many at a time.
"""

import numpy as np

from theorycheck.kernels.jit import kernel

LANES = 64
BATCH = 512  # numbers made at once: everything stays in the innermost cache
UNIFORMS, NORMALS = 0, 1  # what is made by the batch

# NumPy's and Numba's unsigned integers mix with nothing but themselves.
BITS_12, BITS_17, BITS_19, BITS_23, BITS_32, BITS_41, BITS_45 = np.array(
    [12, 17, 19, 23, 32, 41, 45], dtype=np.uint64
)
ONE = np.uint64(0x3FF0000000000000)  # the bits of 1.0
BELOW_ONE = 1.0 - 2.0**-53


@kernel
def start(rng):
    """A stream that `rng` has seeded: the lanes' states; a batch of each kind, what is left; scratch."""
    states = np.empty((4, LANES), dtype=np.uint64)
    for lane in range(LANES):
        for i in range(4):
            high = np.uint64(4294967296.0 * rng.random())
            low = np.uint64(4294967296.0 * rng.random())
            states[i, lane] = (high << BITS_32) | low
    return states, np.empty((2, BATCH)), np.zeros(2, dtype=np.int64), np.empty(BATCH // 2, dtype=np.uint64)


@kernel
def draw(stream, count, out):
    """The next `count` numbers into the first entries of `out`: (2k+1)/2⁵³, k < 2⁵², never 0 nor 1."""
    states, batches, left, _ = stream
    batch = batches[UNIFORMS]
    done = 0
    while done < count:
        if left[UNIFORMS] == 0:
            fill_words(states, batch.view(np.uint64))
            unit(batch)
            left[UNIFORMS] = BATCH
        done += take(batch, left[UNIFORMS:], count - done, out[done:])


@kernel
def take(batch, left, most, out):
    """At most `most` of what is left of a batch; how many."""
    count = min(most, left[0])
    rest = batch[BATCH - left[0] :]
    for i in range(count):
        out[i] = rest[i]
    left[0] -= count
    return count


@kernel
def unit(batch):
    """Replace words, given as a batch of doubles with those bits, by uniform numbers."""
    words = batch.view(np.uint64)
    for i in range(BATCH):
        words[i] = (words[i] >> BITS_12) | ONE  # a double in [1, 2)
    for i in range(BATCH):
        batch[i] -= BELOW_ONE


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
