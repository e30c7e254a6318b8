"""What n samples change: the retraining loop stays within (a/√n)√log(bt/δ)·Σρ^l of its fixed point.

Each generation refits to n real points and ⌊λn⌋ points of the current model. The oracle is the Gaussian mean
with known variance 1 and θ* = 0, where all laws are known: a = √(2/(1+λ)), b = 2, ρ = λ/(1+λ), ε_opt = 0.
Two protocols must be told apart: a "fixed" real set, drawn once and kept, and "fresh" real data each round.
Here n counts the real points and λn is whole, unless ⌊λn⌋ is spelt out.
"""

import functools
import math
from fractions import Fraction

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import (
    BERTRAND_2024,
    Assumption,
    Integers,
    OneOf,
    Rationals,
    Rival,
    Theorem,
    at_least,
    at_most,
    below,
    equals,
    law,
    mean,
)
from theorycheck.formula import ball
from theorycheck.loops import closed_forms as gaussian
from theorycheck.loops.retraining import closed_forms as form
from theorycheck.loops.retraining.samples import simulate

theorem = Theorem(
    key="finite-sample-stability",
    title="With n samples the retraining loop stays within O(√(log t/n)) of its fixed point",
    source=BERTRAND_2024,
    statement=(
        r"\|\theta_t-\theta^*\| \le \Big(\varepsilon_{\mathrm{opt}} + "
        r"\frac{a}{\sqrt n}\sqrt{\log\frac{bt}{\delta}}\Big)\sum_{l=0}^{t}\rho^l + "
        r"\rho^t\|\theta_0-\theta^*\| \quad\text{with probability} \ge 1-\delta"
    ),
    assumptions=[
        Assumption("sample-size", "each generation has n ≥ 1 real points", {"n": Integers(1)}),
        Assumption(
            "real-data", "real data stay in the mix: λ is finite", {"synthetic_weight": Rationals(0, 1000)}
        ),
        Assumption("confidence", "0 < δ ≤ 1", {"delta": Rationals(Fraction(1, 10**6), 1, 10**6)}),
        Assumption("protocol", "the real set is kept or renewed", {"protocol": OneOf("fixed", "fresh")}),
        Assumption(
            "deviation",
            "|Gⁿ(θ) − G(θ)| ≤ ε_opt + (a/√n)√log(b/δ) with probability ≥ 1 − δ near θ*, uniformly in θ where "
            "the real set is kept (θ_t depends on it), and ρ exceeds ‖J‖ near θ* unless G is linear; the "
            "oracle's noise does not depend on θ, and its G is linear (real points of variance 1)",
            {"spread": OneOf(1)},
        ),
        Assumption("gaussian", "real points are Gaussian", {"data": OneOf("normal")}),
    ],
)

HALF = Fraction(1, 2)
N, W, D, T = (sp.Symbol(name, positive=True) for name in ("n", "lambda", "d", "t"))
RHO, X, U, START = (sp.Symbol(name, positive=True) for name in ("rho", "x", "u", "e_0"))
DECAY = sp.Symbol("r", positive=True)  # ρ^t
VARIANCES = {"fixed": form.fixed_variance, "fresh": form.fresh_variance}
PROTOCOLS = [dict(protocol=protocol) for protocol in VARIANCES]
OTHER = {"fixed": form.fresh_variance, "fresh": form.fixed_variance}

# --- the exact second moments ------------------------------------------------------------------------------


def next_moments(moments, n, synthetic, protocol, spread=1):
    """(Cov(X̄, θ), Var θ) one generation on, X̄ being the mean of the real set that is used."""
    covariance, variance = moments
    real, own = n / (n + synthetic), synthetic / (n + synthetic)
    carried = covariance if protocol == "fixed" else 0
    noise = real**2 * spread**2 / n + own / (n + synthetic)
    return (real * spread**2 / n + own * carried, noise + 2 * real * own * carried + own**2 * variance)


@functools.cache
def exact_variance(n, synthetic, steps, protocol, spread=1):
    """Var θ_t from a known start, by exact recursion."""
    moments = (Fraction(0), Fraction(0))
    for _ in range(steps):
        moments = next_moments(moments, Fraction(n), Fraction(synthetic), protocol, Fraction(spread))
    return moments[1]


def in_decay(expression):
    """The expression with ρ^t replaced by r."""
    return sp.expand_power_exp(expression).subs(form.rate(W) ** T, DECAY)


