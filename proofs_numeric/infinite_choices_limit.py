"""With infinitely many proposals curation is an exponential tilt: p_{t+1} ∝ p_t·e^r.

H^K(x) = a·E[1/S̄], S̄ the mean weight of the K proposals, a(x) among them. Expanding 1/S̄ about m = E a,
1/S̄ = 1/m − (S̄ − m)/m² + (S̄ − m)²/(m²S̄), gives H^K = a/m + O(1/K), with a constant that is spelt out:
a limit is decided by its rate. The first order is (a/m)·[(m − a)/m + Var a/m²]/K.
"""

from fractions import Fraction
from math import inf

import numpy as np
import sympy as sp

from proofs_numeric._laws import THREE
from theorycheck import (
    FERBACH_2024,
    Assumption,
    Enclosed,
    FiniteLaw,
    FiniteLaws,
    Integers,
    Theorem,
    at_most,
    equals,
)
from theorycheck.loops import curation, exact

theorem = Theorem(
    key="infinite-choices-limit",
    title="With infinitely many proposals curation tilts the model by e^r",
    source=FERBACH_2024,
    statement=r"K \to \infty:\quad p_{t+1}(x) = p_t(x)\, \frac{e^{r(x)}}{\mathbb{E}_{p_t} e^{r}}",
    assumptions=[
        Assumption("finite-states", "p is a law on finitely many states", {"law": FiniteLaws((2, 4))}),
        Assumption("choices", "users choose among K ≥ 1 proposals", {"choices": Integers(1, draw_to=6)}),
    ],
)

BEST_OR_NOTHING = FiniteLaw((Fraction(2, 3), Fraction(1, 3)), (Fraction(1, 10**6), Fraction(1)))
MIDDLE = FiniteLaw(  # the second state has the mean weight
    (Fraction(1, 4), Fraction(1, 2), Fraction(1, 4)), (Fraction(1, 10), Fraction(11, 20), Fraction(1))
)


@theorem.symbolic(
    scope="all S̄, m > 0",
    rivals={
        "(S̄−m)²/m³": dict(rest=lambda s, m: (s - m) ** 2 / m**3),
        "first order only": dict(rest=lambda s, m: 0),
    },
)
def reciprocal_expands(rest=lambda s, m: (s - m) ** 2 / (m**2 * s)):
    """1/S̄ = 1/m − (S̄ − m)/m² + (S̄ − m)²/(m²S̄)."""
    s, m = sp.symbols("s m", positive=True)
    return equals(1 / s, 1 / m - (s - m) / m**2 + rest(s, m))


def deviation_bound(law, a, choices, scale=1, spread=1):
    """(a/m²)·[|a − m|/K + ((K−1)·Var + (a − m)²)/(K²·a_min)]: a bound on |H^K − a/m|."""
    m, variance = exact.mean(law.p, law.a), exact.variance(law.p, law.a)
    squared = spread * (choices - 1) * variance + (a - m) ** 2
    return scale * a / m**2 * (abs(a - m) / Fraction(choices) + squared / (choices**2 * min(law.a)))


@theorem.forall(
    examples=80,
    rivals={
        "1/10 of it": dict(law=THREE, choices=3, scale=Fraction(1, 10)),
        "the variance forgotten": dict(law=MIDDLE, choices=4, spread=0),
        "1/K²": dict(law=THREE, choices=4, scale=Fraction(1, 4)),
    },
)
def ratio_tends_to_the_tilt(law, choices, scale=1, spread=1):
    """|H^K − a/m| ≤ (a/m²)·[|a − m|/K + ((K−1)·Var a + (a − m)²)/(K²·a_min)]: it vanishes like 1/K."""
    ratio = exact.choice_ratio(law.p, law.a, choices)
    m = exact.mean(law.p, law.a)
    return [
        at_most(abs(h - a / m), deviation_bound(law, a, choices, scale, spread))
        for h, a in zip(ratio, law.a, strict=True)
    ]


