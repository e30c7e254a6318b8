"""With N users a generation the curated loop strays from its population limit by O(N^{−1/2}).

What N users keep is N independent draws from p·H_p: unbiased noise of covariance (diag q − qq')/N, q = p·H_p,
which each later generation hands on through the derivative of p ↦ p_ref/(1+λ) + η·p·H_p, η = λ/(1+λ). So
N·Var p_t → C_t with C_{t+1} = η²[q(1 − q) + q'(p_t)²·C_t] on two states, where the loop is a Markov chain
whose law is computed without sampling. The same rate is measured in literal particles on eight Gaussians, and
where the model is a Gaussian mixture that EM refits. It is a rate for a fixed p_ref: a state that N users are
likely to overlook is lost, and without real data for ever.
"""

import collections
import functools
import math
from fractions import Fraction

import numpy as np
from scipy import special

from theorycheck import (
    DERIVED,
    Assumption,
    Enclosed,
    FiniteLaw,
    FiniteLaws,
    Integers,
    Theorem,
    at_most,
    equals,
    mean,
)
from theorycheck.loops import curation, exact, mixed, particles, planar, users

theorem = Theorem(
    key="finite-users-drift",
    title="With N users a generation the loop strays from its population limit like N^{−1/2}",
    source=DERIVED,
    statement=(
        r"N\,\mathrm{Var}\,p_t \to C_t,\quad C_{t+1} = \eta^2\big[q(1-q) + q'(p_t)^2\, C_t\big],\quad "
        r"q = p_t H_{p_t},\ \eta = \tfrac{\lambda}{1+\lambda}"
    ),
    assumptions=[
        Assumption("users", "N ≥ 1 users choose in each generation", {"count": Integers(1)}),
        Assumption("choices", "users choose among K ≥ 1 proposals", {"choices": Integers(1)}),
    ],
)

LOW, MASS = 0.4, 0.3  # a = (LOW, 1), p_0 = p_ref, p_ref(top) = MASS
LOOPS = [
    dict(choices=K, weight=w, steps=t)
    for K, w, t in ((2, 0.5, 1), (2, 0.5, 20), (5, 2.0, 6), (2, math.inf, 5))
]


# --- the chain is the loop ----------------------------------------------------------------------------------


def squared_share(rng, size, count, choices, weight, steps, kernel):
    """p_t(top)² in `size` simulated loops."""
    p = curation.simulate(
        rng, [1 - MASS, MASS], [math.log(LOW), 0.0], choices, count, steps, size,
        synthetic_weight=weight, kernel=kernel,
    )  # fmt: skip
    return p[:, 1] ** 2


def predicted(count, choices, weight, steps):
    """The same in the chain."""
    chain = users.law(count, LOW, choices, weight, steps, MASS)
    return Fraction(float(chain.expected(lambda p, _: p**2)[-1]))


def undisturbed(count, choices, weight, steps):
    """The same with infinitely many users."""
    return Fraction(float(users.population(LOW, choices, weight, steps, MASS)[-1] ** 2))


@theorem.sampled(
    at=[
        dict(count=2, choices=2, weight=math.inf, steps=2, kernel="literal"),
        dict(count=2, choices=4, weight=4.0, steps=2, kernel="reduced"),
    ],
    full=[
        dict(count=2, choices=2, weight=math.inf, steps=2, kernel="reduced"),
        dict(count=2, choices=4, weight=4.0, steps=2, kernel="literal"),
    ],
    margin=0.007,
    rivals={
        "the population's": dict(chain=undisturbed),
        "one user more": dict(chain=lambda N, K, w, t: predicted(N + 1, K, w, t)),
        "one proposal more": dict(chain=lambda N, K, w, t: predicted(N, K + 1, w, t)),
        "one generation less": dict(chain=lambda N, K, w, t: predicted(N, K, w, t - 1)),
    },
)
def loop_is_the_chain(count, choices, weight, steps, kernel, chain=predicted):
    """The simulated loop has the chain's E p_t(top)², with so few users that their number matters."""
    drawn = mean(squared_share, count, choices, weight, steps, kernel, bounds=(0, 1))
    return equals(drawn, chain(count, choices, weight, steps), scale=1)


