"""With unknown covariance, in d dimensions, the covariance loses what the mean strays: E Σ_t = C − Cov μ_t.

Each generation fits mean and covariance to n real points of N(m, C) and ⌊λn⌋ of the model. Every projection
of that loop is the loop of the projected points, so Cov μ_t = v_t·C whatever d and C are. The number v_t
tends to (1+3λ)/(n(1+2λ)+λ) if the real set is kept, to (1+λ)/(n(1+2λ)+λ) if it is renewed. Both are below
what a known covariance gives (`finite-sample-variance`), as the model's points spread less than the data.
Without real data v_t = 1 − (1−1/n)^t, and with the unbiased covariance E √(u'Σ_t u) = c₄(n)^t √(u'Cu).
"""

import functools
import math
from fractions import Fraction

import numpy as np
import sympy as sp

from theorycheck import (
    DERIVED,
    Assumption,
    Integers,
    OneOf,
    Rationals,
    Theorem,
    at_least,
    at_most,
    equals,
    mean,
)
from theorycheck.loops import closed_forms as gaussian
from theorycheck.loops.retraining import closed_forms as form
from theorycheck.loops.retraining import oracle
from theorycheck.loops.retraining.moments import moment
from theorycheck.loops.retraining.multivariate import Gaussian, simulate
from theorycheck.loops.retraining.oracle import other
from theorycheck.loops.retraining.samples import points

theorem = Theorem(
    key="finite-sample-multivariate",
    title="In d dimensions the covariance loses what the retrained mean strays",
    source=DERIVED,
    statement=(
        r"\mathrm{Cov}\,\mu_t = v_t\,C,\quad \mathbb{E}\,\Sigma_t = (1-v_t)\,C,\qquad "
        r"v_t \to \frac{1+3\lambda}{n(1+2\lambda)+\lambda}\ \text{(real set kept)},\quad "
        r"v_t \to \frac{1+\lambda}{n(1+2\lambda)+\lambda}\ \text{(renewed)}"
    ),
    assumptions=[
        Assumption("sample-size", "each generation has n ≥ 2 real points", {"n": Integers(2)}),
        Assumption(
            "likelihood",
            "mean and covariance are those of maximum likelihood",
            {"divisor": OneOf("all points")},
        ),
        Assumption(
            "known-start",
            "the loop starts from the mean and the covariance of the data's law, here times 1",
            {"start": OneOf(1)},
        ),
        Assumption("real-data", "real data stay in the mix: λ is finite", {"real": OneOf(True)}),
        Assumption("protocol", "the real set is kept or renewed", {"protocol": OneOf(*oracle.PROTOCOLS)}),
    ],
)

N, W, V, COV = (sp.Symbol(name, positive=True) for name in ("n", "lambda", "v", "c"))
PROTOCOLS = [dict(protocol=protocol) for protocol in oracle.PROTOCOLS]


def settled(n, weight, protocol):
    """lim v_t."""
    return (1 + (3 if protocol == "fixed" else 1) * weight) / (n * (1 + 2 * weight) + weight)


# --- one projection is enough -------------------------------------------------------------------------------


@theorem.symbolic(
    at=[dict(dimension=2, count=3), dict(dimension=3, count=2)],
    scope="3 points in the plane, 2 in space, all directions",
    rivals={"correlations forgotten": dict(seen=lambda square: sp.diag(*square.diagonal()))},
)
def projections_are_fitted_alike(dimension, count, seen=lambda square: square):
    """The fit to points x_j, projected on u, is the fit to the numbers u'x_j: u'x̄ and u'Σu."""
    x = sp.Matrix(count, dimension, sp.symbols(f"x:{count * dimension}", real=True))
    u = sp.Matrix(sp.symbols(f"u:{dimension}", real=True))
    centred = lambda rows: rows - sp.ones(count, count) * rows / count  # noqa: E731
    covariance = centred(x).T * centred(x) / count
    numbers = centred(x * u)
    return equals((u.T * seen(covariance) * u)[0], (numbers.T * numbers)[0] / count)


@theorem.certified(
    at=[
        dict(n=n, synthetic=k, protocol=protocol)
        for n, k in ((2, 0), (2, 3), (6, 3), (10, 50))
        for protocol in oracle.PROTOCOLS
    ],
    scope="t = 1, 2, 5",
    rivals={"the covariance stays": dict(n=6, synthetic=3, lost=0), "twice": dict(n=6, synthetic=3, lost=2)},
    without={
        "likelihood": dict(divisor="all points but one"),
        "known-start": dict(n=6, synthetic=3, start=Fraction(1, 2)),
    },
)
def covariance_loses_what_the_mean_strays(n, synthetic, protocol, divisor="all points", start=1, lost=1):
    """E Σ_t = (1 − v_t)·C: the fit keeps the second moment of its points, and that is C's in mean."""
    for t in (1, 2, 5):
        loop = n, synthetic, t, protocol, int(divisor != "all points"), start
        yield equals(moment(*loop, scale=2), 1 - lost * moment(*loop, mean=2))


