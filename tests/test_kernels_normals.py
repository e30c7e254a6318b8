"""The normals of the kernels: bits, accuracy and law, by oracles of their own."""

import math
import os
import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest
from flint import arb, arb_poly, ctx
from numba import njit
from scipy import stats
from streams import Normals

from theorycheck.kernels import normals, uniforms


@pytest.mark.parametrize("sizes", [(1, 511, 3, 0, 1000, 1), (512, 512), (2000,), (0, 513, 511)], ids=str)
def test_a_stream_goes_on_where_it_was_left(sizes):
    draw = Normals(np.random.default_rng(3))
    parts = np.concatenate([draw(size) for size in sizes])
    assert parts.tolist() == Normals(np.random.default_rng(3))(sum(sizes)).tolist()
    assert len({*parts}) == parts.size


def test_no_more_is_written_than_asked_for():
    stream, out = uniforms.start(np.random.default_rng(3)), np.full(600, 99.0)
    normals.draw(stream, 550, out)
    assert (out[550:] == 99).all()
    assert (out[:550] != 99).all()


# --- accuracy -----------------------------------------------------------------------------------------------

# Bits after the point of u = 1 − k/2⁵² and x = k/2⁵² − ½: the ends, the seams and the middle, then any.
EDGES = [0, 1, 2, 2**49, 2**50 - 1, 2**50, 2**50 + 1, 2**51 - 1, 2**51, 2**51 + 1, 3 * 2**50, 2**52 - 1]
ROOTS = [2**52 - int(2**52 * math.sqrt(0.5) * 2.0**-j) + i for j in range(4) for i in (-1, 0, 1)]
TAIL = [2**52 - 2**j for j in range(51)]
SOME = np.random.default_rng(4).integers(0, 2**52, 400).tolist()


def transformed(radius, turn):
    """Pairs of normals from the 52 bits that count of each word; the other twelve must not matter."""
    spare = np.random.default_rng(5).integers(0, 2**12, 512).tolist()
    pairs, first = [], 0
    while first < len(radius):
        fractions = [*radius[first : first + 256]] + [0] * max(0, first + 256 - len(radius))
        fractions += [*turn[first : first + 256]] + [0] * max(0, first + 256 - len(turn))
        bits = [fraction << 12 | rest for fraction, rest in zip(fractions, spare, strict=True)]
        batch = np.array(bits, dtype=np.uint64).view(np.float64)
        normals.box_muller(batch, np.empty(256, dtype=np.uint64))
        pairs += zip(batch[:256].tolist(), batch[256:].tolist(), strict=True)
        first += 256
    return pairs[: len(radius)]


@pytest.mark.parametrize("radius", [EDGES, ROOTS, TAIL, SOME], ids=["edges", "roots", "tail", "some"])
@pytest.mark.parametrize("turn", [EDGES, SOME], ids=["edges", "some"])
def test_pairs_are_those_of_box_and_muller(radius, turn):
    size = max(len(radius), len(turn))
    radius = [radius[i % len(radius)] for i in range(size)]
    turn = [turn[i * 7 % len(turn)] for i in range(size)]
    with mp.workdps(50):
        for r, x, pair in zip(radius, turn, transformed(radius, turn), strict=True):
            length = mp.sqrt(-2 * mp.log(1 - mp.mpf(r) / 2**52))
            angle = 2 * mp.pi * (mp.mpf(x) / 2**52 - mp.mpf(1) / 2)
            for found, exact in zip(pair, (length * mp.cos(angle), length * mp.sin(angle)), strict=True):
                assert abs(found - exact) <= 2e-15 * length


def test_the_longest_and_the_shortest():
    (longest, _), (shortest, _) = transformed([2**52 - 1, 0], [2**51, 2**51])
    assert (longest, shortest) == (pytest.approx(math.sqrt(104 * math.log(2)), rel=1e-15), 0.0)


def bound(coefficients, exact, largest):
    """A bound of |Σ c_k z^k − Σ e_k z^k| over [0, largest], in ball arithmetic.

    The difference is written around the middles of 64 intervals, where its terms no longer cancel.
    """
    difference = arb_poly(coefficients) - arb_poly(exact)
    half = arb(largest) / 128
    worst = arb(0)
    for j in range(64):
        around = difference(arb_poly([(2 * j + 1) * half, 1]))
        here = sum((abs(c) * half**k for k, c in enumerate(around.coeffs())), arb(0))
        worst = max(worst, here, key=lambda ball: float(ball.upper()))
    return worst


