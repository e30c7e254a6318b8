"""What n samples change: the retraining loop stays within (a/√n)√log(bt/δ)·Σρ^l of its fixed point.

Each generation refits to n real points and ⌊λn⌋ points of the current model. The oracle is the Gaussian mean
with known variance 1 and θ* = 0, where all laws are known: a = √(2/(1+λ)), b = 2, ρ = λ/(1+λ), ε_opt = 0.
Two protocols must be told apart: a "fixed" real set, drawn once and kept, and "fresh" real data each round.
The exact variances are in `finite-sample-variance`, λ → ∞ in `finite-sample-collapse`.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import (
    BERTRAND_2024,
    Assumption,
    Enclosed,
    OneOf,
    Rationals,
    Rival,
    Theorem,
    at_most,
    below,
    equals,
    mean,
)
from theorycheck.formula import ball
from theorycheck.loops.retraining import closed_forms as form
from theorycheck.loops.retraining import oracle
from theorycheck.loops.retraining.samples import means

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
        Assumption("confidence", "0 < δ ≤ 1", {"delta": Rationals(Fraction(1, 10**6), 1, 10**6)}),
        Assumption(
            "deviation",
            "|Gⁿ(θ) − G(θ)| ≤ ε_opt + (a/√n)√log(b/δ) with probability ≥ 1 − δ near θ* (the oracle's real "
            "points have variance 1)",
            {"spread": OneOf(1)},
        ),
        Assumption(
            "uniform",
            "where the real set is kept, that holds for all θ near θ* at once, as θ_t depends on the set "
            "(the oracle's noise does not depend on θ)",
            {"noise": OneOf("the same at every θ")},
        ),
        Assumption("gaussian", "the oracle's real points are Gaussian", {"data": OneOf("normal")}),
        Assumption(
            "rate",
            "ρ exceeds ‖J‖ at and near θ*, unless G is linear",
            {"where": OneOf("near the best model")},
        ),
    ],
)

HALF, TWENTIETH = Fraction(1, 2), Fraction(1, 20)
N, W, D, T = (sp.Symbol(name, positive=True) for name in ("n", "lambda", "d", "t"))
RHO, X, U, START = (sp.Symbol(name, positive=True) for name in ("rho", "x", "u", "e_0"))
PROTOCOLS = [dict(protocol=protocol) for protocol in oracle.PROTOCOLS]

# --- one generation: the deviation inequality ---------------------------------------------------------------


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


def deviation(n, weight, delta):
    """(a/√n)√log(2/δ) with a = √(2/(1+λ))."""
    return form.deviation(n, delta, form.deviation_constant(weight))


def without_two(n, weight, delta):
    """The same with a = 1/√(1+λ)."""
    return form.deviation(n, delta, form.deviation_constant(weight) / sp.sqrt(2))


@theorem.certified(
    at=[
        dict(n=n, synthetic_weight=Fraction(weight), delta=Fraction(1, level))
        for n, weight in ((1, 0), (20, HALF), (20, 5), (1000, 1000))
        for level in (1, 20, 10**6)
    ],
    rivals={
        "a = 1/√(1+λ)": dict(delta=TWENTIETH, bound=without_two),
        "a/n for a/√n": dict(n=20, delta=TWENTIETH, bound=lambda n, *known: deviation(n**2, *known)),
    },
    without={"deviation": dict(n=20, synthetic_weight=HALF, delta=TWENTIETH, spread=2)},
)
def deviation_holds(n, synthetic_weight, delta, bound=deviation, spread=1):
    """P(|Gⁿ(θ) − G(θ)| > (a/√n)√log(2/δ)) ≤ δ with a = √(2/(1+λ)).

    Gⁿ(θ) − G(θ) ~ N(0, 1/((1+λ)n)) whatever θ is.
    """
    variance = oracle.variance(n, synthetic_weight * n, 1, "fixed", spread**2)
    return at_most(oracle.beyond(bound(n, synthetic_weight, delta), variance), delta)


def exceeds(rng, size, n, synthetic_weight, start, limit, spread, data):
    """Whether |Gⁿ(θ) − G(θ)| exceeds the limit, θ being the start."""
    after = means(rng, size, n, synthetic_weight, 1, "fixed", start=start, spread=spread, data=data)[:, 1]
    return (np.abs(after - float(form.rate(synthetic_weight)) * start) > limit).astype(float)


HUNDREDTH = dict(n=20, synthetic_weight=HALF, delta=Fraction(1, 100))


@theorem.sampled(
    at=[HUNDREDTH, dict(n=5, synthetic_weight=Fraction(4), delta=TWENTIETH)],
    margin=0.3,
    rivals={
        "a = 1/√(1+λ)": Rival(
            HUNDREDTH | dict(bound=without_two),
            lambda n, synthetic_weight, delta: (
                oracle.beyond(
                    without_two(n, synthetic_weight, delta),
                    oracle.variance(n, synthetic_weight * n, 1, "fixed"),
                )
                / ball(delta)
                - 1
            ),
        )
    },
    without={"deviation": HUNDREDTH | dict(spread=2), "gaussian": HUNDREDTH | dict(data="logistic")},
)
def deviation_in_samples(n, synthetic_weight, delta, bound=deviation, spread=1, data="normal"):
    """The same in one literal generation from θ = 3."""
    limit = float(bound(n, synthetic_weight, delta))
    drawn = mean(exceeds, n, synthetic_weight, 3.0, limit, float(spread), data, bounds=(0.0, 1.0))
    return at_most(drawn, delta)


# --- t generations: the bound on θ_t ------------------------------------------------------------------------


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
    known = dict(a=U, optimisation=W)
    stated = form.error_bound(N, T, T / (1 + X), RHO, distance=START, **known)  # at δ = t/(1+x)
    return [
        equals(error(T + 1), RHO * error(T) + D),
        equals(error(sp.S(1)), RHO * START + D),
        equals(stated, error(T).subs(D, form.deviation(N, 1 / (1 + X), **known))),
    ]


@theorem.certified(
    at=[dict(sets=sets, protocol=protocol) for sets in (2, 20) for protocol in oracle.PROTOCOLS],
    scope="a map with G = 0 and 2 or 20 equally likely real sets, t = 1 to 3",
    rivals={"δ/2": dict(part=HALF), "δ² by t = 2": dict(steps=2, part=Fraction(1, 20), sets=20)},
    without={"uniform": dict(noise="large where the set leads", sets=20, protocol="fixed")},
)
def kept_set_needs_the_deviation_at_all_models(sets, protocol, noise="the same at every θ", part=1, steps=3):
    """P(|θ_t − θ*| > d) ≤ δ if P(|Gⁿ(θ) − G(θ)| > d) ≤ δ at every θ, uniformly where the real set is kept.

    Not with a kept set that steers to where it errs: set number s leads to θ = s/(sets+1)·d, harmless, and
    there it errs by 2d. At each θ that has probability δ = 1/sets; at θ_2 it is certain. Fresh sets forget.
    """

    def after(number, theta):
        if noise == "the same at every θ":
            return Fraction(2) if number == 0 else Fraction(0)
        led_to = Fraction(number, sets + 1)
        return Fraction(2) if theta == led_to else led_to

    for t in range(1, steps + 1):
        missed = 0
        for drawn in itertools.product(range(sets), repeat=t if protocol == "fresh" else 1):
            theta = Fraction(-1)
            for s in range(t):
                theta = after(drawn[s if protocol == "fresh" else 0], theta)
            missed += theta > 1
        yield at_most(Fraction(missed, sets ** len(drawn)), part * Fraction(1, sets))


@theorem.certified(
    at=[
        dict(n=n, synthetic_weight=Fraction(weight), start=Fraction(start), push=Fraction(push))
        for n, weight, start, push in ((4, HALF, 3, 0), (6, 5, -1, Fraction(1, 10)), (3, 0, 2, 1))
    ],
    scope="t from 1 to 12",
    rivals={
        "ε_opt once": dict(n=4, synthetic_weight=HALF, push=Fraction(1), terms=lambda t: 1),
        "the sum to t": dict(n=4, synthetic_weight=HALF, push=Fraction(1), terms=lambda t: t + 1),
        "ρ^{t+1} for ρ^t": dict(n=4, synthetic_weight=HALF, start=Fraction(3), later=1),
    },
)
def mean_of_the_oracle(n, synthetic_weight, start, push, terms=lambda t: t, later=0):
    """E θ_t = ρ^t θ_0 + ε_opt·Σ_{l<t} ρ^l where every fit misses the maximum by ε_opt, to the same side."""
    ratio = form.rate(synthetic_weight)
    for t in range(1, 13):
        pushed = push * form.geometric_sum(ratio, terms(t))
        yield equals(
            oracle.mean(n, synthetic_weight * n, t, start, push), ratio ** (t + later) * start + pushed
        )


@theorem.computed(
    at=[
        dict(variance=Fraction(variance), shift=Fraction(shift))
        for variance, shift in ((1, 0), (Fraction(1, 7), 0), (Fraction(9, 4), 1), (Fraction(1, 50), -HALF))
    ],
    scope="bounds from 1/10 to 4 standard deviations beyond the mean",
    margin=1e-3,
    rivals={
        "one side": dict(low=lambda *known: 0.0),
        "the variance for its root": dict(variance=Fraction(1, 7), scale=float),
        "the mean forgotten": dict(shift=Fraction(1), seen=0.0),
    },
)
def oracle_is_a_normal_law(variance, shift, scale=lambda v: math.sqrt(v), low=stats.norm.cdf, seen=1.0):
    """P(|θ| > b) of the oracle, in balls, is SciPy's for θ ~ N(m, V)."""
    bounds = [abs(shift) + Fraction(k, 10) * Fraction(scale(variance)) for k in (1, 5, 10, 20, 40)]
    ours = np.array([float(oracle.beyond(b, variance, shift).mid()) for b in bounds])
    at, mean_of, spread = np.array(bounds, float), seen * float(shift), scale(variance)
    theirs = stats.norm.sf(at, mean_of, spread) + low(-at, mean_of, spread)
    return equals(Enclosed(ours, 1e-9 * ours), theirs)