@theorem.search(
    at=[dict(choices=2), dict(choices=6)],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    sharp=1.01,
    rivals={"9/10 of it": dict(scale=Fraction(9, 10)), "1/K²": dict(scale=Fraction(1, 4))},
)
def worst_case_of_the_bound(choices, law, scale=1):
    """No law on two atoms breaks it, and close weights attain it: 1/K is the right order."""
    return ratio_tends_to_the_tilt(law, choices, scale)


def first_order(p, a, variance=1, sign=1):
    """(a/m)·[(m − a)/m + Var a/m²]."""
    m = p @ a
    return a / m * (sign * (m - a) / m + variance * (p @ (a - m) ** 2) / m**2)


@theorem.computed(
    at=[dict(span=1.0), dict(span=5.0)],
    scope="40 states, K = 10⁴ and 2·10⁴",
    margin=2e-3,
    rivals={
        "without the variance": dict(limit=lambda p, a: first_order(p, a, variance=0)),
        "a − m for m − a": dict(limit=lambda p, a: first_order(p, a, sign=-1)),
        "limit 0": dict(limit=lambda p, a: 0 * a),
    },
)
def first_order_in_the_choices(span, limit=first_order):
    """K·(H^K − a/m) → (a/m)·[(m − a)/m + Var a/m²]; extrapolated from two K, whose difference bounds it."""
    reward = np.linspace(0, span, 40)
    p = np.linspace(2, 1, 40) / np.linspace(2, 1, 40).sum()
    a = np.exp(reward - span)
    coarse, fine = (
        choices * (curation.choice_ratio(p, reward, choices) - a / (p @ a)) for choices in (10_000, 20_000)
    )
    error = np.abs(fine - coarse) / 5 + 4e-8
    return equals(Enclosed(2 * fine - coarse, error), limit(p, a), scale=1)


@theorem.computed(
    at=[dict(span=1.0), dict(span=5.0)],
    scope="40 states, 10 generations, K = 1, 2 and 4 times 10⁴",
    margin=1e-3,
    rivals={"1/K²": dict(slope=-2.0), "1/√K": dict(slope=-0.5), "K = ∞ is not its limit": dict(slope=0.0)},
)
def trajectories_tend_to_the_tilted_one(span, slope=-1.0):
    """After 10 generations the total variation between K and K = ∞ falls like 1/K.

    Its logarithm has slope −1 on log K: the slopes between neighbours, extrapolated.
    """
    reward, p = np.linspace(0, span, 40), np.full(40, 1 / 40)
    *ends, tilted = (curation.trajectory(p, reward, k, 10)[-1] for k in (10_000, 20_000, 40_000, inf))
    early, late = np.diff([np.log(np.abs(end - tilted).sum()) for end in ends]) / np.log(2)
    return equals(Enclosed(2 * late - early, abs(late - early) + 1e-5), slope, scale=1)


@theorem.forall(
    examples=60,
    rivals={
        "K − 1 for K": dict(law=BEST_OR_NOTHING, choices=3, power=lambda K: K - 1),
        "(1 − 1/K)·a*/m": dict(law=THREE, choices=2, most=lambda share, K: (1 - Fraction(1, K)) / share),
    },
)
def finite_choices_favour_less(
    law, choices, power=lambda K: K, most=lambda share, K: (1 - (1 - share) ** K) / share
):
    """At finite K the best state gains less than the tilt gives: H^K(x*) ≤ (a*/m)·(1 − (1 − m/a*)^K) < a*/m.

    1/(a* + Σ A_i) is convex in each A_i, so largest for weights of 0 and a* with the same mean, which attain
    the right side.
    """
    top = max(law.a)
    share = exact.mean(law.p, law.a) / top
    ratio = exact.choice_ratio(law.p, law.a, choices)[law.a.index(top)]
    return at_most(ratio, most(share, power(choices)))


@theorem.search(
    at=[dict(choices=2), dict(choices=6)],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    sharp=1.01,
    rivals={"K − 1 for K": dict(power=lambda K: K - 1)},
)
def worst_case_of_the_best_state(choices, law, power=lambda K: K):
    """No law on two atoms favours its best state more: H − 1 is sharp where the other state is worthless."""
    bound = finite_choices_favour_less(law, choices, power)
    return at_most(bound.left - 1, bound.right - 1)
