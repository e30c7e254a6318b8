"""With real data in the mix the loop stays near p_ref: KL(p_t‖p_ref) ≤ −log(1 − λ(K−1)) if λ < 1/(K−1).

H ≤ K, so sup p_t/p_ref ≤ M_t with M_{t+1} = (1 + λK·M_t)/(1+λ), M_0 = 1, whose limit is M = 1/(1 − λ(K−1)).
This bounds the Rényi divergence D_∞ = log sup p_t/p_ref, and sharply; KL ≤ D_∞ follows, and is loose. Derived
here, and said so at each claim: a better KL bound, the reversed KL, K replaced by what the rewards' range
leaves of it, contraction in total variation, and growth of the KL beyond the threshold.
"""

from fractions import Fraction
from math import ceil, log

import numpy as np
import sympy as sp

from theorycheck import (
    FERBACH_2024,
    Assumption,
    Enclosed,
    FiniteLaw,
    FiniteLaws,
    Integers,
    OneOf,
    Rationals,
    Theorem,
    at_least,
    at_most,
    below,
    equals,
)
from theorycheck.formula import ball, precision
from theorycheck.loops import exact, mixed

theorem = Theorem(
    key="real-data-kl-stability",
    title="With enough real data the loop stays within −log(1 − λ(K−1)) of the real law",
    source=FERBACH_2024,
    statement=(
        r"\lambda < \tfrac{1}{K-1} \;\Rightarrow\; "
        r"\mathrm{KL}(p_t\|p_{\mathrm{ref}}) \le -\log(1-\lambda(K-1))"
    ),
    assumptions=[
        Assumption("finite-states", "p_ref is a law on finitely many states", {"law": FiniteLaws((2, 3))}),
        Assumption("choices", "users choose among K ≥ 2 proposals", {"choices": Integers(2, draw_to=4)}),
        Assumption("weight", "share = λ(K−1) < 1", {"share": Rationals(0, Fraction(999, 1000))}),
        Assumption("same-start", "p_0 = p_ref", {"start": OneOf(None)}),
    ],
)

HALF = Fraction(1, 2)
RARE = FiniteLaw((1 - Fraction(1, 10**6), Fraction(1, 10**6)), (Fraction(1, 10**6), Fraction(1)))
THIRD = FiniteLaw((Fraction(7, 10), Fraction(3, 10)), (Fraction(1, 10**6), Fraction(1)))
RARE_LOW = FiniteLaw(RARE.p[::-1], RARE.a)
HALF_AS_GOOD = FiniteLaw(RARE.p, (HALF, Fraction(1)))
TOP_FIRST = (Fraction(0), Fraction(1))
AT_RARE = dict(law=RARE, choices=2, weight=HALF, horizon=1)
AT_THIRD = dict(law=THIRD, choices=2, share=HALF, horizon=2)


def logarithm(x):
    """log x: in floats for floats, else in a ball."""
    with precision(512):
        return log(x) if isinstance(x, float) else ball(x, bits=512).log()


def times(x, y):
    """x·y, where y is a number or a ball."""
    with precision(512):
        return x * y if isinstance(y, (float, Fraction, int)) else ball(x, bits=512) * y


def renyi(p, ref):
    """D_∞(p‖ref) = log sup p/ref."""
    return logarithm(ratio(p, ref, max))


def limit(weight, choices):
    """M = 1/(1 − λ(K−1))."""
    return 1 / (1 - weight * (choices - 1))


def left_of(choices, lowest):
    """K/(1 + (K−1)x): the largest H if all weights lie in [x, 1]; K at x = 0."""
    return choices / (1 + (choices - 1) * lowest)


# --- D_∞ ----------------------------------------------------------------------------------------------------

W, K, G, H, P, S, U = sp.symbols("lambda K g h p s u", positive=True)


@theorem.symbolic(
    at=[dict(horizon=t) for t in (1, 3)],
    scope="all λ and K, λ(K−1) ≠ 1",
    rivals={
        "1/(1−λK)": dict(horizon=1, end=lambda w, K: 1 / (1 - w * K)),
        "1/(1−λ(K−2))": dict(horizon=1, end=lambda w, K: 1 / (1 - w * (K - 2))),
        "rate λ(K−1)": dict(horizon=1, rate=W * (K - 1)),
    },
)
def recursion_is_solved(horizon, end=limit, rate=W * K / (1 + W)):
    """M_t = M − (M−1)(λK/(1+λ))^t: by recursion for the first t, and the step from t to t+1 for all."""
    m, power = end(W, K), sp.Symbol("power", positive=True)  # (λK/(1+λ))^t
    return [
        equals(mixed.peak(W, K, horizon), m - (m - 1) * rate**horizon),
        equals((1 + W * K * (m - (m - 1) * power)) / (1 + W), m - (m - 1) * rate * power),
    ]


