"""Beyond the condition of `uncurated-kl-rate` the KL vanishes too, at the squared spectral radius of J.

Neither Lε < α nor λ < α/(2Lε) carries the conclusion. Under the second alone ‖J‖ ≤ ρ < 1; under the first
the sharp norm λ(1+κ)/(1+λ(1+κ)), κ = Lε/α, is below 1 at every λ. Without either, KL_{t+1}/KL_t still tends
to the squared spectral radius of J, which is below 1 as long as α > 0; at α = 0 the KL falls like λ/t.
"""

from fractions import Fraction

import numpy as np
import sympy as sp

from proofs_numeric._curvatures import FLAT, NUMBERS, SKEWED
from theorycheck import (
    DERIVED,
    Assumption,
    CurvaturePairs,
    Enclosed,
    OneOf,
    Rationals,
    Theorem,
    at_least,
    at_most,
    below,
    equals,
)
from theorycheck.loops.linear import norm_gap, symmetric_functions
from theorycheck.loops.retraining import examples, rates
from theorycheck.loops.retraining.divergence import divergence, kl_limit
from theorycheck.loops.retraining.examples import CLOSE, CLOSE_TOO, FAR, FAR_TOO
from theorycheck.loops.retraining.orbits import extrapolated

theorem = Theorem(
    key="uncurated-kl-rate-sharp",
    title="Without curation the KL to the best model vanishes at every synthetic weight",
    source=DERIVED,
    statement=(
        r"\alpha > 0 \Rightarrow \lim_t \frac{\mathrm{KL}(p_{\theta^*}\|p_{\theta_{t+1}})}"
        r"{\mathrm{KL}(p_{\theta^*}\|p_{\theta_t})} = \rho(J)^2 \le "
        r"\Big(\frac{\lambda(1+\kappa)}{1+\lambda(1+\kappa)}\Big)^2 < 1 \quad \forall \lambda \ge 0"
    ),
    assumptions=[
        Assumption(
            "strong-concavity",
            "E_data ∇² log p_θ* ⪯ −αI with α > 0 (α = 1 where matrices are drawn)",
            {"curvatures": CurvaturePairs(), "pair": OneOf(*CLOSE, *CLOSE_TOO, *FAR, *FAR_TOO)},
        ),
        Assumption(
            "closeness", "κ = Lε/α < 1 (for the norm alone)", {"kappa": Rationals(0, Fraction(999, 1000))}
        ),
    ],
)

W, Q = sp.symbols("lambda q", positive=True)
NUMBERS_AT_HALF = dict(curvatures=NUMBERS, kappa=Fraction(1, 2), synthetic_weight=Fraction(1, 2))
WEIGHTS = (0.2, 0.5, 1.0, 5.0, 20.0)


# --- the norm of the Jacobian -------------------------------------------------------------------------------


@theorem.forall(
    examples=30,
    given={"kappa": Rationals(1, 50), "share": Rationals(0, Fraction(999, 1000))},
    rivals={
        "sharp rate": dict(
            curvatures=SKEWED, kappa=Fraction(9), share=Fraction(9, 10), rate=rates.sharp_rate
        ),
        "condition λ < α/(Lε)": dict(curvatures=SKEWED, kappa=Fraction(9), share=Fraction(19, 10)),
    },
)
def closeness_is_not_needed(curvatures, kappa, share, rate=rates.kl_rate):
    """‖J‖ ≤ ρ < 1 for Lε ≥ α too, as long as λ < α/(2Lε)."""
    weight = sp.Rational(share) / (2 * sp.Rational(kappa))
    gap = norm_gap(curvatures, kappa, weight, rate)
    return [
        below(rate(weight, 1, sp.Rational(kappa), 1), 1),
        *(at_least(e, 0) for e in symmetric_functions(gap)),
    ]


@theorem.forall(
    examples=30,
    given={"synthetic_weight": Rationals(0, 100)},
    rivals={
        "ε forgotten": dict(**NUMBERS_AT_HALF, rate=lambda w, *_: w / (1 + w)),
        "half of κ": dict(
            **NUMBERS_AT_HALF, rate=lambda w, alpha, L, e: rates.sharp_rate(w, alpha, L / 2, e)
        ),
    },
    without={
        "strong-concavity": dict(NUMBERS_AT_HALF, curvatures=FLAT),
        "closeness": dict(curvatures=SKEWED, kappa=Fraction(9), synthetic_weight=Fraction(1)),
    },
)
def sharp_norm_at_every_weight(curvatures, kappa, synthetic_weight, rate=rates.sharp_rate):
    """If Lε < α, ‖J‖ ≤ λ(1+κ)/(1+λ(1+κ)) < 1 at every λ: in the very norm, λ < α/(2Lε) is not needed."""
    return [at_least(e, 0) for e in symmetric_functions(norm_gap(curvatures, kappa, synthetic_weight, rate))]