@theorem.symbolic(
    at=PROTOCOLS,
    scope="all n, λ, t > 0",
    rivals={
        "the other protocol": dict(variance=OTHER),
        "given the real set": dict(variance=dict.fromkeys(VARIANCES, form.conditional_variance)),
    },
)
def variance_recursion(protocol, variance=VARIANCES):
    """Var θ_t = (1−ρ^t)²/n + λ(1−ρ^{2t})/((1+2λ)n) (fixed) or (1+λ)(1−ρ^{2t})/((1+2λ)n) (fresh).

    Both solve the recursion of (Cov(X̄, θ_t), Var θ_t), with Cov(X̄, θ_t) = (1−ρ^t)/n in the fixed protocol.
    """
    claimed = variance[protocol]
    now = (1 - DECAY) / N, in_decay(claimed(N, W, T))
    covariance, after = next_moments(now, N, W * N, protocol)
    found = [equals(claimed(N, W, sp.S(0)), 0), equals(in_decay(claimed(N, W, T + 1)), after)]
    return found + [equals(covariance, (1 - form.rate(W) * DECAY) / N)] * (protocol == "fixed")


STATIONARY = {"fixed": (1 + W / (1 + 2 * W)) / N, "fresh": (1 + W) / ((1 + 2 * W) * N)}


@theorem.symbolic(
    at=PROTOCOLS,
    scope="all n, λ > 0",
    rivals={
        "the other protocol": dict(limit={"fixed": STATIONARY["fresh"], "fresh": STATIONARY["fixed"]}),
        "given the real set": dict(limit=dict.fromkeys(VARIANCES, W / ((1 + 2 * W) * N))),
        "1/((1+λ)n): no memory": dict(limit=dict.fromkeys(VARIANCES, 1 / ((1 + W) * N))),
    },
)
def stationary_variance(protocol, limit=STATIONARY):
    """Var θ_t → (1/n)(1 + λ/(1+2λ)) (fixed), (1+λ)/((1+2λ)n) (fresh), by no more than 2ρ^t/n."""
    here, decay = in_decay(VARIANCES[protocol](N, W, T)), 1 / (1 + U)  # every ρ^t in (0, 1]
    everywhere = {W: Rationals(0), N: Rationals(1), U: Rationals(0)}
    return [
        equals(here.subs(DECAY, 0), limit[protocol]),
        at_most(limit[protocol] - here.subs(DECAY, decay), 2 * decay / N, over=everywhere),
    ]


def models(rng, size, n, weight, steps, protocol, kernel="literal", start=0.0, spread=1.0, data="normal"):
    """θ_0, …, θ_t of simulated loops, shape (size, t + 1)."""
    options: dict = dict(kernel=kernel, start=start, spread=spread, data=data)
    return simulate(rng, "gaussian-mean", n, weight, steps, size, protocol=protocol, **options)[0]


def squared_error(*arguments):
    """(θ_t − θ*)² of simulated loops."""
    return models(*arguments)[:, -1] ** 2


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
        "the other protocol": dict(variance=OTHER),
        "the start forgotten": dict(distance=0),
        "λ for ⌊λn⌋/n": Rival(
            dict(n=1, synthetic_weight=Fraction(9, 10), steps=6, protocol="fresh", used=lambda n, w: w),
            lambda n, synthetic_weight: 1 / form.fresh_variance(n, synthetic_weight, 6) - 1,
        ),
    },
)
def squared_error_is_exact(
    n, synthetic_weight, steps, protocol, kernel="literal", variance=VARIANCES, used=whole, distance=1
):
    """E(θ_t − θ*)² = Var θ_t + ρ^{2t}(θ_0 − θ*)², with ⌊λn⌋/n for λ where λn is not whole.

    θ_t is normal, so the variance of the square is 2 Var² + 4 Var ρ^{2t}(θ_0 − θ*)². The start lies so far
    off that ρ^{2t}(θ_0 − θ*)² = Var θ_t, wherever ρ > 0.
    """
    share = whole(n, synthetic_weight)
    true = exact_variance(n, share * n, steps, protocol)
    shift = math.sqrt(true) if share else 0.0
    start = shift / float(form.rate(share)) ** steps if share else 0.0
    bound = 2 * true**2 + 4 * true * shift**2
    drawn = mean(squared_error, n, synthetic_weight, steps, protocol, kernel, start, variance=bound)
    claimed = variance[protocol](n, used(n, synthetic_weight), steps)
    return equals(drawn, claimed + distance * Fraction(shift) ** 2)


@functools.cache
def bernoulli_variance(success, n, synthetic, steps, protocol, own=True):
    """Var θ_t of the Bernoulli loop from θ_0 = θ*: synthetic points have the variance θ_t(1 − θ_t).

    In mean it is θ*(1 − θ*) − Var θ_t; `own` = False takes θ*(1 − θ*) for it.
    """
    spread, n, k = success * (1 - success), Fraction(n), Fraction(synthetic)
    covariance = variance = Fraction(0)
    real, share = n / (n + k), k / (n + k)
    for _ in range(steps):
        carried = covariance if protocol == "fixed" else 0
        drawn = spread - (variance if own else 0)
        variance = (
            real**2 * spread / n + share / (n + k) * drawn + 2 * real * share * carried + share**2 * variance
        )
        covariance = real * spread / n + share * carried
    return variance