def bound_at(bound, n, weight, steps, delta, distance=0, push=0):
    """A bound on |θ_t − θ*| of the oracle, with its ρ and a; `push` is ε_opt."""
    known = n, steps, delta, form.rate(Fraction(weight)), form.deviation_constant(Fraction(weight))
    return sp.sympify(bound(*known, distance=distance, optimisation=push))


def no_sum(n, t, delta, ratio, a, distance=0, optimisation=0):
    """One generation's noise in place of Σρ^l of it."""
    return form.deviation(n, delta / t, a, optimisation=optimisation) + ratio**t * distance


def shorter_sum(n, t, delta, ratio, a, **options):
    """Σρ^l to t − 2."""
    return form.error_bound(n, t, delta, ratio, a, **options) - form.deviation(n, delta / t, a) * ratio ** (
        t - 1
    )


def with_start(change):
    """The bound with another distance ‖θ_0 − θ*‖, a function of ρ and it."""
    return lambda n, t, delta, ratio, a, distance, **options: form.error_bound(
        n, t, delta, ratio, a, distance=change(ratio, distance), **options
    )


def no_log(n, t, delta, ratio, a, **options):
    """log(2/δ) for log(2t/δ)."""
    return form.error_bound(n, t, delta * t, ratio, a, **options)