@theorem.symbolic(
    scope="all λ ≥ 0, κ = 1/(1+q) in (0, 1]",
    rivals={
        "half of κ": dict(rate=lambda w, kappa: rates.sharp_rate(w, 1, kappa / 2, 1)),
        "any κ": dict(size=2 + Q),
    },
)
def proof_of_the_sharp_norm(rate=lambda w, kappa: rates.sharp_rate(w, 1, kappa, 1), size=1 / (1 + Q)):
    """ρ²|(1+λ)w+λu|² − λ²|w+u|² = c₁(κ²|w|²−|u|²) + c₂|κw−u|², u = A⁻¹Ew, with c₁ ≥ 0, and c₂ ≥ 0 for κ ≤ 1.

    As J = λ(I+A⁻¹E)((1+λ)I+λA⁻¹E)⁻¹, this says ‖J‖ ≤ ρ. In general c₂ ≥ 0 iff λκ² ≤ 1+λ.
    """
    k, ww, wu, uu = sp.symbols("kappa ww wu uu", positive=True)
    square = rate(W, k) ** 2
    second = (W**2 - square * W * (1 + W)) / k
    first = second + W**2 * (1 - square)
    left = square * ((1 + W) ** 2 * ww + 2 * W * (1 + W) * wu + W**2 * uu) - W**2 * (ww + 2 * wu + uu)
    every = {W: Rationals(0), Q: Rationals(0)}
    return [
        equals(left, first * (k**2 * ww - uu) + second * (k**2 * ww - 2 * k * wu + uu)),
        *(at_least(sp.cancel(c.subs(k, size)), 0, over=every) for c in (first, second)),
    ]


# --- the KL along orbits ------------------------------------------------------------------------------------


def squared_radius(pair, power=2):
    """ρ(J)² at each λ."""
    return np.abs(np.linalg.eigvals(examples.pair(pair).jacobian(WEIGHTS))).max(axis=-1) ** power


@theorem.computed(
    at=[*(dict(pair=pair) for pair in (*CLOSE, *FAR)), dict(pair="logistic/normal", reverse=True)],
    full=[dict(pair=pair) for pair in (*CLOSE_TOO, *FAR_TOO)],
    scope="λ from 0.2 to 20",
    margin=2e-4,
    rivals={
        "not squared": dict(factor=lambda pair: squared_radius(pair, 1)),
        "(λ/(1+λ))²": dict(factor=lambda pair: (np.array(WEIGHTS) / (1 + np.array(WEIGHTS))) ** 2),
    },
)
def kl_falls_at_the_squared_radius(pair, reverse=False, factor=squared_radius):
    """KL_{t+1}/KL_t → ρ(J)² at every λ, λ ≥ α/(2Lε) and Lε ≥ α included; KL(p_θt‖p_θ*) has the same limit."""
    return equals(Enclosed(*kl_limit(pair, WEIGHTS, reverse)), factor(pair), scale=1)


def sharp_bound(pair, share=1.0):
    """(λ(1+κ)/(1+λ(1+κ)))² at each λ; `share` multiplies κ."""
    alpha, lipschitz, epsilon = examples.local(*pair.split("/"))
    return rates.sharp_rate(np.array(WEIGHTS), alpha, share * lipschitz, epsilon) ** 2


def stops_beyond(pair):
    """1 at the λ beyond α/(2Lε)."""
    alpha, lipschitz, epsilon = examples.local(*pair.split("/"))
    return np.where(np.array(WEIGHTS) > alpha / (2 * lipschitz * epsilon), 1.0, 0.0)


@theorem.computed(
    at=[dict(pair=pair) for pair in (*CLOSE, *FAR)],
    full=[dict(pair=pair) for pair in (*CLOSE_TOO, *FAR_TOO)],
    scope="λ from 0.2 to 20",
    margin=1e-3,
    rivals={
        "the KL stops falling beyond α/(2Lε)": dict(relation=at_least, bound=stops_beyond),
        "ε forgotten": dict(pair="logistic-location/bimodal", bound=lambda pair: sharp_bound(pair, 0.0)),
    },
)
def kl_contracts_beyond_the_condition(pair, relation=at_most, bound=sharp_bound):
    """At every λ the limit of KL_{t+1}/KL_t is at most (λ(1+κ)/(1+λ(1+κ)))² < 1, for Lε ≥ α too."""
    return relation(Enclosed(*kl_limit(pair, WEIGHTS)), bound(pair), scale=1)


@theorem.computed(
    at=[dict(weight=0.25), dict(weight=2.0)],
    scope="Student(3) location, data at ±√3: α = 0, ε finite",
    margin=0.01,
    rivals={
        "half as fast": dict(growth=lambda w: 0.5 / w),
        "at a geometric rate": dict(growth=lambda w: 1e3 * (1 + 1 / w)),
    },
)
def flat_likelihood_slows_the_kl(weight, growth=lambda w: 1 / w):
    """1/KL_t grows by 1/λ a generation, so KL_t ~ λ/t and KL_{t+1}/KL_t → 1, at every λ > 0.

    The growth along the solved map's orbit is extrapolated to θ → 0, where its error is O(θ²).
    """
    pair = "student-location/±√3"
    near, far = (examples.pair(pair).orbit([start], weight, 5) for start in (0.01, 0.02))
    steps = (np.diff(1 / (divergence(pair, orbit)[0] * orbit[:, 0] ** 2)) for orbit in (far, near))
    value, change = extrapolated(*steps)
    return equals(Enclosed(value, change + 1e-13 / near[1:, 0] ** 3), growth(weight))
