"""Retraining is stable near θ* when enough real data stays in the mix: the paper's condition and rate.

If x ↦ ∇²_θ log p_θ(x) is L-Lipschitz near θ*, E_data ∇² log p_θ* ⪯ −αI with α > 0, ε = W₁(p_θ*, p_data) is
finite and the start is close enough, then λ(1 + Lε/α) < ½ gives ‖θ_t − θ*‖ = Õ(ρ^t ‖θ_0 − θ*‖) with
ρ = λ(α + εL)/(α − λ(α + εL)) < 1. The proof bounds B − A by Lε (Kantorovich–Rubinstein), hence A⁻¹B by
1 + Lε/α, and sums a Neumann series. The ½ comes from that series alone: see `retraining-stability-sharp`.
Õ hides (ρ + o(1))^t, so what is measured is the limiting ratio of successive errors.
"""

import functools
from fractions import Fraction

import numpy as np
import sympy as sp
from scipy import stats

from proofs_numeric._curvatures import FLAT, STRETCHED
from theorycheck import (
    BERTRAND_2024,
    Assumption,
    CurvaturePairs,
    Curvatures,
    Enclosed,
    OneOf,
    Rationals,
    Theorem,
    above,
    at_least,
    at_most,
    below,
    equals,
)
from theorycheck.loops.linear import matrix, row_sum_norm, symmetric_functions
from theorycheck.loops.retraining import examples, families, laws, rates
from theorycheck.loops.retraining.ascent import value
from theorycheck.loops.retraining.family import X
from theorycheck.loops.retraining.maps import Retraining
from theorycheck.loops.retraining.stability import supremum

HALF = Fraction(1, 2)

theorem = Theorem(
    key="retraining-stability",
    title="Retraining is stable near the best model when enough real data stays in the mix",
    source=BERTRAND_2024,
    statement=(
        r"\lambda\Big(1+\frac{L\varepsilon}{\alpha}\Big) < \tfrac12 \Rightarrow "
        r"\|\theta_t-\theta^*\| = \tilde O(\rho^t \|\theta_0-\theta^*\|),\quad "
        r"\rho = \frac{\lambda(\alpha+\varepsilon L)}{\alpha-\lambda(\alpha+\varepsilon L)} < 1"
    ),
    assumptions=[
        Assumption(
            "strong-concavity",
            "E_data ∇² log p_θ* ⪯ −αI with α > 0 (scaled to α = 1 where matrices are drawn)",
            {"curvatures": CurvaturePairs()},
        ),
        Assumption(
            "enough-real-data",
            "λ(1 + Lε/α) < ½",
            {"pull": Rationals(0, Fraction(49, 100))},
        ),
        Assumption("close-start", "the loop starts close to θ*", {"offset": Rationals(0, 1)}),
        Assumption("lipschitz", "x ↦ ∇² log p_θ(x) is L-Lipschitz", {"parametrisation": OneOf("natural")}),
    ],
)

SKEWED = Curvatures(((1, 0), (0, 100)), ((2, 13), (13, 100)))
EQUAL = Curvatures(((1,),), ((1,),))
PAIRS = [
    *(dict(model="logistic-location", data=data) for data in examples.MISSPECIFIED),
    *(dict(model="logistic", data=data) for data in ("normal", "heavy", "bimodal")),
    *(dict(model="student", data=data) for data in ("skewed", "digits")),
    dict(model="mixture", data="heavy"),
]


# --- step 1: B − A is small, and so A⁻¹B is near the identity -----------------------------------------------


@theorem.computed(
    at=PAIRS,
    margin=1e-9,
    rivals={
        "Lε/2": dict(model="logistic-location", data="normal", bound=lambda a, L, e: L * e / 2),
        "Lε²": dict(model="logistic-location", data="normal", bound=lambda a, L, e: L * e**2),
    },
)
def hessians_differ_by_at_most_lipschitz(model, data, bound=lambda a, L, e: L * e):
    """‖B − A‖₂ ≤ Lε (Kantorovich–Rubinstein, on u'∇² log p_θ*(x)u for every unit u)."""
    loop = examples.loop(model, data)
    real, own = loop.hessians
    return at_most(
        Enclosed(np.linalg.norm(own - real, 2), 1e-10), bound(*examples.local(model, data)), scale=1
    )


