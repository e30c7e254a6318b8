"""With K = ∞ the curated loop is reinforcement learning from human feedback: p_t ∝ p_0·e^{tr}.

p_t maximises E_p r − (1/t)·KL(p‖p_0): retraining t times on curated data is one step of KL-regularised reward
maximisation with strength 1/t. This is exact only at K = ∞: at finite K the composition is no exponential
tilt of p_0 as soon as there are three reward levels (with two, every reweighting is a tilt).
"""

from fractions import Fraction
from math import inf

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
    Theorem,
    at_least,
    at_most,
    equals,
)
from theorycheck.formula import precision
from theorycheck.loops import curation, exact
from theorycheck.loops.divergences import kl, logarithm, times

theorem = Theorem(
    key="rlhf-equivalence",
    title="With infinitely many proposals the loop is KL-regularised reward maximisation",
    source=FERBACH_2024,
    statement=(
        r"K=\infty:\quad p_t \propto p_0 e^{tr} = \arg\max_p\ \mathbb{E}_p r - \tfrac1t \mathrm{KL}(p\|p_0)"
    ),
    assumptions=[
        Assumption("finite-states", "p is a law on finitely many states", {"law": FiniteLaws((2, 4))}),
        Assumption(
            "infinite-choices", "users choose among infinitely many proposals", {"choices": OneOf(inf)}
        ),
        Assumption(
            "generations", "the loop has run for t ≥ 1 generations", {"steps": Integers(1, draw_to=5)}
        ),
    ],
)

THREE = FiniteLaw((Fraction(1, 3),) * 3, (Fraction(1, 5), Fraction(2, 5), Fraction(1)))


def tilted(p, a, power):
    """p·a^power, normalised."""
    mass = [x * w**power for x, w in zip(p, a, strict=True)]
    return [x / sum(mass) for x in mass]


def loop(law, choices, steps):
    """p_t by exact steps: enumeration at finite K, the tilt of the current law at K = ∞."""
    p = list(law.p)
    for _ in range(steps):
        p = tilted(p, law.a, 1) if choices == inf else exact.step(p, law.a, choices)
    return p


@theorem.forall(
    examples=80,
    rivals={
        "p_0·e^{(t+1)r}": dict(law=THREE, steps=2, power=lambda t: t + 1),
        "p_0·e^r, whatever t": dict(law=THREE, steps=2, power=lambda t: 1),
    },
    without={"infinite-choices": dict(law=THREE, steps=2, choices=2)},
)
def loop_is_a_tilt(law, steps, choices=inf, power=lambda t: t):
    """p_t = p_0·e^{tr}/E_0 e^{tr}, exactly."""
    return [
        equals(x, y)
        for x, y in zip(loop(law, choices, steps), tilted(law.p, law.a, power(steps)), strict=True)
    ]


@theorem.symbolic(
    at=[dict(states=2), dict(states=3)],
    scope="all laws and rewards on two and three states",
    rivals={"t for 1/t": dict(strength=lambda t: t), "KL reversed": dict(reverse=True)},
)
def objective_is_a_divergence(states, strength=lambda t: 1 / t, reverse=False):
    """E_q r − (1/t)·KL(q‖p_0) = (1/t)·log E_0 e^{tr} − (1/t)·KL(q‖p_t) for every q."""
    t = sp.Symbol("t", positive=True)
    q, p, r = (sp.symbols(f"{name}1:{states + 1}", positive=True) for name in "qpr")
    total_q, total_p = sum(q), sum(p)
    q, p = [x / total_q for x in q], [x / total_p for x in p]
    partition = sum(x * sp.exp(t * y) for x, y in zip(p, r, strict=True))
    tilt = [x * sp.exp(t * y) / partition for x, y in zip(p, r, strict=True)]

    def divergence(x, y):
        x, y = (y, x) if reverse else (x, y)
        return sum(u * (sp.log(u) - sp.log(v)) for u, v in zip(x, y, strict=True))

    reward = sum(x * y for x, y in zip(q, r, strict=True))
    objective = reward - strength(t) * divergence(q, p)
    return equals(objective, sp.log(partition) / t - divergence(q, tilt) / t)


def logs(law):
    """log a as sympy expressions."""
    return [sp.log(sp.Rational(w.numerator, w.denominator)) for w in law.a]


def regularised_reward(q, law, steps):
    """E_q r − (1/t)·KL(q‖p_0), in floats or balls."""
    with precision(512):
        reward = sum(times(x, logarithm(w)) for x, w in zip(q, law.a, strict=True))
        return reward - kl(q, law.p) / steps