class Polynomial:
    """Just enough of the polynomials in x, with exact coefficients, to run a kernel on them."""

    def __init__(self, coefficients):
        self.coefficients = [arb(c) for c in coefficients]

    def __add__(self, other):
        other = other.coefficients if isinstance(other, Polynomial) else [arb(other)]
        size = max(len(self.coefficients), len(other))
        mine, theirs = (c + [arb(0)] * (size - len(c)) for c in (self.coefficients, other))
        return Polynomial([a + b for a, b in zip(mine, theirs, strict=True)])

    def __mul__(self, other):
        other = other.coefficients if isinstance(other, Polynomial) else [arb(other)]
        product = [arb(0)] * (len(self.coefficients) + len(other) - 1)
        for i, a in enumerate(self.coefficients):
            for j, b in enumerate(other):
                product[i + j] += a * b
        return Polynomial(product)

    __radd__, __rmul__ = __add__, __mul__


class Quotient:
    """Stands for m, of which `logarithm` uses nothing but s = (m − 1)/(m + 1)."""

    def __sub__(self, one):
        assert one == 1.0
        return self

    __add__ = __sub__

    def __truediv__(self, other):
        assert other is self
        return Polynomial([0, 1])


TERMS = 40


def series(name):
    """The exact Taylor coefficients of f in x, a bound of what is left out at |x| ≤ end, and the end."""
    half_pi = arb.pi() / 2
    if name == "logarithm":
        # 2 artanh s; s = (√2 − 1)/(√2 + 1) at the ends of [√½, √2], and the rest is below a geometric series.
        end = (arb(2).sqrt() - 1) / (arb(2).sqrt() + 1)
        terms = [arb(2) / k if k % 2 else arb(0) for k in range(2 * TERMS)]
        return terms, 2 * end ** (2 * TERMS) / (1 - end), end
    odd = name == "half_pi_sine"
    terms = [
        (-1) ** (k // 2) * half_pi**k / arb(k).gamma() / k if k % 2 == odd and k else arb(not odd and not k)
        for k in range(2 * TERMS)
    ]
    return terms, half_pi ** (2 * TERMS) / arb(2 * TERMS).gamma(), arb(1) / 2


@pytest.mark.parametrize(
    ("name", "error"),
    [("logarithm", 2.5e-16), ("half_pi_sine", 5e-17), ("half_pi_cosine", 1e-16)],
)
def test_polynomials_are_enclosed(name, error):
    """|polynomial − f| ≤ error·|f|, with the coefficients that the kernel has, before its rounding."""
    before = ctx.prec
    ctx.prec = 256
    try:
        argument = Quotient() if name == "logarithm" else Polynomial([0, 1])
        mine = getattr(normals, name).py_func(argument).coefficients
        exact, left, end = series(name)
        # An odd f is divided by x, and all that remains is even: polynomials in z = x².
        odd = name != "half_pi_cosine"
        assert all(c == 0 for k, c in enumerate(mine) if k % 2 != odd)
        gap = bound(mine[odd::2], exact[odd::2], end**2) + left / (end if odd else 1)
        # 2·artanh(s)/s ≥ 2, sin(πx/2)/x ≥ √2 and cos(πx/2) ≥ √½ up to x = ½.
        smallest = {"logarithm": arb(2), "half_pi_sine": arb(2).sqrt(), "half_pi_cosine": 1 / arb(2).sqrt()}
        relative = float((gap / smallest[name]).upper())
        assert relative <= error
        assert relative > error / 3  # or the bound says nothing about this polynomial
    finally:
        ctx.prec = before


def test_logarithm_is_never_positive():
    # Otherwise the root of a radius could be that of a negative number.
    below = 1.0 - np.arange(100_000) * 2.0**-53
    assert normals.logarithm(1.0) == 0.0
    assert max(normals.logarithm(m) for m in below[1:2000]) < 0.0
    assert max(normals.logarithm(m) for m in below[2000::100]) < 0.0


def test_nothing_is_fused():
    """A fused multiply-add would make the bits depend on the processor."""
    options = {key: normals.box_muller.targetoptions[key] for key in ("nogil", "error_model")}
    afresh = njit(**options)(normals.box_muller.py_func)
    afresh(np.ones(512), np.zeros(256, dtype=np.uint64))
    (text,) = afresh.inspect_asm().values()
    assert "sqrt" in text
    assert not any(mnemonic in text for mnemonic in ("fmadd", "fmsub", "fnmadd", "fnmsub", "fmla", "fmls"))


DRAW = """
import numpy as np
from theorycheck.kernels import normals, uniforms
out = np.empty(3000)
normals.draw(uniforms.start(np.random.default_rng(3)), 3000, out)
print(*map(float.hex, out.tolist()))
"""


def test_a_processor_without_wide_vectors_gives_the_same_bits(tmp_path):
    """As code for the plainest processor of this architecture shows."""
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", DRAW], env=os.environ | plain, capture_output=True, text=True, check=True
    )
    here = Normals(np.random.default_rng(3))(3000)
    assert run.stdout.split() == [*map(float.hex, here.tolist())]