@theorem.computed(
    at=PAIRS,
    margin=1e-6,
    rivals={"1": dict(model="logistic-location", data="digits", bound=lambda a, L, e: 1.0)},
)
def ratio_of_hessians_is_bounded(model, data, bound=lambda a, L, e: 1 + L * e / a):
    """‖A⁻¹B‖₂ ≤ 1 + Lε/α."""
    loop = examples.loop(model, data)
    real, own = loop.hessians
    return at_most(
        Enclosed(np.linalg.norm(np.linalg.solve(real, own), 2), 1e-9), bound(*examples.local(model, data))
    )


def hessian_by_differences(loop):
    """∇² E_data log p at θ*, from the values of the log-likelihood alone."""
    points, steps = laws.points(loop.data, 3), 1e-3 * loop.units
    likelihood = lambda shift: float(value(loop.family, points, loop.best + shift))  # noqa: E731
    mixed = [
        [sum(s * t * likelihood(s * a + t * b) for s in (1, -1) for t in (1, -1)) for b in np.diag(steps)]
        for a in np.diag(steps)
    ]
    return np.array(mixed) / (4 * np.outer(steps, steps))


@theorem.computed(
    at=[pair for pair in PAIRS if pair["model"] != "logistic-location"],
    margin=1e-3,
    rivals={"the largest": dict(pick=max), "half of it": dict(pick=lambda values: min(values) / 2)},
)
def alpha_is_the_least_curvature(model, data, pick=min):
    """α is the least eigenvalue of −∇² E_data log p at θ*, here by differences of the likelihood itself."""
    curvature = pick(np.linalg.eigvalsh(-hessian_by_differences(examples.loop(model, data))))
    return equals(Enclosed(examples.local(model, data)[0] / curvature, 1e-4), 1.0)


@theorem.computed(
    at=[dict(radius=r, scale=s) for r, s in ((0.0, 1.0), (0.5, 1.0), (1.0, 3.0))],
    scope="logistic location–scale, and its location alone",
    margin=1e-6,
    rivals={
        "of the centre alone": dict(radius=0.5, scale=1.0, nearest=lambda s, r: s),
        "(s − r)² below": dict(radius=1.0, scale=3.0, power=2),
        "of the location alone": dict(radius=0.0, scale=1.0, steepest=np.sqrt(3) / 9),
    },
)
def lipschitz_constant_is_the_supremum(radius, scale, nearest=lambda s, r: s - r, power=3, steepest=None):
    """L over the ball ‖θ − θ*‖ ≤ r is L₁/(s − r)³, L₁ that of scale 1; √3/9·s⁻³ where s is known.

    L₁ is the largest norm of ∂_x∇² log p for p = sech²(z/2)/4, z = x − m, written out and put on a grid.
    """
    found, known = suprema(radius, scale)
    claimed = (steepest or largest_slope()) / nearest(scale, radius) ** power
    return equals(
        Enclosed(np.array([found, known]), 1e-7), np.array([claimed, np.sqrt(3) / 9 / scale**3]), scale=1
    )


@functools.cache
def suprema(radius, scale):
    """L of the logistic location–scale family and of its location, around (0.4, s)."""
    families_at = (families.logistic(), [0.4, scale]), (families.logistic(Fraction(scale)), [0.4])
    return [supremum(family, "slope", np.array(at), radius) for family, at in families_at]


@functools.cache
def largest_slope():
    """sup over z of the spectral norm of the slope of the logistic's Hessian in (m, s), at s = 1."""
    z = np.linspace(-20, 20, 400_001)
    t = np.tanh(z / 2)
    second, third = -(1 - t**2) / 2, t * (1 - t**2) / 2
    corner, last = third * z + 2 * second, third * z**2 + 4 * second * z - 2 * t
    return float((np.abs(third + last) / 2 + np.hypot((third - last) / 2, corner)).max())


LINE, STEP = np.linspace(-60, 60, 240_001)[:-1] + 2.5e-4, 5e-4


def gaps(law, model):
    """|F − F*| on a fine grid."""
    return np.abs(laws.cdf(law, LINE) - model.cdf(LINE))


