"""The curated loop of a parametric model: two Gaussians on the line, refitted by EM to what users kept."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy.special import log_ndtr

from theorycheck.loops import particles
from theorycheck.loops.particles import Mixture, Points
from theorycheck.loops.rewards import Distance
from theorycheck.sweep.loops.entry import Cell, Loop, Quantity
from theorycheck.sweep.loops.keys import STEPS, Key, at_least, inside, weight

SCALE = 0.5  # of both Gaussians; their means are `separation` apart, and the right one is x*
SPREAD = 9.0  # deviations that grids reach beyond the means
FINE, COARSE = 0.01, 0.2  # cells where the population is followed, and of the real data


def start(separation: float) -> Mixture:
    return particles.mixture([0.5, 0.5], [[-separation], [0.0]], SCALE)


def cells(separation: float, step: float) -> Points:
    return particles.grid([-separation - SPREAD * SCALE], [SPREAD * SCALE], step)


def real(separation: float) -> Points:
    """The law of generation 0, as points with masses."""
    found = cells(separation, COARSE)
    return Points(found.x, particles.masses(start(separation), found))


def mean_weight(model: Mixture, gamma: float) -> np.ndarray:
    """E e^r for r(x) = −γ|x|: of each component e^{γ²s²/2}(e^{−γm}Φ(m/s − γs) + e^{γm}Φ(−m/s − γs))."""
    m, s = model.mean[..., 0], model.scale
    right = log_ndtr(m / s - gamma * s) - gamma * m
    left = log_ndtr(-m / s - gamma * s) + gamma * m
    return np.sum(model.weight * np.exp((gamma * s) ** 2 / 2 + np.logaddexp(left, right)), axis=-1)


@functools.lru_cache(maxsize=256)
def limit(
    choices: int, synthetic_weight: float, steps: int, rounds: int, separation: float, gamma: float
) -> Mixture | None:
    """The model with infinitely many users; None once it is too narrow for the cells."""
    fine = cells(separation, FINE)
    try:
        history = particles.population(
            start(separation),
            Distance([0.0], weight=gamma),
            choices,
            steps,
            fine,
            real=real(separation),
            synthetic_weight=synthetic_weight,
            rounds=rounds,
        )
        last = Mixture(*(part[-1] for part in history))
        particles.masses(last, fine)  # refuses what they do not resolve
    except ValueError:
        return None
    return last


def tells(cell: Cell) -> dict[str, Quantity]:
    names = ("choices", "synthetic_weight", "steps", "rounds", "separation", "gamma")
    found = limit(*(cell[name] for name in names))
    average = None if found is None else float(mean_weight(found, cell["gamma"]))
    share = None if found is None else float(found.weight[-1])
    return {
        "mean_weight": Quantity(bounds=(0.0, 1.0), limit=average),
        "best_share": Quantity(bounds=(0.0, 1.0), limit=share),
    }


def draw(rng: np.random.Generator, size: int, cell: Cell) -> dict[str, np.ndarray]:
    found = particles.simulate(
        rng,
        start(cell["separation"]),
        Distance([0.0], weight=cell["gamma"]),
        cell["choices"],
        cell["users"],
        cell["steps"],
        size,
        real=real(cell["separation"]),
        synthetic_weight=cell["synthetic_weight"],
        rounds=cell["rounds"],
    )
    # Rounding may carry either beyond its bounds.
    drawn = {"mean_weight": mean_weight(found, cell["gamma"]), "best_share": found.weight[:, -1]}
    return {name: np.clip(values, 0.0, 1.0) for name, values in drawn.items()}


MIXTURE = Loop(
    "the curated loop of a model: two Gaussians, r(x) = −γ|x−x*|, refitted by EM to N users: E e^r, share",
    "users = [16, 64, 256]\nchoices = [2, 4]\nsynthetic_weight = [1, inf]\nsteps = [1, 5]",
    {
        "users": Key(at_least(1)),
        "choices": Key(at_least(1)),
        "synthetic_weight": Key(weight, math.inf),
        **STEPS,
        "rounds": Key(at_least(1, 10**4), 1),
        "separation": Key(inside(0.0, 100.0), 2.0),
        "gamma": Key(inside(0.0, 100.0), 1.0),
    },
    tells,
    draw,
    lambda cell: float((cell["steps"] + 1) * (cell["users"] * cell["choices"] + 100)),
)
