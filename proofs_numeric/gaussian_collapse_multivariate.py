"""A d-dimensional Gaussian refitted to its own samples collapses: E√Σ_t ⪯ c₄(n)^t √Σ_0.

The constant of one dimension suffices for every d, every Σ_0 and every n ≥ 2, n − 1 < d included, and no
smaller one does uniformly in t. In Σ's eigenbasis: sign flips leave the scaled Wishart W's law unchanged,
so E√X, X = S^½WS^½, is diagonal; (√X)_ii ≤ √X_ii; and X_ii = s_i χ²_ν/ν. Testing Σ_0 = I alone would
"support" the smaller constant E tr√W/d, which does not iterate.
"""

import functools
from fractions import Fraction

import numpy as np
import sympy as sp
from scipy import stats

from proofs_numeric.gaussian_collapse import (
    distance_between_chi_squares,
    gaussian_samples_are_needed,
    scale_variance,
)
from theorycheck import (
    BERTRAND_2024,
    Assumption,
    Enclosed,
    Integers,
    Matrices,
    OneOf,
    Rival,
    Spectra,
    Theorem,
    above,
    at_least,
    at_most,
    below,
    equals,
    law,
    mean,
)
from theorycheck.formula import ball
from theorycheck.loops import closed_forms as form
from theorycheck.loops import covariance, zonal
from theorycheck.loops.gaussian import contraction_factor

theorem = Theorem(
    key="gaussian-collapse-multivariate",
    title="A d-dimensional Gaussian refitted to its own samples collapses",
    source=BERTRAND_2024,
    statement=r"\mathbb{E}\sqrt{\Sigma_t} \preceq \alpha^t \sqrt{\Sigma_0},\quad 0 \le \alpha < 1",
    assumptions=[
        Assumption("sample-size", "each generation has n ≥ 2 samples", {"n": Integers(2)}),
        Assumption("gaussian", "samples are Gaussian", {"noise": OneOf("gaussian")}),
        Assumption(
            "covariance",
            "Σ_0 is positive semidefinite and not zero (given by its spectrum)",
            {"spectrum": Spectra()},
        ),
    ],
)

D = sp.Symbol("d", integer=True, positive=True)
X, DEGREES, P = sp.symbols("x d p", positive=True)

# --- the three steps of the proof ---------------------------------------------------------------------------


@theorem.forall(
    given={"root": Matrices((2, 4)), "axis": Integers(0, 1)},
    rivals={"flip on one side": dict(both=False)},
)
def sign_flips_commute_with_roots(root, axis, both=True):
    """If Y² = X then (DYD)² = DXD for every D = diag(±1).

    So √(DXD) = D√X D; as DXD has X's law in the eigenbasis, E√X has no entry off the diagonal.
    """
    y = sp.Matrix(root)
    flip = sp.diag(*[-1 if i == axis else 1 for i in range(y.rows)])
    flipped = flip * y * flip if both else flip * y
    return [equals(*pair) for pair in zip(flipped**2, flip * y**2 * flip, strict=True)]


@theorem.forall(given={"root": Matrices((2, 4))}, rivals={"equality": dict(relation=equals)})
def diagonal_of_the_root(root, relation=at_most):
    """(√X)_ii ≤ √(X_ii): X_ii is the squared length of the i-th row of √X."""
    y = sp.Matrix(root)
    return [relation(y[i, i] ** 2, (y * y)[i, i]) for i in range(y.rows)]


def scaled_entry(rng, size, n, spectrum, i):
    """νX_ii/s_i after one literal generation."""
    sigma = covariance.simulate_covariance(rng, np.diag(spectrum), n, 1, size)
    return (n - 1) * sigma[:, i, i] / spectrum[i]


@theorem.sampled(
    at=[dict(n=5, spectrum=(1.0, 0.1, 0.01), axis=1), dict(n=3, spectrum=(1.0, 1.0, 1.0, 1.0), axis=3)],
    margin=0.02,
    rivals={"n degrees of freedom": Rival(dict(freedom=lambda n: n), distance_between_chi_squares)},
)
def diagonal_is_chi_square(n, spectrum, axis, freedom=lambda n: n - 1):
    """νX_ii/s_i follows χ²_ν in the eigenbasis, whatever the dimension."""
    return equals(law(scaled_entry, n, spectrum, axis), stats.chi2(freedom(n)))


