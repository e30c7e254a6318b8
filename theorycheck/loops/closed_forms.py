"""Closed forms of the Gaussian loop, each written once, as a sympy expression.

They are lowered to ball arithmetic and to NumPy by `theorycheck.formula`. Notation: n samples a
generation, ν = n − 1 degrees of freedom, d dimensions. Every argument may be a number or a symbol.
"""

from __future__ import annotations

import sympy as sp

HALF = sp.Rational(1, 2)


def chi_square_density(x, freedom):
    """Density of χ²_ν at x > 0."""
    return (
        x ** (freedom / sp.S(2) - 1)
        * sp.exp(-x / 2)
        / (2 ** (freedom / sp.S(2)) * sp.gamma(freedom / sp.S(2)))
    )


def chi_square_below(x, freedom):
    """P(χ²_ν ≤ x)."""
    return sp.lowergamma(freedom / sp.S(2), x / sp.S(2)) / sp.gamma(freedom / sp.S(2))


def scale_moment(n, power):
    """E (S/σ)^power for the unbiased sample scale S of n Gaussian points: (2/ν)^{p/2} Γ((ν+p)/2)/Γ(ν/2)."""
    half = (n - 1) / sp.S(2)
    return half ** (-power / sp.S(2)) * sp.gamma(half + power / sp.S(2)) / sp.gamma(half)


def contraction_factor(n):
    """c₄(n) = E S/σ = √(2/ν)·Γ(n/2)/Γ(ν/2): the factor by which E σ_t shrinks in a generation."""
    return scale_moment(n, 1)


def biased_contraction_factor(n):
    """The same for the maximum-likelihood variance, which divides by n: c₄(n)·√((n−1)/n)."""
    return contraction_factor(n) * sp.sqrt((n - 1) / sp.S(n))


def log_drift(n):
    """E log(S/σ) = ½[ψ(ν/2) − log(ν/2)]: the almost-sure growth of log σ_t in a generation."""
    half = (n - 1) / sp.S(2)
    return (sp.digamma(half) - sp.log(half)) / 2


def log_spread(n):
    """Var log(S/σ) = ψ₁(ν/2)/4."""
    return sp.polygamma(1, (n - 1) / sp.S(2)) / 4


def median_offset(n):
    """lim median(log σ_t) − t·drift = −κ₃/(6κ₂) = −ψ₂(ν/2)/(12ψ₁(ν/2)) (Cornish–Fisher)."""
    half = (n - 1) / sp.S(2)
    return -sp.polygamma(2, half) / (12 * sp.polygamma(1, half))


def displacement_fourth_moment(n, steps):
    """E (μ_t − μ_0)⁴/σ_0⁴ = (3/n²)·E(Σσ_s²)² with E σ_s²σ_u² = (1+2/ν)^s for s ≤ u."""
    growth = 1 + 2 / (n - 1)
    return 3 / n**2 * sum(growth**s * (1 + 2 * (steps - 1 - s)) for s in range(steps))


def lyapunov_exponent(n, j):
    """The j-th Lyapunov exponent of √Σ_t, j = 1 … min(d, ν): ½[ψ((n−j)/2) + log(2/ν)]."""
    return (sp.digamma((n - j) / sp.S(2)) - sp.log((n - 1) / sp.S(2))) / 2


def isotropic_constant_plane(n):
    """E tr√W/2 for the scaled Wishart matrix W in two dimensions (ν degrees of freedom, mean I)."""
    nu = n - 1
    return (
        HALF
        * sp.sqrt(2 / sp.S(nu))
        * sp.gamma(nu + HALF)
        / sp.gamma(nu)
        * sp.hyper((-HALF, nu - 1), (nu,), -1)
    )


def isotropic_constant_pair(d):
    """E tr√W/d for n = 2 samples in d dimensions: √2·Γ((d+1)/2)/(d·Γ(d/2))."""
    return sp.sqrt(2) * sp.gamma((d + 1) / sp.S(2)) / (d * sp.gamma(d / sp.S(2)))


def alignment_limit(d):
    """lim E_Q R_t from Σ_0 ∝ I under the √-tilt: √π·Γ((d+1)/2)/(d·Γ(d/2))."""
    return isotropic_constant_pair(d) * sp.sqrt(sp.pi / 2)
