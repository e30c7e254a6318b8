"""Retraining with infinite data is locally stable for every λ ≥ 0: the paper's ½ is not a threshold.

The Jacobian is J = (A + λB)⁻¹λB with A = E_data ∇² log p_θ*, B = −Fisher information, so −A ≻ 0, −B ⪰ 0.
In the (−A)-inner product J is self-adjoint, with eigenvalues λβ/(1 + λβ), β ≥ 0 those of A⁻¹B: all in [0, 1).
As β ≤ 1 + κ, κ = Lε/α, the rate is at most λ(1+κ)/(1+λ(1+κ)) < 1, an equality in one dimension.
The paper expands (I + λA⁻¹B)⁻¹ in a Neumann series, which forgets the sign of λβ: hence λ(1+κ) < ½.
What cannot be dropped is α > 0: without it the spectral radius is 1 and the error falls like t^{−½}.
"""

import functools
from fractions import Fraction

import numpy as np
import sympy as sp

from proofs_numeric._curvatures import FLAT, STRETCHED
from theorycheck import (
    DERIVED,
    Assumption,
    CurvaturePairs,
    Curvatures,
    Enclosed,
    Rationals,
    Theorem,
    above,
    at_least,
    at_most,
    below,
    equals,
)
from theorycheck.loops.linear import matrix, row_sum_norm, symmetric_functions
from theorycheck.loops.retraining import examples, rates
from theorycheck.loops.retraining.families import student
from theorycheck.loops.retraining.maps import Retraining
from theorycheck.loops.retraining.orbits import extrapolated

theorem = Theorem(
    key="retraining-stability-sharp",
    title="With infinite data, retraining is locally stable for every synthetic weight",
    source=DERIVED,
    statement=(
        r"\alpha > 0 \Rightarrow \rho\big((A+\lambda B)^{-1}\lambda B\big) \le "
        r"\frac{\lambda(1+\kappa)}{1+\lambda(1+\kappa)} < 1 \quad \forall \lambda \ge 0,\qquad "
        r"\kappa = \frac{L\varepsilon}{\alpha}"
    ),
    assumptions=[
        Assumption(
            "strong-concavity",
            "E_data ∇² log p_θ* ⪯ −αI with α > 0 (scaled to α = 1 where matrices are drawn)",
            {"curvatures": CurvaturePairs(), "spare": Rationals(Fraction(1, 1000))},
        ),
        Assumption("weight", "the synthetic weight λ is at least 0", {"synthetic_weight": Rationals(0, 100)}),
    ],
)

LAMBDA, KAPPA, ALPHA = sp.symbols("lambda kappa alpha", positive=True)


def jacobian(real, own, weight):
    """(A + λB)⁻¹λB."""
    return (real + weight * own).inv() * (weight * own)


# --- the spectrum, for every λ ------------------------------------------------------------------------------


@theorem.forall(
    examples=60,
    rivals={
        "J itself is symmetric": dict(
            curvatures=STRETCHED, synthetic_weight=Fraction(1), metric=lambda A: A**0
        ),
        "in the (−A)⁻¹ product": dict(
            curvatures=STRETCHED, synthetic_weight=Fraction(1), metric=lambda A: A.inv()
        ),
    },
)
def jacobian_is_self_adjoint(curvatures, synthetic_weight, metric=lambda A: A):
    """AJ is symmetric: J is self-adjoint in the (−A)-inner product, so its eigenvalues are real."""
    real, own = map(matrix, curvatures)
    product = metric(real) * jacobian(real, own, sp.Rational(synthetic_weight))
    return [equals(x, y) for x, y in zip(product, product.T, strict=True)]