def squared_error_bernoulli(rng, size, success, n, weight, steps, protocol, kernel):
    """(θ_t − θ*)² of Bernoulli loops that start from θ*."""
    options = dict(protocol=protocol, kernel=kernel, start=float(success), truth=float(success))
    return (simulate(rng, "bernoulli", n, weight, steps, size, **options)[0, :, steps] - float(success)) ** 2


@theorem.sampled(
    at=[
        dict(
            success=Fraction(3, 10),
            n=2,
            synthetic_weight=Fraction(2),
            steps=6,
            protocol=protocol,
            kernel=kernel,
        )
        for protocol, kernel in (("fixed", "literal"), ("fresh", "literal"), ("fresh", "reduced"))
    ],
    margin=0.06,
    rivals={"noise that does not depend on θ": dict(own=False), "the other protocol": dict(exchanged=True)},
)
def noise_may_depend_on_the_model(
    success, n, synthetic_weight, steps, protocol, kernel, own=True, exchanged=False
):
    """E(θ_t − θ*)² of the Bernoulli loop by its own recursion: here the noise does depend on θ_t."""
    drawn = mean(
        squared_error_bernoulli, success, n, synthetic_weight, steps, protocol, kernel, bounds=(0.0, 1.0)
    )
    claimed = _other(protocol) if exchanged else protocol
    return equals(drawn, bernoulli_variance(success, n, synthetic_weight * n, steps, claimed, own))


def standardised(rng, size, n, synthetic_weight, steps, protocol):
    """θ_t/√Var θ_t of literal loops."""
    scale = math.sqrt(exact_variance(n, synthetic_weight * n, steps, protocol))
    return models(rng, size, n, synthetic_weight, steps, protocol)[:, -1] / scale


def normal_distance(n, synthetic_weight, steps, protocol):
    """How far the laws of θ_t in the two protocols are apart: their distribution functions at one σ_t."""
    args = n, synthetic_weight * n, steps
    ratio = exact_variance(*args, protocol) / exact_variance(*args, _other(protocol))
    inside = [sp.erf(sp.sqrt(sp.Rational(str(r)) / 2)) / 2 for r in (Fraction(1), ratio)]
    return sp.Abs(inside[0] - inside[1])


def _other(protocol):
    return "fresh" if protocol == "fixed" else "fixed"


def scale_ratio(n, synthetic_weight, steps, protocol):
    """The standard deviation of the other protocol in units of this one's."""
    args = n, synthetic_weight * n, steps
    return math.sqrt(exact_variance(*args, _other(protocol)) / exact_variance(*args, protocol))


@theorem.sampled(
    at=[
        dict(n=4, synthetic_weight=HALF, steps=5, protocol="fixed"),
        dict(n=4, synthetic_weight=HALF, steps=5, protocol="fresh"),
    ],
    margin=0.025,
    rivals={"the other protocol": Rival(dict(scale=scale_ratio), normal_distance)},
)
def model_is_normal(n, synthetic_weight, steps, protocol, scale=lambda n, weight, t, protocol: 1.0):
    """θ_t/√Var θ_t is standard normal in the loop as the paper runs it."""
    drawn = law(standardised, n, synthetic_weight, steps, protocol)
    return equals(drawn, stats.norm(scale=scale(n, synthetic_weight, steps, protocol)))


def product_of_two_times(rng, size, n, synthetic_weight, first, last, protocol):
    """θ_s·θ_t of literal loops."""
    history = models(rng, size, n, synthetic_weight, last, protocol)
    return history[:, first] * history[:, last]


def covariance_of_two_times(n, synthetic_weight, first, last, protocol):
    """Cov(θ_s, θ_t): given θ_s (and the fixed set), θ_t has mean ρ^{t−s}θ_s (+ (1−ρ^{t−s})X̄)."""
    ratio, kept = form.rate(synthetic_weight), Fraction(0)
    if protocol == "fixed":
        kept = (1 - ratio ** (last - first)) * (1 - ratio**first) / n
    return kept + ratio ** (last - first) * exact_variance(n, synthetic_weight * n, first, protocol)


