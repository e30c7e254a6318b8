"""The curated loop of N users on two states: how many of them keep the better one is a Markov chain.

a = (`low`, 1), p_0 = p_ref, p_ref(top) = `mass`. A user keeps the top with probability q(p) =
E[J/(J + (K−J)·low)], J ~ Bin(K, p), so N of them move p to (mass + λ·B/N)/(1+λ), B ~ Bin(N, q(p)).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np


class Law(NamedTuple):
    """Generations 0 to `steps`: the population's p_t(top), shape (steps + 1,); with N users the possible
    p_t(top), `share`, and their chances at each t ≥ 1, shape (steps, N + 1)."""

    population: np.ndarray
    share: np.ndarray
    chance: np.ndarray

    def expected(self, function: Callable) -> np.ndarray:
        """E f(p_t, population) for t ≥ 1, shape (steps,); f acts on arrays."""
        return np.sum(self.chance * function(self.share, self.population[1:, None]), axis=1)


@functools.lru_cache(maxsize=64)
def law(users: int, low: float, choices: int, weight: float, steps: int, mass: float) -> Law:
    """The law of the loop with N = `users` for λ = `weight` in [0, ∞]; needs memory for N² numbers."""
    chance = np.empty((steps, users + 1))
    for t, found in enumerate(itertools.islice(chances(users, low, choices, weight, mass), steps)):
        chance[t] = found
    return Law(population(low, choices, weight, steps, mass), shares(users, weight, mass), chance)


def shares(users: int, weight: float, mass: float) -> np.ndarray:
    """The possible p_t(top) for t ≥ 1, by how many of N keep the top: shape (N + 1,)."""
    real = 1 / (1 + weight)
    return real * mass + (1 - real) * np.arange(users + 1) / users


def chances(users: int, low: float, choices: int, weight: float, mass: float) -> Iterator[np.ndarray]:
    """The chances of these for t = 1, 2, …, without end."""
    moves = _binomial(users, kept(shares(users, weight, mass), low, choices))
    found = _binomial(users, kept(mass, low, choices))
    while True:
        yield found
        found = found @ moves


def population(low: float, choices: int, weight: float, steps: int, mass: float) -> np.ndarray:
    """p_t(top) with infinitely many users, shape (steps + 1,)."""
    real, found = 1 / (1 + weight), [mass]
    for _ in range(steps):
        found.append(real * mass + (1 - real) * float(kept(found[-1], low, choices)))
    return np.array(found)


def noise(
    low: float, choices: int, weight: float, steps: int, mass: float, memory: float | None = None
) -> float:
    """lim N·E(p_t − population)² at t = `steps`; `memory` overrides q'(p_t)², what is left of older noise.

    C_{t+1} = η²·(q(1 − q) + q'(p_t)²·C_t), η = λ/(1+λ): binomial noise, handed on by the map's derivative.
    """
    own, found = 1 - 1 / (1 + weight), 0.0
    for p in population(low, choices, weight, steps, mass)[:-1]:
        q = float(kept(p, low, choices))
        held = float(slope(p, low, choices)) ** 2 if memory is None else memory
        found = own**2 * (q * (1 - q) + held * found)
    return found


def kept(p, low: float, choices: int) -> np.ndarray:
    """q(p), elementwise."""
    j = np.arange(choices + 1)
    return _binomial(choices, p) @ (j / (j + (choices - j) * low))


def slope(p, low: float, choices: int) -> np.ndarray:
    """q'(p), elementwise: K times what one proposal more at the top adds, averaged over the K − 1 others."""
    j = np.arange(choices + 1)
    return choices * _binomial(choices - 1, p) @ np.diff(j / (j + (choices - j) * low))


def _binomial(count: int, p) -> np.ndarray:
    from scipy import stats

    return stats.binom.pmf(np.arange(count + 1), count, np.asarray(p, float)[..., None])