# --- two states, without sampling ---------------------------------------------------------------------------


def squared_error(count, choices, weight, steps):
    """E (p_t − population)²."""
    return users.law(count, LOW, choices, weight, steps, MASS).expected(lambda x, p: (x - p) ** 2)[-1]


@functools.cache
def limit(choices, weight, steps):
    """N·E (p_t − population)² as N → ∞, extrapolated from 128 and 256 users, and by how much they differ."""
    few, many = (N * squared_error(N, choices, weight, steps) for N in (128, 256))
    return 2 * many - few, abs(many - few)


def noise(choices, weight, steps, **changes):
    """C_t."""
    return users.noise(LOW, choices, weight, steps, MASS, **changes)


@theorem.computed(
    at=LOOPS,
    margin=0.05,
    rivals={
        "the last generation's noise": dict(LOOPS[1], law=lambda *loop: noise(*loop, memory=0.0)),
        "noise that adds up": dict(LOOPS[2], law=lambda *loop: noise(*loop, memory=1.0)),
        "λ for λ/(1+λ)": dict(LOOPS[2], law=lambda K, w, t: noise(K, w, t) * (1 + w) ** 2),
        "p(1 − p) for q(1 − q)": dict(LOOPS[0], law=lambda K, w, t: MASS * (1 - MASS) * (w / (1 + w)) ** 2),
    },
)
def noise_is_handed_on(choices, weight, steps, law=noise):
    """N·E (p_t − population)² → C_t: each generation's noise is damped, or amplified, by the next ones."""
    value, error = limit(choices, weight, steps)
    return equals(Enclosed(value, error), float(law(choices, weight, steps)))


@theorem.computed(
    at=LOOPS,
    margin=0.05,
    rivals={"1/N": dict(slope=-1.0), "N^{−1/4}": dict(slope=-0.25), "it does not fall": dict(slope=0.0)},
)
def error_falls_like_root_n(choices, weight, steps, slope=-0.5):
    """The slope of log √E(p_t − population)² on log N is −½, from 64, 128 and 256 users.

    The interval is that of the two slopes between neighbours, extrapolated.
    """
    logs = np.log([squared_error(N, choices, weight, steps) for N in (64, 128, 256)]) / 2
    early, late = np.diff(logs) / math.log(2)
    return equals(Enclosed(2 * late - early, abs(late - early) + 1e-9), slope, scale=1)


@theorem.computed(
    at=[dict(count=N, choices=K, part=x) for N in (4, 64) for K, x in ((2, 0.5), (5, 0.9))],
    scope="λ(K−1) = part, each t ≤ 200",
    margin=1e-3,
    rivals={"1/N": dict(count=64, choices=2, part=0.5, root=lambda N: 1 / N)},
)
def error_stays_small_with_real_data(count, choices, part, root=lambda N: N**-0.5):
    """E‖p_t − population‖₁ ≤ η·N^{−1/2}/(1 − ηK) at every t if λ < 1/(K−1), for two states.

    A generation adds E‖q̂ − q‖₁ ≤ ((m−1)/N)^{1/2} on m states, and in ℓ1 the map contracts by ηK.
    `worst_case_of_the_error` searches all laws at a few users, in exact arithmetic.
    """
    weight = part / (choices - 1)
    eta = weight / (1 + weight)
    found = users.law(count, 0.05, choices, weight, 200, 0.1).expected(lambda x, p: 2 * np.abs(x - p))
    return at_most(Enclosed(found, 1e-11), eta * root(count) / (1 - eta * choices), scale=1)


