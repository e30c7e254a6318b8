"""W₁ between a law and a model on the line, and first moments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from theorycheck.loops.retraining import laws
from theorycheck.loops.retraining.laws import Mixture

_ENDED = 1e-12  # how near to 0 and 1 a distribution function is at its ends
_NEAR = 1e-9  # from where to there a tail shows how it falls


def distance(law: Any, x: np.ndarray, distribution: np.ndarray) -> tuple[float, float]:
    """W₁ between the law and one with cdf `distribution` at the increasing points x, and an error bound.

    W₁ = ∫|F − G| on the line, which is exact transport in one dimension. The rule is the trapezoidal one, on
    a grid that holds every atom twice, so that jumps cost nothing; halving the grid tells its error. To that
    is added what lies beyond the grid, if tails fall on there like a power of the distance.
    """
    # Where the law reaches beyond a distribution that has come to its end, its own quantiles make the grid.
    own = np.sort(laws.points(law, laws.LEVELS - 1).x)
    below = own[(own < x[0]) & (distribution[0] < _ENDED)]
    above = own[(own > x[-1]) & (distribution[-1] > 1 - _ENDED)]
    grid = np.concatenate([below, x, above])
    values = np.concatenate([np.zeros(below.size), distribution, np.ones(above.size)])
    fine, coarse = (_area(law, grid[::k], values[::k]) for k in (1, 2))
    return fine, abs(fine - coarse) + 1e-12 * float(np.abs(x).max()) + _beyond(law) + _past(x, distribution)


def _beyond(law: Any) -> float:
    """About what the tails of the law hold beyond the outermost nodes of `laws.points`, ∫F and ∫(1 − F)."""
    if isinstance(law, Mixture):
        return sum(w * _beyond(part) for w, part in zip(law.weights, law.laws, strict=True) if w)
    if isinstance(law, np.ndarray) or hasattr(law, "pmf"):
        return 0.0
    outermost = laws.OUTERMOST
    near, far = special.expit([-outermost / 2, -outermost])
    ends = [(float(q(near)), float(q(far))) for q in (law.ppf, law.isf)]
    return float(far) * sum(_area_of_tail(*end, float(law.ppf(0.5)), outermost / 2) for end in ends)


def _past(x: np.ndarray, distribution: np.ndarray) -> float:
    """The same for a distribution function beyond its last points, where it has come to its end there."""
    middle, total = float(np.interp(0.5, distribution, x)), 0.0
    for tail, place in ((distribution, x), (1 - distribution[::-1], x[::-1])):
        if 0 < tail[0] < _ENDED:
            near, fall = float(np.interp(_NEAR, tail, place)), math.log(_NEAR / tail[0])
            total += tail[0] * _area_of_tail(near, float(place[0]), middle, fall)
    return total


def _area_of_tail(near: float, far: float, middle: float, fall: float) -> float:
    """∫ beyond `far` of a tail: 1 there, e^fall at `near`, and a power of the distance to the middle."""
    with np.errstate(divide="ignore"):
        stretch = float(np.log(abs(far - middle)) - np.log(abs(near - middle)))
    if not stretch > 0:  # a bounded side
        return 0.0
    power = fall / stretch
    return abs(far - middle) / (power - 1) if power > 1 else math.inf


def _area(law: Any, x: np.ndarray, distribution: np.ndarray) -> float:
    jumps = laws.atoms(law)
    grid = np.sort(np.concatenate([x, jumps]))
    model = np.interp(grid, x, distribution)
    # F and 1 − F are both small somewhere, and only there exact to all digits.
    after, before = (
        np.where(model < 0.5, model - laws.cdf(law, grid, side), laws.sf(law, grid, side) - (1 - model))
        for side in ("right", "left")
    )
    left, right, width = after[:-1], before[1:], np.diff(grid)
    same = left * right >= 0
    with np.errstate(invalid="ignore", divide="ignore"):
        # A linear difference that changes sign makes two triangles.
        crossed = (left**2 + right**2) / (2 * (np.abs(left) + np.abs(right)))
    return float(np.sum(width * np.where(same, np.abs(left + right) / 2, crossed)))


def first_moment(law: Any) -> float:
    """E|X|, infinite where it does not exist."""
    if isinstance(law, Mixture):
        return sum(w * first_moment(part) for w, part in zip(law.weights, law.laws, strict=True) if w)
    if isinstance(law, np.ndarray):
        return float(np.abs(law).mean())
    mean = float(law.mean())
    return (
        float(np.sum(np.abs(laws.points(law).x) * laws.points(law).weight)) if np.isfinite(mean) else np.inf
    )
