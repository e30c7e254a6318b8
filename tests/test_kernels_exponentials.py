"""The exponentials of the kernels, beside mpmath."""

import math

import mpmath as mp
import numpy as np
import pytest
from numba import njit

from theorycheck.kernels import exponentials


def powers(x):
    out = np.array(x, dtype=float)
    exponentials.exponentials(out, np.empty(out.size, dtype=np.uint64))
    return out.tolist()


HALVES = [(k + 0.5) * math.log(2) * (1 + e) for k in range(0, 1020, 17) for e in (-1e-15, 0, 1e-15)]


@pytest.mark.parametrize(
    "x",
    [
        np.linspace(0, 3, 301),
        np.random.default_rng(1).exponential(50, 300).clip(0, 708),
        np.array(HALVES),
        np.logspace(-300, 0, 61),
        np.arange(709.0),
    ],
    ids=["near", "any", "halves", "tiny", "far"],
)
def test_powers_are_exact_to_the_last_bit_but_one(x):
    with mp.workdps(40):
        exact = [mp.exp(-mp.mpf(value)) for value in x]
        apart = [abs(found / e - 1) for found, e in zip(powers(-x), exact, strict=True)]
    assert max(apart) < 3e-16


def test_the_ends():
    assert powers([0.0, -0.0]) == [1.0, 1.0]
    assert powers([-708.0, -708.1, -1e4, -1e300, -math.inf]) == [pytest.approx(math.exp(-708), rel=1e-15)] * 5


def test_the_polynomial_is_the_series():
    with mp.workdps(40):
        for r in np.linspace(-0.3466, 0.3466, 99):
            series = sum(mp.mpf(r) ** k / mp.factorial(k) for k in range(14))
            assert abs(exponentials.taylor(r) / series - 1) < 2.3e-16


def test_nothing_is_fused():
    """A fused multiply-add would make the bits depend on the processor."""
    options = {key: exponentials.exponentials.targetoptions[key] for key in ("nogil", "error_model")}
    afresh = njit(**options)(exponentials.exponentials.py_func)
    afresh(np.zeros(64), np.empty(64, dtype=np.uint64))
    (text,) = afresh.inspect_asm().values()
    assert not any(mnemonic in text for mnemonic in ("fmadd", "fmsub", "fnmadd", "fnmsub", "fmla", "fmls"))
