"""Rewards as functions of the data, x ↦ r(x), and what makes new ones out of them.

A reward of one's own is any such function: it takes an array with one entry (or row) for each atom and
returns the rewards, shape (m,).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

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
        if not np.isfinite(np.asarray(self.target, float)).all():
            raise ValueError(f"target must be finite, got {self.target}")
        for name in ("radius", "weight"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} must be in [0, inf), got {value}")

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
    """γ·q_c(x), as a function of a classifier's probabilities q of shape (m, classes)."""
    return lambda probabilities: weight * np.asarray(probabilities)[..., label]


def total(*rewards: Reward) -> Reward:
    """The sum of rewards."""
    return lambda x: sum((reward(x) for reward in rewards[1:]), start=rewards[0](x))


def scaled(reward: Reward, factor: float) -> Reward:
    """`factor` times the reward: users who mind more (above 1) or less."""
    return lambda x: factor * reward(x)


def clipped(reward: Reward, low: float, high: float) -> Reward:
    """The reward where it is between `low` and `high`, and the nearer of them elsewhere."""
    return lambda x: np.clip(reward(x), low, high)
