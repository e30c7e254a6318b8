"""Exact linear algebra against NumPy's floating-point spectra."""

from fractions import Fraction
from itertools import combinations
from math import prod

import numpy as np
import pytest
import sympy as sp

from theorycheck.loops.linear import matrix, row_sum_norm, symmetric_functions

ROWS = [
    [[3]],
    [[2, 1], [0, -5]],
    [[1, Fraction(1, 2), 0], [Fraction(1, 2), 4, -1], [0, -1, 2]],
    [[1, 2, 3, 4], [0, 1, 2, 3], [5, 0, 1, 2], [1, 1, 0, 7]],
]


@pytest.mark.parametrize("rows", ROWS, ids=len)
def test_symmetric_functions(rows):
    eigenvalues = np.linalg.eigvals(np.array(rows, float))
    expected = [sum(prod(c) for c in combinations(eigenvalues, k)) for k in range(1, len(rows) + 1)]
    found = symmetric_functions(matrix(rows))
    assert all(isinstance(value, sp.Rational) for value in found)
    np.testing.assert_allclose([float(value) for value in found], expected, rtol=1e-12)


@pytest.mark.parametrize("rows", ROWS, ids=len)
def test_row_sum_norm(rows):
    assert float(row_sum_norm(matrix(rows))) == np.linalg.norm(np.array(rows, float), np.inf)