def strays(law, count, choices, weight, steps):
    """E‖p_t − population‖₁ from p_0 = p_ref, over all that users may keep, in the arithmetic of the law."""
    population, chances = law.p, {tuple(law.p): 1}
    for _ in range(steps):
        population = exact.step(population, law.a, choices, law.p, weight)
        after: dict = collections.Counter()
        for p, chance in chances.items():
            kept = exact.step(p, law.a, choices)
            for counts in exact.multisets(len(p), count):
                share = ((x + weight * c / count) / (1 + weight) for x, c in zip(law.p, counts, strict=True))
                after[tuple(share)] += chance * exact.probability(kept, counts)
        chances = after
    return sum(
        chance * sum(abs(x - y) for x, y in zip(p, population, strict=True)) for p, chance in chances.items()
    )


def stray_bound(count, choices, weight):
    """η·N^{−1/2}/(1 − ηK), N a square."""
    eta = weight / (1 + weight)
    return eta / math.isqrt(count) / (1 - eta * choices)


def alike(count, weight, steps):
    """The slack that two equally good and frequent states leave, and a hundredth."""
    law = FiniteLaw((Fraction(1, 2), Fraction(1, 2)), (Fraction(1), Fraction(1)))
    return 1.01 * float(stray_bound(count, 2, weight) / strays(law, count, 2, weight, steps))


@theorem.search(
    at=[
        dict(count=1, weight=Fraction(1, 1000), steps=2),
        dict(count=4, weight=Fraction(1, 10), steps=1),
    ],
    full=[dict(count=4, weight=Fraction(1, 10), steps=2), dict(count=9, weight=Fraction(1, 2), steps=1)],
    given={"law": FiniteLaws((2, 2))},
    generations=10,
    scope="K = 2",
    sharp=alike,
    rivals={"1/N": dict(count=4, weight=Fraction(1, 10), part=Fraction(1, 2))},
)
def worst_case_of_the_error(count, weight, steps, law, part=1):
    """No law on two states breaks that bound, and two that are alike attain it where N = 1 and λ → 0."""
    return at_most(strays(law, count, 2, weight, steps), part * stray_bound(count, 2, weight))


def extinction(offspring):
    """q = e^{−h(1−q)}: how often a branching process of Poisson mean h dies out (Watson and Galton 1875)."""
    return -float(special.lambertw(-offspring * math.exp(-offspring)).real) / offspring


@theorem.computed(
    at=[dict(low=0.1, choices=2), dict(low=0.5, choices=5)],
    scope="p_0(top) = 1/N, t = 60, extrapolated from 128 and 256 users",
    margin=0.005,
    rivals={
        "as in the population": dict(chance=lambda offspring: 0.0),
        "at once or never": dict(chance=lambda offspring: math.exp(-offspring)),
        "a_2/a* forgotten": dict(low=0.1, choices=2, favour=lambda K, low: K),
        "with real data too": dict(weight=4.0),
    },
)
def rare_state_is_lost_for_ever(low, choices, weight=math.inf, favour=mixed.largest_ratio, chance=extinction):
    """A best state that N users meet about once is lost with probability q > 0, and never comes back.

    Each user who keeps it makes Poisson many do so next time, h = K/(1 + (K−1)a_2/a*) in the mean. So E_t a
    → a* needs N → ∞ first, and no rate in N holds for all p_0: the population tends to the top.
    """
    laws = (users.law(N, low, choices, weight, 60, 1 / N) for N in (128, 256))
    few, many = (float(law.chance[-1] @ (law.share == 0)) for law in laws)
    return equals(Enclosed(2 * many - few, abs(many - few)), chance(favour(choices, low)), scale=1)


# --- particles ----------------------------------------------------------------------------------------------

SIZES, CLIP = (16, 64, 256), 3.0
SLOPE = (np.log(SIZES) - np.log(SIZES).mean()) / (3 * np.log(SIZES).var())  # least squares, on log N


