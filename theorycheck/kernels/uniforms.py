"""Uniform numbers by the batch, and the stream that all draws of the kernels come from.

The bits come from 64 interleaved xoshiro256++ generators (Blackman and Vigna, ACM Trans. Math. Softw. 47,
2021), each of which starts at its own 256 bits of the given `numpy.random.Generator`: that two of them meet
within 2⁶⁴ words is less likely than 2⁻¹⁸⁰.

A stream is one array of doubles, as each array that is passed makes a call slower: a batch of each kind, the
lanes' states by their bits, scratch, and how many numbers of each batch are left. A call still costs as much
as some tens of numbers, so kernels ask for many at a time.
"""

import numpy as np

from theorycheck.kernels.jit import kernel

LANES = 64
BATCH = 512  # numbers made at once: everything stays in the innermost cache
UNIFORMS, NORMALS = 0, 1  # what is made by the batch
STATES = 2 * BATCH
SCRATCH = STATES + 4 * LANES
LEFT = SCRATCH + BATCH // 2

# NumPy's and Numba's unsigned integers mix with nothing but themselves.
BITS_12, BITS_17, BITS_19, BITS_23, BITS_32, BITS_41, BITS_45 = np.array(
    [12, 17, 19, 23, 32, 41, 45], dtype=np.uint64
)
ONE = np.uint64(0x3FF0000000000000)  # the bits of 1.0
BELOW_ONE = 1.0 - 2.0**-53


@kernel
def start(rng):
    """A stream that `rng` has seeded."""
    stream = np.zeros(LEFT + 2)
    states = stream.view(np.uint64)[STATES:SCRATCH]
    for lane in range(LANES):
        for i in range(4):
            high = np.uint64(4294967296.0 * rng.random())
            low = np.uint64(4294967296.0 * rng.random())
            states[i * LANES + lane] = (high << BITS_32) | low
    return stream


@kernel
def draw(stream, count, out):
    """The next `count` numbers into the first entries of `out`: (2k+1)/2⁵³, k < 2⁵², never 0 nor 1."""
    done = take(stream, UNIFORMS, count, out)
    while done < count:
        unit(next_words(stream, UNIFORMS))
        done += take(stream, UNIFORMS, count - done, out[done:])


@kernel
def take(stream, kind, most, out):
    """At most `most` of what is left of a batch; how many."""
    left = int(stream[LEFT + kind])
    count = min(most, left)
    rest = stream[(kind + 1) * BATCH - left :]
    for i in range(count):
        out[i] = rest[i]
    stream[LEFT + kind] = left - count
    return count


@kernel
def next_words(stream, kind):
    """The batch of a kind, all of it new: the lanes' next words, as doubles with those bits."""
    batch = stream[kind * BATCH : (kind + 1) * BATCH]
    fill_words(stream.view(np.uint64)[STATES:SCRATCH].reshape(4, LANES), batch.view(np.uint64))
    stream[LEFT + kind] = BATCH
    return batch


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
