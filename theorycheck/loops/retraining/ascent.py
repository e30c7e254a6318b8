"""Maximum likelihood on weighted points: a safeguarded Newton ascent, many problems at once."""

from __future__ import annotations

import numpy as np

from theorycheck.loops.retraining.family import Family
from theorycheck.loops.retraining.laws import Points

STEPS = 200


def derivatives(family: Family, points: Points, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient (…, p) and Hessian (…, p, p) of θ ↦ E log p_θ, θ of shape (…, p)."""
    p = len(family.parameters)
    terms = np.sum(points.weight * family.evaluate("derivatives", points.x, theta), axis=-1)
    terms = np.moveaxis(terms, 0, -1)
    return terms[..., :p], terms[..., p:].reshape(*theta.shape[:-1], p, p)


def value(family: Family, points: Points, theta: np.ndarray) -> np.ndarray:
    """E log p_θ: shape (…)."""
    return np.sum(points.weight * family.evaluate("log_density", points.x, theta)[0], axis=-1)


@np.errstate(over="ignore", invalid="ignore")  # it tells itself where it stopped
def ascend(family: Family, points: Points, start: np.ndarray, reach: float) -> np.ndarray:
    """The maximum of E log p_θ uphill of each start, shape (…, p); no step is longer than `reach`.

    Newton's direction with the curvatures' absolute values, halved until the value rises. Raises ValueError
    with the place where it stopped if it finds no maximum.
    """
    theta = np.array(start, float)
    taken = 0
    while taken < STEPS:
        taken += 1
        gradient, hessian = derivatives(family, points, theta)
        curvature, axes = np.linalg.eigh(-hessian)
        steepness = np.maximum(np.abs(curvature), 1e-10 * np.abs(curvature).max(axis=-1, keepdims=True))
        along = np.einsum("...ij,...i->...j", axes, gradient) / np.maximum(steepness, 1e-100)
        move = np.einsum("...ij,...j->...i", axes, along)
        promised = np.einsum("...i,...i->...", gradient, move)  # twice the rise of the quadratic model
        length: np.ndarray = np.linalg.norm(move, axis=-1)
        move *= np.minimum(1.0, reach / np.maximum(length, 1e-300))[..., None]
        # At a saddle or a minimum the gradient says nothing: leave it along the axis of largest growth.
        still = 4e-16 * (reach + np.linalg.norm(theta, axis=-1))
        growing = -curvature[..., 0] > 1e-9 * np.abs(curvature).max(axis=-1)
        trapped = (length <= still) & growing
        move = np.where(trapped[..., None], 1e-3 * reach * axes[..., 0], move)
        moving = (length > still) | trapped
        if not moving.any():
            break
        trial, rate = theta + move, np.ones(theta.shape[:-1])
        # Short of the maximum by little, where the function is concave, Newton's step needs no safeguard.
        safe = (curvature > 0).all() and (length <= 1e-2 * reach).all()
        if not (safe and (trial[..., family.positive] > 0).all()):
            trial, rate = _safeguarded(family, points, theta, move, moving)
        theta = np.where(moving[..., None], trial, theta)
        if (length * rate <= 1e-9 * (reach + np.linalg.norm(theta, axis=-1))).all() and (curvature > 0).all():
            # Quadratic convergence: the step just taken was the last that matters.
            break
    else:
        promised = length
    if (promised > 1e-6).any():
        worst = int(np.argmax(promised.ravel()))
        place, slope = (part.reshape(-1, part.shape[-1])[worst] for part in (theta, gradient))
        raise ValueError(
            f"the Newton ascent for {family.name} stopped at θ = {place.tolist()} after {taken} steps, "
            f"with a gradient of {np.abs(slope).max():.3g}"
        )
    return theta


def _safeguarded(
    family: Family, points: Points, theta: np.ndarray, move: np.ndarray, moving: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the steps lead and what is left of them, halved until positive parameters and value allow it."""
    before = value(family, points, theta)
    rate = np.ones(theta.shape[:-1])
    for _ in range(60):
        trial = theta + rate[..., None] * move
        inside: np.ndarray = np.all(trial[..., family.positive] > 0, axis=-1)
        trial = np.where(inside[..., None], trial, theta)
        after = value(family, points, trial)
        # Near the maximum the value is flat to rounding, and Newton's step is right.
        worse = moving & (~inside | ~(after >= before - 1e-13 * (1 + np.abs(before))))
        if not worse.any():
            break
        rate = np.where(worse, rate / 2, rate)
    return trial, rate