def root_entry(rng, size, n, spectrum, steps, x, y):
    """x'√Σ_t y of literal loops."""
    sigma = covariance.simulate_covariance(rng, np.diag(spectrum), n, steps, size)
    return np.array(x) @ covariance.square_root_entries(sigma) @ np.array(y)


AXES = {"first axis": (1.0, 0.0), "second axis": (0.0, 1.0), "diagonal": (0.5**0.5, 0.5**0.5)}


@theorem.sampled(
    at=[dict(n=5, spectrum=(1.0, 0.01))],
    margin=0.02,
    rivals={
        "in any basis": Rival(
            dict(spectrum=(1.0, 0.0), x=AXES["diagonal"], y=(0.5**0.5, -(0.5**0.5))),
            lambda n: form.contraction_factor(n) / 2,
        )
    },
)
def mean_root_is_diagonal(n, spectrum, x=AXES["first axis"], y=AXES["second axis"]):
    """E(√Σ_1)_12 = 0 in Σ_0's eigenbasis."""
    return equals(mean(root_entry, n, spectrum, 1, x, y, variance=spectrum[0]), 0)


# --- the bound ----------------------------------------------------------------------------------------------


@theorem.sampled(
    at=[
        dict(n=10, spectrum=(1.0, 0.04), steps=5, direction="first axis"),
        dict(n=10, spectrum=(1.0, 0.04), steps=5, direction="second axis"),
        dict(n=10, spectrum=(1.0, 0.04), steps=5, direction="diagonal"),
        dict(n=2, spectrum=(1.0, 1.0), steps=3, direction="diagonal"),
    ],
    margin=0.05,
    rivals={
        "isotropic constant, n = 2": Rival(
            dict(
                n=2,
                spectrum=(1.0, 1.0),
                steps=3,
                factor=lambda n: float(sp.N(form.isotropic_constant_pair(2))),
            ),
            lambda: (form.contraction_factor(2) / form.isotropic_constant_pair(2)) ** 2 - 1,
        ),
        "one generation more, one dimension": Rival(
            dict(n=2, spectrum=(1.0, 0.0), steps=3, direction="first axis", generations=lambda t: t + 1),
            lambda: 1 / form.contraction_factor(2) - 1,
        ),
        "0.97·c₄, one dimension": Rival(
            dict(
                n=10,
                spectrum=(1.0, 0.0),
                steps=5,
                direction="first axis",
                factor=lambda n: 0.97 * contraction_factor(n),
            ),
            lambda: Fraction(100, 97) ** 5 - 1,
        ),
    },
)
def mean_root_decays(n, spectrum, steps, direction, factor=contraction_factor, generations=lambda t: t):
    """E x'√Σ_t x ≤ c₄^t x'√Σ_0 x for the loop as the paper runs it, n − 1 < d included.

    The variance of x'√Σ_t x is at most E x'Σ_t x = x'Σ_0 x.
    """
    x = np.array(AXES[direction])
    along = mean(root_entry, n, spectrum, steps, AXES[direction], AXES[direction], variance=x**2 @ spectrum)
    return at_most(along, factor(n) ** generations(steps) * float(x**2 @ np.sqrt(spectrum)))


def ratio(rng, size, n, dimension, steps):
    """R_t = (√Σ_t)_xx/√(x'Σ_t x) from Σ_0 = I under the √-tilt along x; E(√Σ_t)_xx = c₄^t·E_Q R_t."""
    x = np.eye(dimension)[0]
    return covariance.tilted_ratio(rng, np.eye(dimension), n, steps, size, x)


def isotropic_share(n, dimension, steps):
    """(α_I/c₄)^t in the plane, where α_I = E tr√W/2."""
    return (form.isotropic_constant_plane(n) / form.contraction_factor(n)) ** steps


