"""Errors accumulate as synthetic data take over, and the collapse of the purely synthetic loop is the limit.

The Gaussian mean with known variance 1: at N = (1+λ)n points a generation the stationary variance grows like
(1+λ)/N, at λ → ∞ the mean is a walk with Var θ_t = t/N, while any λ < ∞ bounds it by 3/(2n). With an unknown
variance λ = ∞ is the loop of `gaussian-collapse`, E σ_t = c₄(n)^t σ_0, and fresh real data stop its collapse.
"""

import math
from fractions import Fraction

import numpy as np
import sympy as sp

from theorycheck import (
    DERIVED,
    Assumption,
    OneOf,
    Rationals,
    Rival,
    Theorem,
    at_least,
    at_most,
    equals,
    mean,
)
from theorycheck.loops import closed_forms as gaussian
from theorycheck.loops.retraining import closed_forms as form
from theorycheck.loops.retraining import oracle
from theorycheck.loops.retraining.samples import means, simulate

theorem = Theorem(
    key="finite-sample-collapse",
    title="Sampling errors accumulate with the synthetic weight, up to collapse without real data",
    source=DERIVED,
    statement=(
        r"\frac{1+\lambda}{2N} \le \lim_t \mathrm{Var}\,\theta_t \le \frac{2(1+\lambda)}{N},\quad "
        r"N=(1+\lambda)n;\qquad \lim_{\lambda\to\infty}\mathrm{Var}\,\theta_t = \frac{t}{N}"
    ),
    assumptions=[
        Assumption(
            "real-data", "real data stay in the mix: λ is finite", {"synthetic_weight": Rationals(0, 1000)}
        ),
        Assumption("protocol", "the real set is kept or renewed", {"protocol": OneOf(*oracle.PROTOCOLS)}),
    ],
)

HALF = Fraction(1, 2)
W, BUDGET = sp.symbols("lambda N", positive=True)  # N = (1+λ)n points a generation


@theorem.symbolic(
    at=[dict(protocol=protocol) for protocol in form.VARIANCES],
    scope="all λ ≥ 0, N ≥ 1",
    rivals={"no accumulation": dict(least=lambda w: (1 + w) ** 2 / 2), "bounded": dict(most=lambda w: 2)},
)
def error_accumulates(protocol, least=lambda w: (1 + w) / 2, most=lambda w: 2 * (1 + w)):
    """With N = (1+λ)n points a generation the stationary variance lies between (1+λ)/(2N) and 2(1+λ)/N.

    It is (1+λ)²/((1+2λ)N) with fresh real data, (1+λ)(1+3λ)/((1+2λ)N) with a fixed set: no λ-free bound.
    """
    here = sp.factor((1 + W) * form.stationary(W, protocol) / BUDGET)
    everywhere = {W: Rationals(0), BUDGET: Rationals(1)}
    return [
        at_most(least(W) / BUDGET, here, over=everywhere),
        at_most(here, most(W) / BUDGET, over=everywhere),
    ]


@theorem.symbolic(
    at=[dict(protocol=protocol, steps=t) for protocol in form.VARIANCES for t in (1, 2, 5)],
    rivals={
        "one generation less": dict(growth=lambda t: t - 1),
        "n held fixed": dict(held=lambda budget, w: budget),
    },
)
def collapse_is_the_limit(protocol, steps, growth=lambda t: t, held=lambda budget, w: budget / (1 + w)):
    """λ → ∞ at fixed N and t: Var θ_t → t/N in both protocols, the walk of the purely synthetic loop."""
    spread = sp.cancel(form.VARIANCES[protocol](held(BUDGET, W), W, sp.Integer(steps)))
    return equals(sp.limit(spread, W, sp.oo), growth(steps) / BUDGET)


def squared_error(rng, size, n, weight, steps, protocol="fixed"):
    """(θ_t − θ*)² of literal loops."""
    return means(rng, size, n, weight, steps, protocol)[:, -1] ** 2


@theorem.sampled(
    at=[dict(n=8, steps=5), dict(n=4, steps=20)],
    margin=0.1,
    rivals={
        "one generation more": Rival(
            dict(n=8, steps=3, growth=lambda t: Fraction(t + 1)), lambda n: Fraction(1, 4)
        ),
        "stationary": dict(growth=lambda t: Fraction(1)),
    },
)
def purely_synthetic_mean_walks(n, steps, growth=Fraction):
    """λ = ∞: Var θ_t = t/n; the error grows without bound."""
    drawn = mean(squared_error, n, math.inf, steps, variance=2 * Fraction(steps, n) ** 2)
    return equals(drawn, growth(steps) / n)


