"""How far n samples throw the retraining loop: exact variances of the Gaussian mean, in both protocols.

Known variance 1, θ* = 0, n real points and ⌊λn⌋ of the model a generation. With the real set drawn once
Var θ_t = (1−ρ^t)²/n + λ(1−ρ^{2t})/((1+2λ)n), ρ = λ/(1+λ): the set is never forgotten. With fresh real points
it is (1+λ)(1−ρ^{2t})/((1+2λ)n). Where λn is not whole, λ stands for ⌊λn⌋/n. Noise may also depend on θ, and
families may not hold the data: the error still falls like 1/√n.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import (
    DERIVED,
    Assumption,
    Integers,
    OneOf,
    Rationals,
    Rival,
    Theorem,
    at_most,
    equals,
    law,
    mean,
)
from theorycheck.loops.retraining import closed_forms as form
from theorycheck.loops.retraining import oracle
from theorycheck.loops.retraining.oracle import other
from theorycheck.loops.retraining.samples import means, simulate

theorem = Theorem(
    key="finite-sample-variance",
    title="The variance of the retrained Gaussian mean, with the real set kept or renewed",
    source=DERIVED,
    statement=(
        r"n\,\mathrm{Var}\,\theta_t \to 1+\frac{\lambda}{1+2\lambda}\ \text{(real set kept)},\qquad "
        r"n\,\mathrm{Var}\,\theta_t \to \frac{1+\lambda}{1+2\lambda}\ \text{(renewed)}"
    ),
    assumptions=[
        Assumption("sample-size", "each generation has n ≥ 1 real points", {"n": Integers(1)}),
        Assumption(
            "real-data", "real data stay in the mix: λ is finite", {"synthetic_weight": Rationals(0, 1000)}
        ),
        Assumption("protocol", "the real set is kept or renewed", {"protocol": OneOf(*oracle.PROTOCOLS)}),
    ],
)

HALF = Fraction(1, 2)
N, W, T, U = (sp.Symbol(name, positive=True) for name in ("n", "lambda", "t", "u"))
DECAY = sp.Symbol("r", positive=True)  # ρ^t
PROTOCOLS = [dict(protocol=protocol) for protocol in form.VARIANCES]
THE_OTHER = dict(claimed=lambda protocol: form.VARIANCES[other(protocol)])
GIVEN_THE_SET = dict(claimed=lambda protocol: form.conditional_variance)


# --- the closed forms ---------------------------------------------------------------------------------------


@theorem.symbolic(
    at=PROTOCOLS,
    scope="all n, λ, t > 0",
    rivals={"the other protocol": THE_OTHER, "given the real set": GIVEN_THE_SET},
)
def variance_recursion(protocol, claimed=form.VARIANCES.get):
    """Var θ_t = (1−ρ^t)²/n + λ(1−ρ^{2t})/((1+2λ)n) (fixed) or (1+λ)(1−ρ^{2t})/((1+2λ)n) (fresh).

    Both solve the recursion of (Cov(X̄, θ_t), Var θ_t), with Cov(X̄, θ_t) = (1−ρ^t)/n in the fixed protocol.
    """
    variance = claimed(protocol)
    here, later = (form.at_decay(variance(N, W, t), W, T, DECAY) for t in (T, T + 1))
    covariance, after = oracle.next_moments(((1 - DECAY) / N, here), N, W * N, protocol)
    found = [equals(variance(N, W, sp.S(0)), 0), equals(later, after)]
    return found + [equals(covariance, (1 - form.rate(W) * DECAY) / N)] * (protocol == "fixed")


@theorem.symbolic(
    scope="all n, λ, t > 0, real set kept",
    rivals={
        "over the set too": dict(claimed=form.fixed_variance),
        "renewed": dict(claimed=form.fresh_variance),
    },
)
def variance_given_the_real_set(claimed=form.conditional_variance):
    """Var(θ_t | set) = λ(1−ρ^{2t})/((1+2λ)n): the same recursion, with a real set that does not vary."""
    here, later = (form.at_decay(claimed(N, W, t), W, T, DECAY) for t in (T, T + 1))
    after = oracle.next_moments((0, here), N, W * N, "fixed", real=0)[1]
    return [equals(claimed(N, W, sp.S(0)), 0), equals(later, after)]


@theorem.symbolic(
    at=PROTOCOLS,
    scope="all n, λ > 0",
    rivals={
        "the other protocol": dict(limit=lambda w, protocol: form.stationary(w, other(protocol))),
        "given the real set": dict(limit=lambda w, protocol: w / (1 + 2 * w)),
        "1/((1+λ)n): no memory": dict(limit=lambda w, protocol: 1 / (1 + w)),
    },
)
def stationary_variance(protocol, limit=form.stationary):
    """Var θ_t → (1/n)(1 + λ/(1+2λ)) (fixed), (1+λ)/((1+2λ)n) (fresh), by no more than 2ρ^t/n."""
    here = form.at_decay(form.VARIANCES[protocol](N, W, T), W, T, DECAY)
    claimed, decay = limit(W, protocol) / N, 1 / (1 + U)  # every ρ^t in (0, 1]
    everywhere = {W: Rationals(0), N: Rationals(1), U: Rationals(0)}
    return [
        equals(here.subs(DECAY, 0), claimed),
        at_most(claimed - here.subs(DECAY, decay), 2 * decay / N, over=everywhere),
    ]


def without_the_set(n, synthetic, first, last, protocol):
    """ρ^{t−s}·Var θ_s: what θ_s alone passes on."""
    return form.rate(synthetic / n) ** (last - first) * oracle.variance(n, synthetic, first, protocol)


@theorem.certified(
    at=[
        dict(n=n, synthetic_weight=weight) | protocol
        for n, weight in ((4, HALF), (5, Fraction(0)), (3, Fraction(7, 3)), (1, Fraction(20)))
        for protocol in PROTOCOLS
    ],
    scope="0 ≤ s ≤ 5, s ≤ t ≤ 9",
    rivals={
        "the other protocol": dict(remembered=other),
        "the kept set forgotten": dict(protocol="fixed", between=without_the_set),
        "ρ^{t−s+1} for ρ^{t−s}": dict(synthetic_weight=HALF, later=1),
    },
)
def covariance_recursion(
    n, synthetic_weight, protocol, remembered=lambda protocol: protocol, between=oracle.covariance, later=0
):
    """Cov(θ_s, θ_t) starts from Var θ_s at t = s, and the next is ρ·Cov(θ_s, θ_t) + (1−ρ)·Cov(θ_s, X̄).

    X̄ is the mean of the next real points: of the kept set, which θ_s has seen, or of new ones (0).
    """
    synthetic, share = synthetic_weight * n, form.rate(synthetic_weight)
    moments = Fraction(0), Fraction(0)
    for s in range(6):
        claimed = [between(n, synthetic, s, t + later * (t > s), remembered(protocol)) for t in range(s, 10)]
        shared = (1 - share) * moments[0] if protocol == "fixed" else 0
        yield equals(claimed[0], moments[1])
        yield from (equals(after, share * here + shared) for here, after in itertools.pairwise(claimed))
        moments = oracle.next_moments(moments, Fraction(n), synthetic, protocol)


# --- the loop, as it is run ---------------------------------------------------------------------------------


def squared_error(rng, size, n, weight, steps, protocol, kernel, start):
    """(θ_t − θ*)² of simulated loops."""
    return means(rng, size, n, weight, steps, protocol, kernel=kernel, start=start)[:, -1] ** 2


def whole(n, synthetic_weight):
    """⌊λn⌋/n, with the floor taken exactly."""
    return Fraction(math.floor(Fraction(synthetic_weight) * n), n)


@theorem.sampled(
    at=[
        dict(n=8, synthetic_weight=HALF, steps=6, protocol="fixed", kernel="literal"),
        dict(n=8, synthetic_weight=HALF, steps=6, protocol="fresh", kernel="literal"),
        dict(n=8, synthetic_weight=HALF, steps=6, protocol="fixed", kernel="reduced"),
        dict(n=50, synthetic_weight=Fraction(5), steps=40, protocol="fresh", kernel="reduced"),
        dict(n=3, synthetic_weight=Fraction(19, 10), steps=3, protocol="fixed", kernel="literal"),
    ],
    margin=0.1,
    rivals={
        "the other protocol": THE_OTHER,
        "the start forgotten": dict(distance=0),
        "λ for ⌊λn⌋/n": Rival(
            dict(n=1, synthetic_weight=Fraction(9, 10), steps=6, protocol="fresh", used=lambda n, w: w),
            lambda n, synthetic_weight: 1 / form.fresh_variance(n, synthetic_weight, 6) - 1,
        ),
    },
)
def squared_error_is_exact(
    n, synthetic_weight, steps, protocol, kernel="literal", claimed=form.VARIANCES.get, used=whole, distance=1
):
    """E(θ_t − θ*)² = Var θ_t + ρ^{2t}(θ_0 − θ*)², with ⌊λn⌋/n for λ where λn is not whole.

    θ_t is normal, so the variance of the square is 2 Var² + 4 Var ρ^{2t}(θ_0 − θ*)². The start lies so far
    off that ρ^{2t}(θ_0 − θ*)² = Var θ_t, wherever ρ > 0.
    """
    share = whole(n, synthetic_weight)
    true = oracle.variance(n, share * n, steps, protocol)
    shift = math.sqrt(true) if share else 0.0
    start = shift / float(form.rate(share)) ** steps if share else 0.0
    bound = 2 * true**2 + 4 * true * shift**2
    drawn = mean(squared_error, n, synthetic_weight, steps, protocol, kernel, start, variance=bound)
    variance = claimed(protocol)(n, used(n, synthetic_weight), steps)
    return equals(drawn, variance + distance * Fraction(shift) ** 2)


def scale(n, synthetic_weight, steps, protocol):
    """√Var θ_t."""
    return math.sqrt(oracle.variance(n, synthetic_weight * n, steps, protocol))


def standardised(rng, size, *loop):
    """θ_t/√Var θ_t of literal loops."""
    return means(rng, size, *loop)[:, -1] / scale(*loop)


def ratio_of_scales(n, synthetic_weight, steps, protocol):
    """The standard deviation of the other protocol in units of this one's."""
    loop = n, synthetic_weight, steps
    return scale(*loop, other(protocol)) / scale(*loop, protocol)


