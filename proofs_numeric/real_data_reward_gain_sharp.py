"""The paper's λ/(1+λ)³ may be λ/(1+λ): E_t a ≥ E_ref a + (λ/(1+λ))·((K−1)/K)·Var_ref(a)/a*, all t ≥ 1.

Let m = 1/(1+λ), q = λ/(1+λ), c = (K−1)/(K a*) and G_t = E_t a − E_ref a. As p_t ≥ m·p_ref, Var_t ≥ m·Var_ref:
the variance of a mixture is at least the mixture of the variances. By `reward-ascent`, G_{t+1} =
q(G_t + gain of p_t) ≥ q(G_t + c·Var_t). So G_1 ≥ qc·Var_ref, and if G_t ≥ qc·Var_ref then G_{t+1} ≥
q(q + m)c·Var_ref = qc·Var_ref. Only p_t ≥ m·p_ref is used, so it holds with finitely many users too.
"""

import functools
from fractions import Fraction

import numpy as np
import sympy as sp

from proofs_numeric._laws import CLOSE, CLOSER, LOW_FIRST, THREE, mean_weight
from theorycheck import (
    DERIVED,
    Assumption,
    Enclosed,
    FiniteLaw,
    FiniteLaws,
    Integers,
    OneOf,
    Rationals,
    Rival,
    Theorem,
    at_least,
    at_most,
    equals,
    mean,
)
from theorycheck.formula import ball, precision
from theorycheck.loops import curation, exact, mixed

theorem = Theorem(
    key="real-data-reward-gain-sharp",
    title="With real data the reward gain stays above λ/(1+λ) times the first curation's bound",
    source=DERIVED,
    statement=(
        r"\mathbb{E}_{p_t} e^{r} \ge \mathbb{E}_{p_{\mathrm{ref}}} e^{r} + \frac{\lambda}{1+\lambda}\,"
        r"\frac{K-1}{K}\,\frac{\mathrm{Var}_{p_{\mathrm{ref}}}(e^{r})}{e^{r_*}},\quad t \ge 1"
    ),
    assumptions=[
        Assumption("finite-states", "p_ref is a law on finitely many states", {"law": FiniteLaws((2, 3))}),
        Assumption("choices", "users choose among K ≥ 1 proposals", {"choices": Integers(1, draw_to=4)}),
        Assumption("mixing", "λ ≥ 0 is the synthetic weight", {"synthetic_weight": Rationals(0, 100)}),
        Assumption("bounded", "a* bounds the rewards: a ≤ a* everywhere", {"top": OneOf(max)}),
        Assumption("same-start", "p_0 = p_ref", {"start": OneOf(None)}),
    ],
)

NONE, HALF = Fraction(0), Fraction(1, 2)
AT_CLOSE = dict(law=CLOSE, choices=2, synthetic_weight=HALF, generations=1)


def share(weight):
    """λ/(1+λ)."""
    return weight / (1 + weight)


def real_part(weight):
    """1/(1+λ)."""
    return 1 / (1 + weight)


FALSE_SHARES = {"1 for λ/(1+λ)": dict(constant=lambda weight: 1), "λ for λ/(1+λ)": dict(constant=lambda w: w)}

# --- the proof, step by step --------------------------------------------------------------------------------

W, C = sp.symbols("lambda c", positive=True)


@theorem.symbolic(
    scope="all laws with two moments, all λ > 0",
    rivals={"without the means": dict(between=0), "twice the means": dict(between=2)},
)
def variance_of_a_mixture(between=1):
    """Var of m·p_ref + q·p' is m·Var_ref + q·Var_p' + mq·(E_ref − E_p')²: at least m·Var_ref.

    Moments mix linearly, so E and E a² of the two laws are the only variables.
    """
    (e1, e2), (s1, s2), m, q = sp.symbols("e1:3"), sp.symbols("s1:3"), 1 / (1 + W), share(W)
    right = m * (s1 - e1**2) + q * (s2 - e2**2) + between * m * q * (e1 - e2) ** 2
    return equals(m * s1 + q * s2 - (m * e1 + q * e2) ** 2, right)


