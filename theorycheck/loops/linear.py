"""Exact linear algebra: sympy matrices of rationals, and the signs of their spectra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp


def matrix(rows: Sequence[Sequence[Any]]) -> sp.Matrix:
    """A sympy matrix of rationals from rows of integers or fractions."""
    return sp.Matrix([[sp.Rational(entry) for entry in row] for row in rows])


def symmetric_functions(square: sp.Matrix) -> list[sp.Rational]:
    """e_1, …, e_d of the eigenvalues, from the characteristic polynomial.

    Where the eigenvalues are real, all are positive (non-negative) iff every e_k is (Descartes' rule).
    """
    coefficients = square.to_DM().convert_to(sp.QQ).charpoly()
    return [sp.QQ.to_sympy((-1) ** k * c) for k, c in enumerate(coefficients)][1:]


def row_sum_norm(square: sp.Matrix) -> sp.Rational:
    """max_i Σ_j |m_ij|: at least the spectral norm of a symmetric matrix."""
    return max(sum(abs(entry) for entry in square.row(i)) for i in range(square.rows))


def norm_gap(curvatures: Sequence, kappa: Any, weight: Any, rate: Callable[..., Any]) -> sp.Matrix:
    """ρ²(A + λB)² − λ²B² with α = 1, positive semidefinite iff ‖(A + λB)⁻¹λB‖₂ ≤ ρ = rate(λ, α, κ, 1).

    B = A + κS, where S is the pair's difference over its row-sum norm, so that ‖B − A‖ ≤ κ.
    """
    real, other = map(matrix, curvatures)
    kappa, weight = sp.Rational(kappa), sp.Rational(weight)
    difference = other - real
    own = real + kappa * difference / (row_sum_norm(difference) or 1)
    return rate(weight, 1, kappa, 1) ** 2 * (real + weight * own) ** 2 - weight**2 * own**2