@theorem.symbolic(
    at=PROTOCOLS,
    scope="all n, λ > 0, all v",
    rivals={
        "the other protocol": dict(limit=lambda n, w, protocol: settled(n, w, other(protocol))),
        "known covariance": dict(limit=lambda n, w, protocol: form.stationary(w, protocol) / n),
        "n for n + ½": dict(limit=lambda n, w, protocol: settled(n - sp.S.Half, w, protocol)),
    },
)
def mean_settles(protocol, limit=settled):
    """v_{t+1} − v = k(k−1)/(n+k)²·(v_t − v), k = λn; with a kept set 2(1−ρ)ρ·(c_t − 1/n) comes on top.

    There c_t = Cov(X̄, μ_t), and c_t − 1/n shrinks by ρ = λ/(1+λ). So v_t → v, geometrically.
    """
    rate, settling = form.rate(W), (W * N) * (W * N - 1) / (N + W * N) ** 2
    v = limit(N, W, protocol)
    covariance, after = oracle.next_moments((COV, V), N, W * N, protocol, 1, 1 - V)
    late = 2 * (1 - rate) * rate * (COV - 1 / N) if protocol == "fixed" else 0
    found = [equals(after - v, settling * (V - v) + late)]
    return found + [equals(covariance - 1 / N, rate * (COV - 1 / N))] * (protocol == "fixed")


@theorem.symbolic(
    at=PROTOCOLS,
    scope="all n ≥ 2, λ ≥ 0",
    rivals={
        "no accumulation": dict(least=lambda w: (1 + w) ** 2 / 3),
        "bounded": dict(most=lambda w: 2),
        "E Σ_t → (1−1/n)C": dict(kept=lambda n: (n - 1) / n, protocol="fixed"),
    },
    without={"real-data": dict(real=False)},
)
def errors_accumulate(
    protocol,
    least=lambda w: (1 + w) / 3,
    most=lambda w: 2 * (1 + w),
    kept=lambda n: (n - 1) / (n + sp.S.Half),
    real=True,
):
    """With N = (1+λ)n points v lies between (1+λ)/(3N) and 2(1+λ)/N; yet E Σ_t → (1−v)C ⪰ (n−1)/(n+½)·C.

    Without real data E Σ_t → 0.
    """
    v = settled(N, W, protocol)
    spread = sp.cancel((1 + W) * N * v)
    everywhere = {W: Rationals(0), N: Rationals(2)}
    return [
        at_most(least(W), spread, over=everywhere),
        at_most(spread, most(W), over=everywhere),
        at_least(sp.cancel(1 - v) if real else sp.S.Zero, kept(N), over=everywhere),
    ]


# --- the loop, as it is run ---------------------------------------------------------------------------------


@functools.cache
def data(dimension):
    """A law with correlations 2^{−|i−j|}."""
    place = np.arange(dimension)
    return Gaussian(place - 1.0, 0.5 ** np.abs(place[:, None] - place))


def projected(rng, size, dimension, n, weight, steps, protocol, kernel, ddof=0):
    """u'(μ_t − m) and u'Σ_t u in units of u'Cu, u = (1, …, 1)."""
    law = data(dimension)
    found = simulate(rng, n, weight, steps, size, data=law, protocol=protocol, kernel=kernel, ddof=ddof)
    unit = law.covariance.sum()
    shift = (found.mean[:, -1] - law.mean).sum(axis=1) / math.sqrt(unit)
    return shift, found.covariance[:, -1].sum(axis=(1, 2)) / unit


def squared_shift(*arguments):
    """(u'(μ_t − m))²/u'Cu of simulated loops."""
    return projected(*arguments)[0] ** 2


def spread(*arguments):
    """u'Σ_t u/u'Cu of simulated loops."""
    return projected(*arguments)[1]


def walked(n, steps):
    """v_t of the loop without real data."""
    return 1 - (1 - Fraction(1, n)) ** steps


def diagonal(dimension):
    """u'diag(C)u/u'Cu."""
    law = data(dimension)
    return Fraction(np.trace(law.covariance)) / Fraction(law.covariance.sum())


LOOPS = [
    dict(dimension=2, n=2, synthetic_weight=2, steps=5, protocol="fixed", kernel="literal"),
    dict(dimension=2, n=2, synthetic_weight=2, steps=5, protocol="fresh", kernel="reduced"),
    dict(dimension=10, n=2, synthetic_weight=2, steps=5, protocol="fixed", kernel="reduced"),
]


