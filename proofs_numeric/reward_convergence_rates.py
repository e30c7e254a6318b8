"""How fast the curated loop drives the expected reward to its best value.

An atom at the top and a gap to the next level a_2: 1 − p_t(top) ~ Cρ^t with ρ = K a_2/(a_2 + (K−1)a*). No
atom, p_0(r > r* − u) ~ u^β: r* − E_t r ~ βK/((K−1)t), which is not geometric. That there is a limit at all,
and what it needs, is in `reward-convergence`.
"""

import functools
from fractions import Fraction
from math import inf

import numpy as np
import sympy as sp
from scipy import stats

from proofs_numeric._laws import WIDE
from theorycheck import (
    DERIVED,
    Assumption,
    Enclosed,
    FiniteLaw,
    FiniteLaws,
    Integers,
    OneOf,
    Theorem,
    at_least,
    at_most,
    equals,
)
from theorycheck.formula import ball, precision
from theorycheck.loops import curation, exact, mixed, populations
from theorycheck.loops.retraining import laws

BETAS = (sp.Rational(1, 2), sp.S(1), sp.S(2), 0.5, 1.0, 2.0)

theorem = Theorem(
    key="reward-convergence-rates",
    title="The reward converges geometrically where the best value has an atom and a gap, like 1/t without",
    source=DERIVED,
    statement=(
        r"1-p_t(\mathrm{top}) \sim C\rho^t,\ \rho = \frac{K a_2}{a_2+(K-1)a_*};\qquad "
        r"p_0(r>r_*-u) \sim u^\beta \Rightarrow r_*-\mathbb{E}_t r \sim \frac{\beta K}{(K-1)\,t}"
    ),
    assumptions=[
        Assumption("finite-states", "p is a law on finitely many states", {"law": FiniteLaws((2, 4))}),
        Assumption("choices", "users choose among K ≥ 2 proposals", {"choices": Integers(2, draw_to=4)}),
        Assumption(
            "power",
            "p_0(r > r* − u) ~ u^β as u → 0, where r* has no atom",
            {"beta": OneOf(*BETAS)},
        ),
    ],
)

NEARLY = FiniteLaw((Fraction(1, 1000), Fraction(999, 1000)), (Fraction(1, 2), Fraction(1)))

# --- an atom at the top and a gap: geometric, with a sharp rate ---------------------------------------------

DELTA, LOW = sp.symbols("delta a_2", positive=True)


def gap_rate(choices, low, top=1):
    """ρ = K a_2/(a_2 + (K−1)a*)."""
    return choices * low / (low + (choices - 1) * top)


@theorem.symbolic(
    at=[dict(choices=K) for K in (2, 3, 5)],
    scope="two states, all gaps",
    rivals={
        "K + 1 for K": dict(rate=lambda K, low: gap_rate(K + 1, low)),
        "a_2/a*": dict(rate=lambda K, low: low),
        "1/(1 + ((K−1)/K)(1−a_2))": dict(rate=lambda K, low: 1 / (1 + sp.Rational(K - 1, K) * (1 - low))),
    },
)
def gap_closes_geometrically(choices, rate=gap_rate):
    """(1 − p_{t+1}(top))/(1 − p_t(top)) → ρ = K a_2/(a_2 + (K−1)a*) as p_t(top) → 1."""
    kept = exact.step((DELTA, 1 - DELTA), (LOW, sp.S(1)), choices)[0]
    return equals(sp.cancel(kept / DELTA).subs(DELTA, 0), rate(choices, LOW))


def others(choices, missing, rate):
    """(1 − (1−δ)^{K−1})(K − ρ): what it can add to H that not all others are best."""
    return (1 - (1 - missing) ** (choices - 1)) * (choices - rate)


@theorem.forall(
    examples=80,
    rivals={
        "K + 1 for K": dict(law=NEARLY, choices=2, rate=lambda K, low: gap_rate(K + 1, low)),
        "a_2/a*": dict(law=NEARLY, choices=2, rate=lambda K, low: low),
        "exactly ρ": dict(law=WIDE, choices=2, excess=lambda *_: 0),
    },
)
def gap_closes_at_its_rate_from_any_law(law, choices, rate=gap_rate, excess=others):
    """H(a_2) ≥ ρ, and H(x) ≤ ρ + (1 − (1−δ_t)^{K−1})(K − ρ) wherever x is not best, δ_t = 1 − p_t(top).

    Others weigh at most a*, and with probability (1−δ)^{K−1} all of them do. So p_t(a_2) ≥ p_0(a_2)·ρ^t and
    δ_{t+1} ≤ δ_t·(ρ + O(δ_t)): δ_t lies between two multiples of ρ^t, whatever lies below a_2.
    """
    top, lower = max(law.a), [w for w in law.a if w < max(law.a)]
    if not lower:
        return []
    missing = sum(x for x, w in zip(law.p, law.a, strict=True) if w < top)
    rho = rate(choices, max(lower) / top)
    most = rho + excess(choices, missing, rho)
    ratio = dict(zip(law.a, exact.choice_ratio(law.p, law.a, choices), strict=True))
    return [at_least(ratio[max(lower)], rho), *(at_most(ratio[w], most) for w in lower)]