@theorem.symbolic(
    scope="all K ≥ 2, λ(K−1) = 1/(1+g) with g > 0",
    rivals={"λ(K−1) = 1 + g": dict(part=1 + G)},
)
def recursion_converges(part=1 / (1 + G)):
    """λ < 1/(K−1) gives λK/(1+λ) < 1 and M ≥ 1: M_t climbs to M, at that geometric rate."""
    weight = part / (1 + H)  # K = 2 + H
    rate, end = sp.cancel(weight * (2 + H) / (1 + weight)), sp.cancel(limit(weight, 2 + H))
    over = {G: Rationals(Fraction(1, 1000)), H: Rationals(0)}
    return [below(rate, 1, over=over), at_least(end, 1, over=over)]


@theorem.forall(
    examples=40,
    rivals={
        "H ≤ K − 1": dict(law=RARE, choices=2, most=lambda K, x: K - 1),
        "K/(1+Kx)": dict(law=HALF_AS_GOOD, choices=2, most=lambda K, x: K / (1 + K * x)),
    },
)
def choice_favours_at_most_k_fold(law, choices, most=left_of):
    """H ≤ K/(1 + (K−1)·a_min/a*) ≤ K, as K − 1 others weigh at least a_min each (first part derived here)."""
    largest = most(choices, min(law.a) / max(law.a))
    return [
        at_most(largest, choices),
        *(at_most(h, largest) for h in exact.choice_ratio(law.p, law.a, choices)),
    ]


@theorem.forall(
    examples=40,
    given={"weight": Rationals(0, 20), "horizon": Integers(1, 2)},
    rivals={
        "K − 1 for K": dict(AT_RARE, less=1),
        "one generation behind": dict(AT_RARE, behind=1),
        "floor ½": dict(AT_RARE, law=RARE_LOW, weight=Fraction(2), floor=lambda w: HALF),
    },
    without={"same-start": dict(AT_RARE, start=TOP_FIRST)},
)
def density_stays_between(
    law, choices, weight, horizon, less=0, behind=0, floor=lambda w: 1 / (1 + w), start=None
):
    """p_ref/(1+λ) ≤ p_t ≤ M_t·p_ref at t ≥ 1, for every λ ≥ 0: D_∞ ≤ log M_t."""
    found = mixed.loop(law.p, law.a, choices, weight, horizon, start)[-1]
    top = mixed.peak(weight, choices - less, horizon - behind)
    return [
        side
        for x, ref in zip(found, law.p, strict=True)
        for side in (at_least(x, floor(weight) * ref), at_most(x, top * ref))
    ]


@theorem.certified(
    at=[
        *(dict(states=2, choices=K, horizon=t) for K, t in ((2, 2), (2, 3), (3, 2), (5, 1))),
        *(dict(states=3, choices=K, horizon=t) for K, t in ((3, 1), (2, 2))),
    ],
    scope="every p_ref, all rewards, every λ ≥ 0",
    rivals={"K − 1 for K": dict(less=1)},
)
def peak_holds_for_every_law(states, choices, horizon, less=0):
    """M_t·p_ref − p_t, times a positive polynomial, is one in p_ref, λ and a's steps: all coefficients ≥ 0.

    The rival is refuted by the polynomial's value where all states but the lowest have mass 1/100, λ = 1 and
    steps are 100.
    """
    h, power, top = mixed.homogeneous(states, choices, horizon), 1, 1
    for _ in range(horizon):  # M_t = top/(1+λ)^t
        power, top = power * (1 + h.weight), power + h.weight * (choices - less) * top
    filled = sum(h.reference[1:], h.reference[0]) ** (h.degree - 1) * h.scale
    gaps = [top * x * filled - power * y for x, y in zip(h.reference, h.law, strict=True)]
    rare = Fraction(1, 100)
    point = [Fraction(1), 1 - (states - 1) * rare, *[rare] * (states - 1), *[Fraction(100)] * (states - 1)]
    values = [mixed.value(gap, point) for gap in gaps]
    return [at_least(x, 0) for x in (*values, *(min(mixed.coefficients(gap)) for gap in gaps))]


