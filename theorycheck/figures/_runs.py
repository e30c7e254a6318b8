"""Results of trained models, as figures draw them: medians over seeds with ranges, and samples by round."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import NamedTuple

import numpy as np

from theorycheck import results
from theorycheck.figures._figure import MissingResults, Table


class Run(NamedTuple):
    """The rows of a run, its samples, and a row of each loop, in the order of the file."""

    rows: list[results.Row]
    samples: results.Samples
    loops: dict[str, results.Row]

    def has(self, measure: str) -> bool:
        return any(row.measure == measure for row in self.rows)

    @property
    def seeds(self) -> int:
        return len({row.seed for row in self.rows})


def read(given: str | None, preset: str, figure: str) -> Run:
    """The run in the directory `given`, or the stored results of a preset.

    Raises MissingResults, which says what makes them, where there are none.
    """
    table, points = (results.STORED / f"{preset}{ending}.csv" for ending in ("", "-samples"))
    if given is not None:
        table = points = Path(given)
        if not results.ended(given):
            out = "DIR" if Path(given).is_file() else shlex.quote(given)
            raise MissingResults(
                f"--run must be the directory of a theorycheck retrain run that ended, got {given}: "
                f"`theorycheck retrain --preset {preset} --out {out}` makes one"
            )
    elif not (table.is_file() and points.is_file()):
        raise MissingResults(
            f"{figure} has no stored results to draw: `theorycheck retrain --preset {preset} --out DIR` "
            f"makes them, and `theorycheck figures {figure} --run DIR` draws them"
        )
    rows = results.read(table)
    loops: dict[str, results.Row] = {}
    for row in rows:
        loops.setdefault(row.loop, row)
    return Run(rows, results.samples(points), loops)


def over_seeds(table: Table, panel: str, curve: str, run: Run, loop: str, measure: str) -> None:
    """Add the median of a measure over the seeds by round, and its range."""
    rounds = sorted({row.round for row in run.rows if row.loop == loop and row.measure == measure})
    values = results.select(run.rows, measure, loop=loop)
    table.add(panel, curve, rounds, np.median(values, axis=0), values.min(axis=0), values.max(axis=0))


def provenance(run: Run, source: str | None, preset: str) -> str:
    """How many seeds, and what the ranges are worth."""
    where = f"Stored results of the preset {preset}" if source is None else f"Results from {source}"
    missed = 2.0 ** (1 - run.seeds)
    return (
        f"{where}: N = {run.seeds} seeds. Markers are medians over the seeds, bars their range, which "
        f"misses the median of their law with probability {missed:g}. OBSERVED only: trained models prove "
        "nothing."
    )


def told(row: results.Row) -> str:
    """A loop by its synthetic weight, as on an axis."""
    if math.isinf(row.synthetic_weight):
        return "fully synthetic"
    return r"$\lambda=\frac{1}{2}$" if row.synthetic_weight == 0.5 else rf"$\lambda={row.synthetic_weight:g}$"


def image(pixels: np.ndarray) -> np.ndarray:
    """A sample of C·s² pixels as an image in [0, 1], shape (s, s, 3).

    Pixels go to 16 for the digits' 8×8, which are shown dark on light, and else to 255.
    """
    channels = 3 if pixels.size % 3 == 0 and math.isqrt(pixels.size // 3) ** 2 * 3 == pixels.size else 1
    side = math.isqrt(pixels.size // channels)
    if channels * side**2 != pixels.size:
        raise ValueError(
            f"a sample must be a square image in one or three channels, got {pixels.size} pixels"
        )
    scaled = pixels.reshape(channels, side, side).transpose(1, 2, 0) / (16 if side == 8 else 255)
    return np.clip(np.repeat(1 - scaled, 3, axis=2) if channels == 1 else scaled, 0, 1)
