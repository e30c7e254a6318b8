"""Closed forms of the finite-sample map on its exact oracle, each written once, as a sympy expression.

The oracle is the Gaussian mean with known variance 1: n real points and λn points of the model a generation,
θ* = 0, from a known θ_0. Everything is about θ_t at a fixed t. Arguments may be numbers or symbols; where λn
is not whole, λ stands for ⌊λn⌋/n. Source of the bound: Bertrand et al., ICLR 2024.
"""

from __future__ import annotations

import sympy as sp


def rate(weight):
    """ρ = λ/(1+λ): the factor by which θ_t − θ* shrinks in mean."""
    return weight / (1 + weight)


def fresh_variance(n, weight, t):
    """Var θ_t with new real points each generation: (1+λ)/((1+2λ)n)·(1−ρ^{2t})."""
    return (1 + weight) / ((1 + 2 * weight) * n) * (1 - rate(weight) ** (2 * t))


def conditional_variance(n, weight, t):
    """Var θ_t given a real set that is drawn once: λ/((1+2λ)n)·(1−ρ^{2t})."""
    return weight / ((1 + 2 * weight) * n) * (1 - rate(weight) ** (2 * t))


def fixed_variance(n, weight, t):
    """Var θ_t over a real set that is drawn once and kept: (1−ρ^t)²/n more than given that set."""
    return (1 - rate(weight) ** t) ** 2 / n + conditional_variance(n, weight, t)


VARIANCES = {"fixed": fixed_variance, "fresh": fresh_variance}


def stationary(weight, protocol):
    """n·Var θ_t as t → ∞: 1 + λ/(1+2λ) with a fixed real set, (1+λ)/(1+2λ) with fresh ones."""
    return 1 + weight / (1 + 2 * weight) if protocol == "fixed" else (1 + weight) / (1 + 2 * weight)


def at_decay(expression, weight, t, decay):
    """The expression with ρ^t replaced by `decay`."""
    return sp.expand_power_exp(expression).subs(rate(weight) ** t, decay)


def geometric_sum(ratio, t):
    """Σ_{l<t} ρ^l, for ρ ≠ 1."""
    return (1 - ratio**t) / (1 - ratio)


def deviation(n, delta, a, b=2, optimisation=0):
    """ε_opt + (a/√n)√log(b/δ): what |Gⁿ(θ) − G(θ)| exceeds with probability at most δ."""
    return optimisation + a * sp.sqrt(sp.log(b / delta) / n)


def deviation_constant(weight):
    """a = √(2/(1+λ)) of the oracle, whose Gⁿ(θ) − G(θ) is normal with variance 1/((1+λ)n)."""
    return sp.sqrt(2 / (1 + weight))


def error_bound(n, t, delta, ratio, a, b=2, distance=0, optimisation=0):
    """The theorem's bound on ‖θ_t − θ*‖, t ≥ 1, which fails with probability at most δ.

    (ε_opt + (a/√n)√log(bt/δ))·Σ_{l<t} ρ^l + ρ^t‖θ_0 − θ*‖; the paper sums to l = t, one term more.
    """
    return deviation(n, delta / t, a, b, optimisation) * geometric_sum(ratio, t) + ratio**t * distance