@theorem.certified(
    at=[dict(choices=K, share=x) for K in (2, 5, 20) for x in (HALF, Fraction(9, 10))],
    scope="p_ref(top) = e⁻⁴⁰, a = (10⁻¹², 1), t = 1, 10, 300",
    rivals={"attained": dict(slack=0), "KL": dict(measure=mixed.divergence), "K + 1 for K": dict(more=1)},
)
def peak_is_sharp(choices, share, slack=Fraction(1, 10**6), more=0, measure=renyi):
    """D_∞ ≥ (1 − 10⁻⁶)·log M_t, and ≥ (1 − 10⁻⁶)·log M at t = 300; the KL is far below."""
    weight = share / (choices - 1)
    history = mixed.two_states(sp.exp(-40), Fraction(1, 10**12), choices, weight, 300)
    return [
        *(
            at_least(
                measure(history[t], history[0]),
                times(1 - slack, logarithm(mixed.peak(weight, choices + more, t))),
            )
            for t in (1, 10, 300)
        ),
        at_least(measure(history[300], history[0]), times(1 - slack, logarithm(limit(weight, choices)))),
    ]


# --- KL -----------------------------------------------------------------------------------------------------


@theorem.forall(
    examples=40,
    given={"horizon": Integers(1, 2)},
    rivals={
        "K − 2 for K − 1": dict(AT_THIRD, less=1),
        "one generation behind": dict(AT_THIRD, horizon=1, behind=1),
    },
    without={"same-start": dict(AT_THIRD, law=RARE, start=TOP_FIRST)},
)
def kl_is_bounded(law, choices, share, horizon, less=0, behind=0, start=None):
    """KL(p_t‖p_ref) ≤ log M_t ≤ −log(1 − λ(K−1)): it is the mean of a logarithm that is at most log M_t."""
    weight = share / (choices - 1)
    found = mixed.loop(law.p, law.a, choices, weight, horizon, start)[-1]
    bounds = mixed.peak(weight, choices, horizon - behind), limit(weight, choices - less)
    return [at_most(mixed.divergence(found, law.p), logarithm(bound)) for bound in bounds]


def ceiling(share, choices):
    """−log(1 − λ(K−1)) below the threshold, and beyond it 10, as good as any other constant."""
    return logarithm(1 / (1 - share)) if share < 1 else 10


@theorem.certified(
    at=[dict(choices=K, share=Fraction(99, 100), rarity=s) for K in (2, 20) for s in (3, 40)],
    scope="p_ref(top) = e^−rarity, a = (10⁻⁶, 1), each t ≤ 300",
    rivals={
        "threshold 1/(K−2)": dict(
            choices=3, share=Fraction(9, 5), rarity=80, bound=lambda share, K: logarithm(1 / (1 - share / 2))
        )
    },
    without={"weight": dict(choices=2, share=Fraction(3, 2), rarity=40)},
)
def kl_stays_bounded(choices, share, rarity, bound=ceiling):
    """KL(p_t‖p_ref) ≤ −log(1 − λ(K−1)) for t ≤ 300; at λ(K−1) = 3/2 the KL exceeds 10."""
    weight = share / (choices - 1)
    history = mixed.two_states(sp.exp(-rarity), Fraction(1, 10**6), choices, weight, 300)
    return [at_most(mixed.divergence(p, history[0]), bound(share, choices)) for p in history[1::23]]


def chord(weight, choices, *, top=None, split=lambda m, M: (1 - m) / (M - m), factor=lambda M: M):
    """wM log M + (1−w)m log m, w = (1−m)/(M−m), m = 1/(1+λ); 0 at λ = 0."""
    if weight == 0:
        return 0
    m, M = 1 / (1 + weight), limit(weight, choices) if top is None else top
    w = split(m, M)
    with precision(512):
        return times(w * factor(M), logarithm(M)) + times((1 - w) * m, logarithm(m))