def added_once(n, t, delta, ratio, a, distance, optimisation):
    """ε_opt in the last generation alone."""
    return form.error_bound(n, t, delta, ratio, a, distance=distance) + optimisation


TIMES = [
    dict(n=100, synthetic_weight=Fraction(weight), steps=steps, delta=TWENTIETH, protocol=protocol)
    for protocol in oracle.PROTOCOLS
    for weight, steps in ((0, 1), (HALF, 1), (HALF, 10), (HALF, 100), (5, 10), (5, 1000), (20, 200))
]
PUSHED = dict(n=10**6, synthetic_weight=Fraction(5), steps=50, delta=TWENTIETH, push=Fraction(1, 10))
FAR = dict(n=10**4, synthetic_weight=Fraction(1), steps=3, distance=10)


@theorem.certified(
    at=[*TIMES, *(PUSHED | protocol for protocol in PROTOCOLS)],
    rivals={
        "no Σρ^l": dict(synthetic_weight=Fraction(20), steps=200, bound=no_sum),
        "Σρ^l to t − 2": dict(synthetic_weight=HALF, steps=1, bound=shorter_sum),
        "ρ^{t+1}‖θ_0−θ*‖": dict(**FAR, bound=with_start(lambda ratio, distance: ratio * distance)),
        "the start forgotten": dict(**FAR, bound=with_start(lambda ratio, distance: 0)),
        "ε_opt once, without Σρ^l": PUSHED | dict(bound=added_once),
    },
    without={"deviation": dict(synthetic_weight=Fraction(0), steps=1, spread=3)},
)
def bound_covers_at_each_time(
    n, synthetic_weight, steps, delta, protocol, distance=3, push=0, bound=form.error_bound, spread=1
):
    """P(|θ_t − θ*| > (ε_opt + (a/√n)√log(2t/δ))·Σ_{l<t}ρ^l + ρ^t|θ_0 − θ*|) ≤ δ at each t, exactly.

    Every fit misses the maximum by ε_opt, to the same side. The slack is δ over the probability: how much
    surer the bound is than it says.
    """
    limit = bound_at(bound, n, synthetic_weight, steps, delta, distance, push)
    loop = n, synthetic_weight * n, steps
    variance = oracle.variance(*loop, protocol, spread**2)
    return at_most(oracle.beyond(limit, variance, oracle.mean(*loop, distance, push)), delta)