@theorem.sampled(
    at=[
        dict(n=4, synthetic_weight=HALF, first=5, last=10, protocol="fixed"),
        dict(n=4, synthetic_weight=HALF, first=5, last=10, protocol="fresh"),
    ],
    margin=0.2,
    rivals={"the other protocol": dict(remembered=_other)},
)
def fixed_set_is_never_forgotten(
    n, synthetic_weight, first, last, protocol, remembered=lambda protocol: protocol
):
    """Cov(θ_s, θ_t) → 1/n as t − s grows if the real set is kept, and → 0 like ρ^{t−s} if it is renewed."""
    args = n, synthetic_weight, first, last
    spreads = [exact_variance(n, synthetic_weight * n, t, protocol) for t in (first, last)]
    bound = spreads[0] * spreads[1] + covariance_of_two_times(*args, protocol) ** 2
    drawn = mean(product_of_two_times, *args, protocol, variance=bound)
    return equals(drawn, covariance_of_two_times(*args, remembered(protocol)), scale=Fraction(1, n))


# --- the deviation inequality ------------------------------------------------------------------------------


@theorem.symbolic(
    scope="all x > 0",
    rivals={"e^{−2x²}": dict(bound=lambda x: sp.exp(-2 * x**2)), "the gap rises throughout": dict(turns=0)},
)
def normal_tail(bound=lambda x: sp.exp(-(x**2)), turns=1):
    """erfc(x) ≤ e^{−x²}: the gap is 0 at 0 and ∞, and its slope 2e^{−x²}(1/√π − x) changes sign once.

    So P(|Gⁿ(θ) − G(θ)| > (a/√n)√log(b/δ)) = erfc(√log(b/δ)) ≤ δ, already with b = 1.
    """
    gap = bound(X) - sp.erfc(X)
    return [
        equals(sp.diff(gap, X), 2 * sp.exp(-(X**2)) * (1 / sp.sqrt(sp.pi) - turns * X)),
        equals(gap.subs(X, 0), 0),
        equals(sp.limit(gap, X, sp.oo), 0),
    ]


BITS = 256
BOUND, SHIFT, VARIANCE = sp.symbols("B m V", positive=True)
# P(|θ| > B) for θ ~ N(m, V).
MISS = 1 - sum(sp.erf((BOUND + s * SHIFT) / sp.sqrt(2 * VARIANCE)) for s in (1, -1)) / 2


def miss(bound, variance, shift=0, expression=MISS):
    """P(|θ| > bound) for θ ~ N(shift, variance), or an expression in it, as a ball."""
    return ball(expression, {BOUND: ball(bound, bits=BITS), SHIFT: shift, VARIANCE: variance}, BITS)


def exact(value):
    """A fraction as sympy's."""
    return sp.Rational(Fraction(value).numerator, Fraction(value).denominator)


def radius(n, weight, delta, square=2, power=HALF):
    """(a/√n)√log(2/δ) with a = √(2/(1+λ))."""
    constant = form.deviation_constant(exact(weight)) * sp.sqrt(square) / sp.sqrt(2)
    return form.deviation(exact(n) ** (2 * exact(power)), exact(delta), constant)


def one_step_variance(n, weight, spread=1):
    """Var Gⁿ(θ)."""
    return exact_variance(n, weight * n, 1, "fixed", spread)


@theorem.certified(
    at=[
        dict(n=n, synthetic_weight=Fraction(weight), delta=Fraction(1, level))
        for n, weight in ((1, 0), (20, HALF), (20, 5), (1000, 1000))
        for level in (1, 20, 10**6)
    ],
    rivals={
        "a = 1/√(1+λ)": dict(delta=Fraction(1, 20), square=1),
        "a/n for a/√n": dict(n=20, delta=Fraction(1, 20), power=1),
    },
    without={"deviation": dict(n=20, synthetic_weight=HALF, delta=Fraction(1, 20), spread=2)},
)
def deviation_holds(n, synthetic_weight, delta, square=2, power=HALF, spread=1):
    """P(|Gⁿ(θ) − G(θ)| > (a/√n)√log(2/δ)) ≤ δ with a = √(2/(1+λ)).

    Gⁿ(θ) − G(θ) ~ N(0, 1/((1+λ)n)) whatever θ is.
    """
    exceeded = miss(
        radius(n, synthetic_weight, delta, square, power), one_step_variance(n, synthetic_weight, spread)
    )
    return at_most(exceeded, delta)


def exceeds(rng, size, n, synthetic_weight, start, limit, spread, data):
    """Whether |Gⁿ(θ) − G(θ)| exceeds the limit, θ being the start."""
    after = models(rng, size, n, synthetic_weight, 1, "fixed", "literal", start, spread, data)[:, -1]
    return (np.abs(after - float(form.rate(synthetic_weight)) * start) > limit).astype(float)