def normal_distance(n, synthetic_weight, steps, protocol):
    """How far the laws of θ_t in the two protocols are apart: their distribution functions at one σ_t."""
    variances = [oracle.variance(n, synthetic_weight * n, steps, p) for p in (protocol, other(protocol))]
    inside = [sp.erf(sp.sqrt(sp.Rational(variances[0] / v) / 2)) / 2 for v in variances]
    return sp.Abs(inside[0] - inside[1])


@theorem.sampled(
    at=[dict(n=4, synthetic_weight=HALF, steps=5) | protocol for protocol in PROTOCOLS],
    margin=0.025,
    rivals={"the other protocol": Rival(dict(scale=ratio_of_scales), normal_distance)},
)
def model_is_normal(n, synthetic_weight, steps, protocol, scale=lambda *loop: 1.0):
    """θ_t/√Var θ_t is standard normal in the loop as the paper runs it."""
    loop = n, synthetic_weight, steps, protocol
    return equals(law(standardised, *loop), stats.norm(scale=scale(*loop)))


def product_of_two_times(rng, size, n, synthetic_weight, first, last, protocol):
    """θ_s·θ_t of literal loops."""
    history = means(rng, size, n, synthetic_weight, last, protocol)
    return history[:, first] * history[:, last]


@theorem.sampled(
    at=[dict(n=4, synthetic_weight=HALF, first=5, last=10) | protocol for protocol in PROTOCOLS],
    margin=0.2,
    rivals={"the other protocol": dict(remembered=other)},
)
def fixed_set_is_never_forgotten(
    n, synthetic_weight, first, last, protocol, remembered=lambda protocol: protocol
):
    """Cov(θ_s, θ_t) → 1/n as t − s grows if the real set is kept, and → 0 like ρ^{t−s} if it is renewed."""
    synthetic = synthetic_weight * n
    spreads = [oracle.variance(n, synthetic, t, protocol) for t in (first, last)]
    bound = spreads[0] * spreads[1] + oracle.covariance(n, synthetic, first, last, protocol) ** 2
    drawn = mean(product_of_two_times, n, synthetic_weight, first, last, protocol, variance=bound)
    claimed = oracle.covariance(n, synthetic, first, last, remembered(protocol))
    return equals(drawn, claimed, scale=Fraction(1, n))


