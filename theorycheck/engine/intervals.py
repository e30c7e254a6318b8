"""Confidence intervals that hold at every finite sample size, from summaries merged block by block.

`level` is the probability with which the interval may miss. None relies on the central limit theorem.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Count, mean and centred sum of squares."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: np.ndarray) -> Moments:
        centre = float(np.mean(values))
        return cls(values.size, centre, float(np.sum((values - centre) ** 2)))

    def merge(self, other: Moments) -> Moments:
        """The summary of both samples (Chan, Golub and LeVeque 1979)."""
        count = self.count + other.count
        if count == 0:
            return self
        change = other.mean - self.mean
        return Moments(
            count,
            self.mean + change * other.count / count,
            self.squares + other.squares + change**2 * self.count * other.count / count,
        )

    @property
    def variance(self) -> float:
        """The unbiased sample variance."""
        return self.squares / (self.count - 1) if self.count > 1 else math.inf


def empirical_bernstein(moments: Moments, bounds: tuple[float, float], level: float) -> tuple[float, float]:
    """Mean of draws in `bounds`: Maurer and Pontil 2009, Theorem 4, both sides."""
    if moments.count < 2:
        return bounds
    logarithm = math.log(4 / level)
    half = math.sqrt(2 * moments.variance * logarithm / moments.count) + 7 * (
        bounds[1] - bounds[0]
    ) * logarithm / (3 * (moments.count - 1))
    return max(bounds[0], moments.mean - half), min(bounds[1], moments.mean + half)


def hedged_betting(values: np.ndarray, bounds: tuple[float, float], level: float) -> tuple[float, float]:
    """Mean of draws in `bounds`: the hedged capital interval of Waudby-Smith and Ramdas 2024, Theorem 3.

    Narrow where draws are few, but it needs them all at hand.
    """
    width = bounds[1] - bounds[0]
    x = (np.asarray(values, dtype=float) - bounds[0]) / width
    n = x.size
    index = np.arange(1, n + 1)
    running = (0.5 + np.cumsum(x)) / (index + 1)
    variance = (0.25 + np.cumsum((x - running) ** 2)) / (index + 1)
    before = np.concatenate([[0.25], variance[:-1]])
    bet = np.sqrt(2 * math.log(2 / level) / (n * before))

    # Two gamblers bet that the mean is above and below m; bets are truncated so that no draw can take more
    # than three quarters of the capital. The first one's capital falls in m, the second one's rises.
    def first_wins(m: float) -> bool:
        up = np.minimum(bet, 0.75 / m) if m > 0 else bet
        return bool(np.sum(np.log1p(up * (x - m))) >= math.log(2 / level))

    def second_wins(m: float) -> bool:
        down = np.minimum(bet, 0.75 / (1 - m)) if m < 1 else bet
        return bool(np.sum(np.log1p(-down * (x - m))) >= math.log(2 / level))

    lo, hi = _last_rejected(first_wins, 0.0, 1.0), _last_rejected(second_wins, 1.0, 0.0)
    return bounds[0] + width * lo, bounds[0] + width * hi


def _last_rejected(rejected: Callable[[float], bool], start: float, end: float) -> float:
    """The point nearest to `end` known to be rejected, or `start` if that is not rejected."""
    if not rejected(start):
        return start
    for _ in range(50):
        middle = (start + end) / 2
        start, end = (middle, end) if rejected(middle) else (start, middle)
    return start


@dataclass(frozen=True)
class Catoni:
    """Catoni's M-estimator (2012) for draws whose variance is at most `variance`.

    With ψ(x) = sign(x)·log(1 + |x| + x²/2), r(θ) = Σψ(s(x_i − θ)) decreases in θ, and with probability
    1 − level r(μ + η) < 0 < r(μ − η). So any θ with r(θ) ≥ 0 gives μ > θ − η, and any θ with r(θ) ≤ 0 gives
    μ < θ + η: r on a few grid points is enough. The grid comes from a pilot of other draws.
    """

    variance: float
    count: int
    level: float
    grid: np.ndarray

    @staticmethod
    def deviation(variance: float, count: int, level: float) -> float:
        """η = √(2v·log(2/level)/(n − 2 log(2/level))), infinite while n is too small."""
        logarithm = math.log(2 / level)
        return (
            math.sqrt(2 * variance * logarithm / (count - 2 * logarithm))
            if count > 2 * logarithm
            else math.inf
        )

    def sums(self, values: np.ndarray) -> np.ndarray:
        """r over one block, at each grid point."""
        eta = self.deviation(self.variance, self.count, self.level)
        # With a bound of zero on the variance every positive scale is valid.
        spread = self.variance + eta**2 or 1.0
        s = math.sqrt(2 * math.log(2 / self.level) / (self.count * spread))

        def influence(point: float) -> float:
            x = s * (values - point)
            return np.sum(np.copysign(np.log1p(np.abs(x) + x**2 / 2), x))

        # Point by point, for the sake of memory.
        return np.array([influence(point) for point in self.grid])

    def interval(self, sums: np.ndarray) -> tuple[float, float]:
        """The interval from r over all `count` draws."""
        eta = self.deviation(self.variance, self.count, self.level)
        below, above = self.grid[sums >= 0], self.grid[sums <= 0]
        return (
            float(below.max()) - eta if below.size else -math.inf,
            float(above.min()) + eta if above.size else math.inf,
        )


def kolmogorov_distance(
    below: np.ndarray, levels: np.ndarray, count: int, level: float
) -> tuple[float, float]:
    """sup |F − F_0| from the counts of draws up to some edges and F_0 at those edges (`levels`, rising).

    The empirical distribution is within √(log(2/level)/2n) of F everywhere (Dvoretzky, Kiefer and Wolfowitz;
    constant by Massart 1990); between neighbouring edges both rise, F_0 by no more than it does in all.
    """
    distance = float(np.max(np.abs(below / count - levels)))
    rise = float(np.max(np.diff(levels, prepend=0.0, append=1.0)))
    half = math.sqrt(math.log(2 / level) / (2 * count))
    return max(0.0, distance - half), min(1.0, distance + rise + half)
