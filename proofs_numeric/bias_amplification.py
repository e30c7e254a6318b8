"""On real data, curation amplifies the classifier's bias, and a share of real data stops it.

The exact population loop on the empirical law of scikit-learn's handwritten digits (1,797 atoms). The reward
is a classifier's confidence, r = max_i q_i, or one class's probability, r = γ·q_c with γ = 5. Without real
data (λ = ∞) the mean reward rises at every generation and the class shares concentrate; with λ = ½ both
settle and every class keeps its floor. The law is given, so there is none to search for that is worse: the
bounds' worst cases are in the theorems on all laws.
"""

import functools
from math import inf

import numpy as np

from theorycheck import (
    FERBACH_2024,
    Assumption,
    Enclosed,
    OneOf,
    Theorem,
    at_least,
    at_most,
    equals,
)
from theorycheck.loops import curation, digits, mixed

theorem = Theorem(
    key="bias-amplification",
    title="Curation by a classifier's reward concentrates real data; a share of real data bounds it",
    source=FERBACH_2024,
    statement=(
        r"\mathbb{E}_{p_t} e^{r}\ \text{rises and class shares concentrate at } \lambda=\infty;"
        r"\quad p_t \ge p_{\mathrm{ref}}/(1+\lambda)\ \text{otherwise}"
    ),
    assumptions=[
        Assumption("choices", "users choose among K ≥ 2 proposals", {"choices": OneOf(2, 4, 16, inf)}),
        Assumption(
            "reward", "the reward is the classifier's, and it is bounded", {"reward": OneOf(*digits.REWARDS)}
        ),
    ],
)

STEPS = 60
CHOICES = (2, 4, 16, inf)
REWARDS = ("confidence", "class:0")
EVERYWHERE = [dict(reward=r, choices=K) for r in REWARDS for K in CHOICES]
EVERY_CLASS = [dict(reward=f"class:{c}", choices=4) for c in range(1, 10)]  # in the full profile
# Each generation multiplies every mass by H^K, known to a relative error of 1e−12.
RELATIVE_ERROR = 2e-12 * STEPS


@functools.cache
def loop(reward, choices, synthetic_weight):
    """p_0, …, p_STEPS from the empirical law, and a = e^r."""
    r = digits.reward(reward)
    history = curation.trajectory(np.full(r.size, 1 / r.size), r, choices, STEPS, synthetic_weight)
    return history, np.exp(r)


def moments(history, a):
    """E_t a and Var_t a by generation, each of shape (STEPS + 1,)."""
    average = history @ a
    return average, history @ a**2 - average**2


def share(choices):
    """(K−1)/K, 1 at K = ∞."""
    return 1 - 1 / choices


@theorem.computed(
    at=EVERYWHERE,
    full=EVERY_CLASS,
    margin=1e-6,
    scope=f"digits, λ = ∞, each of {STEPS} generations",
    rivals={
        "a_min for a*": dict(top=min),
        "the mean reward falls": dict(relation=at_most),
    },
)
def mean_reward_rises(reward, choices, top=max, relation=at_least):
    """E_{t+1} a ≥ E_t a + ((K−1)/K)·Var_t(a)/a* at every generation."""
    history, a = loop(reward, choices, inf)
    average, variance = moments(history, a)
    bound = share(choices) * variance[:-1] / top(a)
    return relation(Enclosed(np.diff(average), RELATIVE_ERROR * average[1:]), bound, scale=average[1:])


@theorem.computed(
    at=EVERYWHERE,
    full=EVERY_CLASS,
    margin=1e-6,
    scope=f"digits, λ = ½, each of {STEPS} generations",
    rivals={"λ for λ/(1+λ)": dict(reward="confidence", choices=2, fraction=lambda weight: weight)},
)
def reward_gain_is_kept_with_real_data(reward, choices, fraction=lambda weight: weight / (1 + weight)):
    """E_t a ≥ E_ref a + (λ/(1+λ))·((K−1)/K)·Var_ref(a)/a* for t ≥ 1 when p_0 = p_ref.

    The constant is derived here; the paper states λ/(1+λ)³.
    """
    history, a = loop(reward, choices, 0.5)
    average, variance = moments(history, a)
    bound = fraction(0.5) * share(choices) * variance[0] / a.max()
    return at_least(
        Enclosed(average[1:] - average[0], RELATIVE_ERROR * average[1:]), bound, scale=average[1:]
    )


