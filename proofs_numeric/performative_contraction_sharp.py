"""The performative rate is too large by a constant, and silent where the map still contracts.

For a location family ε_Dβ/γ is β/F ≥ 1 times |G'(θ*)|, F the Fisher information, whatever the data and λ:
3/2 for the logistic, (ν+3)/ν for Student, 1 for the Gaussian mean. It is below 1 iff λ < A/(β−F), −A the
curvature of E_data log p at θ*; beyond, G contracts still. At A = 0 it does not, and nothing is promised.
"""

import functools

import numpy as np
import sympy as sp

from theorycheck import (
    DERIVED,
    Assumption,
    Enclosed,
    OneOf,
    Theorem,
    at_least,
    at_most,
    equals,
)
from theorycheck.loops.retraining import examples, rates
from theorycheck.loops.retraining.family import X
from theorycheck.loops.retraining.performative import (
    MORE_PAIRS,
    PAIRS,
    WEIGHTS,
    generic_rate,
    lipschitz,
    location,
    share,
)

theorem = Theorem(
    key="performative-contraction-sharp",
    title="The performative rate of a location family is too large by a constant",
    source=DERIVED,
    statement=(
        r"\frac{\varepsilon_D\,\beta/\gamma}{|G'(\theta^*)|} = \frac{\beta}{F},\qquad "
        r"|G'(\theta^*)| = \frac{\lambda F}{A+\lambda F} < 1 \quad \forall \lambda \ge 0 \text{ if } A > 0"
    ),
    assumptions=[
        Assumption(
            "location",
            "models differ by a shift: logistic, or Student with ν degrees of freedom",
            {"model": OneOf("logistic", "student", 2, 5, 30)},
        ),
        Assumption(
            "strong-concavity",
            "E_data log p is strictly concave at θ*: A > 0",
            {"data": OneOf(*examples.MISSPECIFIED)},
        ),
    ],
)

W, A, F, BETA, NU = sp.symbols("lambda A F beta nu", positive=True)

LOOSENESS = {"logistic": 3 / 2, 2: 5 / 2, 5: 8 / 5, 30: 33 / 30}


def curvatures_at_best(model, data):
    """(−A, F): what data and model contribute to the expected loss's curvature at θ*."""
    return tuple(-float(hessian[0, 0]) for hessian in location(model, data).hessians)


@functools.cache
def slope(model, data):
    """G'(θ*) at every λ, by differences of the solved map."""
    value, error = location(model, data).measured_jacobian(WEIGHTS)
    return Enclosed(np.abs(value[:, 0, 0]), error[:, 0, 0])


@theorem.computed(
    at=[*PAIRS, dict(model=2, data="bimodal")],
    full=[*MORE_PAIRS, dict(model=30, data="uniform")],
    scope="λ from 0.1 to 20",
    margin=1e-3,
    rivals={
        "the rate is sharp": dict(looseness=lambda model: 1.0),
        "2": dict(looseness=lambda model: 2.0),
        "β": dict(model="logistic", data="normal", looseness=lambda model: 0.5),
    },
)
def rate_is_too_large_by_a_constant(model, data, looseness=LOOSENESS.get):
    """(ε_Dβ/γ)/|G'(θ*)| = β/F whatever the data and λ: 3/2 for the logistic, (ν+3)/ν for Student."""
    generic = generic_rate(WEIGHTS, lipschitz(model, data), *curvatures_at_best(model, data))
    true = slope(model, data)
    return equals(
        Enclosed(generic / true.value, generic * true.error / true.value**2), looseness(model), scale=1
    )


@theorem.symbolic(
    scope="all λ, β, F, A > 0",
    rivals={
        "λ < A/F": dict(spread=F),
        "λ < A/β": dict(spread=BETA),
    },
)
def rate_is_below_one_up_to_a_threshold(spread=BETA - F):
    """1 − ε_Dβ/γ = (A − λ(β−F))/(A+λF), with −A written A: the rate is below 1 iff λ < A/(β−F)."""
    return equals(1 - generic_rate(W, BETA, A, F), (A - W * spread) / (A + W * F))


LOG_DENSITIES = {
    "logistic": -X - 2 * sp.log(1 + sp.exp(-X)),
    "student": -(NU + 1) / 2 * sp.log(1 + X**2 / NU),
}


@theorem.symbolic(
    scope="all ν > 0",
    rivals={"the expected curvature F": dict(logistic=sp.Rational(1, 3), student=(NU + 1) / (NU + 3))},
)
def losses_are_not_convex_at_every_point(logistic=0, student=-3 * (NU + 1) / (25 * NU)):
    """−∂²_θ log p tends to 0 far out for the logistic, and is negative for Student (here at x − θ = 2√ν).

    So the theorem applies to retraining only with γ of the expected loss, which is all that its proof uses.
    """
    curvature = {name: -sp.diff(density, X, 2) for name, density in LOG_DENSITIES.items()}
    return [
        equals(sp.limit(sp.simplify(curvature["logistic"]), X, sp.oo), logistic),
        equals(curvature["student"].subs(X, 2 * sp.sqrt(NU)), student),
    ]


THRESHOLDS = {"logistic": sp.S(2), "student": NU / 3}


@theorem.symbolic(
    at=[dict(model="logistic"), dict(model="student")],
    scope="data from the model; all ν > 0",
    rivals={"the stability theorem's ½": dict(thresholds=dict.fromkeys(THRESHOLDS, sp.S.Half))},
)
def threshold_without_misspecification(model, thresholds=THRESHOLDS):
    """At ε = 0 the link covers λ < 2 for the logistic and λ < ν/3 for Student, the stability theorem λ < ½.

    β is |∂_x∂_θ log p| at its peak x = θ; F = 1/3 and (ν+1)/(ν+3).
    """
    information = {"logistic": sp.Rational(1, 3), "student": (NU + 1) / (NU + 3)}[model]
    beta = sp.simplify(-sp.diff(LOG_DENSITIES[model], X, 2).subs(X, 0))
    return equals(generic_rate(thresholds[model], beta, information, information), 1)


@theorem.computed(
    at=PAIRS,
    full=MORE_PAIRS,
    scope="λ from 0.1 to 20",
    margin=1e-3,
    rivals={
        "no contraction where ε_Dβ/γ ≥ 1": dict(
            relation=at_least, rate=lambda w, beta, real, own: 1.0 * (generic_rate(w, beta, real, own) >= 1)
        ),
        "γ of data and model": dict(
            model="logistic", data="bimodal", rate=lambda w, beta, real, own: share(w)
        ),
    },
)
def map_contracts_beyond_the_link(
    model, data, relation=at_most, rate=lambda w, beta, real, own: rates.sharp_rate(w, real, beta - real, 1)
):
    """|G'(θ*)| = λF/(A+λF) ≤ λβ/(A+λβ) < 1 at every λ, ε_Dβ/γ ≥ 1 included: γ of the data alone, β ≥ F."""
    bound = rate(WEIGHTS, lipschitz(model, data), *curvatures_at_best(model, data))
    return relation(slope(model, data), bound, scale=1)


@theorem.computed(
    scope="Student(3) location, data at ±√3, λ from 0.1 to 20",
    margin=1e-3,
    rivals={"ε_Dβ/γ": dict(value=2.0), "λ/(1+λ)": dict(value=share(WEIGHTS))},
)
def flat_likelihood_is_not_covered(value=1.0):
    """Where the data's part of γ is 0, G'(θ*) = 1 at every λ > 0; ε_Dβ/γ = 2 promises nothing."""
    return equals(slope(3, "±√3"), value, scale=1)