@theorem.forall(
    examples=60,
    given={"other": FiniteLaws((2, 4))},
    rivals={
        "p_{t+1}": dict(law=THREE, steps=2, other=THREE, power=lambda t: t + 1),
        "one step only": dict(law=THREE, steps=4, other=THREE, power=lambda t: 1),
    },
    without={"infinite-choices": dict(law=THREE, steps=2, other=THREE, choices=2)},
)
def no_law_does_better(law, steps, other, choices=inf, power=lambda t: t):
    """E_q r − (1/t)·KL(q‖p_0) ≤ its value at p_t, for mixtures q of p_t with any other law on its states.

    The rivals and the loop at K = 2 are beaten by the tilt itself.
    """
    best = tilted(law.p, law.a, steps)
    claimed = loop(law, choices, steps) if choices != inf else tilted(law.p, law.a, power(steps))
    share = [*other.p, *[Fraction(0)] * len(law.p)][: len(law.p)]
    total = sum(x for x, p in zip(share, law.p, strict=True) if p)
    candidates = [best]
    if total:
        aside = [x / total if p else Fraction(0) for x, p in zip(share, law.p, strict=True)]
        # Near p_t the objective is flat: there even 1 % of its slope would show.
        for far in (Fraction(1, 4), Fraction(1, 1000)):
            candidates.append([(1 - far) * x + far * y for x, y in zip(best, aside, strict=True)])
    top = regularised_reward(claimed, law, steps)
    return [at_most(regularised_reward(q, law, steps), top) for q in candidates if q != claimed]


@theorem.search(
    at=[dict(steps=2)],
    full=[dict(steps=1), dict(steps=5)],
    given={"law": FiniteLaws((3, 3))},
    generations=10,
    scope="p_0 uniform on three states",
    sharp=1.01,
    rivals={"p_{t+1}": dict(power=lambda t: t + 1), "p_{t−1}": dict(power=lambda t: t - 1)},
)
def worst_case_of_the_objective(steps, law, power=lambda t: t):
    """No law does better than p_t, whatever the rewards, and the search for one comes down to p_t.

    It is over the law's masses and weights; these are 10⁶-fold, so that no reward is negative.
    """
    start = FiniteLaw(THREE.p, tuple(10**6 * w for w in law.a))
    best = tilted(start.p, start.a, power(steps))
    return at_most(regularised_reward(law.p, start, steps), regularised_reward(best, start, steps))


@theorem.certified(
    at=[dict(slope="lower", value=Fraction(538, 1000)), dict(slope="upper", value=Fraction(375, 1000))],
    scope="p_0 uniform, a = (1, 2, 5)/5, K = 2, one generation",
    rivals={
        "finite K is an exponential tilt": dict(slope="upper", value=Fraction(538, 1000)),
        "1 % more": dict(slope="lower", value=Fraction(543, 1000)),
    },
)
def finite_choices_are_no_tilt(slope, value):
    """log(H(x)/H(y))/(r(x) − r(y)), rounded, is .538 between the lower two levels and .375 between the upper.

    An exponential tilt has one slope.
    No search: one law is enough.
    """
    ratio = [sp.Rational(h.numerator, h.denominator) for h in exact.choice_ratio(THREE.p, THREE.a, 2)]
    r = logs(THREE)
    i = ("lower", "upper").index(slope)
    found, rounding = sp.log(ratio[i + 1] / ratio[i]) / (r[i + 1] - r[i]), Fraction(1, 2000)
    return [at_least(found, value - rounding), at_most(found, value + rounding)]


@theorem.computed(
    at=[dict(steps=5), dict(steps=200)],
    scope="200 states, rewards that span 2",
    margin=1e-8,
    rivals={"one generation less": dict(power=lambda t: t - 1), "K = 1000": dict(choices=1000)},
)
def long_loop_is_a_tilt(steps, power=lambda t: t, choices=inf):
    """At K = ∞ the loop that users run has log p_t − log p_0 = t·r + constant, for hundreds of steps."""
    reward = np.linspace(0, 2, 200)
    p = np.linspace(3, 1, 200) / np.linspace(3, 1, 200).sum()
    end = curation.trajectory(p, reward, choices, steps)[-1]
    kept = end > 1e-290
    slope = np.diff(np.log(end[kept] / p[kept])) / np.diff(reward[kept])
    return equals(Enclosed(slope / steps, 1e-9), power(steps) / steps, scale=1)
