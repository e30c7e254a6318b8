"""With an atom at the best reward, the curated loop tends to p_0 conditioned on it: KL(p_*‖p_t) → 0.

Within the best states H is constant, so p_t restricted to them stays proportional to p_0: with
p_* = p_0(· | r = r*), KL(p_*‖p_t) = −log p_t(r = r*), exactly. It never rises, since H ≥ 1 on the best
states, and it vanishes geometrically: their odds grow by 1 + ((K−1)/K)(1 − a_2/a*) or more a step.
The reverse divergence is infinite at every t, unless p_0 is optimal already.
"""

import functools
import math
from fractions import Fraction

import numpy as np
import sympy as sp

from proofs_numeric._laws import CLOSE
from theorycheck import (
    FERBACH_2024,
    Assumption,
    Enclosed,
    FiniteLaw,
    FiniteLaws,
    Integers,
    OneOf,
    Theorem,
    above,
    at_least,
    at_most,
    equals,
)
from theorycheck.loops import curation, digits, exact

theorem = Theorem(
    key="optimal-set-convergence",
    title="With an atom at the best reward the loop tends to p_0 conditioned on it",
    source=FERBACH_2024,
    statement=(
        r"p_0(r=r_*) > 0 \Rightarrow \mathrm{KL}(p_*\|p_t) = -\log p_t(r=r_*) \to 0,\quad "
        r"p_* = p_0(\cdot \mid r=r_*)"
    ),
    assumptions=[
        Assumption("finite-states", "p is a law on finitely many states", {"law": FiniteLaws((2, 4))}),
        Assumption("choices", "users choose among K ≥ 2 proposals", {"choices": Integers(2, draw_to=4)}),
        Assumption(
            "generations", "the loop has run for t ≥ 0 generations", {"steps": Integers(0, draw_to=2)}
        ),
        Assumption("atom", "the best states have positive mass", {"best_mass": OneOf("positive")}),
        Assumption(
            "curated-only", "the next model is fitted to what was kept alone", {"mixed": OneOf(False)}
        ),
    ],
)

TWO_BEST = FiniteLaw(
    (Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)), (Fraction(1, 2), Fraction(1), Fraction(1))
)
NONE_BEST = FiniteLaw(
    (Fraction(1, 2), Fraction(1, 2), Fraction(0)), (Fraction(1, 5), Fraction(3, 5), Fraction(1))
)


def loop(law, choices, steps, mixed=False):
    """p_t by exact enumeration; `mixed` adds half real data."""
    p = law.p
    for _ in range(steps):
        p = exact.step(p, law.a, choices, law.p, 1 if mixed else None)
    return p


def best(law):
    """Which states have the best weight."""
    return [weight == max(law.a) for weight in law.a]


def mass(p, inside):
    """p(inside)."""
    return sum(x for x, within in zip(p, inside, strict=True) if within)


# --- the limit is p_0 conditioned on the best states --------------------------------------------------------


@theorem.forall(
    examples=80,
    rivals={
        "the best states level out": dict(law=TWO_BEST, choices=2, steps=1, target=lambda p, a: [0, 1, 1]),
        "p_0·a": dict(law=TWO_BEST, choices=2, steps=1, inside=lambda law: [True] * 3),
    },
)
def best_states_keep_their_proportions(law, choices, steps, target=lambda p, a: p, inside=best):
    """On {r = r*}, p_t is proportional to p_0 at every t: the conditional law never changes."""
    end, within = loop(law, choices, steps), inside(law)
    first = target(law.p, law.a)
    return [
        equals(end[i] * first[j], end[j] * first[i])
        for i in range(len(within))
        for j in range(i)
        if within[i] and within[j]
    ]


X, P, Q = sp.symbols("x p q", positive=True)


@theorem.symbolic(
    scope="two best states, all masses",
    rivals={
        "the square of it": dict(value=lambda top: -2 * sp.log(top)),
        "reversed": dict(reverse=True),
    },
)
def divergence_is_a_logarithm(value=lambda top: -sp.log(top), reverse=False):
    """Where p_t = x·p_0 on the best states, KL(p_*‖p_t) = −log p_t(r = r*)."""
    target = [P / (P + Q), Q / (P + Q)]
    now = [X * P, X * Q]
    first, second = (now, target) if reverse else (target, now)
    divergence = sum(u * (sp.log(u) - sp.log(v)) for u, v in zip(first, second, strict=True))
    return equals(divergence, value(X * (P + Q)))


# --- monotone, and geometric --------------------------------------------------------------------------------


@theorem.forall(
    examples=80,
    rivals={
        "it falls for every state": dict(law=CLOSE, choices=2, steps=0, inside=lambda law: [True, False]),
        "it falls by a tenth": dict(law=CLOSE, choices=2, steps=0, factor=Fraction(11, 10)),
    },
)
def divergence_never_rises(law, choices, steps, inside=best, factor=1):
    """p_{t+1}(r = r*) ≥ p_t(r = r*): −log p_t(r = r*) is monotone."""
    within = inside(law)
    before, after = (mass(loop(law, choices, t), within) for t in (steps, steps + 1))
    return at_least(after, factor * before)


@theorem.search(
    at=[dict(choices=2), dict(choices=4)],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    sharp=1.01,
    rivals={"it falls by a hundredth": dict(factor=Fraction(101, 100))},
)
def worst_case_of_the_best_mass(choices, law, factor=1):
    """No law on two atoms loses mass at its best state, and where the rewards are close it gains none."""
    return divergence_never_rises(law, choices, 0, factor=factor)