@theorem.sampled(
    at=[dict(n=10, dimension=2, steps=100), dict(n=10, dimension=2, steps=1000)],
    margin=0.02,
    first=4096,
    rivals={
        "0.99·c₄ suffices": Rival(
            dict(relation=at_most, share=lambda n, d, t: Fraction(99, 100) ** t),
            lambda dimension, steps: Fraction(1, dimension) - Fraction(99, 100) ** steps,
        ),
        "the isotropic constant suffices": Rival(
            dict(relation=at_most, share=isotropic_share),
            lambda n, dimension, steps: Fraction(1, dimension) - isotropic_share(n, dimension, steps),
        ),
        "E√Σ_t = c₄^t √Σ_0": Rival(
            dict(share=lambda n, d, t: isotropic_share(n, d, 1) + Fraction(1, 20)), lambda: Fraction(1, 20)
        ),
    },
)
def no_smaller_constant_does(n, dimension, steps, relation=at_least, share=lambda n, d, t: Fraction(1, d)):
    """E(√Σ_t)_xx = c₄^t·E_Q R_t ≥ c₄^t/d from Σ_0 = I at every t, and R_t ≤ 1: the constant is c₄ exactly.

    E_Q R_t never rises in t (E√Σ_{t+1} ⪯ c₄√Σ_t) and is α_I/c₄ at t = 1: that certifies the last rival.
    """
    return relation(mean(ratio, n, dimension, steps, bounds=(0.0, 1.0)), share(n, dimension, steps), scale=1)


@theorem.sampled(
    at=[
        dict(n=10, dimension=2, steps=1000),
        dict(n=10, dimension=3, steps=500),
        dict(n=3, dimension=3, steps=100),
    ],
    margin=0.035,
    first=1024,
    rivals={
        "1/√d": dict(limit=lambda d: 1 / sp.sqrt(d)),
        "1/d": dict(limit=lambda d: sp.Rational(1, d)),
        "1": dict(limit=lambda d: 1),
    },
)
def root_aligns_with_one_direction(n, dimension, steps, limit=form.alignment_limit):
    """At a horizon t with e^{−t(γ₁−γ₂)} negligible, E_Q R_t = √π·Γ((d+1)/2)/(d·Γ(d/2)) from Σ_0 = I."""
    return equals(mean(ratio, n, dimension, steps, bounds=(0.0, 1.0)), limit(sp.Integer(dimension)), scale=1)


# --- the one-step constant ----------------------------------------------------------------------------------


@theorem.symbolic(
    scope="all d > 0",
    rivals={
        "1/√d": dict(constant=lambda d: 1 / sp.sqrt(d)),
        "c₄(d+1)": dict(constant=lambda d: form.scale_moment(d + 1, 1)),
    },
)
def pair_constant(constant=form.isotropic_constant_pair):
    """At n = 2 and Σ_0 = I, Σ_1 has rank one and E√Σ_1 = I·E χ_d/d = I·√2Γ((d+1)/2)/(dΓ(d/2))."""
    chi = sp.Integral(sp.sqrt(X) * form.chi_square_density(X, DEGREES), (X, 0, sp.oo))
    return equals(chi / DEGREES, constant(DEGREES))


@theorem.certified(
    at=[dict(steps=1), dict(steps=2), dict(steps=100)],
    scope="n = 2, d from 2 to 200",
    rivals={
        "the isotropic constant iterates": dict(steps=2, factor=form.isotropic_constant_pair),
        "0.9·c₄": dict(
            steps=100, factor=lambda d: form.contraction_factor(sp.Integer(2)) * sp.Rational(9, 10)
        ),
    },
)
def isotropic_constant_does_not_iterate(steps, factor=lambda d: form.contraction_factor(sp.Integer(2))):
    """From rank one on the loop is one-dimensional: E√Σ_t = α_I(2, d)·c₄(2)^{t−1} ⪯ c₄(2)^t, above α_I^t."""
    truth = form.isotropic_constant_pair(D) * form.contraction_factor(sp.Integer(2)) ** (steps - 1)
    return at_most(truth, factor(D) ** steps, over={D: Integers(2, 200)})


@functools.cache
def alignment(n, dimension, steps):
    """E_Q R_t = E(√Σ_t)_xx/c₄^t from Σ_0 = I, enclosed by Gauss rules from exact moments."""
    return zonal.mean_root(n, dimension, steps) / ball(form.contraction_factor(sp.Integer(n))) ** steps