@theorem.forall(
    examples=60,
    rivals={
        "the spectral norm of J is below 1": dict(
            curvatures=STRETCHED, synthetic_weight=Fraction(1), gap=lambda J: J**0 - J.T * J
        ),
        "the Neumann series' J = −λA⁻¹B": dict(
            curvatures=STRETCHED, synthetic_weight=Fraction(1), solved=lambda A, B, w: w * A.inv() * B
        ),
        "(A − λB)⁻¹λB": dict(
            curvatures=STRETCHED,
            synthetic_weight=Fraction(1),
            solved=lambda A, B, w: (A - w * B).inv() * (w * B),
        ),
    },
    without={
        "strong-concavity": dict(curvatures=FLAT, synthetic_weight=Fraction(1, 10)),
        "weight": dict(curvatures=STRETCHED, synthetic_weight=Fraction(-1, 10)),
    },
)
def spectrum_lies_in_the_unit_interval(curvatures, synthetic_weight, solved=jacobian, gap=lambda J: J**0 - J):
    """All eigenvalues of J lie in [0, 1), whatever λ ≥ 0: J and I − J have non-negative, positive spectra.

    At α = 0 an eigenvalue is 1; in the Euclidean norm J can be longer than 1.
    """
    real, own = map(matrix, curvatures)
    J = solved(real, own, sp.Rational(synthetic_weight))
    return [
        *(at_least(e, 0) for e in symmetric_functions(J)),
        *(above(e, 0) for e in symmetric_functions(gap(J))),
    ]


@theorem.certified(
    scope="−A = diag(1, 10⁴), −B = [[2, 140], [140, 10⁴]], λ = 1",
    rivals={"norm below 20": dict(relation=below), "spectral radius at least 1": dict(top=sp.Rational(1, 2))},
)
def norm_can_exceed_twenty(relation=above, top=1):
    """|J_12| > 20, so ‖J‖₂ > 20, while the spectral radius is below 1: measure the radius, not the norm."""
    real, own = map(matrix, STRETCHED)
    J = jacobian(real, own, 1)
    return [
        relation(max(abs(entry) for entry in J), 20),
        *(above(e, 0) for e in symmetric_functions(top * sp.eye(2) - J)),
    ]


@theorem.forall(
    examples=60,
    rivals={
        "κ = 0": dict(curvatures=STRETCHED, synthetic_weight=Fraction(1), spread=lambda norm: sp.S(0)),
        "half of κ": dict(
            curvatures=Curvatures(((1,),), ((3,),)),
            synthetic_weight=Fraction(1),
            spread=lambda norm: norm / 2,
        ),
    },
)
def rate_is_bounded(curvatures, synthetic_weight, spread=lambda norm: norm):
    """If −A ⪰ I and ‖B − A‖ ≤ κ, no eigenvalue of J exceeds λ(1+κ)/(1+λ(1+κ)).

    ‖B − A‖ ≤ Lε by Kantorovich–Rubinstein (`retraining-stability`); here it is bounded by its row sums.
    """
    real, own = map(matrix, curvatures)
    weight = sp.Rational(synthetic_weight)
    bound = rates.sharp_rate(weight, 1, spread(row_sum_norm(own - real)), 1)
    J = jacobian(real, own, weight)
    return [at_least(e, 0) for e in symmetric_functions(bound * sp.eye(J.rows) - J)]


@theorem.symbolic(
    scope="one dimension, all λ, α, κ > 0",
    rivals={
        "λ/(1+λ)": dict(rate=lambda w, *_: w / (1 + w)),
        "the paper's ρ": dict(rate=rates.paper_rate),
        "the KL theorem's ρ": dict(rate=rates.kl_rate),
    },
)
def bound_is_attained_in_one_dimension(rate=rates.sharp_rate):
    """In one dimension with −B = −A + Lε, J = λB/(A + λB) is λ(1+κ)/(1+λ(1+κ)) exactly."""
    own = -ALPHA * (1 + KAPPA)
    return equals(LAMBDA * own / (-ALPHA + LAMBDA * own), rate(LAMBDA, ALPHA, KAPPA * ALPHA, 1))


@theorem.symbolic(
    scope="all pulls q = λ(1+κ) in [0, ½)",
    rivals={"the other way round": dict(swapped=True)},
)
def sharp_rate_is_below_the_papers(swapped=False):
    """Where the paper's condition holds, the sharp rate is at most the paper's: q/(1+q) ≤ q/(1−q)."""
    u = sp.Symbol("u", nonnegative=True)
    pull = u / (2 * (1 + u))
    sharp, paper = (rate(pull, sp.S(1), sp.S(0), sp.S(0)) for rate in (rates.sharp_rate, rates.paper_rate))
    return at_most(*((paper, sharp) if swapped else (sharp, paper)))