def area_between(law, model):
    """∫|F − F*|."""
    return STEP * gaps(law, model).sum()


@theorem.computed(
    at=[dict(data=data) for data in ("normal", "laplace", "bimodal")],
    scope="logistic location",
    margin=1e-4,
    rivals={
        "the distance of the means": dict(
            area=lambda law, model: abs(laws.points(law, 2).weight @ laws.points(law, 2).x - model.mean())
        ),
        "the largest gap of the cdfs": dict(area=lambda *laws_of: gaps(*laws_of).max()),
        "half of the area": dict(area=lambda *laws_of: area_between(*laws_of) / 2),
    },
)
def epsilon_is_the_area_between_cdfs(data, area=area_between):
    """ε = W₁(p_θ*, p_data) = ∫|F − F*|, here by the midpoint rule with SciPy's distribution functions."""
    loop = examples.loop("logistic-location", data)
    claimed = area(loop.data, stats.logistic(loop.best[0]))
    return equals(Enclosed(examples.local("logistic-location", data)[2], 1e-5), claimed, scale=1)


def squared_norm_gap(square, bound):
    """bound² I − MᵀM: positive semidefinite iff ‖M‖₂ ≤ bound."""
    return symmetric_functions(bound**2 * sp.eye(square.rows) - square.T * square)


@theorem.forall(
    examples=60,
    rivals={
        "1": dict(curvatures=SKEWED, bound=lambda kappa: sp.S(1)),
        "κ": dict(curvatures=Curvatures(((1,),), ((3,),)), bound=lambda kappa: kappa),
    },
)
def ratio_is_bounded_for_all_curvatures(curvatures, bound=lambda kappa: 1 + kappa):
    """−A ⪰ I and ‖B − A‖ ≤ κ give ‖A⁻¹B‖₂ ≤ 1 + κ, exactly; ‖B − A‖ is bounded by its row sums."""
    real, own = map(matrix, curvatures)
    return [at_least(e, 0) for e in squared_norm_gap(real.inv() * own, bound(row_sum_norm(own - real)))]


# --- step 2: the Neumann series -----------------------------------------------------------------------------


@theorem.forall(
    examples=60,
    rivals={
        "q/2": dict(curvatures=EQUAL, pull=Fraction(2, 5), bound=lambda q: q / 2),
        "q/(1+q), the sharp radius, for the norm": dict(
            curvatures=SKEWED, pull=Fraction(2, 5), bound=lambda q: q / (1 + q)
        ),
    },
)
def neumann_series_bounds_the_jacobian(curvatures, pull, bound=lambda q: q / (1 - q)):
    """With q = λ(1+κ) < ½: ‖(I + λA⁻¹B)⁻¹λA⁻¹B‖₂ ≤ q/(1−q), since ‖λA⁻¹B‖₂ ≤ q."""
    real, own = map(matrix, curvatures)
    weight = sp.Rational(pull) / (1 + row_sum_norm(own - real))
    J = (real + weight * own).inv() * (weight * own)
    return [at_least(e, 0) for e in squared_norm_gap(J, bound(sp.Rational(pull)))]


ALPHA, EXCESS, LAMBDA = sp.symbols("alpha delta lambda", positive=True)


@theorem.symbolic(
    scope="all α, Lε, λ > 0",
    rivals={
        "ρ = λ(α+εL)/(α+λ(α−εL))": dict(rate=rates.kl_rate),
        "ρ = q/(1+q)": dict(rate=rates.sharp_rate),
    },
)
def rate_is_the_sum_of_the_series(rate=rates.paper_rate):
    """q/(1−q) with q = λ(1 + Lε/α) is λ(α+εL)/(α−λ(α+εL))."""
    pull = rates.condition(LAMBDA, ALPHA, EXCESS, sp.S(1))
    return equals(pull / (1 - pull), rate(LAMBDA, ALPHA, EXCESS, sp.S(1)))


@theorem.forall(
    examples=100,
    rivals={"ρ < ½": dict(pull=Fraction(2, 5), bound=HALF)},
    without={"enough-real-data": dict(pull=HALF)},
)
def rate_is_below_one(pull, bound=1):
    """ρ = q/(1−q) < 1 exactly where q = λ(1 + Lε/α) < ½; at q = ½ it is 1."""
    return below(rates.paper_rate(Fraction(pull), Fraction(1), Fraction(0), Fraction(1)), bound)