def fitted_slope(rng, size, error, *loop):
    """The slope of log|error| on log N, fitted to one run at each N, log(√N|error|) clipped to [−3, 3]."""
    reach = np.exp([-CLIP, CLIP])
    scaled = [math.sqrt(N) * np.abs(error(rng, size, N, *loop)) for N in SIZES]
    return SLOPE @ [np.log(np.clip(x, *reach)) - math.log(N) / 2 for x, N in zip(scaled, SIZES, strict=True)]


def slope_of(error, *loop):
    """The expected slope; bounded, as the logarithms are clipped."""
    reach = CLIP * float(np.abs(SLOPE).sum())
    return mean(fitted_slope, error, *loop, bounds=(-0.5 - reach, -0.5 + reach))


@functools.cache
def eight_gaussians(choices, weight, steps):
    """Their rewards' law, and E_t e^r in units of its deviation under p_ref, with infinitely many users."""
    p, reward = planar.eight_gaussians().levels[:2]
    unit = math.sqrt(p @ np.exp(2 * reward) - (p @ np.exp(reward)) ** 2)
    end = curation.trajectory(p, reward, choices, steps, weight)[-1]
    return p, reward, end @ np.exp(reward), unit


def resampled_error(rng, size, count, choices, weight, steps, kernel):
    """E_t e^r of N particles that are resampled, against the population's."""
    p, reward, target, unit = eight_gaussians(choices, weight, steps)
    found = curation.simulate(
        rng, p, reward, choices, count, steps, size, synthetic_weight=weight, kernel=kernel
    )
    return (found @ np.exp(reward) - target) / unit


HALVES = {"1/N": dict(slope=Fraction(-1)), "N^{−1/4}": dict(slope=Fraction(-1, 4))}


@theorem.sampled(
    at=[
        dict(choices=2, weight=math.inf, steps=3, kernel="literal"),
        dict(choices=4, weight=0.5, steps=3, kernel="literal"),
    ],
    full=[dict(choices=4, weight=0.5, steps=3, kernel="reduced")],
    scope="eight Gaussians in the plane, N = 16, 64, 256",
    margin=0.1,
    first=4096,
    rivals=HALVES,
)
def particles_follow_like_root_n(choices, weight, steps, kernel, slope=Fraction(-1, 2)):
    """Resampled particles: the fitted slope of log|E_t e^r − population| on log N is −½ within 0.1."""
    return equals(slope_of(resampled_error, choices, weight, steps, kernel), slope, scale=1)


START = particles.mixture([0.5, 0.5], [[-1.0], [1.0]], 0.5)
CELLS = particles.grid([-8.0], [10.0], 0.1)
REAL = particles.Points(CELLS.x, particles.masses(START, CELLS))


def first_coordinate(x):
    """r(x) = x."""
    return x[..., 0]


@functools.cache
def refitted_mean(choices, weight, steps):
    """E x under the population's model at t = `steps`."""
    found = particles.population(
        START, first_coordinate, choices, steps, CELLS, real=REAL, synthetic_weight=weight, rounds=2
    )
    return float(found.weight[-1] @ found.mean[-1, :, 0])


def refitted_error(rng, size, count, choices, weight, steps):
    """E x under the model of N users, against the population's."""
    found = particles.simulate(
        rng, START, first_coordinate, choices, count, steps, size,
        real=REAL, synthetic_weight=weight, rounds=2,
    )  # fmt: skip
    return np.sum(found.weight * found.mean[..., 0], axis=1) - refitted_mean(choices, weight, steps)


@theorem.sampled(
    at=[dict(choices=2, weight=1.0, steps=3)],
    full=[dict(choices=4, weight=1.0, steps=10), dict(choices=2, weight=math.inf, steps=3)],
    scope="two Gaussians on the line, r(x) = x, N = 16, 64, 256",
    margin=0.1,
    first=4096,
    rivals=HALVES,
)
def refitted_mixture_follows_like_root_n(choices, weight, steps, slope=Fraction(-1, 2)):
    """A mixture refitted by EM: the fitted slope of log|E r − population| on log N is −½ within 0.1."""
    return equals(slope_of(refitted_error, choices, weight, steps), slope, scale=1)
