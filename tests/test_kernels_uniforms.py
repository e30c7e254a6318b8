"""The uniform numbers of the kernels, bit by bit, and the stream that gives them and the normals."""

import numpy as np
import pytest
from scipy import stats
from streams import Stream

from theorycheck.kernels import uniforms


def xoshiro(state):
    """xoshiro256++ on Python's integers, from the authors' description."""
    mask = 2**64 - 1
    s = list(state)
    while True:
        total = (s[0] + s[3]) & mask
        yield ((total << 23 | total >> 41) + s[0]) & mask
        shifted = s[1] << 17 & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = (s[3] << 45 | s[3] >> 19) & mask


def lanes(stream):
    """The states of a stream's lanes, shape (4, 64)."""
    return stream.view(np.uint64)[uniforms.STATES : uniforms.SCRATCH].reshape(4, 64)


def words(states, count):
    out = np.empty(count, dtype=np.uint64)
    uniforms.fill_words(states, out)
    return out


def test_words_are_those_of_the_published_generator():
    # The first words after the state (1, 2, 3, 4), as in the tests of Rust's rand_xoshiro.
    published = [
        41943041,
        58720359,
        3588806011781223,
        3591011842654386,
        9228616714210784205,
        9973669472204895162,
        14011001112246962877,
        12406186145184390807,
        15849039046786891736,
        10450023813501588000,
    ]
    assert words(np.array([[1], [2], [3], [4]], dtype=np.uint64), 10).tolist() == published


def test_lanes_take_turns():
    states = np.random.default_rng(1).integers(0, 2**64, (4, 64), dtype=np.uint64)
    lane = [xoshiro(column) for column in states.T.tolist()]
    expected = [next(each) for _ in range(8) for each in lane]
    assert words(states, 512).tolist() == expected
    assert words(states, 64).tolist() == [next(each) for each in lane]


def test_each_lane_starts_at_its_own_bits_of_the_generator():
    stream = uniforms.start(np.random.default_rng(2))
    halves = np.floor(np.random.default_rng(2).random((64, 4, 2)) * 2**32).astype(np.uint64)
    expected = (halves[:, :, 0] << np.uint64(32)) + halves[:, :, 1]
    assert lanes(stream).tolist() == expected.T.tolist()
    assert stream[uniforms.LEFT :].tolist() == [0, 0]


@pytest.mark.parametrize("sizes", [(1, 511, 3, 0, 1000, 1), (512, 512), (2000,), (0, 513, 511)], ids=str)
def test_a_stream_goes_on_where_it_was_left(sizes):
    draw = Stream(np.random.default_rng(3))
    parts = np.concatenate([draw.uniforms(size) for size in sizes])
    assert parts.tolist() == Stream(np.random.default_rng(3)).uniforms(sum(sizes)).tolist()
    assert len({*parts}) == parts.size


def test_no_more_is_written_than_asked_for():
    stream, out = uniforms.start(np.random.default_rng(3)), np.full(600, 99.0)
    uniforms.draw(stream, 550, out)
    assert (out[550:] == 99).all()
    assert (out[:550] < 1).all()


def test_uniforms_are_the_middles_of_equal_cells():
    states = lanes(uniforms.start(np.random.default_rng(3)))
    lane = [xoshiro(column) for column in states.T.tolist()]
    expected = [(2 * (next(each) >> 12) + 1) / 2**53 for _ in range(8) for each in lane]
    assert Stream(np.random.default_rng(3)).uniforms(512).tolist() == expected


def test_the_least_and_the_greatest():
    batch = np.array([2**64 - 1] + [0] * 511, dtype=np.uint64)
    numbers = batch.view(np.float64)
    uniforms.unit(numbers)
    assert numbers[:2].tolist() == [1 - 2.0**-53, 2.0**-53]


def test_batches_of_both_kinds_take_turns_on_the_lanes():
    """Whoever needs a new batch takes the lanes' next words; what is left of the other kind stays."""
    states = lanes(uniforms.start(np.random.default_rng(3)))
    words = np.empty(1536, dtype=np.uint64)
    uniforms.fill_words(states, words)
    draw = Stream(np.random.default_rng(3))
    first, _, second = draw.uniforms(300), draw.normals(300), draw.uniforms(300)
    found = np.concatenate([first, second])
    expected = np.concatenate([words[:512], words[1024:1112]])
    assert found.tolist() == [(2 * int(word >> 12) + 1) / 2**53 for word in expected]


def test_law():
    sample = Stream(np.random.default_rng(4)).uniforms(2**20)
    assert stats.kstest(sample, "uniform", method="asymp").pvalue > 1e-6
    pairs = np.histogram2d(sample[::2], sample[1::2], bins=20)[0]
    assert stats.chisquare(pairs.ravel()).pvalue > 1e-6