# --- the rate, measured -------------------------------------------------------------------------------------


@theorem.computed(
    at=PAIRS,
    scope="those of λ = 0.05, 0.1, 0.2 that meet the condition",
    margin=1e-3,
    rivals={
        "Lε set to 0": dict(model="logistic-location", data="digits", rate=lambda w, a, L, e: w / (1 - w)),
        "λ/(1+λ)": dict(model="mixture", data="heavy", rate=lambda w, *_: w / (1 + w)),
        "ρ²": dict(
            model="logistic-location", data="normal", rate=lambda *known: rates.paper_rate(*known) ** 2
        ),
    },
)
def errors_shrink_at_the_papers_rate(model, data, rate=rates.paper_rate):
    """The limiting ratio of successive errors ‖θ_t − θ*‖ is at most ρ wherever λ(1 + Lε/α) < ½."""
    known = examples.local(model, data)
    met = tuple(weight for weight in examples.WEIGHTS if rates.condition(weight, *known) < 0.5)
    found = Enclosed(*examples.measured(model, data, met))
    return at_most(found, np.array([rate(weight, *known) for weight in met]), scale=1)


# --- what the assumptions carry -----------------------------------------------------------------------------


@theorem.forall(
    examples=60,
    rivals={
        "the spectral norm is": dict(curvatures=STRETCHED, pull=Fraction(2, 5), gap=lambda J: J**0 - J.T * J)
    },
    without={"strong-concavity": dict(curvatures=FLAT, pull=Fraction(1, 10))},
)
def errors_shrink_at_all(curvatures, pull, gap=lambda J: J**0 - J):
    """The spectral radius of J is below 1; with α = 0 it is 1, though λ is small: nothing shrinks."""
    real, own = map(matrix, curvatures)
    J = (real + sp.Rational(pull) * own).inv() * (sp.Rational(pull) * own)
    return [above(e, 0) for e in symmetric_functions(gap(J))]


@functools.cache
def two_groups():
    """A Student location on two groups of observations: its likelihood has two maxima."""
    return Retraining(families.student(3, 1), np.array([-4.0] * 6 + [5.0] * 4))


@theorem.computed(
    at=[dict(offset=1.0, weight=0.2), dict(offset=0.5, weight=0.2)],
    margin=1e-6,
    rivals={"after two steps": dict(steps=2)},
    without={"close-start": dict(offset=9.0, weight=0.2)},
)
def close_starts_reach_the_best_model(offset, weight, steps=40):
    """θ_t → θ* from a start near it; from the other maximum of a bimodal likelihood it never gets there.

    A Student location with 3 degrees of freedom, six observations at −4 and four at 5.
    """
    loop = two_groups()
    end = loop.orbit(loop.best + offset, weight, steps)[-1, 0]
    return equals(Enclosed(end - loop.best[0], 1e-11), 0.0, scale=1)


# --- L depends on the parametrisation -----------------------------------------------------------------------

ETA, PRECISION = sp.symbols("eta q", positive=True)
MEAN, SCALE = sp.Symbol("m", real=True), sp.Symbol("s", positive=True)
GAUSSIANS = {
    "natural": (
        ETA * X - PRECISION * X**2 - ETA**2 / (4 * PRECISION) + sp.log(PRECISION) / 2,
        (ETA, PRECISION),
    ),
    "mean and scale": (-((X - MEAN) ** 2) / (2 * SCALE**2) - sp.log(SCALE), (MEAN, SCALE)),
}


@theorem.symbolic(
    scope="the Gaussian family, all parameters",
    rivals={"−6/s³": dict(slope=-6 / SCALE**3)},
    without={"lipschitz": dict(parametrisation="mean and scale")},
)
def natural_parameters_are_lipschitz(parametrisation="natural", slope=0):
    """In natural parameters ∂_x∇² log p = 0, so L = 0; in (μ, σ) it grows with |x − μ|, so there is no L."""
    density, parameters = GAUSSIANS[parametrisation]
    return [equals(sp.diff(density, X, a, b), slope) for a in parameters for b in parameters]