# --- measured, on families that do not hold the data --------------------------------------------------------


def measured(model, data):
    """The measured rates at every λ with their errors."""
    return Enclosed(*examples.measured(model, data))


WEIGHTS = np.array(examples.WEIGHTS)
SMALL = WEIGHTS < 0.5
PAIRS = [
    *(dict(model="logistic-location", data=data) for data in examples.MISSPECIFIED),
    dict(model="student", data="skewed"),
    dict(model="logistic", data="bimodal"),
]
MORE_PAIRS = [dict(model="mixture", data=data) for data in ("heavy", "bimodal", "digits")]


def spectral_radius(model, data):
    """ρ(J) at every λ."""
    return np.abs(np.linalg.eigvals(examples.loop(model, data).jacobian(WEIGHTS))).max(axis=-1)


def sharp_bound(model, data, kappa=1):
    """λ(1+κ)/(1+λ(1+κ)) at every λ, with κ = Lε/α of this very pair (times `kappa`)."""
    alpha, lipschitz, epsilon = examples.local(model, data)
    return rates.sharp_rate(WEIGHTS, alpha, kappa * lipschitz, epsilon)


@theorem.computed(
    at=PAIRS,
    full=MORE_PAIRS,
    scope="λ from 0.05 to 20",
    margin=2e-4,
    rivals={
        "λ/(1−λ)": dict(
            rate=lambda *pair: np.where(SMALL, WEIGHTS / (1 - SMALL * WEIGHTS), spectral_radius(*pair))
        ),
        "λ/(1+λ)": dict(rate=lambda *pair: WEIGHTS / (1 + WEIGHTS)),
        "diverges beyond ½": dict(rate=lambda *pair: np.where(SMALL, spectral_radius(*pair), 1)),
        "the sharp bound": dict(rate=sharp_bound),
    },
)
def measured_rate_is_the_spectral_radius(model, data, rate=spectral_radius):
    """The limiting ratio of successive errors of the orbit is ρ(J), for λ below ½ and far beyond."""
    return equals(measured(model, data), rate(model, data), scale=1)


@theorem.computed(
    at=PAIRS,
    full=MORE_PAIRS,
    scope="λ from 0.05 to 20",
    margin=2e-4,
    rivals={
        "κ = 0": dict(
            model="logistic-location", data="digits", bound=lambda model, data: sharp_bound(model, data, 0)
        )
    },
)
def measured_rate_is_below_the_bound(model, data, bound=sharp_bound):
    """The measured rate is at most λ(1+κ)/(1+λ(1+κ)) at every λ, with α, L and ε computed for the pair."""
    return at_most(measured(model, data), bound(model, data), scale=1)


# --- what α > 0 carries: a Student model, data at ±c --------------------------------------------------------

NU, U, M = sp.Symbol("nu", positive=True), sp.Symbol("u", positive=True), sp.Symbol("m", real=True)


def student_score(x):
    """∂_m log p_m(x) of the Student location model with ν degrees of freedom."""
    return sp.diff(-(NU + 1) / 2 * sp.log(1 + (x - M) ** 2 / NU), M)


def mean_score(offset):
    """E ∂_m log p_m for data at ±offset."""
    return (student_score(offset) + student_score(-offset)) / 2


@theorem.symbolic(
    scope="all ν > 0",
    rivals={"ν + 3 for ν + 1": dict(cubic=-(NU + 3) / (4 * NU**2)), "α = 1/ν": dict(slope=-1 / NU)},
)
def likelihood_is_flat_at_the_root(slope=0, cubic=-(NU + 1) / (4 * NU**2)):
    """For data at ±√ν, E_data ∂_m log p_m = −((ν+1)/(4ν²))·m³ + O(m⁵): θ* = 0 is a maximum with α = 0."""
    score = mean_score(sp.sqrt(NU))
    order = [sp.diff(score, M, k).subs(M, 0) / sp.factorial(k) for k in range(4)]
    return [equals(order[0], 0), equals(order[1], slope), equals(order[2], 0), equals(order[3], cubic)]