@theorem.certified(
    at=[dict(n=10, dimension=5, steps=2)],
    scope="n = 10, d = 5, t = 2",
    rivals={
        "1.01·α_I fails too": dict(growth=Fraction(101, 100)),
        "0.99·α_I suffices": dict(growth=Fraction(99, 100), relation=above),
    },
)
def isotropic_constant_fails_at_once(n, dimension, steps, growth=1, relation=below):
    """α_I² < E tr√Σ_2/d from Σ_0 = I."""
    return relation((alignment(n, dimension, 1) * ball(growth)) ** steps, alignment(n, dimension, steps))


def isotropic_alignment(n, dimension, steps, growth=1):
    """(growth·α_I/c₄)^t from above."""
    return (alignment(n, dimension, 1) * ball(growth)).upper() ** steps


@theorem.sampled(
    at=[dict(n=10, dimension=5, steps=5)],
    margin=0.01,
    rivals={
        "c₄ is attained": Rival(
            dict(share=lambda n, d, t: 1), lambda n, dimension, steps: 1 - alignment(n, dimension, steps)
        ),
        "1.05·α_I": Rival(
            dict(share=lambda n, d, t: isotropic_alignment(n, d, t, Fraction(21, 20))),
            lambda n, dimension, steps: (
                isotropic_alignment(n, dimension, steps, Fraction(21, 20)) - alignment(n, dimension, steps)
            ),
        ),
    },
)
def isotropic_constant_fails_later(n, dimension, steps, share=isotropic_alignment):
    """α_I^t ≤ E(√Σ_t)_xx = c₄^t·E_Q R_t from Σ_0 = I: .628 against .674 at t = 5."""
    return at_least(mean(ratio, n, dimension, steps, bounds=(0.0, 1.0)), share(n, dimension, steps), scale=1)


mean_root_plane = functools.cache(covariance.mean_root_plane)  # the same for a claim and its rivals


def plane_constants(n, conditions):
    """α*(S) = max_i E(√X)_ii/√s_i for each condition number, with the error of the quadrature."""
    fine, coarse = (np.array([max(mean_root_plane(n, c, order)) for c in conditions]) for order in (72, 56))
    return Enclosed(fine, np.abs(fine - coarse) + 1e-11)


@theorem.computed(
    at=[dict(n=10), dict(n=30)],
    margin=1e-6,
    scope="d = 2, Σ_0 = I",
    rivals={
        "c₄": dict(constant=form.contraction_factor),
        "ν for ν − 1": dict(constant=lambda n: form.isotropic_constant_plane(n + 1)),
    },
)
def plane_constant(n, constant=form.isotropic_constant_plane):
    """In the plane α_I = ½√(2/ν)·Γ(ν+½)/Γ(ν)·₂F₁(−½, ν−1; ν; −1)."""
    return equals(plane_constants(n, [1]), sp.N(constant(sp.Integer(n)), 20))


@theorem.computed(
    at=[dict(n=10)],
    full=[dict(n=30)],
    margin=1e-9,
    scope="d = 2, condition numbers 1, 10², 10⁴, 10⁶",
    rivals={
        "the isotropic start is the worst": dict(bound=lambda n, a: np.full_like(a, a[0])),
        "a constant below c₄": dict(bound=lambda n, a: np.full_like(a, contraction_factor(n) * (1 - 1e-4))),
    },
)
def constant_grows_with_condition(n, bound=lambda n, a: np.append(a[1:], contraction_factor(n))):
    """α*(S) rises with the condition number, each below the next, and all below c₄, which it approaches."""
    constants = plane_constants(n, 100.0 ** np.arange(4))
    return at_most(constants, bound(n, constants.value))


@theorem.computed(
    at=[dict(n=21), dict(n=101), dict(n=201), dict(n=1001)],
    margin=0.01,
    scope="d = 2, condition number 25",
    rivals={"one dimension": dict(interaction=0.0), "s_j/(s_i+s_j)": dict(interaction=1 / 26)},
)
def first_order_of_the_constant(n, interaction=1 / 36):
    """α_i = 1 − (1/2ν)[½ + Σ_j s_j/(√s_i+√s_j)²] + O(ν⁻²), here along the larger axis, i = 1.

    The remainder there is at most 1/(16ν²): twice its value in one dimension, c₄ = 1 − 1/(4ν) + 1/(32ν²) + ….
    """
    nu = n - 1
    fine, coarse = (mean_root_plane(n, 25.0, order)[0] for order in (72, 56))
    remainder = abs(fine - 1 + (0.5 + interaction) / (2 * nu)) * nu**2
    return at_most(Enclosed(remainder, (abs(fine - coarse) + 1e-12) * nu**2), Fraction(1, 16))


