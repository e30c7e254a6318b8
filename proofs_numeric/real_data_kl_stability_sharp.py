"""Around `real-data-kl-stability`: a better bound on the KL divergence, and what the threshold 1/(K−1) is.

As p_t/p_ref lies between m = 1/(1+λ) and M = 1/(1 − λ(K−1)), convexity of u log u bounds KL(p_t‖p_ref) by a
chord. KL(p_ref‖p_t) ≤ log(1+λ) needs no threshold. The rewards' range moves the threshold, as K/(1 +
(K−1)a_min/a*) takes the place of K. Beyond it the KL grows without bound as the best state gets rarer. What
becomes of other starts is in `real-data-contraction`.
"""

from fractions import Fraction
from math import ceil, log

import numpy as np
import sympy as sp

from proofs_numeric._laws import HALF_AS_GOOD, RARE, RARE_LOW, THIRD, TOP_FIRST
from theorycheck import (
    DERIVED,
    Assumption,
    Enclosed,
    FiniteLaws,
    Integers,
    OneOf,
    Rationals,
    Theorem,
    at_least,
    at_most,
    equals,
)
from theorycheck.formula import precision
from theorycheck.loops import mixed
from theorycheck.loops.divergences import kl, logarithm, ratio, times

theorem = Theorem(
    key="real-data-kl-stability-sharp",
    title="A better KL bound with real data, and the threshold λ(K−1) = 1 is sharp",
    source=DERIVED,
    statement=(
        r"\mathrm{KL}(p_t\|p_{\mathrm{ref}}) \le w M\log M + (1-w)\,m\log m,\quad m=\tfrac{1}{1+\lambda},\;"
        r" M=\tfrac{1}{1-\lambda(K-1)},\; w=\tfrac{1-m}{M-m}"
    ),
    assumptions=[
        Assumption("finite-states", "p_ref is a law on finitely many states", {"law": FiniteLaws((2, 3))}),
        Assumption("choices", "users choose among K ≥ 2 proposals", {"choices": Integers(2, draw_to=4)}),
        Assumption("weight", "share = λ(K−1) < 1", {"share": Rationals(0, Fraction(999, 1000))}),
        Assumption("same-start", "p_0 = p_ref", {"start": OneOf(None)}),
    ],
)

HALF = Fraction(1, 2)
AT_THIRD = dict(law=THIRD, choices=2, share=HALF, horizon=2)

W, H, P, S, U = sp.symbols("lambda h p s u", positive=True)

# --- KL -----------------------------------------------------------------------------------------------------


def chord(weight, choices, *, top=None, split=lambda m, M: (1 - m) / (M - m), factor=lambda M: M):
    """wM log M + (1−w)m log m, w = (1−m)/(M−m), m = 1/(1+λ); 0 at λ = 0."""
    if weight == 0:
        return 0
    m, M = 1 / (1 + weight), mixed.summit(weight, choices) if top is None else top
    w = split(m, M)
    with precision(512):
        return times(w * factor(M), logarithm(M)) + times((1 - w) * m, logarithm(m))


