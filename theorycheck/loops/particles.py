"""The curated loop of a parametric model: a mixture of spherical Gaussians that EM refits to what users kept.

With N users a generation `simulate` draws N·K proposals from the mixture, lets each user keep one and refits;
`population` does the same with infinitely many users, on a grid. The loop without a model, in which particles
are resampled as they are, is `curation.simulate`: its atoms are all the places where a particle may be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from theorycheck import checks
from theorycheck.loops import curation
from theorycheck.loops.rewards import Reward

LEAST_SCALE = 1e-6  # below which EM lets no component shrink
CONSERVED = 1e-6  # how near to 1 the mass of a model on a grid must be


class Mixture(NamedTuple):
    """Spherical Gaussians: `weight` (…, C), `mean` (…, C, d) and `scale` (…, C), the standard deviation."""

    weight: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


class Points(NamedTuple):
    """Weighted points: `x`, shape (n, d), and `weight`, shape (n,), their masses or the volumes of cells."""

    x: np.ndarray
    weight: np.ndarray


def mixture(weight, mean, scale) -> Mixture:
    """A mixture, checked; `scale` may be one number for all. Raises TypeError or ValueError."""
    weight = checks.probabilities("weight", weight)
    mean = np.array(mean, float, ndmin=2)
    scale = np.broadcast_to(np.asarray(scale, float), weight.shape).copy()
    if mean.ndim != 2 or len(mean) != weight.size or not np.isfinite(mean).all():
        raise ValueError(f"mean must be finite, of shape ({weight.size}, d), got shape {mean.shape}")
    if not ((scale > 0) & np.isfinite(scale)).all():
        raise ValueError(f"scale must be positive and finite, got {scale.tolist()}")
    return Mixture(weight, mean, scale)


def grid(low: Sequence[float], high: Sequence[float], step: float) -> Points:
    """Cells of side `step` between the corners `low` and `high`, each by its centre and its volume.

    For densities as smooth as Gaussians the rule converges geometrically once `step` is half a scale.
    """
    first, last = checks.vector("low", low), checks.vector("high", high)
    if first.size != last.size or not (first < last).all() or not 0 < step < math.inf:
        raise ValueError(f"high must be above low, and step positive, got {low}, {high} and {step}")
    counts = np.ceil((last - first) / step).astype(int)
    side = (last - first) / counts
    axes = [a + (np.arange(n) + 0.5) * h for a, n, h in zip(first, counts, side, strict=True)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, first.size)
    return Points(x, np.full(len(x), float(np.prod(side))))


def masses(model: Mixture, cells: Points) -> np.ndarray:
    """The mixture's mass in each cell, shape (n,); ValueError unless it is 1 in all, to within 1e−6."""
    square = ((cells.x[:, None] - model.mean) ** 2).sum(axis=-1) / model.scale**2
    height = model.weight / (math.sqrt(2 * math.pi) * model.scale) ** cells.x.shape[1]
    mass = np.exp(-0.5 * square) @ height * cells.weight
    if not abs(mass.sum() - 1) <= CONSERVED:
        raise ValueError(f"cells must hold and resolve the model, got a mass of {mass.sum():.9g}")
    return mass / mass.sum()


