"""What the compiled kernels gain, and how long the suite takes: `python -m benchmarks`, see README.md.

A benchmark is a module of this package with a function `rows()` that yields a `Row` for each workload.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import NotRequired, TypedDict


class Row(TypedDict):
    """One workload beside its baseline, timed in turns in the same run."""

    workload: str
    ours_seconds: float
    baseline: str
    baseline_seconds: NotRequired[float]
    ratio: float  # baseline_seconds/ours_seconds, the median over the turns: above 1, ours is faster
    spread: NotRequired[tuple[float, float]]  # the smallest and the largest ratio of a turn
    peak_gib: NotRequired[float]  # where memory is what counts, and `ratio` is allowed/peak
    compile_seconds: NotRequired[float]  # once, with an empty compile cache; not part of ours_seconds


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def seconds(function: Callable[[], object]) -> float:
    """The wall-clock time of one call."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def side_by_side(
    workload: str,
    ours: Callable[[], object],
    baseline: Callable[[], object],
    name: str,
    *,
    turns: int = 15,
) -> Row:
    """Time two functions in turns, so that a busy machine slows both, after one call of each unseen."""
    say(f"  {workload}")
    ours()
    baseline()
    pairs = []
    for turn in range(turns):
        # Who goes first alternates too.
        if turn % 2:
            theirs = seconds(baseline)
            pairs.append((seconds(ours), theirs))
        else:
            pairs.append((seconds(ours), seconds(baseline)))
    ratios = [theirs / mine for mine, theirs in pairs]
    return Row(
        workload=workload,
        ours_seconds=statistics.median(mine for mine, _ in pairs),
        baseline=name,
        baseline_seconds=statistics.median(theirs for _, theirs in pairs),
        ratio=statistics.median(ratios),
        spread=(min(ratios), max(ratios)),
    )