def squared_error_bernoulli(rng, size, success, n, weight, steps, protocol, kernel):
    """(θ_t − θ*)² of Bernoulli loops that start from θ*."""
    options = dict(protocol=protocol, kernel=kernel, start=float(success), truth=float(success))
    return (simulate(rng, "bernoulli", n, weight, steps, size, **options)[0, :, steps] - float(success)) ** 2


@theorem.sampled(
    at=[
        dict(success=Fraction(3, 10), n=2, synthetic_weight=Fraction(2), steps=6, protocol=p, kernel=kernel)
        for p, kernel in (("fixed", "literal"), ("fresh", "literal"), ("fresh", "reduced"))
    ],
    margin=0.06,
    rivals={
        "noise that does not depend on θ": dict(own=lambda variance, spread: spread),
        "the other protocol": dict(seen=other),
    },
)
def noise_may_depend_on_the_model(
    success,
    n,
    synthetic_weight,
    steps,
    protocol,
    kernel,
    own=lambda variance, spread: spread - variance,
    seen=lambda protocol: protocol,
):
    """E(θ_t − θ*)² of the Bernoulli loop by its own recursion: here the noise does depend on θ_t.

    A synthetic point has the variance θ_t(1 − θ_t), in mean θ*(1 − θ*) − Var θ_t.
    """
    loop = success, n, synthetic_weight, steps, protocol, kernel
    spread = success * (1 - success)
    claimed = oracle.variance(
        n, synthetic_weight * n, steps, seen(protocol), spread, lambda variance: own(variance, spread)
    )
    return equals(mean(squared_error_bernoulli, *loop, bounds=(0.0, 1.0)), claimed)