def misses(rng, size, n, synthetic_weight, steps, protocol, start, limit, ever=False):
    """Whether |θ_t − θ*| of literal loops exceeds the limit, at t alone or ever from 1 to t."""
    error = np.abs(means(rng, size, n, synthetic_weight, steps, protocol, start=float(start))[:, 1:])
    return ((error.max(axis=1) if ever else error[:, -1]) > limit).astype(float)


NO_SUM = dict(n=2, synthetic_weight=Fraction(20), steps=20, protocol="fixed", start=0, bound=no_sum)


@theorem.sampled(
    at=[
        dict(n=10, synthetic_weight=HALF, steps=steps, delta=TWENTIETH, protocol=protocol, start=1)
        for protocol, steps in (("fixed", 1), ("fixed", 20), ("fresh", 20))
    ],
    margin=0.3,
    rivals={
        "no Σρ^l": Rival(
            NO_SUM,
            lambda n, synthetic_weight, steps, delta, protocol: (
                oracle.beyond(
                    bound_at(no_sum, n, synthetic_weight, steps, delta),
                    oracle.variance(n, synthetic_weight * n, steps, protocol),
                )
                / ball(delta)
                - 1
            ),
        )
    },
)
def bound_covers_in_samples(n, synthetic_weight, steps, delta, protocol, start=0, bound=form.error_bound):
    """The same in literal loops: nominal δ against the share of paths beyond the bound at t."""
    limit = float(bound_at(bound, n, synthetic_weight, steps, delta, start))
    drawn = mean(misses, n, synthetic_weight, steps, protocol, start, limit, bounds=(0.0, 1.0))
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
    needed = 2 * N * form.at_decay(form.VARIANCES[protocol](N, W, T), W, T, decay)
    return at_most(needed, constant(W) ** 2 * total**2, over={W: Rationals(0), U: Rationals(0)})


def ever_beyond(limit, n, times):
    """P(some |θ_s| > limit, s ≤ t) with fresh and no synthetic data, where the θ_s are independent."""
    return oracle.beyond(limit, Fraction(1, n), expression=1 - (1 - oracle.BEYOND) ** times)


@theorem.certified(
    at=[
        dict(n=20, delta=delta, times=times)
        for delta, times in (
            (TWENTIETH, 10),
            (TWENTIETH, 100),
            (TWENTIETH, 10**6),
            (Fraction(1, 1000), 100),
        )
    ],
    scope="λ = 0, fresh real data",
    rivals={"log(2/δ) for log(2t/δ)": dict(bound=no_log)},
)
def logarithm_covers_all_times_at_once(n, delta, times, bound=form.error_bound):
    """P(|θ_s − θ*| > (a/√n)√log(2t/δ) for some s ≤ t) ≤ δ; not so without t in the logarithm."""
    return at_most(ever_beyond(bound_at(bound, n, 0, times, delta), n, times), delta)


@theorem.sampled(
    at=[
        dict(n=10, synthetic_weight=Fraction(weight), steps=20, delta=TWENTIETH, protocol=protocol)
        for weight, protocol in ((0, "fresh"), (1, "fresh"), (1, "fixed"))
    ],
    margin=0.3,
    rivals={
        "log(2/δ) for log(2t/δ)": Rival(
            dict(synthetic_weight=Fraction(0), protocol="fresh", bound=no_log),
            lambda n, steps, delta: ever_beyond(deviation(n, 0, delta), n, steps) / ball(delta) - 1,
        )
    },
)
def whole_path_is_covered(n, synthetic_weight, steps, delta, protocol, bound=form.error_bound):
    """P(|θ_s − θ*| > (a/√n)√log(2t/δ)·Σ_{l<t}ρ^l for some s ≤ t) ≤ δ in literal loops."""
    limit = float(bound_at(bound, n, synthetic_weight, steps, delta))
    drawn = mean(misses, n, synthetic_weight, steps, protocol, 0.0, limit, True, bounds=(0.0, 1.0))
    return at_most(drawn, delta)