# --- the Lyapunov spectrum ----------------------------------------------------------------------------------


def log_pivot(rng, size, n, dimension, steps, j):
    """½·log of the j-th Cholesky pivot of Σ_t, the j-th over the (j−1)-th leading minor, from Σ_0 = I."""
    sigma = covariance.simulate_covariance(rng, np.eye(dimension), n, steps, size)
    minors = [np.linalg.slogdet(sigma[:, :k, :k])[1] for k in (j - 1, j)]
    return (minors[1] - minors[0]) / 2


def pivot(rng, size, n, dimension, j):
    """ν times the j-th pivot after one literal generation."""
    return (n - 1) * np.exp(2 * log_pivot(rng, size, n, dimension, 1, j))


@theorem.sampled(
    at=[dict(n=10, dimension=3, j=2), dict(n=3, dimension=4, j=2)],
    margin=0.02,
    rivals={
        "n − j + 1 degrees of freedom": Rival(
            dict(freedom=lambda n, j: n - j + 1), lambda n, j: distance_between_chi_squares(n - j + 1)
        )
    },
)
def pivots_are_chi_squares(n, dimension, j, freedom=lambda n, j: n - j):
    """The j-th pivot of νΣ_1 follows χ²_{n−j} (Bartlett), j ≤ min(d, ν); those of one generation multiply."""
    return equals(law(pivot, n, dimension, j), stats.chi2(freedom(n, j)))


@theorem.symbolic(
    scope="all real n > j ≥ 1",
    rivals={
        "next exponent": dict(exponent=lambda n, j: form.lyapunov_exponent(n, j + 1)),
        "log(2/n)": dict(exponent=lambda n, j: form.lyapunov_exponent(n, j) + sp.log((n - 1) / n) / 2),
        "1 % more": dict(exponent=lambda n, j: form.lyapunov_exponent(n, j) * sp.Rational(101, 100)),
    },
)
def exponent_of_a_pivot(exponent=form.lyapunov_exponent):
    """γ_j = ½E log(χ²_{n−j}/ν): the derivative at p = 0 of log E (χ²_{n−j}/ν)^{p/2}; n = j + d."""
    j = 1 + X
    cumulants = P / 2 * sp.log(2 / (j + DEGREES - 1)) + sp.loggamma((DEGREES + P) / 2)
    return equals(sp.diff(cumulants, P).subs(P, 0), exponent(j + DEGREES, j))


@theorem.sampled(
    # A last pivot with one degree of freedom would fall below the rounding of Σ_t now and then.
    at=[dict(n=4, dimension=4, steps=5, j=j) for j in (1, 2)]
    + [dict(n=5, dimension=3, steps=4, j=j) for j in (2, 3)],
    margin=0.04,
    rivals={
        "next exponent": dict(exponent=lambda n, j: form.lyapunov_exponent(n, j - 1)),
        "log c₄": dict(exponent=lambda n, j: sp.log(form.contraction_factor(n))),
        "10 % more": dict(exponent=lambda n, j: form.lyapunov_exponent(n, j) * sp.Rational(11, 10)),
    },
)
def lyapunov_spectrum(n, dimension, steps, j, exponent=form.lyapunov_exponent):
    """Volumes of j directions shrink at γ_1 + … + γ_j, γ_j = ½[ψ((n−j)/2) + log(2/ν)], exactly at every t.

    E log of the j-th Cholesky pivot of √Σ_t is t·γ_j, its variance t·ψ₁((n−j)/2)/4, for j ≤ min(d, ν).
    """
    variance = steps * sp.N(sp.polygamma(1, sp.Rational(n - j, 2))) / 4
    drawn = mean(log_pivot, n, dimension, steps, j, variance=variance)
    return equals(drawn, steps * exponent(sp.Integer(n), sp.Integer(j)))