@theorem.forall(
    examples=40,
    given={"law": FiniteLaws((3, 3)), "other": FiniteLaws((3, 3))},
    rivals={
        "Var_ref": dict(
            law=THREE, other=FiniteLaw((Fraction(1), NONE, NONE), THREE.a), floor=lambda w: Fraction(1)
        ),
        "λ/(1+λ)": dict(law=THREE, other=FiniteLaw((NONE, Fraction(1), NONE), THREE.a), floor=share),
    },
)
def real_data_keeps_the_variance(law, other, choices, synthetic_weight=Fraction(3), floor=real_part):
    """From any p, the next law is at least p_ref/(1+λ) everywhere, so its variance at least Var_ref/(1+λ)."""
    found = exact.step(other.p, law.a, choices, law.p, synthetic_weight)
    return [
        *(at_least(x, y / (1 + synthetic_weight)) for x, y in zip(found, law.p, strict=True)),
        at_least(exact.variance(found, law.a), floor(synthetic_weight) * exact.variance(law.p, law.a)),
    ]


@theorem.search(
    at=[dict(choices=2)],
    given={"law": FiniteLaws((3, 3))},
    generations=10,
    scope="all mass of p on the second of three states, λ = 3",
    sharp=1.01,
    rivals={"Var_ref": dict(floor=lambda w: Fraction(1)), "λ/(1+λ)": dict(floor=share)},
)
def worst_case_of_the_variance(choices, law, floor=real_part):
    """No p_ref on three states breaks the bound, which is attained where that state has p_ref's mean."""
    middle = FiniteLaw((NONE, Fraction(1), NONE), law.a)
    return real_data_keeps_the_variance(law, middle, choices, floor=floor)[-1]


@theorem.symbolic(
    at=[dict(states=2, choices=2)],
    full=[dict(states=2, choices=3), dict(states=3, choices=2)],
    scope="all laws p_t and p_ref, all weights and λ > 0",
    rivals={"the gain undiluted": dict(dilution=lambda w: 1), "λ for λ/(1+λ)": dict(dilution=lambda w: w)},
)
def gain_is_handed_on(states, choices, dilution=share):
    """G_{t+1} = (λ/(1+λ))·(G_t + E of what is kept − E_t)."""
    a = sp.symbols(f"a1:{states + 1}", positive=True)
    ref, p = (sp.symbols(f"{s}1:{states + 1}", positive=True) for s in "qp")
    after = exact.step(p, a, choices, ref, W)
    kept = exact.step(p, a, choices)
    return equals(
        exact.mean(after, a) - exact.mean(ref, a), dilution(W) * (exact.mean(kept, a) - exact.mean(ref, a))
    )


@theorem.symbolic(
    scope="all λ > 0",
    rivals={"λ/(1+λ)³": dict(constant=lambda w: w / (1 + w) ** 3), **FALSE_SHARES},
)
def induction_closes(constant=share):
    """G ↦ q(G + m·c·Var_ref), m = 1/(1+λ), fixes G = qc·Var_ref: no other constant reproduces itself."""
    return equals(share(W) * (constant(W) * C + C / (1 + W)), constant(W) * C)


# --- the bound ----------------------------------------------------------------------------------------------


def bound(law, choices, constant, top=max):
    """constant·((K−1)/K)·Var_ref(a)/a*."""
    return constant * Fraction(choices - 1, choices) * exact.variance(law.p, law.a) / top(law.a)


def gains(law, choices, weight, generations, start=None):
    """G_1, …, G_generations."""
    history = mixed.loop(law.p, law.a, choices, weight, generations, start)
    return [exact.mean(p, law.a) - exact.mean(law.p, law.a) for p in history[1:]]


@theorem.forall(
    examples=40,
    given={"generations": Integers(1, 2)},
    rivals={
        **{name: dict(AT_CLOSE, **change) for name, change in FALSE_SHARES.items()},
        "1 % more": dict(AT_CLOSE, law=CLOSER, constant=lambda weight: Fraction(101, 100) * share(weight)),
    },
    without={
        "bounded": dict(AT_CLOSE, top=lambda a: min(a) / 2),
        "same-start": dict(AT_CLOSE, start=LOW_FIRST),
    },
)
def gain_is_bounded_below(law, choices, synthetic_weight, generations, constant=share, top=max, start=None):
    """G_t ≥ (λ/(1+λ))·((K−1)/K)·Var_ref(a)/a* at t = 1, 2, exactly."""
    found = gains(law, choices, synthetic_weight, generations, start)
    return [at_least(g, bound(law, choices, constant(synthetic_weight), top)) for g in found]