@theorem.certified(
    at=[dict(n=n, delta=TWENTIETH) for n in (1, 10, 100)],
    scope="λ = 0, fresh real data, distance 1",
    rivals={"e^{n/4} generations": dict(growth=Fraction(1, 4))},
)
def no_sample_size_serves_every_time(n, delta, growth=Fraction(1)):
    """Within log(1/δ)·e^n generations some |θ_s − θ*| exceeds 1 with probability at least 1 − δ.

    So it takes log t: no n keeps the whole path near θ*, nor the bound's log(2t/δ) small at all t.
    """
    odds = -sp.log(sp.Rational(delta))
    stays = odds * sp.exp(sp.Rational(growth) * n) * sp.log(1 - oracle.BEYOND)
    return at_most(oracle.beyond(1, Fraction(1, n), expression=stays), -odds)


# --- what ρ must be, and how loose the bound is -------------------------------------------------------------


def slope_of_poisson(weight, eta):
    """G'(η) of the Poisson family in its natural parameter, data mean 1: G(η) = log((1 + λe^η)/(1+λ))."""
    return weight * sp.exp(eta) / (1 + weight * sp.exp(eta))


@theorem.certified(
    at=[
        dict(synthetic_weight=weight, start=start, steps=steps)
        for weight in (HALF, Fraction(5))
        for start, steps in ((Fraction(1, 100), 1), (Fraction(1), 1), (Fraction(1), 10))
    ],
    scope="infinite data, Poisson family, natural parameter above θ* = 0",
    rivals={"λ/(1+λ) + 1/10⁴": dict(start=Fraction(1), extra=Fraction(1, 10**4), where="at the best model")},
    without={"rate": dict(where="at the best model")},
)
def rate_must_exceed_the_slope(synthetic_weight, start, steps, where="near the best model", extra=0):
    """‖θ_t − θ*‖ ≤ ρ^t‖θ_0 − θ*‖ holds with the largest slope of G on the way, not with ‖J‖ at θ* itself."""
    theta = start = sp.Rational(start)
    weight = sp.Rational(synthetic_weight)
    for _ in range(steps):
        theta = sp.log((1 + weight * sp.exp(theta)) / (1 + weight))
    rate = slope_of_poisson(weight, start if where == "near the best model" else 0) + sp.Rational(extra)
    return at_most(theta, rate**steps * start)


LOOSENESS = {"fixed": lambda w: 2 * (1 + w) * (1 + 2 * w) / (1 + 3 * w), "fresh": lambda w: 2 * (1 + 2 * w)}


@theorem.symbolic(
    at=PROTOCOLS,
    scope="all n, λ > 0, t → ∞",
    rivals={"the other protocol": dict(factor=lambda protocol: LOOSENESS[oracle.other(protocol)])},
)
def looseness_in_variance(protocol, factor=LOOSENESS.get):
    """Bound²/Var → 2(1+λ)(1+2λ)/(1+3λ)·log(2t/δ) (fixed), 2(1+2λ)·log(2t/δ) (fresh)."""
    squared = form.deviation_constant(W) ** 2 / N * form.geometric_sum(form.rate(W), T) ** 2
    ends = [form.at_decay(part, W, T, 0) for part in (squared, form.VARIANCES[protocol](N, W, T))]
    return equals(ends[0] / ends[1], factor(protocol)(W))


@theorem.certified(
    at=[
        dict(synthetic_weight=HALF, steps=100, delta=TWENTIETH, about=20),
        dict(synthetic_weight=Fraction(5), steps=1000, delta=Fraction(1, 100), about=101),
    ],
    scope="fixed real set, n = 100",
    rivals={"fresh real data": dict(protocol="fresh")},
)
def looseness_at_two_instances(synthetic_weight, steps, delta, about, protocol="fixed"):
    """Bound²/Var is 20 at λ = ½, t = 100, δ = 0.05 and 101 at λ = 5, t = 1000, δ = 0.01, rounded."""
    variance = oracle.variance(100, synthetic_weight * 100, steps, protocol)
    limit = ball(bound_at(form.error_bound, 100, synthetic_weight, steps, delta), bits=oracle.BITS)
    ratio = limit**2 / ball(variance, bits=oracle.BITS)
    return [below(about - HALF, ratio), below(ratio, about + HALF)]