@theorem.symbolic(
    scope="all 0 < m < M, all u > 0",
    rivals={"w = (1−m)/M": dict(w=(1 - P) / S), "log M for M log M": dict(height=sp.log)},
)
def chord_lies_above(w=(1 - P) / (S - P), height=lambda u: u * sp.log(u)):
    """u log u is convex, so below its chord from m to M, whose height at u = 1 is the KL bound.

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
        "M at K − 1": dict(AT_THIRD, bound=lambda w, K: chord(w, K, top=mixed.summit(w, K - 1))),
    },
    without={"same-start": dict(AT_THIRD, law=RARE, start=TOP_FIRST)},
)
def kl_is_bounded_better(law, choices, share, horizon, bound=chord, start=None):
    """KL(p_t‖p_ref) ≤ wM log M + (1−w)m log m ≤ log M, m = 1/(1+λ), w = (1−m)/(M−m)."""
    weight = share / (choices - 1)
    found = mixed.loop(law.p, law.a, choices, weight, horizon, start)[-1]
    best = bound(weight, choices)
    return [
        at_most(kl(found, law.p), best),
        at_most(best, logarithm(mixed.summit(weight, choices))),
    ]


# Both sides of each bound for p_ref and p_3 at K = 2, and how much of it the worst law on two states uses.
BOUNDS = {
    "chord": lambda law, p, w: (kl(p, law.p), chord(w, 2)),
    "reversed": lambda law, p, w: (kl(law.p, p), logarithm(1 + w)),
    "reversed, p_0 = (0, 1)": lambda law, p, w: (
        kl(law.p, mixed.loop(law.p, law.a, 2, w, 1, TOP_FIRST)[-1]),
        logarithm(1 + w),
    ),
    "rare top": lambda law, p, w: (
        kl(p, law.p),
        times(mixed.peak(w, 2, 3) * law.p[law.a.index(max(law.a))], logarithm(mixed.peak(w, 2, 3))),
    ),
    "D_∞ by range": lambda law, p, w: (
        ratio(p, law.p),
        mixed.peak(w, mixed.largest_ratio(2, min(law.a) / max(law.a)), 3),
    ),
}
USED = {
    "chord": Fraction(1, 5),
    "reversed": Fraction(1, 15),
    "reversed, p_0 = (0, 1)": Fraction(100, 101),
    "rare top": Fraction(1, 5),
    "D_∞ by range": Fraction(100, 101),
}
ALL = dict.fromkeys(BOUNDS, Fraction(1))


@theorem.search(
    at=[dict(bounded=name) for name in BOUNDS],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    scope="K = 2, λ = ½, t = 3",
    sharp=lambda bounded: 1 / float(USED[bounded]),
    rivals={"only what is used": dict(parts=USED)},
)
def worst_case_of_the_bounds(bounded, law, parts=ALL):
    """No law on two states breaks a bound; a fifth of the chord's is used, and all of the range's on D_∞."""
    weight = 0.5 if isinstance(law.p[0], float) else HALF
    left, right = BOUNDS[bounded](law, mixed.loop(law.p, law.a, 2, weight, 3)[-1], weight)
    return at_most(left, times(parts[bounded], right))


@theorem.forall(
    examples=40,
    given={"law": FiniteLaws((3, 3)), "other": FiniteLaws((3, 3)), "weight": Rationals(0, 20)},
    rivals={"t = 0": dict(law=THIRD, other=RARE_LOW, choices=2, weight=HALF, horizon=0)},
)
def reversed_kl_is_bounded(law, other, choices, weight, horizon=1):
    """KL(p_ref‖p_t) ≤ log(1+λ) at t ≥ 1, for every λ, K and p_0, as p_t ≥ p_ref/(1+λ)."""
    found = mixed.loop(law.p, law.a, choices, weight, horizon, other.p)[-1]
    return at_most(kl(law.p, found), logarithm(1 + weight))


@theorem.certified(
    at=[dict(choices=2, horizon=400), dict(choices=20, horizon=60)],
    scope="p_ref(top) = e⁻⁴⁰, a = (10⁻⁶, 1), λ = 3/2, once settled",
    rivals={
        "KL not reversed": dict(order=lambda p, ref: (p, ref)),
        "log(1+λ/2)": dict(choices=20, horizon=60, bound=Fraction(7, 4)),
    },
)
def reversed_kl_needs_no_threshold(choices, horizon, order=lambda p, ref: (ref, p), bound=Fraction(5, 2)):
    """KL(p_ref‖p_t) ≤ log(1+λ) beyond the threshold, unlike KL(p_t‖p_ref); sharp as K grows."""
    history = mixed.two_states(sp.exp(-40), Fraction(1, 10**6), choices, Fraction(3, 2), horizon)
    return at_most(kl(*order(history[-1], history[0])), logarithm(bound))


# --- the threshold ------------------------------------------------------------------------------------------


@theorem.forall(
    examples=40,
    given={"horizon": Integers(1, 2)},
    rivals={"K/(1+Kx)": dict(AT_THIRD, law=HALF_AS_GOOD, effective=lambda K, x: K / (1 + K * x))},
)
def range_moves_the_threshold(law, choices, share, horizon, effective=mixed.largest_ratio):
    """D_∞ ≤ log M_t with K/(1 + (K−1)·a_min/a*) for K: the threshold λ(K−1) < 1 moves up with it."""
    x = min(law.a) / max(law.a)
    weight = share / (mixed.largest_ratio(choices, x) - 1) if x < 1 else share
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
    """f(p)/p = 1 + q(h−1)(P − p) + ε/((1+λ)p), q = λ/(1+λ): whatever ε, p_t(top) climbs to P.

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
    """KL ≥ ½P·s − log 2 at t = s/log(1 + ½q(h−1)P), p_ref(top) = e⁻ˢ: unbounded in s.

    Here qh > 1 means a_2/a* < 1/5.
    No search: rare best states are enough for the KL to be unbounded.
    """
    plateau, rate = plateau_of(Fraction(3, 2), low if stated is None else stated)
    horizon = ceil(rarity / log(1 + rate * plateau / 2)) + 1
    history = mixed.two_states(sp.exp(-rarity), low, 2, Fraction(3, 2), horizon)
    bound = sp.Rational(part * plateau * rarity) - sp.log(states)
    return [
        at_least(history[-1][1], HALF * plateau),
        at_least(kl(history[-1], history[0]), bound),
    ]