@theorem.sampled(
    at=[
        dict(n=4, synthetic_weight=Fraction(5), steps=20, protocol="fixed"),
        dict(n=8, synthetic_weight=HALF, steps=10, protocol="fresh"),
    ],
    margin=0.1,
    rivals={
        "1/n with a fixed set": Rival(
            dict(n=4, synthetic_weight=Fraction(5), steps=20, protocol="fixed", most=Fraction(1)),
            lambda n, synthetic_weight, steps: (
                n * oracle.variance(n, synthetic_weight * n, steps, "fixed") - 1
            ),
        )
    },
    without={"real-data": dict(synthetic_weight=math.inf, steps=5)},
)
def real_data_bound_the_error(n, synthetic_weight, steps, protocol, most=Fraction(3, 2)):
    """E(θ_t − θ*)² ≤ 3/(2n) at every λ < ∞ and t in literal loops, not so without real data."""
    true = Fraction(steps, n)
    if synthetic_weight < math.inf:
        true = oracle.variance(n, synthetic_weight * n, steps, protocol)
    drawn = mean(squared_error, n, synthetic_weight, steps, protocol, variance=2 * true**2)
    return at_most(drawn, most / n)


# --- an unknown variance: the collapse of the scale ---------------------------------------------------------


def fitted_scale(rng, size, n, weight, steps, kernel, ddof):
    """σ_t/σ_0 of a Gaussian with unknown mean and variance."""
    options = dict(protocol="fresh", kernel=kernel, ddof=ddof)
    return np.exp(simulate(rng, "gaussian", n, weight, steps, size, **options)[1, :, steps])


@theorem.sampled(
    at=[
        dict(n=5, steps=5, kernel="literal", ddof=1),
        dict(n=5, steps=5, kernel="reduced", ddof=1),
        dict(n=5, steps=5, kernel="literal", ddof=0),
    ],
    margin=0.025,
    rivals={
        "c₄(n+1)": dict(shifted=1),
        "the other estimator": dict(swapped=True),
        "no collapse": Rival(
            dict(n=5, steps=5, ddof=1, grows=True),
            lambda n, steps: 1 - gaussian.contraction_factor(n) ** steps,
        ),
    },
)
def scale_collapses_without_real_data(n, steps, kernel, ddof, shifted=0, swapped=False, grows=False):
    """λ = ∞: E σ_t = c₄(n)^t σ_0, the collapse of `gaussian-collapse`; with maximum likelihood faster.

    The variance is at most E σ_t² − (E σ_t)², E σ_t² being σ_0² times 1 or (1 − 1/n)^t.
    """
    factors = [gaussian.biased_contraction_factor, gaussian.contraction_factor]
    factor = sp.N(factors[ddof](sp.Integer(n)), 30)
    variance = (1 - Fraction(1 - ddof, n)) ** steps - factor ** (2 * steps)
    drawn = mean(fitted_scale, n, math.inf, steps, kernel, ddof, variance=variance)
    claimed = factors[1 - ddof if swapped else ddof](sp.Integer(n + shifted)) ** steps
    return equals(drawn, 1 if grows else claimed)


def scale_above(rng, size, n, synthetic_weight, steps, least):
    """Whether σ_t ≥ least·σ_0 with fresh real data, by sufficient statistics."""
    return (fitted_scale(rng, size, n, synthetic_weight, steps, "reduced", 1) >= least).astype(float)


@theorem.sampled(
    at=[dict(n=10, synthetic_weight=Fraction(1), steps=100)],
    margin=0.1,
    rivals={
        "real data do not matter": Rival(
            dict(synthetic_weight=math.inf), lambda n, steps: 1 - 4 * gaussian.contraction_factor(n) ** steps
        )
    },
    without={"real-data": dict(synthetic_weight=math.inf)},
)
def real_data_stop_the_collapse(n, synthetic_weight, steps):
    """P(σ_t ≥ σ_0/2) ≥ ½ after 100 generations at λ = 1; without real data it is at most 2c₄^t (Markov)."""
    return at_least(mean(scale_above, n, synthetic_weight, steps, 0.5, bounds=(0.0, 1.0)), HALF)
