"""Laws on which the curated loop runs exactly.

The loop depends on x only through r(x). So all that it needs of a law is a quadrature of the law of the
reward: probabilities p and rewards r, with labels for what one wants to follow (classes, modes).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from theorycheck import checks
from theorycheck.loops import digits as data
from theorycheck.loops.retraining import laws
from theorycheck.loops.rewards import Reward

DENSITY_STEP, DENSITY_NODES = 1 / 64, 270  # of tanh–sinh quadrature: to e^{−106} from the ends
LARGEST_REWARD = 300.0  # in absolute value, of the best atom: beyond, e^{2r} is no float


class Levels(NamedTuple):
    """Distinct rewards with their law, shape (n,); each atom's level and its part of that, shape (m,)."""

    p: np.ndarray
    reward: np.ndarray
    level: np.ndarray
    part: np.ndarray


@dataclass(frozen=True, eq=False)
class Population:
    """A law as the loop sees it: probabilities `p` and rewards `reward`, both of shape (m,).

    `labels`, shape (m,), are indices into `names`. `top` is the supremum r* of the rewards, by default the
    largest; where a law has no atom at r* it must be given (∞ for unbounded rewards), as real data then let
    mass condense at r*. Atoms of probability 0 are left out: the loop never gets there. Raises TypeError or
    ValueError for no probability vector, for rewards that are not finite or span more than 600, and for a
    largest reward beyond ±300.
    """

    p: np.ndarray
    reward: np.ndarray
    labels: np.ndarray | None = None
    names: Sequence[str] = ()
    top: float = -math.inf

    def __post_init__(self) -> None:
        p = checks.probabilities("p", self.p)
        reward = checks.vector("reward", self.reward)
        labels = None if self.labels is None else self._indices(p.size)
        if reward.size != p.size:
            raise ValueError(f"reward must have one entry per atom ({p.size}), got {reward.size}")
        present = p > 0
        reward = checks.rewards(reward[present], int(present.sum()))
        largest = float(reward.max())
        top = largest if self.top == -math.inf else float(self.top)
        if not largest <= top:
            raise ValueError(f"top must be at least the largest reward {largest:g}, got {self.top}")
        if abs(largest) > LARGEST_REWARD or LARGEST_REWARD < top < math.inf:
            raise ValueError(
                f"reward must be within ±{LARGEST_REWARD:g} at its largest, got {largest:g} (top {top:g}); "
                "only differences of rewards matter, so subtract a constant"
            )
        kept = {"p": p[present], "reward": reward, "top": top, "names": tuple(map(str, self.names))}
        kept["labels"] = None if labels is None else labels[present]
        for name, value in kept.items():
            object.__setattr__(self, name, value)

    def _indices(self, size: int) -> np.ndarray:
        labels, count = np.asarray(self.labels), len(self.names)
        if labels.shape != (size,) or labels.dtype.kind not in "iu":
            raise ValueError(f"labels must be {size} integers, one per atom, got {self.labels!r}")
        if labels.min() < 0 or labels.max() >= count:
            raise ValueError(f"labels must be from 0 to {count - 1}, indices into names, got {self.labels!r}")
        return labels

    @functools.cached_property
    def levels(self) -> Levels:
        """The law of the reward: what is equally liked keeps its proportions, so the loop runs on this."""
        reward, level = np.unique(self.reward, return_inverse=True)
        p = np.bincount(level, weights=self.p)
        return Levels(p, reward, level, self.p / p[level])

    def shares(self, p: np.ndarray) -> tuple[float, ...]:
        """The probability of each name under `p`, shape (m,); () without labels."""
        if self.labels is None:
            return ()
        return tuple(np.bincount(self.labels, weights=p, minlength=len(self.names)).tolist())


def observed(x, reward: Reward, labels=None, names: Sequence[str] = ()) -> Population:
    """The empirical law of observations x, one entry or row for each, with a reward r(x)."""
    found = checks.vector("reward", reward(x))
    return Population(np.full(found.size, 1 / found.size), found, labels, names)


def digits(reward: str | Reward) -> Population:
    """The real digits with their classes; `reward` is a name (see `loops.digits`) or a function.

    A function gets the classifier's probabilities, shape (1797, 10).
    """
    judged = data.digits()
    values = data.reward(reward) if isinstance(reward, str) else reward(judged.probabilities)
    return observed(judged.labels, lambda _: values, judged.labels, [str(c) for c in range(10)])


def on_line(law: Any, reward: Reward, top: float = -math.inf) -> Population:
    """A law on the line (a frozen scipy.stats distribution, a `Mixture`, an array) with a reward r(x).

    The quadrature is graded into both tails of x, down to probabilities of 1e−40. It takes the reward to be
    smooth there; for one with its maximum or a kink inside, give the law of the reward (`of_rewards`). `top`
    is r* = sup r, by default the largest reward at a point; with ∞, `states` tells where the tail gives out.
    """
    known = law if isinstance(law, _Upper) else laws.checked(law)
    x, weight = laws.points(known, laws.LEVELS - 1)
    return Population(weight, reward(x), top=top)


def of_rewards(law: Any, top: float | None = None) -> Population:
    """A continuous law by the law of its reward: a distribution as in `on_line`, or its upper quantiles.

    The latter are a function v ↦ r with P(reward > r) = v, of arrays in [0, 1]: of the upper tail, where the
    loop ends up and where 1 − v would round to 1. `top` is r*, by default the quantile at v = 0.
    """
    known = _Upper(law) if callable(law) and not hasattr(law, "isf") else laws.checked(law)
    return on_line(known, lambda r: r, _supremum(known) if top is None else top)


def of_density(density: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> Population:
    """A continuous law by the density of its reward on [low, high], both finite; r* = `high`.

    `density` acts on arrays; tanh–sinh quadrature (Takahasi and Mori 1974) lets it be singular at the ends,
    as near as floats come to them: closest where `high` is 0. Raises ValueError for other ends, for a density
    that is negative or not finite inside, and where its integral is not 1 within 1e−9.
    """
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"low and high must be finite and in this order, got {low} and {high}")
    s = DENSITY_STEP * np.arange(-DENSITY_NODES, DENSITY_NODES + 1)
    share = special.expit(np.pi * np.sinh(s))
    x = np.where(s < 0, low + (high - low) * share, high - (high - low) * share[::-1])
    width = DENSITY_STEP * (high - low) * np.pi * np.cosh(s) * share * share[::-1]
    inside = (low < x) & (x < high)
    x, width = x[inside], width[inside]
    height = np.asarray(density(x), float)
    if height.shape != x.shape:
        raise ValueError(f"density must give one value for each of {x.size} points, got shape {height.shape}")
    bad = np.flatnonzero(~(np.isfinite(height) & (height >= 0)))
    if bad.size:
        raise ValueError(f"density must be finite and not negative, got {height[bad[0]]} at {x[bad[0]]}")
    total = float(height @ width)
    if not abs(total - 1) <= 1e-9:
        raise ValueError(f"density must integrate to 1 within 1e-9 on [{low:g}, {high:g}], got {total!r}")
    return Population(height * width, x, top=high)


class _Upper(NamedTuple):
    """What `laws.points` asks of a distribution, by its upper quantiles."""

    isf: Callable[[np.ndarray], np.ndarray]

    def ppf(self, u: np.ndarray) -> np.ndarray:
        return self.isf(1 - u)


def _supremum(law: Any) -> float:
    if isinstance(law, laws.Mixture):
        return max(map(_supremum, law.laws))
    return float(law.max() if isinstance(law, np.ndarray) else law.isf(np.float64(0)))