# --- the law of 1/√n ----------------------------------------------------------------------------------------

SIZES = (8, 32, 128)
FALSE_SLOPES = {"1/n": dict(slope=Fraction(-1)), "n^{−1/4}": dict(slope=Fraction(-1, 4))}
LOGS = np.log(SIZES) - np.log(SIZES).mean()
FIT = LOGS / (LOGS**2).sum()  # what a least-squares slope on log n gives to the values at each n


def fitted_slope(rng, size, synthetic_weight, steps, protocol):
    """The slope of log|θ_t − θ*| on log n, fitted to one literal path at each n."""
    return FIT @ [
        np.log(np.abs(means(rng, size, n, synthetic_weight, steps, protocol)[:, -1])) for n in SIZES
    ]


@theorem.sampled(
    at=[dict(synthetic_weight=HALF, steps=4) | protocol for protocol in PROTOCOLS],
    margin=0.05,
    rivals=FALSE_SLOPES,
)
def error_falls_like_root_n(synthetic_weight, steps, protocol, slope=-HALF):
    """The fitted slope of log|θ_t − θ*| on log n is −½; n = 8, 32, 128.

    θ_t√n is normal with one variance at all n, and Var log|Z| = π²/8 for a standard normal Z.
    """
    drawn = mean(fitted_slope, synthetic_weight, steps, protocol, variance=math.pi**2 / 8 * float(FIT @ FIT))
    return equals(drawn, slope, scale=1)


CLIP = 3.0


def fitted_slope_misspecified(rng, size, synthetic_weight, steps, data):
    """The same for the logistic location, each log(√n|θ_t − θ*|) clipped to [−3, 3]."""
    logs = []
    for n in SIZES:
        history = simulate(rng, "logistic", n, synthetic_weight, steps, size, data=data, spread=2.0)
        scaled = np.sqrt(n) * np.abs(history[0, :, steps])
        logs.append(np.log(np.clip(scaled, math.exp(-CLIP), math.exp(CLIP))) - np.log(n) / 2)
    return FIT @ logs


@theorem.sampled(
    at=[dict(synthetic_weight=HALF, steps=3, data=data) for data in ("normal", "uniform")],
    margin=0.1,
    first=4096,
    rivals=FALSE_SLOPES,
)
def error_falls_like_root_n_misspecified(synthetic_weight, steps, data, slope=-HALF):
    """The same for a logistic location fitted to normal and uniform data of another scale: −½ within 0.1.

    Where log(√n|θ_t − θ*|) is clipped to [−3, 3], so that an interval holds; data and family are symmetric.
    """
    reach = CLIP * float(np.abs(FIT).sum())
    drawn = mean(
        fitted_slope_misspecified, synthetic_weight, steps, data, bounds=(-HALF - reach, -HALF + reach)
    )
    return equals(drawn, slope, scale=1)