@theorem.search(
    at=[dict(choices=2, side=side) for side in ("below", "above")],
    full=[dict(choices=4, side=side) for side in ("below", "above")],
    given={"law": FiniteLaws((3, 3))},
    generations=10,
    sharp=1.01,
    rivals={
        "K − 1 for K": dict(side="below", rate=lambda K, low: gap_rate(K - 1, low)),
        "K + 1 for K": dict(side="above", rate=lambda K, low: gap_rate(K + 1, low)),
        "exactly ρ": dict(side="above", excess=lambda *_: 0),
        "1 % less": dict(side="above", excess=lambda *some: Fraction(99, 100) * others(*some)),
    },
)
def worst_case_of_the_rate(choices, side, law, rate=gap_rate, excess=others):
    """No law on three atoms breaks a bound on H; the lower is attained where nearly all mass is best.

    The excess over ρ is attained where a worthless state has the rest.
    """
    least, *most = gap_closes_at_its_rate_from_any_law(law, choices, rate, excess)
    if side == "below":
        return least
    rho = least.left
    return [at_most(found.left - rho, found.right - rho) for found in most]


@theorem.certified(
    at=[
        dict(choices=K, low=Fraction(low, 10), steps=t) for K, low, t in ((2, 5, 60), (5, 5, 40), (2, 9, 300))
    ],
    scope="a = (low, 1), p_0(top) = 1/10, in balls",
    rivals={
        "K + 1 for K": dict(rate=lambda K, low: gap_rate(K + 1, low)),
        "a_2/a*": dict(rate=lambda K, low: low),
        "reached already": dict(choices=2, low=Fraction(1, 2), steps=6),
    },
)
def gap_rate_is_certified(choices, low, steps, rate=gap_rate):
    """ρ ≤ δ_{t+1}/δ_t ≤ ρ·(1 + 10⁻⁶) at t = steps, from the loop's own recursion.

    No search: it is the limit at one law; for all laws `worst_case_of_the_rate` searches.
    """
    *_, before, after = mixed.two_states(Fraction(1, 10), low, choices, None, steps + 1)
    rho = rate(choices, low)
    with precision(512):
        least, most = (ball(x, bits=512) * before[0] for x in (rho, rho * (1 + Fraction(1, 10**6))))
    return [at_most(least, after[0]), at_most(after[0], most)]


@functools.cache
def misses(choices, steps):
    """1 − p_t(top) for four levels a = (.2, .5, .7, 1)."""
    a = np.array([0.2, 0.5, 0.7, 1.0])
    history = curation.trajectory(np.full(4, 0.25), np.log(a), choices, steps)
    return history[:, :3].sum(axis=1)


@theorem.computed(
    at=[dict(proposals=2, steps=100), dict(proposals=16, steps=60), dict(proposals=inf, steps=50)],
    scope="a = (.2, .5, .7, 1)",
    margin=1e-5,
    rivals={
        "the lowest level's rate": dict(low=0.2),
        "a_2/a* at every K": dict(proposals=2, steps=100, rate=lambda K, low: low),
        "K + 1": dict(proposals=2, steps=100, rate=lambda K, low: gap_rate(K + 1, low)),
    },
)
def gap_rate_is_measured(
    proposals, steps, low=0.7, rate=lambda K, low: low if inf == K else gap_rate(K, low)
):
    """The loop's own ratio (1 − p_{t+1}(top))/(1 − p_t(top)) tends to ρ of the next level."""
    missing = misses(proposals, steps)
    ratio = missing[1:] / missing[:-1]
    return equals(Enclosed(ratio[-1], abs(ratio[-1] - ratio[-5]) + 1e-9), rate(proposals, low), scale=1)


# --- no atom: one over t ------------------------------------------------------------------------------------

