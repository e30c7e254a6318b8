"""The curated loop drives the expected reward to its best value: E_t e^r → e^{r*} and Var_t e^r → 0.

It needs rewards bounded by r*, p_0(r ≥ r* − η) > 0 for every η > 0, K ≥ 2 and no real data. A limit is
decided by a rate that implies it. By `reward-ascent`, Σ_t Var_t ≤ (K/(K−1))·a*(a* − E_0 a): so Var_t → 0, and
(b − E_t a)²·t·p_0(a ≥ b) ≤ (K/(K−1))·a*(a* − E_0 a) for every b > E_t a, so E_t a → a*. The sharp rates are
in `reward-convergence-rates`.
"""

from fractions import Fraction

import numpy as np
import sympy as sp

from proofs_numeric._laws import WIDE
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
)
from theorycheck.formula import ball, precision
from theorycheck.loops import curation, exact, mixed

theorem = Theorem(
    key="reward-convergence",
    title="The curated loop drives the expected reward to its best value",
    source=FERBACH_2024,
    statement=r"\mathbb{E}_{p_t} e^{r} \to e^{r_*},\qquad \mathrm{Var}_{p_t}(e^{r}) \to 0",
    assumptions=[
        Assumption("finite-states", "p is a law on finitely many states", {"law": FiniteLaws((2, 4))}),
        Assumption("choices", "users choose among K ≥ 2 proposals", {"choices": Integers(2, draw_to=4)}),
        Assumption("bounded", "rewards are bounded: a ≤ a*", {"rewards": OneOf("bounded")}),
        Assumption(
            "mass-near-the-top",
            "p_0(r ≥ r* − η) > 0 for all η > 0",
            {"top_mass": Rationals(Fraction(1, 10**13), 1, 10**13)},
        ),
        Assumption(
            "curated-only", "the next model is fitted to what was kept alone", {"real_share": OneOf(0)}
        ),
    ],
)

HALF = Fraction(1, 2)
RARE_TOP = FiniteLaw((Fraction(999, 1000), Fraction(1, 1000)), (Fraction(1, 10), Fraction(1)))


def orbit(law, choices, steps, real_share=0):
    """p_0, …, p_steps by exact enumeration; a share of p_0 is mixed in."""
    path = [list(law.p)]
    for _ in range(steps):
        kept = exact.step(path[-1], law.a, choices)
        path.append([(1 - real_share) * k + real_share * p for k, p in zip(kept, law.p, strict=True)])
    return path


# --- any bounded reward: the variances are summable ---------------------------------------------------------


@theorem.forall(
    examples=80,
    rivals={
        "1 for K/(K−1)": dict(law=WIDE, choices=2, steps=7, factor=lambda K: Fraction(1)),
        "a_min for a*": dict(law=WIDE, choices=2, steps=3, scale=min),
    },
    without={"curated-only": dict(law=WIDE, choices=2, real_share=Fraction(9, 10), steps=8)},
)
def variances_are_summable(
    law, choices, steps=2, real_share=0, factor=lambda K: Fraction(K, K - 1), scale=max
):
    """Σ_{s<t} Var_s a ≤ (K/(K−1))·a*·(a* − E_0 a): `reward-ascent`, summed. So Var_t a → 0 along the loop."""
    path = orbit(law, choices, steps, real_share)
    spent = sum(exact.variance(p, law.a) for p in path[:-1])
    return at_most(spent, factor(choices) * scale(law.a) * (max(law.a) - exact.mean(law.p, law.a)))


@theorem.certified(
    at=[dict(choices=2, steps=2400), dict(choices=5, steps=1500)],
    scope="a = (199/200, 1), p_0 = (½, ½), in balls",
    rivals={
        "1 % less": dict(choices=5, steps=1500, part=Fraction(99, 100)),
        "1 for K/(K−1)": dict(choices=5, steps=1500, part=Fraction(4, 5)),
        "after 400 generations": dict(choices=5, steps=400),
    },
)
def sum_is_attained_in_the_long_run(choices, steps, part=1):
    """Where rewards are close, Σ_s Var_s comes within a hundredth of that bound, and K/(K−1) is sharp.

    For a gain is at most ((K−1)/K)·Var/a_min: so Σ_{s<t} Var_s ≥ (a_min/a*)·(1 − δ_t/δ_0) of the bound. At
    K = 2 a gain is Var/(a_min + a*), and the sum is known to 60 digits: no generation may miss.
    No search: it is that bound at one law.
    """
    low = Fraction(199, 200)
    history = mixed.two_states(HALF, low, choices, None, steps)
    bound = part * Fraction(choices, choices - 1) * (1 - low) * HALF
    with precision(512):
        spent = sum((p * q for p, q in history[:-1]), start=ball(0)) * ball((1 - low) ** 2, bits=512)
        gained = (history[-1][1] - history[0][1]) * ball((1 - low) * (1 + low), bits=512)
    exactly = [] if choices > 2 else [at_most(abs(spent - gained), Fraction(1, 10**60))]
    return [at_most(spent, bound), at_least(spent, Fraction(99, 100) * bound), *exactly]