@theorem.symbolic(
    at=[dict(degrees=k) for k in (1, 3, 5)],
    scope="1, 3 and 5 degrees of freedom",
    rivals={"(ν+1)/(ν+2)": dict(information=(NU + 1) / (NU + 2))},
)
def student_information(degrees, information=(NU + 1) / (NU + 3)):
    """The Fisher information of a Student location is (ν+1)/(ν+3)."""
    shape = sp.gamma((NU + 1) / 2) / (sp.gamma(NU / 2) * sp.sqrt(NU * sp.pi))
    y = sp.Symbol("y", positive=True)
    density = shape * (1 + y**2 / NU) ** (-(NU + 1) / 2)
    squared = student_score(y).subs(M, 0) ** 2
    here = {NU: sp.Integer(degrees)}
    return equals(sp.Integral((2 * density * squared).subs(here), (y, 0, sp.oo)), information.subs(here))


@theorem.symbolic(
    scope="all ν ≥ 1/1000, data at ±√(ν/(1+u)) with u ≥ 1/1000, all λ ≥ 0",
    rivals={
        "not beyond ½": dict(weight=LAMBDA + sp.S.Half, relation=at_least),
        "farther data too": dict(offset=lambda u: 1 + u),
    },
    without={"strong-concavity": dict(spare=Fraction(0), more=0)},
)
def closer_data_contract(
    spare=Fraction(1, 1000), more=U, weight=LAMBDA, relation=below, offset=lambda u: 1 / (1 + u)
):
    """J = λB/(A + λB) < 1 at every λ for data nearer than ±√ν; there it is 1, although λ < ½ too."""
    slope = sp.simplify(sp.diff(mean_score(sp.sqrt(offset(sp.Rational(spare) + more) * NU)), M).subs(M, 0))
    own = -(NU + 1) / (NU + 3)
    everywhere = {NU: Rationals(Fraction(1, 1000)), U: Rationals(0), LAMBDA: Rationals(0)}
    return relation(sp.cancel(weight * own / (slope + weight * own)), 1, over=everywhere)


@theorem.computed(
    at=[dict(degrees=3, weight=0.25), dict(degrees=3, weight=2.0), dict(degrees=1, weight=0.25)],
    margin=0.01,
    rivals={
        "ν + 1 for ν + 3": dict(growth=lambda nu, w: (nu + 1) / (2 * nu**2 * w)),
        "ν for ν²": dict(degrees=3, weight=2.0, growth=lambda nu, w: (nu + 3) / (2 * nu * w)),
        "√(ν²λ/((ν+3)t))": dict(growth=lambda nu, w: (nu + 3) / (nu**2 * w)),
    },
)
def flat_likelihood_has_no_rate(degrees, weight, growth=lambda nu, w: (nu + 3) / (2 * nu**2 * w)):
    """Data at ±√ν: 1/θ_t² grows by (ν+3)/(2ν²λ) a step, so θ_t ~ √(2ν²λ/((ν+3)t)): no geometric rate.

    One degree of freedom is the Cauchy model, θ_t√(2t/λ) → 1; it drops the first moment as well. The growth
    of the solved map's orbit is extrapolated to θ → 0, where its error is O(θ²).
    """
    return equals(measured_growth(degrees, weight), growth(degrees, weight))


@functools.cache
def measured_growth(degrees, weight):
    """1/θ_{t+1}² − 1/θ_t² along orbits, extrapolated to θ → 0."""
    loop = Retraining(student(degrees, 1), np.sqrt(degrees) * np.array([-1.0, 1.0]))
    near, far = (loop.orbit([start], weight, 5)[:, 0] for start in (0.01, 0.02))
    value, change = extrapolated(np.diff(far**-2.0), np.diff(near**-2.0))
    return Enclosed(value, change + 4e-14 / near[1:] ** 3)