@theorem.certified(
    at=[
        *(dict(states=2, choices=K, generations=t) for K, t in ((2, 1), (2, 2), (2, 3), (3, 2), (5, 1))),
        *(dict(states=3, choices=K, generations=t) for K, t in ((2, 1), (3, 1), (2, 2))),
    ],
    scope="every p_ref, all rewards, every λ ≥ 0",
    rivals={
        "1 for λ/(1+λ)": dict(above=lambda w: 1, below=lambda w: 1),
        "λ for λ/(1+λ)": dict(states=2, choices=2, generations=1, below=lambda w: 1),
    },
)
def gap_has_no_negative_coefficient(states, choices, generations, above=lambda w: w, below=lambda w: 1 + w):
    """The gap is a polynomial in p_ref, λ and the steps of a, over a positive one: no coefficient is below 0.

    So the bound holds for every law on that many states, every reward and every λ. The rivals are refuted by
    the polynomial's value at a uniform p_ref, λ = ½ and steps 1/10.
    """
    gap = mixed.reward_gap(states, choices, generations, above, below)
    point = [HALF, *[Fraction(1, states)] * states, *[Fraction(1, 10)] * (states - 1)]
    return [at_least(x, 0) for x in (mixed.value(gap, point), min(mixed.coefficients(gap)))]


@theorem.search(
    at=[dict(choices=2, horizon=1), dict(choices=5, horizon=1), dict(choices=2, horizon=2)],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    sharp=lambda choices, horizon: 1.02 * float(mixed.spare(choices, HALF, horizon)),
    rivals={"1 for λ/(1+λ)": dict(constant=lambda w: 1)},
)
def worst_case_of_the_bound(choices, horizon, law, synthetic_weight=HALF, constant=share):
    """No law on two states breaks the bound; the search finds what two known laws leave, at t = 1 nothing."""
    weight = float(synthetic_weight) if isinstance(law.p[0], float) else synthetic_weight
    return at_least(
        gains(law, choices, weight, horizon)[-1],
        constant(synthetic_weight) * bound(law, choices, 1),
    )


# --- the constant is sharp ----------------------------------------------------------------------------------


@theorem.certified(
    at=[dict(choices=K, synthetic_weight=w) for K in (2, 5, 20) for w in (HALF, Fraction(5))],
    scope="p_ref = (½, ½), a = (1 − 10⁻⁴, 1), t = 1",
    rivals={"bound attained": dict(excess=Fraction(0))},
)
def sharp_at_the_first_generation(choices, synthetic_weight, excess=Fraction(2, 10**4)):
    """G_1 ≤ (1 + 2·10⁻⁴)·(λ/(1+λ))·((K−1)/K)·Var_ref(a)/a* there, for every K.

    No search: one law is enough, and `worst_case_of_the_bound` finds it.
    """
    law = FiniteLaw((HALF, HALF), (1 - Fraction(1, 10**4), Fraction(1)))
    return at_most(
        gains(law, choices, synthetic_weight, 1)[0],
        (1 + excess) * bound(law, choices, share(synthetic_weight)),
    )


@theorem.certified(
    at=[dict(choices=K, generations=t) for K, t in ((5, 1), (5, 30), (100, 10))],
    scope="p_ref(low) = 10⁻⁹, a = (10⁻⁹, 1), λ = 5",
    rivals={"(1 + 1/K)": dict(factor=lambda K: Fraction(K + 1, K))},
)
def sharp_at_every_generation(choices, generations, factor=lambda K: Fraction(K, K - 1)):
    """G_t ≤ (K/(K−1) + 10⁻⁶)·(λ/(1+λ))·((K−1)/K)·Var_ref(a)/a* at each t: no constant serves all K better.

    A rare worthless state is never kept, so p_t(low) stays near p_ref(low)/(1+λ): the loss is of Var_ref's
    order, and the gain of λ/(1+λ).
    """
    rare = Fraction(1, 10**9)
    law = FiniteLaw((rare, 1 - rare), (rare, Fraction(1)))
    history = mixed.two_states(1 - rare, rare, choices, Fraction(5), generations)
    limit = (factor(choices) + Fraction(1, 10**6)) * bound(law, choices, share(Fraction(5)))
    return [at_most(gain, limit) for gain in ball_gains(history, rare)]