def odds_growth(law, choices, share=lambda K: Fraction(K - 1, K)):
    """1 + ((K−1)/K)·(1 − a_2/a*)."""
    lower = [w for w in law.a if w < max(law.a)]
    return 1 + share(choices) * (1 - max(lower) / max(law.a)) if lower else Fraction(1)


@theorem.forall(
    examples=100,
    rivals={
        "1 for (K−1)/K": dict(law=CLOSE, choices=2, steps=0, share=lambda K: Fraction(1)),
        "K/(K+1)": dict(law=CLOSE, choices=2, steps=0, share=lambda K: Fraction(K, K + 1)),
        "a_2/a* for 1 − a_2/a*": dict(
            law=CLOSE, choices=2, steps=0, growth=lambda law, K, share: 1 + share(K) * sorted(law.a)[-2]
        ),
    },
    without={"curated-only": dict(law=CLOSE, choices=2, steps=1, mixed=True)},
)
def odds_grow_geometrically(
    law, choices, steps, mixed=False, share=lambda K: Fraction(K - 1, K), growth=odds_growth
):
    """The odds p_t(r = r*)/p_t(r < r*) grow by at least 1 + ((K−1)/K)·(1 − a_2/a*) in every step.

    So p_t(r < r*) ≤ odds_0⁻¹·g^{−t} and KL(p_*‖p_t) ≤ log(1 + odds_0⁻¹·g^{−t}) → 0.
    """
    within = best(law)
    before, after = (mass(loop(law, choices, t, mixed), within) for t in (steps, steps + 1))
    return at_least(after * (1 - before), growth(law, choices, share) * before * (1 - after))


@theorem.search(
    at=[dict(choices=2), dict(choices=4)],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    sharp=1.01,
    rivals={
        "1 for (K−1)/K": dict(share=lambda K: Fraction(1)),
        "K/(K+1)": dict(share=lambda K: Fraction(K, K + 1)),
    },
)
def worst_case_of_the_odds(choices, law, share=lambda K: Fraction(K - 1, K)):
    """No law on two atoms has slower odds, and where the rewards are close the growth is no faster."""
    return odds_grow_geometrically(law, choices, 0, share=share)


@theorem.certified(
    at=[dict(choices=2), dict(choices=3)],
    scope="a = (9/10, 1), three generations from ½",
    rivals={"half the exponent suffices": dict(exponent=lambda t: 2 * t)},
    without={"atom": dict(choices=2, best_mass="none")},
)
def divergence_vanishes_at_a_rate(choices, best_mass="positive", exponent=lambda t: t):
    """KL(p_*‖p_t) ≤ log(1 + odds_0⁻¹·g^{−t}); without mass at the best reward no t brings it below 1."""
    law = CLOSE if best_mass == "positive" else NONE_BEST
    bound = 1 + odds_growth(CLOSE, choices) ** -exponent(3)
    return at_least(mass(loop(law, choices, 3), best(law)) * bound, 1)


@theorem.search(
    at=[dict(choices=2), dict(choices=3)],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    scope="three generations",
    sharp=1.01,
    rivals={"half the exponent suffices": dict(exponent=lambda t: 2 * t)},
)
def worst_case_of_the_vanishing(choices, law, exponent=lambda t: t):
    """No law on two atoms breaks odds_t ≥ odds_0·g^t, which is that bound on KL; close rewards attain it."""
    first, last = (mass(p, best(law)) for p in (law.p, loop(law, choices, 3)))
    return at_least(last * (1 - first), odds_growth(law, choices) ** exponent(3) * first * (1 - last))


# --- the other direction ------------------------------------------------------------------------------------


@theorem.certified(
    at=[dict(choices=2, steps=1), dict(choices=2, steps=6), dict(choices=4, steps=4)],
    scope="p_0 = (½, ⅓, 1/6), a = (½, 1, 1)",
    rivals={"KL(p_t‖p_*) is finite": dict(rest=lambda mass: -mass)},
)
def reverse_divergence_is_infinite(choices, steps, rest=lambda mass: mass):
    """p_t(r < r*) > 0 at every t, where p_* has no mass: KL(p_t‖p_*) = ∞ unless p_0 is optimal already.

    No search: above 0 there is nothing to be tight to.
    """
    return above(rest(1 - mass(loop(TWO_BEST, choices, steps), best(TWO_BEST))), 0)


# --- on real data -------------------------------------------------------------------------------------------


@functools.cache
def odds_of_the_best(proposals):
    """The odds of the 500 most confident digits, whose rewards are made equal, and a_2/a*."""
    confidence = digits.reward("confidence")
    reward = np.minimum(confidence, np.sort(confidence)[-500])
    top = reward == reward.max()
    history = curation.trajectory(np.full(reward.size, 1 / reward.size), reward, proposals, 60)
    return history[:, top].sum(axis=1) / history[:, ~top].sum(axis=1), np.exp(
        reward[~top].max() - reward.max()
    )


@theorem.computed(
    at=[dict(proposals=2), dict(proposals=16), dict(proposals=math.inf)],
    scope="digits, the 500 most confident ones share the top, 60 generations",
    margin=1e-3,
    rivals={"they fall": dict(order=-1), "by a hundredth more": dict(more=0.01)},
)
def digits_reach_their_best(proposals, order=1, more=0.0):
    """On 1,797 digits the odds of the best grow at every step, by 1 + ((K−1)/K)(1 − a_2/a*) at least.

    No search: the data are given; for all laws `worst_case_of_the_odds` searches.
    """
    odds, second = odds_of_the_best(proposals)
    least = 1 + (1 - 1 / proposals) * (1 - second) + more
    return at_most(least, Enclosed((odds[1:] / odds[:-1]) ** order, 1e-9), scale=1)