@theorem.search(
    at=[dict(choices=2), dict(choices=4)],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    scope="one generation",
    sharp=lambda choices: 1.01 * choices / (choices - 1),
    rivals={"99/100 for K/(K−1)": dict(factor=lambda K: Fraction(99, 100))},
)
def worst_case_of_the_sum(choices, law, factor=lambda K: Fraction(K, K - 1)):
    """No law on two atoms breaks it; the search finds the slack K/(K−1) of a rare worthless state."""
    return variances_are_summable(law, choices, 1, factor=factor)


@theorem.forall(
    examples=60,
    given={"steps": Integers(1, 2)},
    rivals={"without p_0(a ≥ b)": dict(law=RARE_TOP, choices=2, steps=3, near=lambda share: 1)},
)
def shortfall_vanishes_for_every_law(law, choices, steps, near=lambda share: share):
    """(b − E_t a)²·t·p_0(a ≥ b) ≤ (K/(K−1))·a*·(a* − E_0 a) for every b > E_t a: so E_t a → a*.

    For P_s(a ≥ b) and E_s a never fall (`reward-ascent`), and (b − E_s a)²·P_s(a ≥ b) ≤ Var_s for each s < t,
    whose sum is bounded. With b near a*, where p_0(a ≥ b) > 0, this is a rate for the limit, whatever p_0 is.
    """
    average = exact.mean(orbit(law, choices, steps)[-1], law.a)
    most = Fraction(choices, choices - 1) * max(law.a) * (max(law.a) - exact.mean(law.p, law.a))
    for b in {w for w in law.a if w > average}:
        share = sum((x for x, w in zip(law.p, law.a, strict=True) if w >= b), Fraction(0))
        yield at_most((b - average) ** 2 * steps * near(share), most)


@theorem.search(
    at=[dict(choices=2, steps=1), dict(choices=2, steps=2), dict(choices=4, steps=1)],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    sharp=19,
    rivals={"1/20 of it": dict(part=Fraction(1, 20))},
)
def worst_case_of_the_shortfall(choices, steps, law, part=1):
    """No law on two atoms breaks the bound, of which the worst uses a fifteenth to a nineteenth."""
    (bound,) = shortfall_vanishes_for_every_law(law, choices, steps, lambda share: share / part)
    return bound


@theorem.certified(
    at=[dict(choices=2), dict(choices=5)],
    scope="a = (1/10, 1), p_0 = (½, ½), t = 100, in balls",
    rivals={"E_0 for E_t": dict(at_time=0)},
    without={"curated-only": dict(real_share=HALF)},
)
def shortfall_vanishes_in_the_long_run(choices, real_share=0, at_time=100):
    """The same at t = 100; where half of the data stay real, the shortfall stays too.

    No search: it is that bound at one law.
    """
    low = Fraction(1, 10)
    weight = (1 - real_share) / real_share if real_share else None
    missing = mixed.two_states(HALF, low, choices, weight, 100)[at_time][0]
    with precision(512):
        squared = (ball(1 - low, bits=512) * missing) ** 2
        return at_most(squared * 100 * ball(HALF), Fraction(choices, choices - 1) * (1 - low) * HALF)


# --- what the assumptions carry -----------------------------------------------------------------------------


def moment(rewards, k, j):
    """E a^j for a ~ Beta(k, 1), on [0, 1], or Gamma(k), unbounded."""
    if rewards == "bounded":
        return Fraction(k, k + j)
    return Fraction(int(sp.rf(k, j)))


@theorem.certified(
    at=[dict(shape=1, steps=5), dict(shape=1, steps=1000)],
    scope="K = ∞, a ~ Beta(k, 1)",
    rivals={"1/t³": dict(order=3)},
    without={"bounded": dict(shape=1, steps=5, rewards="unbounded")},
)
def variance_needs_bounded_rewards(shape, steps, rewards="bounded", order=2):
    """Var_t a ≤ 1/t² and E_t a ≥ 1 − 1/t; if a ~ Gamma(k), p_t is Gamma(k+t): mean and variance grow.

    No search: t and k are all that is free, and both sides closed forms.
    """
    base, first, second = (moment(rewards, shape, steps + j) for j in (0, 1, 2))
    average = first / base
    return [
        at_most(second / base - average**2, Fraction(1, steps**order)),
        at_most(1 - average, Fraction(1, steps)),
    ]


@theorem.computed(
    at=[dict(top_mass=1e-9), dict(top_mass=1e-12)],
    scope="a = (.2, .6, 1), K = 2, t = 150",
    margin=1e-4,
    rivals={"already at t = 20": dict(steps=20)},
    without={"mass-near-the-top": dict(top_mass=0.0)},
)
def mass_near_the_top_is_needed(top_mass, steps=150):
    """A mass of 10⁻¹² at the top is enough for E_t a ≥ .999; with none it stays at .6.

    No search: one law is enough.
    """
    a = np.array([0.2, 0.6, 1.0])
    end = curation.trajectory([0.5, 0.5 - top_mass, top_mass], np.log(a), 2, steps)[-1]
    return at_least(Enclosed(end @ a, 1e-10), 0.999)