def ball_gains(history, low):
    """G_1, G_2, … of two states with weights (`low`, 1), in balls."""
    with precision(512):
        return [(p[1] - history[0][1]) * ball(1 - low, bits=512) for p in history[1:]]


# --- long horizons ------------------------------------------------------------------------------------------


@theorem.certified(
    at=[
        dict(choices=K, synthetic_weight=w)
        for K in (2, 5, 20)
        for w in (Fraction(1, 10), Fraction(1), Fraction(10))
    ],
    scope="p_ref(top) = 1/5, a = (9/10, 1), each t ≤ 100",
    rivals={"1 for λ/(1+λ)": dict(synthetic_weight=HALF, constant=lambda w: 1)},
)
def gain_stays_for_a_hundred_generations(choices, synthetic_weight, constant=share):
    """G_t ≥ (λ/(1+λ))·((K−1)/K)·Var_ref(a)/a* at every t ≤ 100, in balls.

    No search: it is the bound at one law.
    """
    law = FiniteLaw((Fraction(4, 5), Fraction(1, 5)), CLOSE.a)
    history = mixed.two_states(law.p[1], law.a[0], choices, synthetic_weight, 100)
    return [
        at_least(g, bound(law, choices, constant(synthetic_weight))) for g in ball_gains(history, law.a[0])
    ]


@functools.cache
def orbits(choices, weight, steps, laws=20, states=30):
    """E_t a, shape (laws, steps + 1), and Var_ref(a), shape (laws, 1), of random laws with a* = 1."""
    rng, average, variance = np.random.default_rng(7), [], []
    for _ in range(laws):
        p, r = rng.dirichlet(np.full(states, 0.3)), rng.normal(0, 2, states)
        a = np.exp(r - r.max())
        average.append(curation.trajectory(p, r, choices, steps, weight) @ a)
        variance.append(p @ (a - average[-1][0]) ** 2)
    return np.array(average), np.array(variance)[:, None]


@theorem.computed(
    at=[
        dict(choices=2, weight=0.9, steps=100),
        dict(choices=10, weight=0.1, steps=100),
        dict(choices=4, weight=3.0, steps=15),
    ],
    margin=1e-4,
    scope="20 random laws on 30 states",
    rivals={"1 for λ/(1+λ)": dict(choices=2, weight=0.1, steps=1, constant=lambda w: 1.0)},
)
def gain_stays_on_random_laws(choices, weight, steps, constant=share):
    """G_t ≥ (λ/(1+λ))·((K−1)/K)·Var_ref(a)/a* at each generation; the errors are `mixed.drift`'s."""
    average, variance = orbits(choices, weight, steps)
    unit = (1 - 1 / choices) * variance
    error = 2 * (mixed.drift(choices, weight, steps) + 1e-14) / unit
    gain = (average - average[:, :1]) / unit
    return at_least(Enclosed(gain[:, 1:].ravel(), error[:, 1:].ravel()), constant(weight), scale=1)


# --- the loop as the paper runs it --------------------------------------------------------------------------


def overstated(choices, steps):
    """By how much the rival constant 1 is above the exact first gain at λ = ½."""
    return bound(THREE, choices, 1) - gains(THREE, choices, HALF, 1)[0]


@theorem.sampled(
    at=[dict(choices=2, steps=1), dict(choices=4, steps=4)],
    margin=0.009,
    scope="p_ref = (½, 3/10, 1/5), a = (1/5, ½, 1), λ = ½, 5 users a generation",
    rivals={"1 for λ/(1+λ)": Rival(dict(steps=1, constant=lambda w: 1), overstated)},
)
def literal_gain_is_kept(choices, steps, constant=share):
    """The bound holds for E E_t a however few users there are: p_t ≥ p_ref/(1+λ) in every run."""
    drawn = mean(mean_weight, choices, 5, steps, 0.5, bounds=(0.2, 1.0))
    return at_least(drawn, exact.mean(THREE.p, THREE.a) + bound(THREE, choices, constant(HALF)), scale=1)