@theorem.symbolic(
    scope="all 0 < m < M, all u > 0",
    rivals={"w = (1−m)/M": dict(w=(1 - P) / S), "log M for M log M": dict(height=sp.log)},
)
def chord_lies_above(w=(1 - P) / (S - P), height=lambda u: u * sp.log(u)):
    """Derived. u log u is convex, so below its chord from m to M, whose height at u = 1 is the KL bound.

    E_ref u = 1 for u = p_t/p_ref in [m, M], and KL = E_ref u log u ≤ the chord at E_ref u.
    """
    slope = (S * sp.log(S) - P * sp.log(P)) / (S - P)
    return [
        equals(sp.diff(U * sp.log(U), U, 2), 1 / U),
        equals(P * sp.log(P) + slope * (1 - P), w * height(S) + (1 - w) * P * sp.log(P)),
    ]


@theorem.forall(
    examples=40,
    given={"horizon": Integers(1, 2)},
    rivals={
        "w = (1−m)/M": dict(AT_THIRD, bound=lambda w, K: chord(w, K, split=lambda m, M: (1 - m) / M)),
        "log M for M log M": dict(AT_THIRD, bound=lambda w, K: chord(w, K, factor=lambda M: 1)),
        "M at K − 1": dict(AT_THIRD, bound=lambda w, K: chord(w, K, top=limit(w, K - 1))),
    },
    without={"same-start": dict(AT_THIRD, law=RARE, start=TOP_FIRST)},
)
def kl_is_bounded_better(law, choices, share, horizon, bound=chord, start=None):
    """Derived. KL(p_t‖p_ref) ≤ wM log M + (1−w)m log m ≤ log M, m = 1/(1+λ), w = (1−m)/(M−m)."""
    weight = share / (choices - 1)
    found = mixed.loop(law.p, law.a, choices, weight, horizon, start)[-1]
    best = bound(weight, choices)
    return [at_most(mixed.divergence(found, law.p), best), at_most(best, logarithm(limit(weight, choices)))]


# Both sides of each bound, for p_ref and p_3.
SHARP = {
    "D_∞": lambda law, p, w: (renyi(p, law.p), logarithm(mixed.peak(w, 2, 3))),
    "D_∞ by range": lambda law, p, w: (ratio(p, law.p, max), mixed.peak(w, left_of(2, spread(law)), 3)),
    "floor": lambda law, p, w: (1 / (1 + w), ratio(p, law.p, min)),
    "H": lambda law, p, w: (max(exact.choice_ratio(law.p, law.a, 2)), left_of(2, spread(law))),
}
LOOSE = {
    "log M": lambda law, p, w: (mixed.divergence(p, law.p), logarithm(limit(w, 2))),
    "chord": lambda law, p, w: (mixed.divergence(p, law.p), chord(w, 2)),
    "reversed": lambda law, p, w: (mixed.divergence(law.p, p), logarithm(1 + w)),
}


def ratio(p, ref, pick):
    """The largest or smallest p/p_ref."""
    return pick(x / y for x, y in zip(p, ref, strict=True) if y != 0)


def spread(law):
    """a_min/a*."""
    return min(law.a) / max(law.a)


def at_the_worst(bounds, law, part):
    """Both sides of a bound at K = 2, λ = ½, t = 3, the right one times `part`."""
    weight = 0.5 if isinstance(law.p[0], float) else HALF
    left, right = bounds(law, mixed.loop(law.p, law.a, 2, weight, 3)[-1], weight)
    return at_most(left, times(part, right))


SEARCHED = dict(given={"law": FiniteLaws((2, 2))}, generations=10, scope="K = 2, λ = ½, t = 3")


@theorem.search(
    at=[dict(bounded=name) for name in SHARP],
    sharp=1.001,
    rivals={"1 % less": dict(part=Fraction(99, 100))},
    **SEARCHED,
)
def worst_case_of_the_sharp_bounds(bounded, law, part=1):
    """No law on two states breaks a bound on p_t/p_ref or H, and the search comes within 10⁻³ of each."""
    return at_the_worst(SHARP[bounded], law, part)


GIVEN_AWAY = {"log M": 24, "chord": 5, "reversed": 15}


@theorem.search(
    at=[dict(bounded=name) for name in LOOSE],
    rivals={"what is given away, rounded up": dict(parts=GIVEN_AWAY)},
    **SEARCHED,
)
def worst_case_of_the_kl_bounds(bounded, law, parts=dict.fromkeys(LOOSE, 1)):  # noqa: B008
    """Nor one on a KL divergence: the slack of the worst law tells how much each bound gives away."""
    return at_the_worst(LOOSE[bounded], law, Fraction(1, parts[bounded]))