@theorem.certified(
    at=[dict(choices=K, excess=x) for K, x in ((2, Fraction(3, 2)), (5, Fraction(2)), (20, Fraction(2)))],
    scope="a = (10⁻⁶, 1), p_ref(top) = e⁻⁴⁰ and e⁻¹⁶⁰, once settled",
    rivals={"below the threshold": dict(excess=Fraction(9, 10)), "tenfold": dict(times_four=10)},
)
def kl_grows_at_any_k(choices, excess, times_four=Fraction(4)):
    """λK/(1+λ)/(1 + (K−1)a_2/a*) > 1: a fourfold −log p_ref(top) gives ≥ 4 times the KL.

    No search: rare best states are enough here too.
    """
    weight = excess / (choices - 1)
    horizon = 160 if excess < 1 else ceil(160 / log(weight * choices / (1 + weight))) + 60
    orbits = (mixed.two_states(sp.exp(-s), Fraction(1, 10**6), choices, weight, horizon) for s in (40, 160))
    before, after = (kl(history[-1], history[0]) for history in orbits)
    return [at_least(after, times(times_four, before)), at_least(after, 10)]


@theorem.certified(
    scope="K = 2, λ = 3/2, a_2/a* = 10⁻⁶, p_ref(top) = e⁻⁴⁰, t = 400 and t → ∞",
    rivals={"at t = 200": dict(horizon=200), "at λ = 1": dict(weight=Fraction(1))},
)
def kl_at_an_instance_beyond(horizon=400, weight=Fraction(3, 2)):
    """12.6967 ≤ KL_400 and lim KL ≤ 12.6968: p_t(top) climbs to the root of f(p) = p.

    No search: it is a number at one law.
    """
    rare, h = sp.exp(-40), 2 / (1 + sp.Rational(1, 10**6))
    history = mixed.two_states(rare, Fraction(1, 10**6), 2, weight, horizon)
    q = sp.Rational(weight / (1 + weight))
    square, linear = q * (h - 1), q * h - 1
    root = (linear + sp.sqrt(linear**2 + 4 * square * (1 - q) * rare)) / (2 * square)
    last = root * sp.log(root / rare) + (1 - root) * sp.log((1 - root) / (1 - rare))
    found = kl(history[-1], history[0])
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
    """KL ≤ M_t·e⁻ˢ·log M_t at p_ref(top) = e⁻ˢ: beyond the threshold too, s → ∞ first gives 0.

    Its worst case is the “rare top” of `worst_case_of_the_bounds`.
    """
    weight, rare = Fraction(3, 2), sp.exp(-rarity)
    history = mixed.two_states(rare, Fraction(1, 10**6), 2, weight, max(horizon, later))
    top = mixed.peak(weight, 2, horizon - behind)
    return at_most(kl(history[-1], history[0]), sp.Rational(top) * rare * sp.log(sp.Rational(top)))


# --- real data ----------------------------------------------------------------------------------------------


@theorem.computed(
    at=[dict(reward=r, choices=K, steps=t) for r in ("confidence", "class:0") for K, t in ((2, 30), (4, 20))],
    margin=1e-5,
    scope="digits, λ = ½, each generation",
    rivals={"w = (1−m)/M": dict(reward="class:0", choices=2, steps=30, split=lambda m, M: (1 - m) / M)},
)
def kl_stays_small_on_the_digits(reward, choices, steps, split=lambda m, M: (1 - m) / (M - m)):
    """KL(p_t‖p_ref) ≤ w M_t log M_t + (1−w)m log m ≤ log M_t, at K = 4 too, where λ > 1/(K−1).

    No search: the data are given.
    """
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
    """sup p_t/p_ref ≤ M_t with K/(1 + (K−1)·a_min/a*) for K, which is below the threshold for confidence.

    No search: the data are given.
    """
    history, a = mixed.on_digits(reward, choices, 0.5, steps)
    found = (history[1:] / history[0]).max(axis=1)
    effective = mixed.largest_ratio(choices, a.min())
    tops = [mixed.peak(0.5, effective, t - behind) for t in range(1, steps + 1)]
    error = mixed.drift(choices, 0.5, steps)[1:] * a.size + 1e-13
    return at_most(Enclosed(found, error), np.array(tops, float), scale=1)