@theorem.sampled(
    at=[
        dict(n=20, synthetic_weight=HALF, delta=Fraction(1, 100)),
        dict(n=5, synthetic_weight=Fraction(4), delta=Fraction(1, 20)),
    ],
    margin=0.3,
    rivals={
        "a = 1/√(1+λ)": Rival(
            dict(n=20, synthetic_weight=HALF, delta=Fraction(1, 100), square=1),
            lambda n, synthetic_weight, delta: (
                miss(radius(n, synthetic_weight, delta, 1), one_step_variance(n, synthetic_weight))
                / ball(delta)
                - 1
            ),
        )
    },
    without={
        "deviation": dict(n=20, synthetic_weight=HALF, delta=Fraction(1, 100), spread=2),
        "gaussian": dict(n=20, synthetic_weight=HALF, delta=Fraction(1, 100), data="logistic"),
    },
)
def deviation_in_samples(n, synthetic_weight, delta, square=2, spread=1, data="normal"):
    """The same in one literal generation from θ = 3."""
    limit = float(radius(n, synthetic_weight, delta, square))
    drawn = mean(exceeds, n, synthetic_weight, 3.0, limit, float(spread), data, bounds=(0.0, 1.0))
    return at_most(drawn, delta)


# --- the bound on θ_t ---------------------------------------------------------------------------------------


@theorem.symbolic(
    scope="all ρ > 0, ρ ≠ 1, all t > 0",
    rivals={
        "the sum to t attained": dict(terms=lambda t: t + 1),
        "the start forgotten": dict(kept=lambda t: 0),
        "ρ^{t+1} for ρ^t": dict(kept=lambda t: RHO ** (t + 1)),
    },
)
def recursion_unrolls(terms=lambda t: t, kept=lambda t: RHO**t):
    """e_{t+1} = ρe_t + d has e_t = d·Σ_{l<t} ρ^l + ρ^t e_0: the sum to t − 1 suffices.

    With |Gⁿ(θ_s) − G(θ_s)| ≤ d at all s < t, each with probability ≥ 1 − δ/t, the bound follows: given θ_s
    where the real points are fresh, uniformly in θ where the set is kept, since θ_s depends on it then.
    """
    error = lambda t: D * form.geometric_sum(RHO, terms(t)) + kept(t) * START  # noqa: E731
    return [equals(error(T + 1), RHO * error(T) + D), equals(error(sp.S(1)), RHO * START + D)]


def oracle_bound(n, weight, steps, delta, distance=0, terms=lambda t: t, kept=lambda t: t, logs=lambda t: t):
    """The theorem's bound for the oracle; `terms` of Σρ^l, ρ to the power `kept`, log(2·logs(t)/δ)."""
    ratio = exact(form.rate(Fraction(weight)))
    noise = form.deviation(sp.Integer(n), exact(delta) / logs(steps), form.deviation_constant(exact(weight)))
    return noise * form.geometric_sum(ratio, terms(steps)) + ratio ** kept(steps) * exact(distance)


TIMES = [
    dict(n=100, synthetic_weight=Fraction(weight), steps=steps, delta=Fraction(1, 20), protocol=protocol)
    for protocol in VARIANCES
    for weight, steps in ((0, 1), (HALF, 1), (HALF, 10), (HALF, 100), (5, 10), (5, 1000), (20, 200))
]
FAR = dict(n=10**4, synthetic_weight=Fraction(1), steps=3, distance=10)


@theorem.certified(
    at=TIMES,
    rivals={
        "no Σρ^l": dict(synthetic_weight=Fraction(20), steps=200, terms=lambda t: 1),
        "Σρ^l to t − 2": dict(synthetic_weight=HALF, steps=1, terms=lambda t: t - 1),
        "ρ^{t+1}‖θ_0−θ*‖": dict(**FAR, kept=lambda t: t + 1),
        "the start forgotten": dict(**FAR, kept=lambda t: 20 * t),
    },
    without={"deviation": dict(synthetic_weight=Fraction(0), steps=1, spread=3)},
)
def bound_covers_at_each_time(
    n, synthetic_weight, steps, delta, protocol, distance=3, terms=lambda t: t, kept=lambda t: t, spread=1
):
    """P(|θ_t − θ*| > (a/√n)√log(2t/δ)·Σ_{l<t}ρ^l + ρ^t|θ_0 − θ*|) ≤ δ at each t, exactly.

    The slack is δ over the measured probability: how much surer the bound is than it says.
    """
    bound = oracle_bound(n, synthetic_weight, steps, delta, distance, terms, kept)
    variance = exact_variance(n, synthetic_weight * n, steps, protocol, spread)
    return at_most(miss(bound, variance, form.rate(synthetic_weight) ** steps * distance), delta)


