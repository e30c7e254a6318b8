"""The papers' Gaussian mixtures in the plane, by the exact law of the distance to x*."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from theorycheck import checks
from theorycheck.loops.populations import Population
from theorycheck.loops.rewards import Distance

# The sizes are not published: these are choices of ours.
CIRCLE, CIRCLE_SCALE = 2.0, 0.2  # the radius on which the eight means are, and the deviation of each Gaussian
MOON_SCALE = 0.1
FREE = 0.5  # r_min

SPREAD = 9.0  # deviations from its mean beyond which a Gaussian has less than rounding
NODES = 12  # Gauss–Legendre nodes for each deviation of the distance
MOST_PANELS = 10_000
ANGLES = 128  # on a half-circle: several for each deviation along it


def gaussians(
    centres, scale: float, reward: Distance, weights=None, labels=None, names: Sequence[str] = ()
) -> Population:
    """A mixture of isotropic Gaussians in the plane under the reward `Distance`, by its exact law.

    `centres` has shape (n, 2), `weights` and `labels` (n,) (by default equal, and one label for each). From a
    Gaussian of deviation `scale` the distance ‖x − x*‖ has a Rice law (its square is noncentral χ²): so the
    reward is 0 = r* on an atom, the ball of radius r_min, and has a density below. Raises ValueError for
    other shapes and for a scale that is not positive, or below a 10⁴th of the distances.
    """
    from scipy import stats

    centres = np.asarray(centres, float)
    if centres.ndim != 2 or centres.shape[1] != 2 or not centres.size or not np.isfinite(centres).all():
        raise ValueError(f"centres must be finite and of shape (n, 2), got shape {centres.shape}")
    if not 0 < scale < math.inf:
        raise ValueError(f"scale must be positive and finite, got {scale}")
    count = len(centres)
    shares = checks.probabilities("weights", np.full(count, 1 / count) if weights is None else weights)
    kinds = np.arange(count) if labels is None else np.asarray(labels)
    if shares.size != count or kinds.shape != (count,):
        raise ValueError(f"weights and labels must have one entry per centre ({count})")
    if kinds.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers, got {labels!r}")
    names = names or [str(k) for k in range(int(kinds.max()) + 1)]
    if kinds.min() < 0 or kinds.max() >= len(names):
        raise ValueError(f"labels must be from 0 to {len(names) - 1}, indices into names, got {labels!r}")
    if np.shape(reward.target) != (2,):
        raise ValueError(f"target must be a point of the plane, got {reward.target!r}")
    away = np.linalg.norm(centres - np.asarray(reward.target, float), axis=1)
    far = max(float(away.max()), reward.radius) + SPREAD * scale
    if far > MOST_PANELS * scale:
        least = far / MOST_PANELS
        raise ValueError(f"scale must be at least {least:g} for distances to {far:g}, got {scale}")
    inner, outer = _nodes(0.0, reward.radius, scale), _nodes(reward.radius, far, scale)
    distance, width = (np.concatenate(pair) for pair in zip(inner, outer, strict=True))
    mass = np.zeros((len(names), distance.size))
    for b, share, kind in zip(away / scale, shares, kinds, strict=True):
        mass[kind] += share * width * stats.rice.pdf(distance / scale, b) / scale
    # What is in the ball is one atom of each label.
    ball = inner[0].size
    p = np.concatenate([mass[:, :ball].sum(1, keepdims=True), mass[:, ball:]], axis=1).ravel()
    r = np.tile(reward.at_distance(np.append(reward.radius, outer[0])), len(names))
    label = np.repeat(np.arange(len(names)), outer[0].size + 1)
    return Population(p, r, label, names, top=0.0)


def _nodes(start: float, stop: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre points and weights on panels of at most `scale`: both of shape (n,)."""
    edges = np.linspace(start, stop, math.ceil((stop - start) / scale) + 1)
    node, weight = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + node)).ravel(), (half * weight).ravel()


def circle() -> np.ndarray:
    """The means of the eight Gaussians, shape (8, 2)."""
    angle = np.arange(8) * np.pi / 4
    return CIRCLE * np.column_stack([np.cos(angle), np.sin(angle)])


def moons() -> tuple[np.ndarray, np.ndarray]:
    """Points on the two half-circles, shape (2·ANGLES, 2), and their weights in a mean over the angle."""
    node, weight = np.polynomial.legendre.leggauss(ANGLES)
    angle = np.pi * (1 + node) / 2
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([upper, [1.0, 0.5] - upper]), np.tile(weight / 4, 2)


def eight_gaussians(target: Sequence[float] = (CIRCLE, 0.0)) -> Population:
    """Eight equal Gaussians on a circle, by default with one's centre as x*; labels are the modes."""
    return gaussians(circle(), CIRCLE_SCALE, Distance(target, FREE))


def two_moons(target: Sequence[float] = (0.0, 1.0)) -> Population:
    """Two half-circles with Gaussian noise (a mixture over the angle), as scikit-learn draws them."""
    centres, weights = moons()
    labels = np.repeat([0, 1], ANGLES)
    return gaussians(centres, MOON_SCALE, Distance(target, FREE), weights, labels, ("upper", "lower"))
