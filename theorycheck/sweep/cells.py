"""One cell of a sweep: its blocks, what is merged of them in constant memory, and the row that comes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from theorycheck.engine.executor import Workers
from theorycheck.engine.intervals import Catoni, Moments, empirical_bernstein
from theorycheck.engine.streams import generator
from theorycheck.sweep.loops import LOOPS, Cell, Quantity
from theorycheck.sweep.plan import Plan

WORK = 2**21  # numbers that a block draws, about
LARGEST = 2**14  # paths in a block
PILOT = 8  # blocks at least: the first one places the grid on which the others are judged
GRID = np.linspace(-5.0, 5.0, 41)  # in standard errors of the pilot

# What is expected of a quantity, and what its column is called.
EXPECTED = {"exact": "exact", "limit": "limit", "lower": "lower_bound", "upper": "upper_bound"}


def name(cell: Cell) -> str:
    """The cell in words: what its random streams and its results are named after."""
    return ",".join(f"{key}={value}" for key, value in cell.items())


def size(plan: Plan, cell: Cell) -> int:
    """The paths of a block: a matter of the cell alone, or the number of workers would change the draws."""
    fitting = min(LARGEST, int(WORK / max(plan.loop.work(cell), 1.0)), plan.paths // PILOT)
    return max(1, fitting)


def blocks(plan: Plan, cell: Cell) -> range:
    return range(-(-plan.paths // size(plan, cell)))


@dataclass(frozen=True)
class Block:
    """Draws a block of paths and summarises it: for each quantity its moments, and Catoni's sums if asked."""

    loop: str
    cell: dict[str, Any]
    names: tuple[str, ...]
    size: int
    paths: int
    estimators: tuple[Catoni | None, ...]

    def __call__(self, block: int) -> np.ndarray:
        stream = ("sweep", self.loop, ",".join(f"{k}={v}" for k, v in self.cell.items() if k != "seed"))
        count = min(self.size, self.paths - block * self.size)
        draw = LOOPS[self.loop].draw
        assert draw is not None
        drawn = draw(generator(self.cell["seed"], stream, block), count, self.cell)
        parts = []
        for quantity, estimator in zip(self.names, self.estimators, strict=True):
            values = np.asarray(drawn[quantity], float)
            parts.append(np.array(astuple(Moments.of(values)), float))
            if estimator is not None:
                parts.append(estimator.sums(values))
        return np.concatenate(parts)


def row(plan: Plan, index: int, executor: Workers, tell: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """The row of a cell: its parameters and, for each quantity, mean, interval, exact value and bounds.

    `tell` is called after each block.
    """
    cell = plan.cells[index]
    try:
        told = plan.told[index] if plan.told else plan.loop.tells(cell)
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{name(cell)}: {error}") from error
    found = (
        _measured(plan, cell, told, executor, tell)
        if plan.loop.draw
        else {quantity: {"": about.value} for quantity, about in told.items()}
    )
    columns: dict[str, float | None] = {}
    for quantity, about in told.items():
        columns |= {f"{quantity}{suffix}": value for suffix, value in found[quantity].items()}
        columns |= {f"{quantity}_{name}": getattr(about, field) for field, name in EXPECTED.items()}
    return {**cell, **({"paths": plan.paths} if plan.loop.draw else {}), **columns}


def _measured(
    plan: Plan, cell: Cell, told: dict[str, Quantity], executor: Workers, tell: Callable[[], None]
) -> dict[str, dict[str, float | None]]:
    names, count, all_blocks = tuple(told), size(plan, cell), blocks(plan, cell)
    label = name(cell)
    none: tuple[None, ...] = (None,) * len(names)

    def rows(estimators: tuple[Catoni | None, ...], chosen: range, phase: str) -> Iterator[list[np.ndarray]]:
        block = Block(plan.name, dict(cell), names, count, plan.paths, estimators)
        widths = [3 if e is None else 3 + e.grid.size for e in estimators]
        for found in executor.map(block, chosen, f"{label}: {phase}"):
            yield np.split(found, np.cumsum(widths)[:-1])
            tell()

    (first,) = rows(none, all_blocks[:1], "pilot")
    pilots = [Moments(*part) for part in first]
    rest = plan.paths - int(pilots[0].count)
    estimators = tuple(
        _estimator(about, pilot, rest, plan.level) for about, pilot in zip(told.values(), pilots, strict=True)
    )
    moments, sums = list(pilots), [np.zeros(GRID.size) for _ in names]
    for parts in rows(estimators, all_blocks[1:], "paths"):
        for i, part in enumerate(parts):
            moments[i] = moments[i].merge(Moments(*part[:3]))
            if estimators[i] is not None:
                sums[i] += part[3:]
    found: dict[str, dict[str, float | None]] = {}
    for i, (quantity, about) in enumerate(told.items()):
        ends: tuple[float, float] = (-math.inf, math.inf)
        estimator = estimators[i]
        if about.bounds is not None:
            ends = empirical_bernstein(moments[i], about.bounds, plan.level)
        elif estimator is not None:
            ends = estimator.interval(sums[i])
        low, high = (end if math.isfinite(end) else None for end in ends)
        found[quantity] = {"": float(moments[i].mean), "_low": low, "_high": high}
    return found


def _estimator(about: Quantity, pilot: Moments, count: int, level: float) -> Catoni | None:
    """Catoni's estimator where only the variance is known, on a grid about the pilot's mean."""
    if about.bounds is not None or about.variance is None or not math.isfinite(about.variance) or count < 1:
        return None
    error = math.sqrt(about.variance / pilot.count)
    return Catoni(about.variance, count, level, pilot.mean + error * GRID)