def entropy(history):
    """Entropy of the class shares by generation, in nats."""
    shares = digits.class_shares(history)
    return -np.sum(shares * np.log(np.maximum(shares, 1e-300)), axis=-1)


@theorem.computed(
    at=EVERYWHERE,
    full=EVERY_CLASS,
    margin=1e-6,
    scope=f"digits, λ = ∞, each of {STEPS} generations",
    rivals={"classes keep their shares": dict(relation=equals), "classes even out": dict(relation=at_least)},
)
def class_shares_concentrate(reward, choices, relation=at_most):
    """The entropy of the class shares falls at every generation (to within 1e−9 nats once it is spent)."""
    history, _ = loop(reward, choices, inf)
    found = entropy(history)
    return relation(Enclosed(found[1:], 1e-9), found[:-1], scale=1)


@theorem.computed(
    at=[dict(reward="class:0", choices=K) for K in CHOICES],
    full=EVERY_CLASS,
    margin=1e-6,
    scope=f"digits, one class rewarded, after {STEPS} generations",
    rivals={"with real data too": dict(synthetic_weight=0.5)},
)
def curation_alone_forgets_other_classes(reward, choices, synthetic_weight=inf):
    """Without real data the nine other classes together keep less than 10⁻³."""
    history, _ = loop(reward, choices, synthetic_weight)
    rest = 1 - digits.class_shares(history[-1])[int(reward.removeprefix("class:"))]
    return at_most(Enclosed(rest, 1e-9), 1e-3)


@theorem.computed(
    at=EVERYWHERE,
    full=EVERY_CLASS,
    margin=1e-6,
    scope=f"digits, λ = ½, each of {STEPS} generations",
    rivals={
        "a floor of 5/6": dict(reward="class:0", choices=inf, floor=lambda weight: 5 / 6),
        "the floor without real data": dict(reward="class:0", choices=inf, synthetic_weight=inf),
    },
)
def real_data_keeps_every_class(reward, choices, synthetic_weight=0.5, floor=lambda weight: 1 / (1 + weight)):
    """Every class keeps at least 1/(1+λ) of its real share, as p_t ≥ p_ref/(1+λ)."""
    history, _ = loop(reward, choices, synthetic_weight)
    shares = digits.class_shares(history)
    worst = np.min(shares[1:] / shares[0], axis=1)
    return at_least(Enclosed(worst, 1e-9), floor(0.5))


@theorem.computed(
    at=EVERYWHERE,
    full=EVERY_CLASS,
    margin=1e-6,
    scope=f"digits, λ = ½, each of {STEPS} generations that moves more than 10⁻⁸",
    rivals={
        "without real data": dict(synthetic_weight=inf),
        "2 % less": dict(reward="class:0", choices=inf, part=0.98),
    },
)
def real_data_makes_the_loop_settle(reward, choices, synthetic_weight=0.5, part=1.0):
    """‖p_{t+1} − p_t‖₁ falls by ρ_t = η·½(H_{p_t}(r*) + H_{p_{t−1}}(r*)) or less, and ρ ends below 1.

    This is `real-data-contraction` along the loop: shares and mean reward settle.
    """
    history, a = loop(reward, choices, synthetic_weight)
    change = np.sum(np.abs(np.diff(history, axis=0)), axis=1)
    favour = np.array([curation.choice_ratio(p, np.log(a), choices)[np.argmax(a)] for p in history])
    factor = part * (favour[1:] + favour[:-1]) / 2 / (1 + 1 / synthetic_weight)
    moving = change[:-1] > 1e-8
    # A generation is what it should be to within STEP_ERROR, and so are two.
    errors = 2 * mixed.STEP_ERROR / change[:-1][moving]
    falls = change[1:][moving] / change[:-1][moving]
    return at_most(
        Enclosed(np.append(falls, factor[-1]), np.append(errors, 1e-11)),
        np.append(factor[:-1][moving], 1.0),
        scale=1,
    )