def misses(rng, size, n, synthetic_weight, steps, protocol, start, limit, ever=False):
    """Whether |θ_t − θ*| of literal loops exceeds the limit, at t alone or ever from 1 to t."""
    error = np.abs(models(rng, size, n, synthetic_weight, steps, protocol, "literal", start)[:, 1:])
    return ((error.max(axis=1) if ever else error[:, -1]) > limit).astype(float)


NO_SUM = dict(n=2, synthetic_weight=Fraction(20), steps=20, protocol="fixed", start=0, terms=lambda t: 1)


@theorem.sampled(
    at=[
        dict(n=10, synthetic_weight=HALF, steps=steps, delta=Fraction(1, 20), protocol=protocol, start=1)
        for protocol, steps in (("fixed", 1), ("fixed", 20), ("fresh", 20))
    ],
    margin=0.3,
    rivals={
        "no Σρ^l": Rival(
            NO_SUM,
            lambda n, synthetic_weight, steps, delta, protocol: (
                miss(
                    oracle_bound(n, synthetic_weight, steps, delta, terms=lambda t: 1),
                    exact_variance(n, synthetic_weight * n, steps, protocol),
                )
                / ball(delta)
                - 1
            ),
        )
    },
)
def bound_covers_in_samples(n, synthetic_weight, steps, delta, protocol, start=0, terms=lambda t: t):
    """The same in literal loops: nominal δ against the share of paths beyond the bound at t."""
    limit = float(oracle_bound(n, synthetic_weight, steps, delta, start, terms))
    drawn = mean(misses, n, synthetic_weight, steps, protocol, float(start), limit, bounds=(0.0, 1.0))
    return at_most(drawn, delta)


# --- what log t is for --------------------------------------------------------------------------------------


@theorem.symbolic(
    at=PROTOCOLS,
    scope="all n ≥ 1, λ ≥ 0, all t with ρ^t = λ/(1+λ+u), u ≥ 0",
    rivals={"a = √2/(1+λ)": dict(constant=lambda w: sp.sqrt(2) / (1 + w))},
)
def oracle_needs_no_logarithm_at_one_time(protocol, constant=form.deviation_constant):
    """a²(Σ_{l<t}ρ^l)² ≥ 2n·Var θ_t at every t ≥ 1: at one time the bound with log(2/δ) covers already.

    Then P(|θ_t| > (a/√n)√log(2/δ)·Σρ^l) ≤ erfc(√log(2/δ)) ≤ δ. Log t pays for all times up to t at once.
    """
    decay = W / (1 + W + U)
    total = form.geometric_sum(form.rate(W), T).subs(form.rate(W) ** T, decay)
    needed = 2 * N * in_decay(VARIANCES[protocol](N, W, T)).subs(DECAY, decay)
    return at_most(needed, constant(W) ** 2 * total**2, over={W: Rationals(0), U: Rationals(0)})


def ever_beyond(limit, n, times):
    """P(some |θ_s| > limit, s ≤ t) with fresh and no synthetic data, where the θ_s are independent."""
    return miss(limit, Fraction(1, n), expression=1 - (1 - MISS) ** times)


@theorem.certified(
    at=[
        dict(n=20, delta=delta, times=times)
        for delta, times in (
            (Fraction(1, 20), 10),
            (Fraction(1, 20), 100),
            (Fraction(1, 20), 10**6),
            (Fraction(1, 1000), 100),
        )
    ],
    scope="λ = 0, fresh real data",
    rivals={"log(2/δ) for log(2t/δ)": dict(logs=lambda t: 1)},
)
def logarithm_covers_all_times_at_once(n, delta, times, logs=lambda t: t):
    """P(|θ_s − θ*| > (a/√n)√log(2t/δ) for some s ≤ t) ≤ δ; not so without t in the logarithm."""
    return at_most(ever_beyond(oracle_bound(n, 0, times, delta, logs=logs), n, times), delta)


@theorem.sampled(
    at=[
        dict(n=10, synthetic_weight=Fraction(weight), steps=20, delta=Fraction(1, 20), protocol=protocol)
        for weight, protocol in ((0, "fresh"), (1, "fresh"), (1, "fixed"))
    ],
    margin=0.3,
    rivals={
        "log(2/δ) for log(2t/δ)": Rival(
            dict(synthetic_weight=Fraction(0), protocol="fresh", logs=lambda t: 1),
            lambda n, steps, delta: ever_beyond(radius(n, 0, delta), n, steps) / ball(delta) - 1,
        )
    },
)
def whole_path_is_covered(n, synthetic_weight, steps, delta, protocol, logs=lambda t: t):
    """P(|θ_s − θ*| > (a/√n)√log(2t/δ)·Σ_{l<t}ρ^l for some s ≤ t) ≤ δ in literal loops."""
    limit = float(oracle_bound(n, synthetic_weight, steps, delta, logs=logs))
    drawn = mean(misses, n, synthetic_weight, steps, protocol, 0.0, limit, True, bounds=(0.0, 1.0))
    return at_most(drawn, delta)


