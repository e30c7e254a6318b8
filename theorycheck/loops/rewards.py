"""Rewards as functions of the data, x ↦ r(x), and what makes new ones out of them.

A reward of one's own is any such function: it takes an array with one entry (or row) for each atom and
returns the rewards, shape (m,).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from theorycheck import checks
from theorycheck.loops.digits import GAMMA

Reward = Callable[[np.ndarray], np.ndarray]

GAMMA_DISTANCE = 10.0  # the weight of the distance, as in Ferbach et al.


@dataclass(frozen=True)
class Distance:
    """r(x) = −γ·max(0, ‖x − x*‖ − r_min): at most 0, which all of a ball around x* gets.

    `target` is x*, a number or d of them, for x of shape (…) or (…, d); `radius` is r_min ≥ 0 and `weight`
    γ ≥ 0. Raises ValueError for anything else. Source: Ferbach et al., NeurIPS 2024 (γ = 10).
    """

    target: float | Sequence[float]
    radius: float = 0.0
    weight: float = GAMMA_DISTANCE

    def __post_init__(self) -> None:
        checks.vector("target", np.ravel(self.target))
        for name in ("radius", "weight"):
            value = getattr(self, name)
            if not isinstance(value, float | int) or not 0 <= value < np.inf:
                raise ValueError(f"{name} must be a number in [0, inf), got {value!r}")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        target = np.asarray(self.target, float)
        apart = np.asarray(x, float) - target
        return self.at_distance(np.abs(apart) if target.ndim == 0 else np.linalg.norm(apart, axis=-1))

    def at_distance(self, distance: np.ndarray) -> np.ndarray:
        """The reward as a function of ‖x − x*‖, through which alone it depends on x."""
        return -self.weight * np.maximum(0.0, distance - self.radius)


def confidence(probabilities: np.ndarray) -> np.ndarray:
    """max_c q_c(x), from a classifier's probabilities q of shape (m, classes)."""
    return np.max(probabilities, axis=-1)


def class_probability(label: int, weight: float = GAMMA) -> Reward:
    """γ·q_c(x), as a function of a classifier's probabilities q of shape (m, classes).

    `label` is c ≥ 0; TypeError or ValueError otherwise, and from the reward if there is no such class.
    """
    label = checks.integer("label", label, 0)

    def reward(probabilities: np.ndarray) -> np.ndarray:
        if not label < np.shape(probabilities)[-1]:
            raise ValueError(f"label must be below {np.shape(probabilities)[-1]}, the classes, got {label}")
        return weight * np.asarray(probabilities)[..., label]

    return reward


def total(first: Reward, *others: Reward) -> Reward:
    """The sum of rewards."""
    return lambda x: sum((reward(x) for reward in others), start=first(x))


def scaled(reward: Reward, factor: float) -> Reward:
    """`factor` times the reward: users who mind more (above 1) or less."""
    return lambda x: factor * reward(x)


def clipped(reward: Reward, low: float, high: float) -> Reward:
    """The reward where it is between `low` and `high`, and the nearer of them elsewhere.

    Raises ValueError for `low` above `high`.
    """
    if not low <= high:
        raise ValueError(f"low must be at most high, got {low} and {high}")
    return lambda x: np.clip(reward(x), low, high)
