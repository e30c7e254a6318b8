"""With real data in the mix the loop stays near p_ref: KL(p_t‖p_ref) ≤ −log(1 − λ(K−1)) if λ < 1/(K−1).

H ≤ K, so sup p_t/p_ref ≤ M_t with M_{t+1} = (1 + λK·M_t)/(1+λ), M_0 = 1, whose limit is M = 1/(1 − λ(K−1)).
This bounds the Rényi divergence D_∞ = log sup p_t/p_ref, and sharply; KL ≤ D_∞ follows, and is loose. What is
derived from it here, a better bound and the sharpness of the threshold among it, is in
`real-data-kl-stability-sharp`.
"""

from fractions import Fraction

import sympy as sp

from proofs_numeric._laws import HALF_AS_GOOD, RARE, RARE_LOW, THIRD, TOP_FIRST
from theorycheck import (
    FERBACH_2024,
    Assumption,
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
from theorycheck.loops import exact, mixed
from theorycheck.loops.divergences import kl, logarithm, ratio, renyi, times

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
AT_RARE = dict(law=RARE, choices=2, weight=HALF, horizon=1)
AT_THIRD = dict(law=THIRD, choices=2, share=HALF, horizon=2)


# --- D_∞ ----------------------------------------------------------------------------------------------------

W, K, G, H = sp.symbols("lambda K g h", positive=True)


@theorem.symbolic(
    at=[dict(horizon=t) for t in (1, 3)],
    scope="all λ and K, λ(K−1) ≠ 1",
    rivals={
        "1/(1−λK)": dict(horizon=1, end=lambda w, K: 1 / (1 - w * K)),
        "1/(1−λ(K−2))": dict(horizon=1, end=lambda w, K: 1 / (1 - w * (K - 2))),
        "rate λ(K−1)": dict(horizon=1, rate=W * (K - 1)),
    },
)
def recursion_is_solved(horizon, end=mixed.summit, rate=W * K / (1 + W)):
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
    """λ < 1/(K−1) gives λK/(1+λ) < 1 and M = 1 + 1/g: M_t climbs to M, at that geometric rate.

    No search: symbols decide all λ and K.
    """
    weight = part / (1 + H)  # K = 2 + H
    rate, end = sp.cancel(weight * (2 + H) / (1 + weight)), sp.cancel(mixed.summit(weight, 2 + H))
    return [
        below(0, sp.cancel((1 - rate) / G), over={G: Rationals(0), H: Rationals(0)}),
        equals(end, 1 + 1 / G),
    ]


@theorem.forall(
    examples=40,
    rivals={
        "H ≤ K − 1": dict(law=RARE, choices=2, most=lambda K, x: K - 1),
        "K/(1+Kx)": dict(law=HALF_AS_GOOD, choices=2, most=lambda K, x: K / (1 + K * x)),
    },
)
def choice_favours_at_most_k_fold(law, choices, most=mixed.largest_ratio):
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
    rivals={"attained": dict(slack=0), "KL": dict(measure=kl), "K + 1 for K": dict(more=1)},
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
        at_least(
            measure(history[300], history[0]),
            times(1 - slack, logarithm(mixed.summit(weight, choices))),
        ),
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
    bounds = mixed.peak(weight, choices, horizon - behind), mixed.summit(weight, choices - less)
    return [at_most(kl(found, law.p), logarithm(bound)) for bound in bounds]


def ceiling(share, choices):
    """−log(1 − λ(K−1)) below the threshold, and beyond it 10, as good as any other constant."""
    return logarithm(1 / (1 - share)) if share < 1 else 10


@theorem.certified(
    at=[dict(choices=K, share=Fraction(99, 100), rarity=s) for K in (2, 20) for s in (3, 40)],
    scope="p_ref(top) = e^−rarity, a = (10⁻⁶, 1), each t ≤ 300",
    rivals={
        "threshold 1/(K−2)": dict(
            choices=3,
            share=Fraction(9, 5),
            rarity=80,
            bound=lambda share, K: logarithm(1 / (1 - share / 2)),
        )
    },
    without={"weight": dict(choices=2, share=Fraction(3, 2), rarity=40)},
)
def kl_stays_bounded(choices, share, rarity, bound=ceiling):
    """KL(p_t‖p_ref) ≤ −log(1 − λ(K−1)) for t ≤ 300; at λ(K−1) = 3/2 the KL exceeds 10.

    No search: it is that bound where the best is rare; `worst_case_of_the_kl_bound` searches all laws.
    """
    weight = share / (choices - 1)
    history = mixed.two_states(sp.exp(-rarity), Fraction(1, 10**6), choices, weight, 300)
    return [at_most(kl(p, history[0]), bound(share, choices)) for p in history[1::23]]


# Both sides of each bound, for p_ref and p_3 at K = 2.
BOUNDS = {
    "D_∞": lambda law, p, w: (renyi(p, law.p), logarithm(mixed.peak(w, 2, 3))),
    "floor": lambda law, p, w: (1 / (1 + w), ratio(p, law.p, min)),
    "H": lambda law, p, w: (max(exact.choice_ratio(law.p, law.a, 2)), 2),
    "H by range": lambda law, p, w: (
        max(exact.choice_ratio(law.p, law.a, 2)),
        mixed.largest_ratio(2, min(law.a) / max(law.a)),
    ),
}


def at_the_worst(bounds, law, part):
    """Both sides of a bound at K = 2, λ = ½, t = 3, the right one times `part`."""
    weight = 0.5 if isinstance(law.p[0], float) else HALF
    left, right = bounds(law, mixed.loop(law.p, law.a, 2, weight, 3)[-1], weight)
    return at_most(left, times(part, right))


@theorem.search(
    at=[dict(bounded=name) for name in BOUNDS],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    scope="K = 2, λ = ½, t = 3",
    sharp=1.001,
    rivals={"1 % less": dict(part=Fraction(99, 100))},
)
def worst_case_of_the_bounds(bounded, law, part=1):
    """No law on two states breaks a bound on p_t/p_ref or H, and the search comes within 10⁻³ of each."""
    return at_the_worst(BOUNDS[bounded], law, part)


KL_BOUNDS = {
    "log M_t": lambda law, p, w: (kl(p, law.p), logarithm(mixed.peak(w, 2, 3))),
    "log M": lambda law, p, w: (kl(p, law.p), logarithm(mixed.summit(w, 2))),
}


@theorem.search(
    at=[dict(bounded=name) for name in KL_BOUNDS],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    scope="K = 2, λ = ½, t = 3",
    sharp=24,
    rivals={"1/24 of it": dict(part=Fraction(1, 24))},
)
def worst_case_of_the_kl_bound(bounded, law, part=1):
    """Nor the bounds on the KL divergence; the worst law leaves 22/23 of −log(1 − λ(K−1)) unused."""
    return at_the_worst(KL_BOUNDS[bounded], law, part)
