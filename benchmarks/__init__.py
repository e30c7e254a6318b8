"""What the compiled kernels gain, and how long the suite takes: `python -m benchmarks`, see README.md.

A benchmark is a module of this package with a function `rows()` that yields a `Row` for each pair of a
workload and a baseline. Modules whose names begin with an underscore are helpers.
"""

import contextlib
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NotRequired, TypedDict

TURNS = 15
LONG, SHORT = 0.02, 1e-4  # seconds that a function has in a turn, at least; of a call that are told


class Row(TypedDict):
    """One workload beside one baseline, timed in turns in the same run."""

    workload: str
    ours_seconds: float
    baseline: str
    baseline_seconds: float
    ratio: float  # baseline_seconds/ours_seconds, the median over the turns: above 1, ours is faster
    spread: NotRequired[tuple[float, float]]  # quartiles of the turns' ratios
    unit: NotRequired[str]  # of work: a normal, a generation, …
    ours_ns: NotRequired[float]  # nanoseconds a unit
    baseline_ns: NotRequired[float]
    bytes_per_path: NotRequired[float]  # that ours fills
    fraction_of_limit: NotRequired[float]  # of its speed, where the baseline is what the hardware can do
    exponent: NotRequired[tuple[float, float, float]]  # of the growth of cost: lower quartile, median, upper
    added_mebibytes: NotRequired[float]  # to the peak memory of the baseline
    peak_gib: NotRequired[float]  # of memory


Clock = Callable[[], float]


def seconds(function: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """The time of one call: elapsed, if the clock is not another."""
    began = clock()
    function()
    return clock() - began


def turns(
    functions: list[Callable[[], object]], count: int = TURNS, clock: Clock = time.process_time
) -> list[list[float]]:
    """Seconds of each function in each turn.

    By default seconds of the processor, not counting those in which it works for others. Each function is
    called twice unseen, and who begins a turn alternates, so that what slows the machine slows all of them.
    A function that is quick is called several times in its turn, or the memory caches that the one before
    has filled would decide.
    """
    calls = []
    for function in functions:
        function()
        calls.append(max(1, math.ceil(LONG / max(seconds(function, clock), SHORT))))
    taken: list[list[float]] = [[] for _ in functions]
    for turn in range(count):
        told(turn, count)
        for k in range(len(functions)):
            i = (k + turn) % len(functions)
            taken[i].append(seconds(partial(repeat, functions[i], calls[i]), clock) / calls[i])
    return taken


def repeat(function: Callable[[], object], times: int) -> None:
    for _ in range(times):
        function()


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def compare(
    workload: str,
    ours: Callable[[], object],
    baselines: Mapping[str, Callable[[], object]],
    *,
    count: int = TURNS,
    clock: Clock = time.process_time,
    unit: str = "",
    units: float = 0,
    **extra: Any,
) -> Iterator[Row]:
    """A row for each baseline, all timed in the same turns; a call does `units` units of work."""
    say(f"  {workload}")
    mine, *others = turns([ours, *baselines.values()], count, clock)
    for name, theirs in zip(baselines, others, strict=True):
        low, ratio, high = quartiles([b / a for a, b in zip(mine, theirs, strict=True)])
        row = Row(
            workload=workload,
            ours_seconds=statistics.median(mine),
            baseline=name,
            baseline_seconds=statistics.median(theirs),
            ratio=ratio,
            spread=(low, high),
        )
        if units:
            row["unit"] = unit
            row["ours_ns"] = 1e9 * row["ours_seconds"] / units
            row["baseline_ns"] = 1e9 * row["baseline_seconds"] / units
        row.update(extra)  # type: ignore[typeddict-item]
        yield row


def side_by_side(
    workload: str,
    ours: Callable[[], object],
    baseline: Callable[[], object],
    name: str,
    *,
    turns: int = TURNS,
) -> Row:
    """One workload beside one baseline."""
    (row,) = compare(workload, ours, {name: baseline}, count=turns)
    return row


# --- progress, on stderr ------------------------------------------------------------------------------------

_listeners: list[Callable[[str | None, int, int], None]] = []


def say(text: str) -> None:
    """What is being timed."""
    for listener in _listeners:
        listener(text, 0, 0)


def told(done: int, total: int) -> None:
    """How far it is."""
    for listener in _listeners:
        listener(None, done, total)


@contextlib.contextmanager
def progress() -> Iterator[None]:
    """A bar on a terminal, a line for each workload elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        listener = _lines
        shown: contextlib.AbstractContextManager = contextlib.nullcontext()
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        shown = bar = Progress(*columns, console=console, transient=True)
        task = bar.add_task("", total=None)

        def listener(text: str | None, done: int, total: int) -> None:
            if text is None:
                bar.update(task, completed=done, total=total)
            else:
                bar.reset(task, description=text.strip(), total=None)

    _listeners.append(listener)
    try:
        with shown:
            yield
    finally:
        _listeners.remove(listener)


def _lines(text: str | None, done: int, total: int) -> None:
    if text is not None:
        print(text, file=sys.stderr, flush=True)