TIMES = np.array([25, 50, 100, 200, 400])
POWERS = [dict(beta=beta, proposals=2) for beta in (0.5, 1.0, 2.0)] + [dict(beta=1.0, proposals=16)]
WORSE = [dict(beta=beta, proposals=2, worse=0.5) for beta in (0.5, 2.0)]


@functools.cache
def shortfall(beta, choices, worse=0.0):
    """r* − E_t r at `TIMES`, for r* − r ~ Beta(β, 1), but a share `worse` uniform on [1, 2].

    So p_0(r > r* − u) = (1 − worse)·u^β for u ≤ 1. The loop depends on x only through r(x), so the law of the
    reward is all that it needs: a quadrature.
    """
    below = laws.Mixture((1 - worse, worse), (stats.beta(beta, 1), stats.uniform(1, 1)))
    law = populations.on_line(below, lambda u: -u, top=0.0)
    return curation.trajectory(law.p, law.reward, choices, max(TIMES))[TIMES] @ -law.reward


def extrapolated(values, times):
    """C of C + (c·log t + d)/t, from the last three times, which double.

    The error is what the three before make of it, and the size (log t/t)² of the next term.
    """
    early, late = np.diff(values * times, 2)[-2:] / times[-4:-2]
    return Enclosed(late, abs(late - early) + (np.log(times[-3]) / times[-3]) ** 2)


@theorem.computed(
    at=[*POWERS, *WORSE],
    scope="p_0(r > r* − u) ~ u^β, t from 50 to 400",
    margin=0.05,
    rivals={
        "β² for β": dict(POWERS[2], constant=lambda b, K: b**2 * K / (K - 1)),
        "without K/(K−1)": dict(POWERS[1], constant=lambda b, K: b),
        "(K + 1)/K": dict(POWERS[1], constant=lambda b, K: b * (K + 1) / K),
    },
)
def shortfall_falls_like_one_over_t(beta, proposals, worse=0.0, constant=lambda b, K: b * K / (K - 1)):
    """t·(r* − E_t r) → βK/(K−1), up to terms like log t/t, which are fitted too."""
    return equals(extrapolated(shortfall(beta, proposals, worse) * TIMES, TIMES), constant(beta, proposals))


@theorem.computed(
    at=[*POWERS, *WORSE],
    scope="p_0(r > r* − u) ~ u^β, fitted to t = 25, 50, …, 400",
    margin=0.05,
    rivals={
        "t^{−β}": dict(POWERS[2], exponent=lambda b: -b),
        "t^{−1/β}": dict(POWERS[0], exponent=lambda b: -1 / b),
        "1/√t": dict(exponent=lambda b: -0.5),
        "geometric, at any rate": dict(doubling=2.0),
    },
)
def exponent_is_minus_one(beta, proposals, worse=0.0, exponent=lambda b: -1.0, doubling=1.0):
    """The slope of log(r* − E_t r) on log t tends to −1, for every β; from one t to 2t it stays what it was.

    A geometric fall, at whatever rate, has twice the slope at 2t.
    """
    slopes = np.diff(np.log(shortfall(beta, proposals, worse))) / np.log(2)
    limit = extrapolated(slopes, TIMES[:-1])
    # A power's slope moves by less than what it lacks to its limit.
    growth, lacking = slopes[-1] / slopes[-2], abs(slopes[-2] - limit.value) + limit.error
    found = Enclosed(np.array([limit.value, growth]), np.array([limit.error, lacking]))
    return equals(found, np.array([exponent(beta), doubling]), scale=1)


@theorem.certified(
    at=[dict(beta=sp.Rational(1, 2)), dict(beta=sp.S(1)), dict(beta=sp.S(2))],
    scope="K = ∞, r* − r ~ Beta(β, 1), t = 60",
    rivals={"β + 1": dict(constant=lambda b: b + 1), "1/t²": dict(order=2)},
)
def shortfall_with_infinite_choices(beta, constant=lambda b: b, order=1):
    """At K = ∞, p_t has the density ∝ u^{β−1}e^{−tu}: |t·(r* − E_t r) − β| ≤ 10⁻²⁰ at t = 60.

    No search: β is all that is free, and both sides are closed forms.
    """
    t = sp.S(60)
    found = t**order * sp.lowergamma(beta + 1, t) / (t * sp.lowergamma(beta, t))
    return [
        at_most(found - constant(beta), Fraction(1, 10**20)),
        at_most(constant(beta) - found, Fraction(1, 10**20)),
    ]
