"""What is measured for a figure: draws from named streams, and intervals that hold at finite N."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from theorycheck.engine import intervals
from theorycheck.engine.executor import Executor
from theorycheck.engine.streams import generator

BLOCK = 512
LEVEL = 0.01  # with which probability each interval may miss
COVERAGE = f"Intervals miss with probability at most {LEVEL:g} each, at any N."
GRID = 41


@dataclass(frozen=True)
class Draw:
    """Draws of one figure: the same for any number of workers, as blocks have streams of their own."""

    seed: int
    figure: str
    executor: Executor

    def __call__(self, name: str, function: Callable[..., np.ndarray], count: int, *args, **options):
        """`count` draws function(rng, size, …), along the last axis of what it returns, named `name`."""
        sizes = [min(BLOCK, count - first) for first in range(0, count, BLOCK)]

        def block(index: int) -> np.ndarray:
            rng = generator(self.seed, ("figures", self.figure, name), index)
            return np.asarray(function(rng, sizes[index], *args, **options))

        return np.concatenate(list(self.executor.map(block, range(len(sizes)))), axis=-1)


class Estimate(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


def bounded_mean(values: np.ndarray, bounds: tuple[float, float]) -> Estimate:
    """The mean of draws in `bounds`, by empirical Bernstein."""
    moments = intervals.Moments.of(values)
    return Estimate(moments.mean, *intervals.empirical_bernstein(moments, bounds, LEVEL))


def mean_of_known_variance(values: np.ndarray, variance: float) -> Estimate:
    """The mean of draws whose variance is at most `variance`, by Catoni; an eighth of them is the pilot.

    The value is where the M-estimator's sum changes sign, and the interval reaches as far as its deviation.
    """
    pilot, rest = np.split(values, [max(2, values.size // 8)])
    eta = intervals.Catoni.deviation(variance, rest.size, LEVEL)
    if not math.isfinite(eta):
        return Estimate(float(values.mean()), -math.inf, math.inf)
    reach = 3 * eta + 4 * math.sqrt(variance / pilot.size)
    grid = float(pilot.mean()) + reach * np.linspace(-1, 1, GRID)
    found = intervals.Catoni(variance, rest.size, LEVEL, grid)
    low, high = found.interval(found.sums(rest))
    return Estimate((low + high) / 2, low, high)


def quantile(values: np.ndarray, share: float) -> Estimate:
    """A quantile, between order statistics: the number of draws below it is binomial."""
    from scipy import stats

    ordered = np.sort(values)
    n = ordered.size
    law = stats.binom(n, share)
    low, high = int(law.ppf(LEVEL / 2)) - 1, int(law.isf(LEVEL / 2))
    return Estimate(
        float(np.quantile(ordered, share)),
        float(ordered[low]) if low >= 0 else -math.inf,
        float(ordered[high]) if high < n else math.inf,
    )


def columns(estimates: Iterator[Estimate] | list[Estimate]) -> dict[str, np.ndarray]:
    """Estimates as the columns y, low and high of a table."""
    y, low, high = np.array(list(estimates), float).T
    return {"y": y, "low": low, "high": high}


def naive_mean(values: np.ndarray) -> Estimate:
    """The sample mean ± 1.96 standard errors: what is usually plotted, and what heavy tails make a lie."""
    half = 1.96 * float(values.std(ddof=1)) / math.sqrt(values.size)
    centre = float(values.mean())
    return Estimate(centre, centre - half, centre + half)