@theorem.forall(
    examples=40,
    given={"law": FiniteLaws((3, 3)), "other": FiniteLaws((3, 3)), "weight": Rationals(0, 20)},
    rivals={"t = 0": dict(law=THIRD, other=RARE_LOW, choices=2, weight=HALF, horizon=0)},
)
def reversed_kl_is_bounded(law, other, choices, weight, horizon=1):
    """Derived. KL(p_ref‖p_t) ≤ log(1+λ) at t ≥ 1, for every λ, K and p_0, as p_t ≥ p_ref/(1+λ)."""
    found = mixed.loop(law.p, law.a, choices, weight, horizon, other.p)[-1]
    return at_most(mixed.divergence(law.p, found), logarithm(1 + weight))


@theorem.certified(
    at=[dict(choices=2, horizon=400), dict(choices=20, horizon=60)],
    scope="p_ref(top) = e⁻⁴⁰, a = (10⁻⁶, 1), λ = 3/2, once settled",
    rivals={
        "KL not reversed": dict(order=lambda p, ref: (p, ref)),
        "log(1+λ/2)": dict(choices=20, horizon=60, bound=Fraction(7, 4)),
    },
)
def reversed_kl_needs_no_threshold(choices, horizon, order=lambda p, ref: (ref, p), bound=Fraction(5, 2)):
    """Derived. KL(p_ref‖p_t) ≤ log(1+λ) beyond the threshold, unlike KL(p_t‖p_ref); sharp as K grows."""
    history = mixed.two_states(sp.exp(-40), Fraction(1, 10**6), choices, Fraction(3, 2), horizon)
    return at_most(mixed.divergence(*order(history[-1], history[0])), logarithm(bound))


# --- the threshold, derived ---------------------------------------------------------------------------------


@theorem.forall(
    examples=40,
    given={"horizon": Integers(1, 2)},
    rivals={"K/(1+Kx)": dict(AT_THIRD, law=HALF_AS_GOOD, effective=lambda K, x: K / (1 + K * x))},
)
def range_moves_the_threshold(law, choices, share, horizon, effective=left_of):
    """Derived. D_∞ ≤ log M_t with K/(1 + (K−1)·a_min/a*) for K: the threshold λ(K−1) < 1 moves up with it."""
    x = min(law.a) / max(law.a)
    weight = share / (left_of(choices, x) - 1) if x < 1 else share
    found = mixed.loop(law.p, law.a, choices, weight, horizon)[-1]
    top = mixed.peak(weight, effective(choices, x), horizon)
    return [
        *(at_most(y, top * ref) for y, ref in zip(found, law.p, strict=True)),
        at_most(top, 1 / (1 - share)),
    ]


Q, RARITY = W / (1 + W), sp.Symbol("epsilon", positive=True)
TWO_FOLD = (RARITY + W * P * (P + (1 - P) * H)) / (1 + W)  # the map of p(top) at K = 2, h = 2/(1 + a_2/a*)
PLATEAU = (Q * H - 1) / (Q * (H - 1))


@theorem.symbolic(
    scope="K = 2, two states, all λ, p_ref(top) = ε, h = 2/(1 + a_2/a*)",
    rivals={
        "without real data": dict(real=0),
        "plateau 1 − 1/(qh)": dict(plateau=1 - 1 / (Q * H)),
    },
)
def rare_top_grows_to_a_plateau(plateau=PLATEAU, real=1 / (1 + W)):
    """Derived. f(p)/p = 1 + q(h−1)(P − p) + ε/((1+λ)p), q = λ/(1+λ): whatever ε, p_t(top) climbs to P.

    P = (qh−1)/(q(h−1)) > 0 iff qh > 1, h > 1. f rises on [0, 1] as f'(p) = q(h(1−p) + (2−h)p) ≥ 0, 1 ≤ h ≤ 2.
    """
    growth = 1 + Q * (H - 1) * (plateau - P) + RARITY * real / P
    rising = Q * (H * (1 - P) + (2 - H) * P)
    return [equals(TWO_FOLD / P, growth), equals(sp.diff(TWO_FOLD, P), rising)]


def plateau_of(weight, low):
    """(P, q(h−1)) exactly."""
    q, h = weight / (1 + weight), 2 / (1 + low)
    return (q * h - 1) / (q * (h - 1)), q * (h - 1)