def own_moments(n, synthetic_weight, steps, protocol):
    """v_t, E u'Σ_t u, and the variances of their draws, exactly."""
    loop = *points(n, synthetic_weight), steps, protocol
    v, spread = moment(*loop, mean=2), moment(*loop, scale=2)
    return v, spread, moment(*loop, mean=4) - v**2, moment(*loop, scale=4) - spread**2


@theorem.sampled(
    at=LOOPS,
    margin=0.065,
    rivals={
        "the other protocol": dict(seen=other),
        "known covariance": dict(value=lambda n, w, t, protocol: oracle.variance(n, w * n, t, protocol)),
        "correlations forgotten": dict(unit=diagonal),
    },
)
def mean_strays_alike_in_every_direction(
    dimension,
    n,
    synthetic_weight,
    steps,
    protocol,
    kernel,
    value=lambda *loop: own_moments(*loop)[0],
    seen=lambda protocol: protocol,
    unit=lambda dimension: 1,
):
    """E (u'(μ_t − m))² = v_t·u'Cu, also in ten dimensions, which six points do not span."""
    loop = n, synthetic_weight, steps
    drawn = mean(squared_shift, dimension, *loop, protocol, kernel, variance=own_moments(*loop, protocol)[2])
    return equals(drawn, value(*loop, seen(protocol)) * unit(dimension))


@theorem.sampled(
    at=LOOPS,
    margin=0.1,
    rivals={
        "the other protocol": dict(seen=other),
        "the covariance stays": dict(value=lambda *loop: Fraction(1)),
        "correlations forgotten": dict(unit=diagonal),
    },
)
def covariance_shrinks_alike_in_every_direction(
    dimension,
    n,
    synthetic_weight,
    steps,
    protocol,
    kernel,
    value=lambda *loop: own_moments(*loop)[1],
    seen=lambda protocol: protocol,
    unit=lambda dimension: 1,
):
    """E u'Σ_t u = (1 − v_t)·u'Cu in the same loops."""
    loop = n, synthetic_weight, steps
    drawn = mean(spread, dimension, *loop, protocol, kernel, variance=own_moments(*loop, protocol)[3])
    return equals(drawn, value(*loop, seen(protocol)) * unit(dimension))


# --- without real data --------------------------------------------------------------------------------------


@theorem.sampled(
    at=[
        dict(dimension=3, n=3, steps=2, kernel="literal"),
        dict(dimension=5, n=6, steps=4, kernel="reduced"),
    ],
    margin=0.065,
    rivals={
        "t/n, the walk of known covariance": dict(walked=lambda n, t: Fraction(t, n)),
        "one generation more": dict(walked=lambda n, t: walked(n, t + 1)),
    },
)
def mean_strays_until_the_covariance_is_lost(dimension, n, steps, kernel, walked=walked):
    """λ = ∞: E (u'(μ_t − m))² = (1 − (1−1/n)^t)·u'Cu. The mean comes to rest where Σ_t is lost."""
    variance = own_moments(n, math.inf, steps, "fresh")[2]
    drawn = mean(squared_shift, dimension, n, math.inf, steps, "fresh", kernel, variance=variance)
    return equals(drawn, walked(n, steps))


def scale(*arguments):
    """√(u'Σ_t u/u'Cu) of simulated loops without real data, their variance unbiased."""
    return np.sqrt(spread(*arguments))


def isotropic(n):
    """E tr√X/2 for the unbiased covariance X of n points of N(0, I) in the plane."""
    freedom = sp.Integer(n - 1)
    factor = sp.sqrt(2 / freedom) * sp.gamma(freedom + sp.S.Half) / sp.gamma(freedom) / 2
    return factor * sp.hyper([-sp.S.Half, freedom - 1], [freedom], -1)


@theorem.sampled(
    at=[
        dict(dimension=2, n=3, steps=5, kernel="literal"),
        dict(dimension=2, n=3, steps=5, kernel="reduced"),
        dict(dimension=6, n=3, steps=5, kernel="reduced"),
    ],
    margin=0.08,
    rivals={
        "c₄(n+1)": dict(shifted=1),
        "the isotropic constant": dict(factor=isotropic),
        "no collapse": dict(factor=lambda n: sp.S.One),
    },
)
def every_direction_collapses_without_real_data(
    dimension, n, steps, kernel, factor=gaussian.contraction_factor, shifted=0
):
    """λ = ∞, unbiased: E √(u'Σ_t u) = c₄(n)^t √(u'Cu), the collapse of `gaussian-collapse-multivariate`."""
    own = sp.N(gaussian.contraction_factor(sp.Integer(n)), 30) ** steps
    drawn = mean(scale, dimension, n, math.inf, steps, "fresh", kernel, 1, variance=1 - own**2)
    return equals(drawn, factor(sp.Integer(n + shifted)) ** steps)