def root_trace(rng, size, n, spectrum, steps, kernel="literal"):
    """tr√Σ_t of simulated loops; its square is at most rank·trΣ_t."""
    sigma = covariance.simulate_covariance(rng, np.diag(spectrum), n, steps, size, kernel=kernel)
    return np.sum(np.sqrt(np.clip(np.linalg.eigvalsh(sigma), 0, None)), axis=1)


ONE, THREE = (1.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@theorem.sampled(
    at=[dict(n=10, spectrum=spectrum, steps=5) for spectrum in (ONE, (1.0, 0.04, 0.0), THREE)],
    margin=0.06,
    rivals={
        "lower bound too large by 20 %": Rival(dict(spectrum=ONE, least=1.2), lambda: Fraction(20, 120)),
        "upper bound too small by 20 %": Rival(
            dict(spectrum=ONE, relation=at_most, most=0.8), lambda: Fraction(20, 80)
        ),
        "c₄^t·tr√Σ_0 from below, n = 2": Rival(
            dict(n=2, spectrum=THREE, least=3),
            lambda: 1 - form.isotropic_constant_pair(3) / form.contraction_factor(2),
        ),
    },
)
def trace_between_bounds(n, spectrum, steps, relation=at_least, least=1.0, most=1.0):
    """E tr√Σ_t ≥ c₄^t √λ_max(Σ_0); the upper bound c₄^t tr√Σ_0 follows from `mean_root_decays`.

    At n = 2 the trace from Σ_0 = I is exactly d·α_I·c₄^{t−1}, below c₄^t tr√Σ_0.
    """
    drawn = mean(root_trace, n, spectrum, steps, variance=sum(x > 0 for x in spectrum) * sum(spectrum))
    bound = least * max(spectrum) ** 0.5 if relation is at_least else most * sum(np.sqrt(spectrum))
    return relation(drawn, contraction_factor(n) ** steps * float(bound))


@theorem.sampled(
    at=[dict(n=10, steps=1, kernel="literal"), dict(n=50, steps=5, kernel="reduced")],
    margin=0.0045,
    rivals={
        "1 % more": dict(growth=Fraction(101, 100)),
        "1 % less": dict(growth=Fraction(99, 100)),
        "half the samples": dict(other=lambda n: n // 2),
    },
)
def trace_bounds_meet_at_rank_one(n, steps, kernel, growth=1, other=lambda n: n):
    """Both bounds are attained from Σ_0 = diag(1, 0, 0): E tr√Σ_t = c₄^t."""
    drawn = mean(root_trace, n, ONE, steps, kernel, variance=scale_variance(n, steps))
    return equals(drawn, growth * form.contraction_factor(sp.Integer(other(n))) ** steps)


@theorem.computed(
    at=[dict(n=2, dimension=3), dict(n=3, dimension=5), dict(n=6, dimension=4)],
    margin=0.1,
    scope="200 literal loops of 3 generations",
    rivals={
        "full rank": dict(n=3, dimension=5, rank=lambda n, d: d),
        "rank n": dict(n=3, dimension=5, rank=lambda n, d: min(d, n)),
    },
)
def rank_is_lost_for_good(n, dimension, rank=lambda n, d: min(d, n - 1)):
    """Σ_t has rank min(d, n−1) from t = 1 on: the Lyapunov exponents beyond are −∞."""
    sigma = covariance.simulate_covariance(np.random.default_rng(8), np.eye(dimension), n, 3, 200)
    found = np.array([np.linalg.matrix_rank(s, tol=1e-12 * np.trace(s)) for s in sigma], float)
    return equals(Enclosed(found, 0.0), float(rank(n, dimension)), scale=1)


@theorem.certified(
    at=[dict(n=10)],
    scope="Σ_0 of rank one, one generation",
    rivals={"0.99·c₄": dict(factor=lambda n: form.contraction_factor(n) * sp.Rational(99, 100))},
    without={"gaussian": dict(noise="two-point")},
)
def rank_one_is_one_dimensional(n, noise="gaussian", factor=form.contraction_factor):
    """From Σ_0 of rank one the loop is the one-dimensional one, which two-point samples break."""
    return gaussian_samples_are_needed(n, noise, factor)