@theorem.certified(
    at=[dict(low=x, rarity=s) for x in (Fraction(1, 10**6), Fraction(1, 10)) for s in (10, 40, 160)],
    scope="K = 2, λ = 3/2, p_ref(top) = e^−rarity, a = (low, 1)",
    rivals={
        "beyond 1/5": dict(low=Fraction(3, 10), rarity=160, stated=Fraction(1, 10)),
        "KL ≥ P·rarity": dict(part=1, states=1),
    },
)
def kl_grows_beyond_the_threshold(low, rarity, stated=None, part=HALF, states=2):
    """Derived. KL ≥ ½P·s − log 2 at t = s/log(1 + ½q(h−1)P), p_ref(top) = e⁻ˢ: unbounded in s.

    Here qh > 1 means a_2/a* < 1/5.
    """
    plateau, rate = plateau_of(Fraction(3, 2), low if stated is None else stated)
    horizon = ceil(rarity / log(1 + rate * plateau / 2)) + 1
    history = mixed.two_states(sp.exp(-rarity), low, 2, Fraction(3, 2), horizon)
    bound = sp.Rational(part * plateau * rarity) - sp.log(states)
    return [
        at_least(history[-1][1], HALF * plateau),
        at_least(mixed.divergence(history[-1], history[0]), bound),
    ]


@theorem.certified(
    at=[dict(choices=K, excess=x) for K, x in ((2, Fraction(3, 2)), (5, Fraction(2)), (20, Fraction(2)))],
    scope="a = (10⁻⁶, 1), p_ref(top) = e⁻⁴⁰ and e⁻¹⁶⁰, once settled",
    rivals={"below the threshold": dict(excess=Fraction(9, 10)), "tenfold": dict(times_four=10)},
)
def kl_grows_at_any_k(choices, excess, times_four=Fraction(4)):
    """Derived. λK/(1+λ)/(1 + (K−1)a_2/a*) > 1: a fourfold −log p_ref(top) gives ≥ 4 times the KL."""
    weight = excess / (choices - 1)
    horizon = 160 if excess < 1 else ceil(160 / log(weight * choices / (1 + weight))) + 60
    orbits = (mixed.two_states(sp.exp(-s), Fraction(1, 10**6), choices, weight, horizon) for s in (40, 160))
    before, after = (mixed.divergence(history[-1], history[0]) for history in orbits)
    return [at_least(after, times(times_four, before)), at_least(after, 10)]


@theorem.certified(
    scope="K = 2, λ = 3/2, a_2/a* = 10⁻⁶, p_ref(top) = e⁻⁴⁰, t = 400 and t → ∞",
    rivals={"at t = 200": dict(horizon=200), "at λ = 1": dict(weight=Fraction(1))},
)
def kl_at_an_instance_beyond(horizon=400, weight=Fraction(3, 2)):
    """Derived. 12.6967 ≤ KL_400 and lim KL ≤ 12.6968: p_t(top) climbs to the root of f(p) = p."""
    rare, h = sp.exp(-40), 2 / (1 + sp.Rational(1, 10**6))
    history = mixed.two_states(rare, Fraction(1, 10**6), 2, weight, horizon)
    q = sp.Rational(weight / (1 + weight))
    square, linear = q * (h - 1), q * h - 1
    root = (linear + sp.sqrt(linear**2 + 4 * square * (1 - q) * rare)) / (2 * square)
    last = root * sp.log(root / rare) + (1 - root) * sp.log((1 - root) / (1 - rare))
    found = mixed.divergence(history[-1], history[0])
    return [
        at_least(found, Fraction(126967, 10**4)),
        at_most(last, Fraction(126968, 10**4)),
        at_most(found, last),
    ]


@theorem.certified(
    at=[dict(horizon=t, rarity=s) for t in (1, 5, 20) for s in (10, 40, 160)],
    scope="K = 2, λ = 3/2, a = (10⁻⁶, 1), p_ref(top) = e^−rarity",
    rivals={"t → ∞ first": dict(rarity=40, later=400), "log M_{t−1}": dict(horizon=1, rarity=10, behind=1)},
)
def kl_vanishes_at_a_fixed_time(horizon, rarity, later=0, behind=0):
    """Derived. KL ≤ M_t·e⁻ˢ·log M_t at p_ref(top) = e⁻ˢ: beyond the threshold too, s → ∞ first gives 0."""
    weight, rare = Fraction(3, 2), sp.exp(-rarity)
    history = mixed.two_states(rare, Fraction(1, 10**6), 2, weight, max(horizon, later))
    top = mixed.peak(weight, 2, horizon - behind)
    return at_most(
        mixed.divergence(history[-1], history[0]), sp.Rational(top) * rare * sp.log(sp.Rational(top))
    )


