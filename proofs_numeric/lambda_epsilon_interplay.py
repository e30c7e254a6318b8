"""How much real data a family needs, by how well it can fit them: the plane of λ and ε.

A location model is fitted to data of its own law, of which a share c comes from elsewhere: c moves the misfit
ε = W₁(p_θ*, p_data) from 0 up. Over a grid of (λ, ε) the measured rate lies below the sharp bound, which lies
below the paper's ρ where the paper's condition λ(1 + Lε/α) < ½ holds. That region shrinks as ε grows,
λ < 1/(2(1+κ)); the region in which the loop is stable does not: at infinite data it is the whole plane.
"""

import functools
from fractions import Fraction

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import (
    BERTRAND_2024,
    Assumption,
    Enclosed,
    Rationals,
    Theorem,
    at_most,
    equals,
)
from theorycheck.loops.retraining import families, rates
from theorycheck.loops.retraining.laws import Mixture
from theorycheck.loops.retraining.maps import Retraining
from theorycheck.loops.retraining.stability import constants

theorem = Theorem(
    key="lambda-epsilon-interplay",
    title="The rate of retraining over the plane of synthetic weight and misfit",
    source=BERTRAND_2024,
    statement=(
        r"\rho(\lambda,\varepsilon) \le \frac{\lambda(1+\kappa)}{1+\lambda(1+\kappa)} \le "
        r"\frac{\lambda(1+\kappa)}{1-\lambda(1+\kappa)},\quad \kappa = \frac{L\varepsilon}{\alpha}"
    ),
    assumptions=[
        Assumption(
            "share",
            "a share c ≤ 9/20 of the data comes from elsewhere",
            {"share": Rationals(0, Fraction(9, 20))},
        ),
    ],
)

MODELS = {
    "logistic": (families.logistic(1), stats.logistic()),
    "student": (families.student(5, 1), stats.t(5)),
}
ELSEWHERE = {
    "one group": lambda: stats.norm(6, 1),
    "two groups": lambda: Mixture((0.5, 0.5), (stats.norm(-5, 0.5), stats.norm(5, 0.5))),
    "a peak": lambda: stats.norm(0, 0.05),
}
SHARES = (0.0, 0.05, 0.1, 0.2, 0.4)
WEIGHTS = np.array([0.05, 0.2, 0.45, 1.0, 5.0])


@functools.cache
def loop(model, elsewhere, share):
    """A location model on contaminated data of its own law."""
    family, law = MODELS[model]
    return Retraining(family, Mixture((1 - share, share), (law, ELSEWHERE[elsewhere]())))


@functools.cache
def known(model, elsewhere, share):
    """α, L, ε, the last with its error on top."""
    found = constants(loop(model, elsewhere, share))
    return found.alpha, found.lipschitz, found.epsilon + found.epsilon_error


@functools.cache
def measured(model, elsewhere, share):
    """The measured rates at every λ of the grid, with errors."""
    return Enclosed(*loop(model, elsewhere, share).measured_rates(WEIGHTS))


KINDS = [
    *(dict(model="logistic", elsewhere=name) for name in ELSEWHERE),
    dict(model="student", elsewhere="one group"),
]
GRID = [dict(**kind, share=share) for kind in KINDS for share in SHARES]


# --- the measured rate against the two bounds ---------------------------------------------------------------


@theorem.computed(
    at=GRID,
    scope="λ from 0.05 to 5",
    margin=1e-4,
    rivals={
        "ε does not matter": dict(
            model="logistic",
            elsewhere="two groups",
            share=0.4,
            bound=lambda w, a, L, e: rates.sharp_rate(w, a, L, 0.0),
        ),
        "κ/4": dict(
            model="logistic",
            elsewhere="two groups",
            share=0.4,
            bound=lambda w, a, L, e: rates.sharp_rate(w, a, L, e / 4),
        ),
    },
)
def measured_rate_is_below_the_sharp_one(model, elsewhere, share, bound=rates.sharp_rate):
    """At every (λ, ε) of the grid the measured rate is at most λ(1+κ)/(1+λ(1+κ))."""
    return at_most(
        measured(model, elsewhere, share), bound(WEIGHTS, *known(model, elsewhere, share)), scale=1
    )