@theorem.certified(
    at=[dict(n=n, delta=Fraction(1, 20)) for n in (1, 10, 100)],
    scope="λ = 0, fresh real data, distance 1",
    rivals={"e^{n/4} generations": dict(growth=Fraction(1, 4))},
)
def no_sample_size_serves_every_time(n, delta, growth=Fraction(1)):
    """Within log(1/δ)·e^n generations some |θ_s − θ*| exceeds 1 with probability at least 1 − δ.

    So it takes log t: no n keeps the whole path near θ*, nor the bound's log(2t/δ) small at all t.
    """
    odds = -sp.log(exact(delta))
    stays = odds * sp.exp(exact(growth) * n) * sp.log(1 - MISS)
    return at_most(miss(1, Fraction(1, n), expression=stays), -odds)


# --- how loose it is, and how it scales ---------------------------------------------------------------------

LOOSENESS = {"fixed": lambda w: 2 * (1 + w) * (1 + 2 * w) / (1 + 3 * w), "fresh": lambda w: 2 * (1 + 2 * w)}
SWAPPED = {"fixed": LOOSENESS["fresh"], "fresh": LOOSENESS["fixed"]}


@theorem.symbolic(
    at=PROTOCOLS, scope="all n, λ > 0, t → ∞", rivals={"the other protocol": dict(factor=SWAPPED)}
)
def looseness_in_variance(protocol, factor=LOOSENESS):
    """Bound²/Var → 2(1+λ)(1+2λ)/(1+3λ)·log(2t/δ) (fixed), 2(1+2λ)·log(2t/δ) (fresh)."""
    squared = form.deviation_constant(W) ** 2 / N * form.geometric_sum(form.rate(W), T) ** 2
    far = squared.subs(form.rate(W) ** T, 0) / STATIONARY[protocol]
    return equals(far, factor[protocol](W))


@theorem.certified(
    at=[
        dict(synthetic_weight=HALF, steps=100, delta=Fraction(1, 20), about=20),
        dict(synthetic_weight=Fraction(5), steps=1000, delta=Fraction(1, 100), about=101),
    ],
    scope="fixed real set, n = 100",
    rivals={"fresh real data": dict(protocol="fresh")},
)
def looseness_at_two_instances(synthetic_weight, steps, delta, about, protocol="fixed"):
    """Bound²/Var is 20 at λ = ½, t = 100, δ = 0.05 and 101 at λ = 5, t = 1000, δ = 0.01, rounded."""
    variance = exact_variance(100, synthetic_weight * 100, steps, protocol)
    ratio = ball(oracle_bound(100, synthetic_weight, steps, delta), bits=BITS) ** 2 / ball(
        variance, bits=BITS
    )
    return [below(about - HALF, ratio), below(ratio, about + HALF)]


SIZES = (8, 32, 128)


def slope_weights():
    """What a least-squares slope on log n gives to the values at each n."""
    x = np.log(SIZES)
    return (x - x.mean()) / ((x - x.mean()) ** 2).sum()


def fitted_slope(rng, size, synthetic_weight, steps, protocol):
    """The slope of log|θ_t − θ*| on log n, fitted to one literal path at each n."""
    logs = [np.log(np.abs(models(rng, size, n, synthetic_weight, steps, protocol)[:, -1])) for n in SIZES]
    return slope_weights() @ logs


@theorem.sampled(
    at=[dict(synthetic_weight=HALF, steps=4, protocol=protocol) for protocol in VARIANCES],
    margin=0.05,
    rivals={"1/n": dict(slope=Fraction(-1)), "n^{−1/4}": dict(slope=Fraction(-1, 4))},
)
def error_falls_like_root_n(synthetic_weight, steps, protocol, slope=-HALF):
    """The fitted slope of log|θ_t − θ*| on log n is −½; n = 8, 32, 128.

    θ_t√n is normal with one variance at all n, and Var log|Z| = π²/8 for a standard normal Z.
    """
    variance = math.pi**2 / 8 * float(slope_weights() @ slope_weights())
    return equals(mean(fitted_slope, synthetic_weight, steps, protocol, variance=variance), slope, scale=1)


CLIP = 3.0


