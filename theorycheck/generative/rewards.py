"""Rewards of samples: a classifier's confidence, the probability of one class, closeness to a point."""

from __future__ import annotations

import math

import torch
from torch import Tensor

CLASS_WEIGHT = 5.0  # γ of the class reward (Ferbach et al. 2024)
DISTANCE_WEIGHT = 10.0  # γ of the distance reward (Ferbach et al. 2024)


def from_probabilities(name: str, probabilities: Tensor) -> Tensor:
    """r = max_i q_i for "confidence", γ·q_c for "class:c": shape (N, classes) to (N,)."""
    if name == "confidence":
        return probabilities.max(dim=1).values
    chosen = int(name.removeprefix("class:"))
    if chosen >= probabilities.shape[1]:
        raise ValueError(f"reward must name a class from 0 to {probabilities.shape[1] - 1}, got {name!r}")
    return CLASS_WEIGHT * probabilities[:, chosen]


def from_distance(points: Tensor, target: tuple[float, ...], radius: float) -> Tensor:
    """r = −γ max(0, ‖x − x*‖ − r_min): shape (N, d) to (N,)."""
    if len(target) != points[0].numel() or not all(map(math.isfinite, target)):
        raise ValueError(f"target must be a point of {points[0].numel()} coordinates, got {list(target)}")
    distance = torch.linalg.vector_norm(points.flatten(1) - points.new_tensor(target), dim=1)
    return -DISTANCE_WEIGHT * (distance - radius).clamp_min(0)