@theorem.computed(
    at=[cell for cell in GRID if cell["share"]],
    scope="those λ of 0.05, 0.2, 0.45 that meet λ(1+κ) < ½",
    margin=1e-3,
    rivals={
        "λ/(1+λ)": dict(model="logistic", elsewhere="two groups", share=0.4, rate=lambda w, *_: w / (1 + w)),
        "Lε set to 0": dict(
            model="logistic",
            elsewhere="two groups",
            share=0.4,
            rate=lambda w, a, L, e: rates.paper_rate(w, a, L, 0.0),
        ),
    },
)
def measured_rate_is_below_the_papers(model, elsewhere, share, rate=rates.paper_rate):
    """Where the paper's condition holds, the measured rate is at most the paper's ρ."""
    local = known(model, elsewhere, share)
    met = rates.condition(WEIGHTS, *local) < 0.5
    found = measured(model, elsewhere, share)
    return at_most(Enclosed(found.value[met], found.error[met]), rate(WEIGHTS[met], *local), scale=1)


@theorem.computed(
    at=[cell for cell in GRID if cell["share"]],
    scope="λ from 0.05 to 5",
    margin=1e-4,
    rivals={
        "unstable where the condition fails": dict(
            rate=lambda pair, met: np.where(met, pair, 1.0),
        ),
        "λ/(1+λ), whatever ε": dict(rate=lambda pair, met: WEIGHTS / (1 + WEIGHTS)),
    },
)
def loop_is_stable_outside_the_region(model, elsewhere, share, rate=lambda pair, met: pair):
    """The measured rate is ρ(J) = λβ/(1+λβ) < 1 on both sides of the paper's boundary."""
    radius = np.abs(loop(model, elsewhere, share).jacobian(WEIGHTS))[:, 0, 0]
    met = rates.condition(WEIGHTS, *known(model, elsewhere, share)) < 0.5
    return equals(measured(model, elsewhere, share), rate(radius, met), scale=1)


# --- the region ---------------------------------------------------------------------------------------------


@theorem.computed(
    at=KINDS,
    scope="shares 0, 0.05, 0.1, 0.2, 0.4",
    margin=1e-4,
    rivals={
        "it grows": dict(condition=lambda w, a, L, e: w / (1 + L * e / a)),
        "it is ½ whatever ε": dict(condition=lambda w, a, L, e: w),
    },
)
def region_shrinks_with_misfit(model, elsewhere, condition=rates.condition):
    """The largest λ that meets λ(1+κ) < ½ falls by more than 1/1000 with every share that is added."""
    largest = np.array([0.5 / condition(1.0, *known(model, elsewhere, share)) for share in SHARES])
    return at_most(Enclosed(np.diff(largest), 1e-8), -1e-3, scale=1)


LAMBDA, KAPPA = sp.symbols("lambda kappa", positive=True)


@theorem.symbolic(
    scope="all κ ≥ 0",
    rivals={"one half": dict(asked=sp.Rational(1, 2)), "(1+κ)/(2+κ)": dict(asked=(1 + KAPPA) / (2 + KAPPA))},
)
def share_of_real_data_asked_for(asked=2 * (1 + KAPPA) / (3 + 2 * KAPPA)):
    """λ = 1/(2(1+κ)) is a share 1/(1+λ) = 2(1+κ)/(3+2κ) of real data: two thirds at ε = 0, all as ε grows."""
    boundary = 1 / (2 * (1 + KAPPA))
    return [
        equals(rates.condition(boundary, sp.S(1), KAPPA, sp.S(1)), sp.Rational(1, 2)),
        equals(1 / (1 + boundary), asked),
    ]