def simulate(
    rng: np.random.Generator,
    start: Mixture,
    reward: Reward,
    choices: int,
    users: int,
    steps: int,
    paths: int,
    *,
    real: Points | None = None,
    synthetic_weight: float = math.inf,
    rounds: int = 1,
) -> Mixture:
    """The models after `steps` generations of `paths` independent loops, stacked along a first axis.

    A generation draws `users`·`choices` proposals (in all paths at once), keeps one for each user, mixes in
    the weighted points `real` at λ = `synthetic_weight`, and takes `rounds` rounds of EM from its own model.
    Raises TypeError or ValueError for counts below 1, for λ < ∞ without `real`, and for rewards of another
    shape or not finite. Source: Ferbach et al., NeurIPS 2024 (the loop); the family is our choice.
    """
    from theorycheck.kernels import particles as kernels

    start = mixture(*start)
    own, data = _real(real, synthetic_weight, start)
    checks.generator(rng)
    users, choices = checks.integer("users", users, 1), checks.integer("choices", choices, 1)
    paths, dimension = checks.integer("paths", paths, 1), start.mean.shape[1]
    model = Mixture(*(np.repeat(part[None], paths, axis=0) for part in start))
    proposals = np.empty((paths, users * choices, dimension))
    points = np.empty((paths, users + len(data.x), dimension))
    kept = np.empty((paths, users, dimension))
    points[:, users:] = data.x
    share = np.concatenate([np.full(users, own / users), data.weight])
    rounds = checks.integer("rounds", rounds, 1)
    for _ in range(checks.integer("steps", steps, 0)):
        kernels.propose(rng, *model, proposals)
        a = _weights(reward, proposals, choices)
        kernels.keep(rng, a, proposals.reshape(paths, users, choices, dimension), kept)
        points[:, :users] = kept
        kernels.refit(points, share, rounds, LEAST_SCALE, *model)
    return model


def population(
    start: Mixture,
    reward: Reward,
    choices: float,
    steps: int,
    cells: Points,
    *,
    real: Points | None = None,
    synthetic_weight: float = math.inf,
    rounds: int = 1,
) -> Mixture:
    """The models of generations 0 to `steps` with infinitely many users, stacked along a first axis.

    What is kept is p_t·H on `cells`, a `grid` that must hold every model. Raises TypeError or ValueError like
    `simulate` and `masses`.
    """
    from theorycheck.kernels import particles as kernels

    start = mixture(*start)
    own, data = _real(real, synthetic_weight, start)
    choices, rounds = checks.choices(choices), checks.integer("rounds", rounds, 1)
    rewards = checks.rewards(reward(cells.x), len(cells.x))
    points = np.concatenate([cells.x, data.x])[None]
    history = [start]
    for _ in range(checks.integer("steps", steps, 0)):
        mass = masses(history[-1], cells)
        kept = mass * curation.choice_ratio(mass, rewards, choices)
        model = Mixture(*(part[None].copy() for part in history[-1]))
        share = np.concatenate([own * kept, data.weight])
        kernels.refit(points, share, rounds, LEAST_SCALE, *model)
        history.append(Mixture(*(part[0] for part in model)))
    return Mixture(*(np.stack(parts) for parts in zip(*history, strict=True)))


def _real(real: Points | None, synthetic_weight: float, start: Mixture) -> tuple[float, Points]:
    """λ/(1+λ), and the real points with masses that sum to 1/(1+λ)."""
    part = 1.0 / (1.0 + checks.synthetic_weight(synthetic_weight))
    dimension = start.mean.shape[1]
    if part == 0:
        real = Points(start.mean[:1], np.ones(1))  # of no weight below
    if real is None:
        raise ValueError(f"real must be given where synthetic_weight is finite, got {synthetic_weight}")
    x, weight = np.asarray(real.x, float), checks.probabilities("real.weight", real.weight)
    if x.shape != (weight.size, dimension) or not np.isfinite(x).all():
        raise ValueError(f"real.x must be finite, of shape ({weight.size}, {dimension}), got {x.shape}")
    return 1.0 - part, Points(x, part * weight)


def _weights(reward: Reward, x: np.ndarray, choices: int) -> np.ndarray:
    """e^r in units of the best that the same user is offered: shape (paths, users, choices)."""
    found = np.asarray(reward(x), float)
    if found.shape != x.shape[:-1] or not np.isfinite(found).all():
        raise ValueError(f"reward must give finite numbers of shape {x.shape[:-1]}, got shape {found.shape}")
    found = found.reshape(len(x), -1, choices)
    return np.exp(found - found.max(axis=-1, keepdims=True))