# --- the law ------------------------------------------------------------------------------------------------

LEVEL = 1e-6  # of each test: a correct generator fails once in a million choices of the seed
SAMPLE = Normals(np.random.default_rng(6))(2**21)


@pytest.mark.parametrize("power", range(1, 9))
def test_moments(power):
    exact = stats.norm.moment(power)
    error = math.sqrt((stats.norm.moment(2 * power) - exact**2) / SAMPLE.size)
    assert abs(np.mean(SAMPLE**power) - exact) < stats.norm.isf(LEVEL / 2) * error


def test_distribution_function():
    assert stats.kstest(SAMPLE, "norm", method="asymp").pvalue > LEVEL


def test_tails():
    edges = [-math.inf, *np.arange(-4.5, 4.51, 0.5), math.inf]
    observed = np.histogram(SAMPLE, edges)[0]
    assert stats.chisquare(observed, np.diff(stats.norm.cdf(edges)) * SAMPLE.size).pvalue > LEVEL


def test_far_tails():
    # Of 2⁵² equally likely radii, those beyond t must be a share exp(−t²/2): where it changes over is known.
    for t in np.arange(0.25, 8.5, 0.25):
        beyond = int(mp.floor(mp.mpf(2) ** 52 * mp.exp(-(mp.mpf(t) ** 2) / 2)))
        # k/2⁵² is u; cos 2πx is 1 at x = 0.
        (outside, _), (inside, _) = transformed([2**52 - beyond, 2**52 - beyond - 1], [2**51] * 2)
        assert outside >= t * (1 - 1e-15)
        assert inside <= t * (1 + 1e-15)


def uncorrelated(columns):
    """No two columns correlate more than chance has it, at this level for all pairs together."""
    correlation = np.corrcoef(columns, rowvar=False)
    pairs = np.triu_indices(len(correlation), 1)
    return np.abs(correlation[pairs]).max() * math.sqrt(len(columns)) < stats.norm.isf(LEVEL / pairs[0].size)


@pytest.mark.parametrize("function", [lambda z: z, np.abs, lambda z: np.abs(z) > 1.5], ids="zas")
def test_lanes_and_places_of_a_batch_are_independent(function):
    batches = SAMPLE.reshape(-1, uniforms.BATCH)
    assert uncorrelated(function(batches[:, :64]).astype(float))
    # A radius gives places j and 256 + j; lanes meet again every 64 places.
    for j in (0, 17, 63):
        assert uncorrelated(function(batches[:, j::64]).astype(float))


def test_batches_add_up_as_independent_normals_do():
    # A common drift of lanes or of batches would show here, whatever its pattern.
    sums = SAMPLE.reshape(-1, uniforms.BATCH).sum(axis=1) / math.sqrt(uniforms.BATCH)
    squares = (SAMPLE.reshape(-1, uniforms.BATCH) ** 2).sum(axis=1)
    assert stats.kstest(sums, "norm").pvalue > LEVEL
    assert stats.kstest(squares, stats.chi2(uniforms.BATCH).cdf).pvalue > LEVEL
    assert uncorrelated(np.column_stack([sums[:-1], sums[1:], squares[:-1], squares[1:]]))


def test_streams_of_different_seeds_have_nothing_in_common():
    columns = [Normals(np.random.default_rng([7, seed]))(4096) for seed in range(20)]
    assert uncorrelated(np.column_stack(columns))