# --- contraction, derived -----------------------------------------------------------------------------------


@theorem.forall(
    examples=40,
    given={"law": FiniteLaws((3, 3)), "other": FiniteLaws((3, 3)), "weight": Rationals(0, 20)},
    rivals={
        "K − 1 for K": dict(
            law=RARE, other=RARE._replace(p=(Fraction(1), Fraction(0))), choices=3, weight=HALF, less=1
        )
    },
)
def loop_contracts(law, other, choices, weight, less=0):
    """Derived. In ℓ1 two laws come together by λK/(1+λ) a step: what is kept is a function of K draws.

    So for λ < 1/(K−1) the loop has one limit, whatever p_0, and reaches it at that geometric rate.
    """
    after = [exact.step(p, law.a, choices, law.p, weight) for p in (law.p, other.p)]
    distances = [sum(abs(x - y) for x, y in zip(*pair, strict=True)) for pair in ((law.p, other.p), after)]
    return at_most(distances[1], weight * (choices - less) / (1 + weight) * distances[0])


@theorem.certified(
    at=[dict(choices=K) for K in (2, 5, 20)],
    scope="p = (1 − 10⁻⁹, 10⁻⁹), p' = (1, 0), a = (10⁻⁹, 1), λ = 1/K",
    rivals={"attained": dict(slack=0)},
)
def contraction_is_sharp(choices, slack=Fraction(1, 10**6)):
    """Derived. The factor is at least (1 − 10⁻⁶)·λK/(1+λ) there."""
    rare, weight = Fraction(1, 10**9), Fraction(1, choices)
    moved = exact.step((1 - rare, rare), (rare, Fraction(1)), choices, (1, 0), weight)[1]
    return at_least(moved, (1 - slack) * weight * choices / (1 + weight) * rare)


# --- real data ----------------------------------------------------------------------------------------------


@theorem.computed(
    at=[dict(reward=r, choices=K, steps=t) for r in ("confidence", "class:0") for K, t in ((2, 30), (4, 20))],
    margin=1e-5,
    scope="digits, λ = ½, each generation",
    rivals={"w = (1−m)/M": dict(reward="class:0", choices=2, steps=30, split=lambda m, M: (1 - m) / M)},
)
def kl_stays_small_on_the_digits(reward, choices, steps, split=lambda m, M: (1 - m) / (M - m)):
    """KL(p_t‖p_ref) ≤ w M_t log M_t + (1−w)m log m ≤ log M_t, at K = 4 too, where λ > 1/(K−1)."""
    history, _ = mixed.on_digits(reward, choices, 0.5, steps)
    ratio = history[1:] / history[0]
    found = np.sum(history[1:] * np.log(ratio), axis=1)
    tops = [mixed.peak(0.5, choices, t) for t in range(1, steps + 1)]
    error = mixed.drift(choices, 0.5, steps)[1:] * (2 + np.log(tops)) + 1e-13
    return at_most(
        Enclosed(found, error), np.array([chord(0.5, choices, top=M, split=split) for M in tops]), scale=1
    )


@theorem.computed(
    at=[dict(reward=r, choices=K, steps=t) for r in ("confidence", "class:0") for K, t in ((2, 30), (4, 20))],
    margin=1e-3,
    scope="digits, λ = ½, each generation",
    rivals={"one generation behind": dict(reward="class:0", choices=2, steps=30, behind=1)},
)
def density_ratio_on_the_digits(reward, choices, steps, behind=0):
    """sup p_t/p_ref ≤ M_t with K/(1 + (K−1)·a_min/a*) for K, which is below the threshold for confidence."""
    history, a = mixed.on_digits(reward, choices, 0.5, steps)
    found = (history[1:] / history[0]).max(axis=1)
    effective = left_of(choices, a.min())
    tops = [mixed.peak(0.5, effective, t - behind) for t in range(1, steps + 1)]
    error = mixed.drift(choices, 0.5, steps)[1:] * a.size + 1e-13
    return at_most(Enclosed(found, error), np.array(tops, float), scale=1)