def fitted_slope_misspecified(rng, size, synthetic_weight, steps, data):
    """The same for the logistic location, each log(√n|θ_t − θ*|) clipped to [−3, 3]."""
    logs = []
    for n in SIZES:
        history = simulate(rng, "logistic", n, synthetic_weight, steps, size, data=data, spread=2.0)
        scaled = np.sqrt(n) * np.abs(history[0, :, steps])
        logs.append(np.log(np.clip(scaled, math.exp(-CLIP), math.exp(CLIP))) - np.log(n) / 2)
    return slope_weights() @ logs


@theorem.sampled(
    at=[dict(synthetic_weight=HALF, steps=3, family_data=data) for data in ("normal", "uniform")],
    margin=0.1,
    first=4096,
    rivals={"1/n": dict(slope=Fraction(-1)), "n^{−1/4}": dict(slope=Fraction(-1, 4))},
)
def error_falls_like_root_n_misspecified(synthetic_weight, steps, family_data, slope=-HALF):
    """The same for a logistic location fitted to normal and uniform data of another scale: −½ within 0.1.

    Where log(√n|θ_t − θ*|) is clipped to [−3, 3], so that an interval holds; data and family are symmetric.
    """
    reach = CLIP * float(np.abs(slope_weights()).sum())
    drawn = mean(
        fitted_slope_misspecified, synthetic_weight, steps, family_data, bounds=(-HALF - reach, -HALF + reach)
    )
    return equals(drawn, slope, scale=1)


# --- error accumulation, and the collapse as its limit ------------------------------------------------------

BUDGET = sp.Symbol("N", positive=True)  # (1+λ)n points a generation


@theorem.symbolic(
    at=PROTOCOLS,
    scope="all λ ≥ 0, N ≥ 1",
    rivals={"no accumulation": dict(least=lambda w: (1 + w) ** 2 / 2), "bounded": dict(most=lambda w: 2)},
)
def error_accumulates(protocol, least=lambda w: (1 + w) / 2, most=lambda w: 2 * (1 + w)):
    """With N = (1+λ)n points a generation the stationary variance lies between (1+λ)/(2N) and 2(1+λ)/N.

    It is (1+λ)²/((1+2λ)N) with fresh real data, (1+λ)(1+3λ)/((1+2λ)N) with a fixed set: no λ-free bound.
    """
    here = sp.factor(STATIONARY[protocol].subs(N, BUDGET / (1 + W)))
    everywhere = {W: Rationals(0), BUDGET: Rationals(1)}
    return [
        at_most(least(W) / BUDGET, here, over=everywhere),
        at_most(here, most(W) / BUDGET, over=everywhere),
    ]


@theorem.symbolic(
    at=[dict(protocol=protocol, steps=t) for protocol in VARIANCES for t in (1, 2, 5)],
    rivals={
        "one generation less": dict(growth=lambda t: t - 1),
        "n held fixed": dict(held=lambda budget, w: budget),
    },
)
def collapse_is_the_limit(protocol, steps, growth=lambda t: t, held=lambda budget, w: budget / (1 + w)):
    """λ → ∞ at fixed N and t: Var θ_t → t/N in both protocols, the walk of the purely synthetic loop."""
    spread = sp.cancel(VARIANCES[protocol](held(BUDGET, W), W, sp.Integer(steps)))
    return equals(sp.limit(spread, W, sp.oo), growth(steps) / BUDGET)


def walk(rng, size, n, steps, family="gaussian-mean"):
    """(μ_t − μ_0)² of literal loops without real data."""
    return simulate(rng, family, n, math.inf, steps, size)[0, :, steps] ** 2


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
    drawn = mean(walk, n, steps, variance=2 * Fraction(steps, n) ** 2)
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
                n * exact_variance(n, synthetic_weight * n, steps, "fixed") - 1
            ),
        )
    },
    without={"real-data": dict(synthetic_weight=math.inf, steps=5)},
)
def real_data_bound_the_error(n, synthetic_weight, steps, protocol, most=Fraction(3, 2)):
    """E(θ_t − θ*)² ≤ 3/(2n) at every λ < ∞ and t in literal loops, not so without real data."""
    true = Fraction(steps, n)
    if synthetic_weight < math.inf:
        true = exact_variance(n, synthetic_weight * n, steps, protocol)
    drawn = mean(squared_error, n, synthetic_weight, steps, protocol, variance=2 * true**2)
    return at_most(drawn, most / n)


def fitted_scale(rng, size, n, synthetic_weight, steps, kernel, ddof):
    """σ_t/σ_0 of a Gaussian with unknown mean and variance."""
    history = simulate(
        rng, "gaussian", n, synthetic_weight, steps, size, protocol="fresh", kernel=kernel, ddof=ddof
    )
    return np.exp(history[1, :, steps])


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
